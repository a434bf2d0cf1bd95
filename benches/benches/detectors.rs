//! Forward and backward of a detector on one THUMOS-14 recording of I3D features, `[1, 2048, 2304]`: processor seconds of
//! all threads, as the published settings train (noise and stochastic depth drawn, twenty actions to find).
//!
//! Rival: PyTorch on two cores: 4.6 processor seconds for ActionFormer, 4.4 for TriDet. This one: 2.9 and 1.9, measured on
//! two cores that others were using too.

use adatad::usage::cpu_seconds;
use adatad_data::random::{Rng, Stream};
use adatad_detector::actionformer::{ActionFormerConfig, AttentionWindow};
use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use adatad_detector::tridet::TriDetConfig;
use adatad_detector::{Detector, DetectorConfig};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use criterion::measurement::{Measurement, ValueFormatter};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc; // as the command has it

const CHANNELS: usize = 2048;
const STEPS: usize = 2304;
const CLASSES: usize = 20;

/// Processor seconds of all threads.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = f64;
    type Value = f64;

    fn start(&self) -> f64 {
        cpu_seconds().unwrap_or(0.0)
    }

    fn end(&self, start: f64) -> f64 {
        cpu_seconds().unwrap_or(0.0) - start
    }

    fn add(&self, a: &f64, b: &f64) -> f64 {
        a + b
    }

    fn zero(&self) -> f64 {
        0.0
    }

    fn to_f64(&self, value: &f64) -> f64 {
        *value
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        &Seconds
    }
}

struct Seconds;

impl ValueFormatter for Seconds {
    fn scale_values(&self, _: f64, _: &mut [f64]) -> &'static str {
        "cpu s"
    }

    fn scale_throughputs(&self, _: f64, _: &Throughput, _: &mut [f64]) -> &'static str {
        "1/cpu s"
    }

    fn scale_for_machines(&self, _: &mut [f64]) -> &'static str {
        "cpu s"
    }
}

fn actionformer() -> DetectorConfig {
    let attention_window = Some(AttentionWindow::Same(19));
    DetectorConfig::ActionFormer(ActionFormerConfig { attention_window, ..ActionFormerConfig::thumos() })
}

fn truth() -> Vec<Truth> {
    let mut rng = Rng::new(0, Stream::Synth, 1, 0);
    let mut action = || {
        let (start, length) = (rng.uniform(0.0, 2200.0), rng.uniform(4.0, 90.0));
        Truth { start: start as f32, end: (start + length) as f32, label: rng.integer(0, CLASSES - 1) }
    };
    (0..20).map(|_| action()).collect()
}

fn detectors(c: &mut Criterion<CpuTime>) {
    let device = Device::flex().autodiff();
    let mut rng = Rng::new(0, Stream::Synth, 0, 0);
    let noise = TensorData::random::<f32, _, _>([1, CHANNELS, STEPS], Distribution::Normal(0.0, 1.0), &mut rng);
    let features = Tensor::<3>::from_data(noise, &device);
    let (mask, truth) = (Mask::prefix(&[STEPS], STEPS), [truth()]);
    let mut group = c.benchmark_group("forward and backward on [1, 2048, 2304]");
    group.sample_size(10);
    for config in [actionformer(), DetectorConfig::TriDet(TriDetConfig::thumos())] {
        let detector = Detector::init(&config, [CHANNELS, CLASSES, STEPS], &mut rng, &device);
        group.bench_function(config.name(), |b| {
            b.iter(|| {
                let mut draws = Rng::new(0, Stream::Drop, 0, 0);
                let divisor = config.normalizer().update(detector.positives(&mask, &truth));
                let predictions = detector.forward(features.clone(), &mask, Some(&mut draws));
                let losses = detector.losses(&predictions, &truth, divisor, &mut draws);
                GradientsParams::from_grads(losses.total.backward(), &detector)
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime);
    targets = detectors
}
criterion_main!(benches);
