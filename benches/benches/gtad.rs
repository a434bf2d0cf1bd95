//! G-TAD at its THUMOS-14 setting: 64 durations at 256 starts, 16,384 proposals.
//!
//! Three ways of aligned pooling: of single stretches on the host, forward and backward; of single stretches as a matrix
//! product with its backward pass; and that of the whole map inside of a step of the detector, forward, losses and backward.
//! The reference pools every proposal into 32 bins of 256 channels (134 million numbers) and runs a convolution over them:
//! 69 billion multiplications for the forward pass alone, 7 billion here (see `detector/src/gtad/bands.rs`).

use adatad_data::random::{Rng, Stream};
use adatad_detector::gtad::{Align1d, BalanceDraws, Gtad, GtadConfig, Stretch};
use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use burn::tensor::{Device, Tensor, TensorData};
use criterion::{Criterion, criterion_group, criterion_main};

const STEPS: usize = 256;
const FEATURES: usize = 2048;

fn random(rng: &mut Rng, count: usize) -> Vec<f32> {
    (0..count).map(|_| rng.uniform(-1.0, 1.0) as f32).collect()
}

fn pooling(c: &mut Criterion) {
    let rng = &mut Rng::new(0, Stream::Synth, 0, 0);
    let shape = [1, 64, STEPS];
    let x: Vec<f64> = random(rng, 64 * STEPS).into_iter().map(f64::from).collect();
    let stretch = |rng: &mut Rng| {
        let (start, length) = (rng.uniform(-32.0, 220.0), rng.uniform(1.0, 128.0));
        Stretch { window: 0, start, end: start + length }
    };
    let stretches: Vec<Stretch> = (0..500).map(|_| stretch(rng)).collect();
    let align = Align1d::adaptive(16);
    let upstream = align.pool(&x, shape, &stretches);
    c.bench_function("align1d, 500 stretches of 64 channels, host, forward and backward", |b| {
        b.iter(|| (align.pool(&x, shape, &stretches), align.pool_backward(&upstream, shape, &stretches)));
    });

    let device = &Device::flex().autodiff();
    let x = TensorData::new(x, [1, 64, STEPS]).convert::<f32>();
    c.bench_function("align1d, 500 stretches of 64 channels, matrix, forward and backward", |b| {
        b.iter(|| {
            let x = Tensor::<3>::from_data(x.clone(), device).permute([0, 2, 1]).detach().require_grad();
            x.grad(&align.forward(x.clone(), &stretches).square().sum().backward())
        });
    });
}

fn step(c: &mut Criterion) {
    let (device, rng) = (&Device::flex().autodiff(), &mut Rng::new(0, Stream::Init, 0, 0));
    let detector = Gtad::init(&GtadConfig::thumos(), [FEATURES, STEPS], rng, device);
    let features = TensorData::new(random(rng, FEATURES * STEPS), [1, FEATURES, STEPS]);
    let mask = Mask::prefix(&[STEPS], STEPS);
    let truth = vec![vec![
        Truth { start: 20.0, end: 41.5, label: 0 },
        Truth { start: 100.2, end: 160.0, label: 0 },
        Truth { start: 200.0, end: 206.3, label: 0 },
    ]];
    let draws = BalanceDraws::draw(detector.proposals(), || rng.unit() as f32);
    let goals = detector.goals(&truth, &draws);
    let mut group = c.benchmark_group("gtad, one window of 256 steps and 2048 features");
    group.sample_size(10);
    group.bench_function("forward, losses and backward", |b| {
        b.iter(|| {
            let features = Tensor::<3>::from_data(features.clone(), device);
            detector.losses(&detector.forward(features, &mask), &goals).total.backward()
        });
    });
    group.finish();
}

criterion_group!(benches, pooling, step);
criterion_main!(benches);
