//! Whole runs on stored features, as small as they can be: the same twice, the same after stops, and no video anywhere.

#![cfg(test)]

mod small;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use adatad::config::{Input, RunConfig};
use adatad::detect::{DetectError, Detector};
use adatad::folder::RunFolder;
use adatad::observe::{Observer, Stage, StepReport};
use adatad::session::{MemoryLimit, Outcome, Session, SessionError};
use burn::tensor::Device;

use small::{tiny, write_data};

/// Watches in silence; asks to stop after a step.
struct StopAfter<'a>(usize, &'a AtomicBool);

impl Observer for StopAfter<'_> {
    fn stage(&self, _: Stage, _: usize, _: usize) {}
    fn step(&self, report: &StepReport) {
        if report.step == self.0 {
            self.1.store(true, Ordering::Relaxed);
        }
    }
    fn note(&self, _: &str) {}
}

fn try_run(config: &RunConfig, out: &Path, stop_after: usize, resume: bool) -> Result<Outcome, SessionError> {
    let stop = AtomicBool::new(false);
    let folder = if resume { RunFolder::open(out) } else { RunFolder::create(out, true) }.unwrap();
    let session = Session {
        config,
        folder: &folder,
        root: out,
        device: &Device::flex(),
        device_name: "flex",
        stop: &stop,
        observer: &StopAfter(stop_after, &stop),
        begun: Instant::now(),
        memory: MemoryLimit::default(),
        others: &[],
        strict_save: false,
    };
    session.train(resume)
}

fn run(config: &RunConfig, out: &Path, stop_after: usize, resume: bool) -> Outcome {
    if !resume {
        write_data(out);
    }
    try_run(config, out, stop_after, resume).unwrap()
}

fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_run_on_features_is_the_same_twice_and_the_same_after_two_stops() {
    let config = tiny(&[]);
    let root = tempfile::tempdir().unwrap();
    let [first, second, stopped] = ["first", "second", "stopped"].map(|name| root.path().join(name));
    let whole = run(&config, &first, usize::MAX, false);
    assert!(!whole.stopped && whole.steps == 6 && whole.epoch_losses.len() == 3);
    assert_eq!(whole.parameters.total, whole.parameters.trained, "there is no backbone, and all of the rest learns");
    run(&config, &second, usize::MAX, false);

    let halves = run(&config, &stopped, 1, false);
    assert!(halves.stopped && halves.steps == 1 && halves.evaluated.is_none());
    assert!(run(&config, &stopped, 4, true).stopped);
    let resumed = run(&config, &stopped, usize::MAX, true);
    assert_eq!(resumed.epoch_losses, whole.epoch_losses);
    for name in [
        "weights.safetensors",
        "standard.json",
        "metrics.jsonl",
        "detections.json",
        "scores.json",
        "checkpoints/step-000006/moments.safetensors",
        "checkpoints/step-000006/average.safetensors",
    ] {
        assert!(bytes(first.join(name)) == bytes(second.join(name)), "{name} differs between two runs");
        assert!(bytes(first.join(name)) == bytes(stopped.join(name)), "{name} differs after stops");
    }
    let report = String::from_utf8(bytes(first.join("report.html"))).unwrap();
    assert!(report.contains("three") && report.contains("there is no backbone"));
}

#[test]
fn a_run_folder_is_all_that_detection_in_a_file_of_features_needs() {
    for (sets, whole) in [(&[][..], true), (&["data.features.standardise=false"][..], true), (&[][..], false)] {
        let mut config = tiny(sets);
        config.window.overlap = (!whole).then_some(0.5);
        let root = tempfile::tempdir().unwrap();
        let (out, moved) = (root.path().join("run"), root.path().join("moved"));
        run(&config, &out, usize::MAX, false);
        let file = root.path().join("elsewhere.npy");
        std::fs::rename(out.join("data/three.npy"), &file).unwrap();
        std::fs::remove_dir_all(out.join("data")).unwrap();
        std::fs::rename(&out, &moved).unwrap();

        let detector = Detector::load(&RunFolder::open(&moved).unwrap(), &Device::flex()).unwrap();
        let found = detector.in_file(&file, |_, _| {}).unwrap();
        let written: serde_json::Value = serde_json::from_slice(&bytes(moved.join("detections.json"))).unwrap();
        let written = written["results"]["three"].as_array().unwrap();
        assert!(!found.is_empty());
        assert_eq!(found.len(), written.len());
        for (found, written) in found.iter().zip(written) {
            assert_eq!(written["segment"], serde_json::json!([found.start, found.end]));
            assert_eq!(written["score"], serde_json::json!(found.score));
        }
    }
}

#[test]
fn what_is_raised_is_found_after_some_epochs() {
    let config = tiny(&["schedule.epochs=60", "data.test-subset=training"]);
    let root = tempfile::tempdir().unwrap();
    let outcome = run(&config, &root.path().join("run"), usize::MAX, false);
    let map = outcome.evaluated.unwrap().map;
    assert!(map.average > 0.8, "average mAP {} on what was learned", map.average);
}

#[test]
fn rows_of_a_file_can_be_features_already() {
    let mut config = tiny(&["window.feature-stride=1", "data.features.offset-frames=0"]);
    let Input::Features(features) = &mut config.input else { panic!("the preset is on features") };
    features.signal_window = None;
    let root = tempfile::tempdir().unwrap();
    let outcome = run(&config, &root.path().join("run"), usize::MAX, false);
    assert_eq!(outcome.evaluated.unwrap().map.videos, 1);
}

#[test]
fn features_at_another_rate_than_configured_are_refused() {
    let config = tiny(&["data.features.fps=10.0"]);
    let root = tempfile::tempdir().unwrap();
    write_data(root.path());
    let error = try_run(&config, root.path(), usize::MAX, false).unwrap_err().to_string();
    assert!(error.contains("its features have 49 steps, but 40 frames are 10 steps"), "{error}");
}

#[test]
fn a_file_of_features_has_no_clock_of_its_own() {
    let mut config = tiny(&["schedule.epochs=1"]);
    let Input::Features(features) = &mut config.input else { panic!("the preset is on features") };
    features.fps = None;
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("run");
    run(&config, &out, usize::MAX, false);
    let detector = Detector::load(&RunFolder::open(&out).unwrap(), &Device::flex()).unwrap();
    let error = detector.in_file(&out.join("data/three.npy"), |_, _| {}).unwrap_err();
    assert!(matches!(&error, DetectError::UnknownRate { name } if name == "three"), "{error}");
}
