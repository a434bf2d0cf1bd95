//! A training step waits for its device once: what it reads back are its losses and the norm of its gradient.
//!
//! That nothing else reads back, `cargo xtask tidy` checks in the code that a step runs through.

#![cfg(test)]

mod tiny;

use adatad::config::RunConfig;
use adatad::fleet::Fleet;
use adatad::model::AdaTad;
use adatad::source::{Sample, Shown};
use adatad::step::{Found, StepPlan, Turn, gradients};
use adatad_adapter::Keep;
use adatad_data::random::{Rng, Stream};
use adatad_data::window::{FramePlan, Timing, Truth, Window};
use burn::tensor::Device;

use tiny::TINY;

const STEPS: usize = 64;
const STRIDE: usize = 4;
const PIXELS: usize = 48;

fn config() -> RunConfig {
    RunConfig::demonstration(&TINY.map(str::to_owned)).unwrap()
}

fn sample(index: usize) -> Sample {
    let frames = STEPS * STRIDE;
    let mut rng = Rng::new(7, Stream::Augment, 0, index as u64);
    let bytes = (0..3 * frames * PIXELS * PIXELS).map(|_| rng.bits() as u8).collect();
    let timing = Timing::Stretch {
        fps: 30.0,
        duration: frames as f64 / 30.0,
        snippet_stride: STRIDE,
        window_start_frame: 0,
        offset_frames: 0,
    };
    let window = Window {
        video: index,
        name: "random".into(),
        frames: FramePlan::Strided { first: 0, step: 1, count: frames, length: frames },
        mask_valid: STEPS,
        window_size: STEPS,
        timing,
        truth: vec![Truth { start: 10.0, end: 22.0, class: index % 3 }],
    };
    Sample { shown: Shown::Frames(bytes), window }
}

fn step(windows: usize, plan: &StepPlan) -> (AdaTad, Found) {
    let (config, device) = (config(), Device::flex().autodiff());
    let model = AdaTad::init(&config.model(7), &mut Rng::new(0, Stream::Init, 0, 0), &device);
    let samples = (0..windows).map(sample).collect();
    let mut normalizer = config.detector.normalizer();
    let found =
        gradients(&model, samples, &mut normalizer, Turn::plain(0, 0), plan, &device, &Fleet::default()).unwrap();
    (model, found)
}

#[test]
fn a_step_waits_for_its_device_once_however_it_is_run() {
    for (keep, windows_at_once) in [
        (Keep::inputs(), 1),
        (Keep::everything(), 1),
        (Keep { clips_at_once: 4, ..Keep::inputs() }, 1),
        (Keep { every: 2, half: true, ..Keep::inputs() }, 2),
    ] {
        for windows in [1, 3] {
            let (_, found) = step(windows, &StepPlan { keep: keep.clone(), windows_at_once });
            assert_eq!(found.reads, 1, "{keep}, {windows} windows");
            assert!(found.norm > 0.0 && found.losses.total > 0.0, "{found:?}");
        }
    }
}

#[test]
fn what_is_read_at_once_is_what_would_be_read_one_by_one() {
    let (model, found) = step(2, &StepPlan { keep: Keep::inputs(), windows_at_once: 1 });
    assert_eq!(found.norm, found.gradients.norm(&model));
    let losses = found.losses;
    let parts = losses.classification + losses.regression + losses.frame;
    assert!((losses.total - parts).abs() < 1e-5 * parts, "{losses:?}");
}
