//! Whole training steps and forward passes of the published sizes: how long they take, whatever is kept.
//!
//! The rival is a plain PyTorch implementation with a checkpoint per block. Random frames, the THUMOS recipe. Sizes S and
//! B, 96 to 1,536 frames; every tuning mode and every kind of plan at 96 frames. The largest take minutes each:
//! `cargo xtask bench throughput -- S/96` runs the smallest only.

use adatad::memory::Budget;
use adatad::step::StepPlan;
use adatad::trial::Trial;
use adatad_adapter::{AdapterConfig, Keep, TuningMode};
use adatad_backbone::Preset;
use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PIXELS: usize = 160;

fn adapter(mode: TuningMode) -> AdapterConfig {
    AdapterConfig { mode, ..AdapterConfig::tia() }
}

fn keeps() -> [(&'static str, Keep); 4] {
    let inputs = Keep::inputs;
    [
        ("everything", Keep::everything()),
        ("inputs", inputs()),
        ("sparse inputs", Keep { every: 3, ..inputs() }),
        ("inputs in bf16", Keep { half: true, ..inputs() }),
    ]
}

fn steps(c: &mut Criterion) {
    let device = Device::flex();
    let mut group = c.benchmark_group("step");
    group.sample_size(10);
    let mut step = |name: String, trial: Trial, keep: Keep| {
        let plan = StepPlan { keep, windows_at_once: 1 };
        // Weights are drawn only if this one is run.
        let mut ready = None;
        group.bench_function(BenchmarkId::from_parameter(name), |b| {
            b.iter(|| {
                let before = ready.take().unwrap_or_else(|| trial.prepare(&device));
                match before.train(&plan) {
                    Ok((after, loss)) => {
                        ready = Some(after);
                        loss
                    }
                    Err(error) => panic!("nothing is written to files: {error}"),
                }
            });
        });
    };
    for (preset, size) in [(Preset::VideomaeS, "S"), (Preset::VideomaeB, "B")] {
        for (kept, keep) in keeps() {
            let trial = Trial { preset, adapter: AdapterConfig::tia(), frames: 96, pixels: PIXELS };
            step(format!("{size}/96/tia/{kept}"), trial, keep);
        }
        for mode in [TuningMode::Frozen, TuningMode::Adapter, TuningMode::Ladder, TuningMode::Full] {
            let trial = Trial { preset, adapter: adapter(mode), frames: 96, pixels: PIXELS };
            step(format!("{size}/96/{mode:?}/inputs"), trial, Keep::inputs());
        }
        for frames in [384, 768, 1536] {
            let trial = Trial { preset, adapter: AdapterConfig::tia(), frames, pixels: PIXELS };
            step(format!("{size}/{frames}/tia/inputs"), trial, Keep::inputs());
        }
    }
    group.finish();
}

fn forward(c: &mut Criterion) {
    let device = Device::flex();
    let mut group = c.benchmark_group("forward");
    group.sample_size(10);
    for (preset, size) in [(Preset::VideomaeS, "S"), (Preset::VideomaeB, "B")] {
        for frames in [96, 384] {
            let trial = Trial { preset, adapter: AdapterConfig::tia(), frames, pixels: PIXELS };
            let mut ready = None;
            group.bench_function(BenchmarkId::from_parameter(format!("{size}/{frames}")), |b| {
                b.iter(|| ready.get_or_insert_with(|| trial.prepare(&device)).detect());
            });
        }
    }
    group.finish();
}

/// Finding the fastest plan that fits is no cost at all beside a step.
fn planning(c: &mut Criterion) {
    let device = Device::flex();
    let trial = Trial { preset: Preset::VideomaeB, adapter: AdapterConfig::tia(), frames: 768, pixels: PIXELS };
    let budget = Budget { bytes: Some(4 << 30), form: Keep::inputs(), clips: 1..=1, batch: 2, threads: 2 };
    c.bench_function("plan", |b| b.iter(|| trial.choose(&budget, &device)));
}

criterion_group!(benches, steps, forward, planning);
criterion_main!(benches);
