//! The files on disk.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::video::Video;

fn tiny() -> SynthOptions {
    SynthOptions { training: 1, validation: 1, test: 0, seconds: (8.0, 9.0), ..seeded(7) }
}

fn bytes(folder: &Path) -> Vec<Vec<u8>> {
    ["annotations.json", "videos/training-001.mp4", "videos/validation-001.mp4"]
        .map(|name| std::fs::read(folder.join(name)).unwrap())
        .into()
}

#[test]
fn the_same_options_write_the_same_files_and_report_their_progress() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let calls = AtomicUsize::new(0);
    generate(one.path(), &tiny(), |done, total| {
        assert!((1..=2).contains(&done) && total == 2);
        calls.fetch_add(1, Ordering::Relaxed);
    })
    .unwrap();
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    generate(two.path(), &tiny(), |_, _| {}).unwrap();
    assert_eq!(bytes(one.path()), bytes(two.path()));
    generate(two.path(), &SynthOptions { seed: 8, ..tiny() }, |_, _| {}).unwrap();
    assert!(bytes(one.path()).iter().zip(bytes(two.path())).all(|(a, b)| *a != b));
}

#[test]
fn a_generated_video_is_read_back_as_it_was_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let options = SynthOptions { validation: 0, ..tiny() };
    generate(folder.path(), &options, |_, _| {}).unwrap();
    let video = Video::open(&folder.path().join("videos/training-001.mp4")).unwrap();
    let mut renderer = Renderer::new(&options, Subset::Training, 0);
    let info = video.info();
    assert_eq!((info.width, info.height, info.frames), (128, 96, renderer.scene().script.frames));
    assert!((info.fps - 25.0).abs() < 1e-6);

    let mut drawn = vec![0; 128 * 96 * 3];
    let read = video.read(&[60], |_, picture| {
        renderer.frame(60, &mut drawn);
        let error: u64 = picture.rgb.iter().zip(&drawn).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
        assert!(error as f64 / drawn.len() as f64 <= 8.0, "{error}");
        ControlFlow::Continue(())
    });
    read.unwrap();
}

#[test]
fn annotations_have_the_layout_of_activitynet() {
    let folder = tempfile::tempdir().unwrap();
    let path = generate(folder.path(), &tiny(), |_, _| {}).unwrap();
    assert_eq!(path, folder.path().join("annotations.json"));
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["generator"]["seed"], 7);
    assert!(is_current(folder.path(), &tiny()), "the same options ask for the same data set");
    assert!(!is_current(folder.path(), &SynthOptions { seed: 8, ..tiny() }), "another seed is another data set");
    let script = Script::new(&tiny(), Subset::Validation, 0);
    let entry = &json["database"]["validation-001"];
    assert_eq!(entry["subset"], "validation");
    assert_eq!(entry["frame"], script.frames);
    assert_eq!(entry["fps"], 25);
    assert!((entry["duration"].as_f64().unwrap() - script.duration()).abs() < 0.0051);
    let told = entry["annotations"].as_array().unwrap();
    assert_eq!(told.len(), script.actions().count());
    for (told, (action, start, end)) in told.iter().zip(script.actions()) {
        assert_eq!(told["label"], action.label());
        assert_eq!(told["segment"], serde_json::json!([start, end]));
    }
}

#[test]
fn what_cannot_be_generated_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("data");
    let refused = generate(&target, &SynthOptions { fps: 0, ..tiny() }, |_, _| {});
    assert!(matches!(refused, Err(SynthError::Options(OptionsError::FrameRate { fps: 0 }))));
    assert!(!target.exists());
}

#[test]
fn an_interrupted_data_set_has_no_annotation_file() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path(), &tiny(), |_, _| {}).unwrap();
    // A folder in the way of a video stops the next one.
    let blocked = folder.path().join("videos/training-001.mp4");
    std::fs::remove_file(&blocked).unwrap();
    std::fs::create_dir(&blocked).unwrap();
    assert!(matches!(generate(folder.path(), &tiny(), |_, _| {}), Err(SynthError::Video(_))));
    assert!(!folder.path().join("annotations.json").exists());
}
