//! One window of the demonstration through its model: features and predictions, and a whole training step.

use adatad::batch::Batch;
use adatad::config::RunConfig;
use adatad::cover::grid;
use adatad::fleet::Fleet;
use adatad::model::AdaTad;
use adatad::plan;
use adatad::source::{Sample, Shown};
use adatad::step::{StepPlan, Turn, gradients};
use adatad_adapter::Keep;
use adatad_data::random::{Rng, Stream};
use adatad_data::window::{FramePlan, Timing, Truth, Window};
use adatad_detector::losses::LossNormalizer;
use burn::module::Module;
use burn::tensor::Device;
use criterion::{Criterion, criterion_group, criterion_main};

fn config() -> RunConfig {
    match RunConfig::demonstration(&[]) {
        Ok(config) => config,
        Err(error) => panic!("the demonstration is a run: {error}"),
    }
}

/// A window of random frames with one action.
fn sample(config: &RunConfig) -> Sample {
    let grid = grid(config);
    let plan::Shown { frames, pixels } = plan::Shown::of(config);
    let mut rng = Rng::new(0, Stream::Synth, 0, 0);
    let window = Window {
        video: 0,
        name: "noise".into(),
        frames: FramePlan::Strided { first: 0, step: grid.frame_stride(), count: frames, length: frames },
        window_size: grid.window_size,
        mask_valid: grid.window_size,
        timing: Timing::Whole { resize_length: grid.window_size, duration: 40.0 },
        truth: vec![Truth { start: 20.0, end: 60.0, class: 0 }],
    };
    let bytes = (0..3 * frames * pixels * pixels).map(|_| rng.bits() as u8).collect();
    Sample { shown: Shown::Frames(bytes), window }
}

fn step(c: &mut Criterion) {
    let config = config();
    let device = Device::flex();
    let model = |device: &Device| AdaTad::init(&config.model(7), &mut Rng::new(0, Stream::Init, 0, 0), device);

    let plain = model(&device).valid();
    let Batch { input, mask, .. } = Batch::of(sample(&config), &device);
    let mut group = c.benchmark_group("one window of the demonstration");
    group.sample_size(10);
    group.bench_function("forward", |b| b.iter(|| plain.forward(input.clone(), &mask)));

    let device = device.autodiff();
    let trained = model(&device);
    let plan = StepPlan { keep: Keep::everything(), windows_at_once: 1 };
    group.bench_function("forward and backward", |b| {
        b.iter(|| {
            let mut normalizer = LossNormalizer { value: 100.0, momentum: 0.9 };
            let seed = Turn::plain(0, 0);
            gradients(&trained, vec![sample(&config)], &mut normalizer, seed, &plan, &device, &Fleet::default())
        });
    });
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
