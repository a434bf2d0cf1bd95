//! Whole runs, as small as they can be: the same twice, and the same after a stop.

#![cfg(test)]

mod tiny;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use adatad::config::RunConfig;
use adatad::detect::Detector;
use adatad::folder::RunFolder;
use adatad::observe::{Observer, Stage, StepReport};
use adatad::session::{MemoryLimit, Outcome, Session};
use adatad_detector::DetectorConfig;
use adatad_detector::tridet::TriDetConfig;
use burn::tensor::Device;

use tiny::TINY;

/// A model of a few thousand weights on three videos of some seconds.
fn tiny() -> RunConfig {
    let sets = [
        "data.synth.training=2",
        "data.synth.validation=0",
        "data.synth.test=1",
        "data.synth.seconds=[10, 12]",
        "schedule.epochs=3",
        "schedule.windows-per-video=2",
    ];
    let sets: Vec<String> = TINY.into_iter().chain(sets).map(str::to_owned).collect();
    RunConfig::demonstration(&sets).unwrap()
}

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

fn run(config: &RunConfig, out: &Path, stop_after: usize, resume: bool) -> Outcome {
    let stop = AtomicBool::new(false);
    let session = Session {
        config,
        folder: &if resume { RunFolder::open(out) } else { RunFolder::create(out, false) }.unwrap(),
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
    session.train(resume).unwrap()
}

fn bytes(path: impl AsRef<Path>) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

#[test]
fn a_run_is_the_same_twice_and_the_same_after_two_stops() {
    let config = tiny();
    let root = tempfile::tempdir().unwrap();
    let [first, second, stopped] = ["first", "second", "stopped"].map(|name| root.path().join(name));
    let whole = run(&config, &first, usize::MAX, false);
    assert!(!whole.stopped && whole.steps == 6 && whole.epoch_losses.len() == 3);
    run(&config, &second, usize::MAX, false);

    let halves = run(&config, &stopped, 1, false);
    assert!(halves.stopped && halves.steps == 1 && halves.evaluated.is_none());
    assert!(run(&config, &stopped, 4, true).stopped);
    let resumed = run(&config, &stopped, usize::MAX, true);
    assert_eq!(resumed.epoch_losses, whole.epoch_losses);

    for name in [
        "weights.safetensors",
        "metrics.jsonl",
        "detections.json",
        "scores.json",
        "checkpoints/step-000006/moments.safetensors",
    ] {
        assert!(bytes(first.join(name)) == bytes(second.join(name)), "{name} differs between two runs");
        assert!(bytes(first.join(name)) == bytes(stopped.join(name)), "{name} differs after stops");
    }
    let report = String::from_utf8(bytes(first.join("report.html"))).unwrap();
    assert!(report.contains("test-001") && report.contains("learns too"));
}

#[test]
fn a_run_folder_is_all_that_detection_needs() {
    let config = tiny();
    let root = tempfile::tempdir().unwrap();
    let (out, moved) = (root.path().join("run"), root.path().join("moved"));
    run(&config, &out, usize::MAX, false);
    let video = root.path().join("elsewhere.mp4");
    std::fs::copy(out.join("data/videos/test-001.mp4"), &video).unwrap();
    std::fs::remove_dir_all(out.join("data")).unwrap();
    std::fs::rename(&out, &moved).unwrap();

    let detector = Detector::load(&RunFolder::open(&moved).unwrap(), &Device::flex()).unwrap();
    let found = detector.in_file(&video, |_, _| {}).unwrap();
    // What evaluation wrote for the same video, read from its file and not from the cache of decoded frames.
    let written: serde_json::Value = serde_json::from_slice(&bytes(moved.join("detections.json"))).unwrap();
    let written = written["results"]["test-001"].as_array().unwrap();
    assert_eq!(found.len(), written.len());
    for (found, written) in found.iter().zip(written) {
        assert_eq!(written["segment"], serde_json::json!([found.start, found.end]));
        assert_eq!(written["score"], serde_json::json!(found.score));
    }
}

/// The same with a TriDet of the same size.
fn tiny_tridet() -> RunConfig {
    let ranges = vec![[0.0, 4.0], [4.0, 8.0], [8.0, 10_000.0]];
    let detector = TriDetConfig { channels: 16, mlp: 16, bins: 4, regression_ranges: ranges, ..TriDetConfig::thumos() };
    RunConfig { detector: DetectorConfig::TriDet(detector), ..tiny() }
}

#[test]
fn a_run_file_says_which_detector_it_trains() {
    let config = tiny_tridet();
    let text = config.to_toml();
    assert!(text.contains("kind = \"tridet\""), "{text}");
    let origin = Path::new("run.toml");
    assert_eq!(RunConfig::parse(&text, origin, &[]).unwrap(), config);
    let other = RunConfig::parse(&text, origin, &["detector.bins=8".into()]).unwrap();
    assert_eq!(config.differences(&other), ["detector.bins: 4 -> 8"]);

    let strange = text.replace("kind = \"tridet\"", "kind = \"tridet\"\nheads = 4");
    let refused = RunConfig::parse(&strange, origin, &[]).unwrap_err().to_string();
    assert!(refused.contains("unknown field `heads`"), "{refused}");
    let even = RunConfig::parse(&text, origin, &["detector.channels=20".into()]).unwrap_err().to_string();
    assert!(even.contains("detector.channels is 20") && even.contains("16 and 32"), "{even}");
}

#[test]
fn a_run_with_tridet_trains_stops_and_detects() {
    let config = tiny_tridet();
    let root = tempfile::tempdir().unwrap();
    let [whole, stopped] = ["whole", "stopped"].map(|name| root.path().join(name));
    assert!(run(&config, &whole, usize::MAX, false).evaluated.is_some());
    assert!(run(&config, &stopped, 2, false).stopped);
    run(&config, &stopped, usize::MAX, true);
    for name in ["weights.safetensors", "detections.json"] {
        assert!(bytes(whole.join(name)) == bytes(stopped.join(name)), "{name} differs after a stop");
    }
    Detector::load(&RunFolder::open(&whole).unwrap(), &Device::flex()).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_not_resumed() {
    let config = tiny();
    let root = tempfile::tempdir().unwrap();
    run(&config, root.path().join("run").as_path(), 2, false);
    let moments = root.path().join("run/checkpoints/step-000002/moments.safetensors");
    let mut content = bytes(&moments);
    let last = content.len() - 1;
    content[last] ^= 1;
    std::fs::write(&moments, content).unwrap();

    let stop = AtomicBool::new(false);
    let out = root.path().join("run");
    let session = Session {
        config: &config,
        folder: &RunFolder::open(&out).unwrap(),
        root: &out,
        device: &Device::flex(),
        device_name: "flex",
        stop: &stop,
        observer: &StopAfter(0, &stop),
        begun: Instant::now(),
        memory: MemoryLimit::default(),
        others: &[],
        strict_save: false,
    };
    let error = session.train(true).unwrap_err().to_string();
    assert!(error.contains("moments.safetensors") && error.contains("changed"), "{error}");
}
