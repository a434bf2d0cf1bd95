//! The command line as a user meets it: what is wrong with the input is said in a sentence, with exit code 2.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

fn adatad(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adatad")).args(arguments).current_dir(folder).output().unwrap()
}

/// What it says when it refuses.
#[track_caller]
fn refusal(arguments: &[&str], folder: &Path) -> String {
    let output = adatad(arguments, folder);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

const PRESET: &str = include_str!("../presets/demo.toml");

/// A run file beside a data set of three short videos.
fn own_data(folder: &Path, change: impl Fn(&str) -> String) {
    let made = adatad(
        &["data", "synth", "data", "--training", "1", "--validation", "1", "--test", "1", "--seconds", "6", "7"],
        folder,
    );
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let start = PRESET.find("[data.synth]").unwrap();
    let end = PRESET.find("[window]").unwrap();
    let run = format!("{}{}", &PRESET[..start], &PRESET[end..]);
    std::fs::write(folder.join("run.toml"), change(&run)).unwrap();
}

#[test]
fn a_missing_run_file_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let said = refusal(&["train", "nowhere.toml"], folder.path());
    assert!(said.contains("nowhere.toml") && said.contains("No such file"), "{said}");
}

#[test]
fn an_unknown_key_names_its_line_and_the_nearest_one() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("run.toml"), PRESET.replace("clip-norm", "clip-nrom")).unwrap();
    let said = refusal(&["train", "run.toml"], folder.path());
    let line = 1 + PRESET.lines().position(|line| line.starts_with("clip-norm")).unwrap();
    assert!(said.contains(&format!("line {line}")) && said.contains("the nearest is `clip-norm`"), "{said}");
}

#[test]
fn a_value_that_does_not_fit_names_the_nearest_that_do() {
    let folder = tempfile::tempdir().unwrap();
    let said = refusal(&["train", "--set", "window.size=250"], folder.path());
    assert!(said.contains("window of 250 grid steps") && said.contains("224 and 256"), "{said}");
    let said = refusal(&["train", "--set", "data.shufle-frames=true"], folder.path());
    assert!(said.contains("the nearest is `data.shuffle-frames`"), "{said}");
}

#[test]
fn a_text_file_is_no_video() {
    let folder = tempfile::tempdir().unwrap();
    own_data(folder.path(), str::to_owned);
    std::fs::write(folder.path().join("data/videos/training-001.mp4"), "no video, only words").unwrap();
    let said = refusal(&["train", "run.toml", "--out", "out"], folder.path());
    assert!(said.contains("no moov box") && said.contains("training-001.mp4"), "{said}");
}

#[test]
fn a_truncated_video_is_not_used_silently() {
    let folder = tempfile::tempdir().unwrap();
    own_data(folder.path(), str::to_owned);
    let video = folder.path().join("data/videos/training-001.mp4");
    let bytes = std::fs::read(&video).unwrap();
    std::fs::write(&video, &bytes[..bytes.len() / 2]).unwrap();
    let said = refusal(&["train", "run.toml", "--out", "out"], folder.path());
    assert!(said.contains("training-001.mp4") && (said.contains("cut") || said.contains("moov")), "{said}");
}

#[test]
fn a_missing_video_is_named() {
    let folder = tempfile::tempdir().unwrap();
    own_data(folder.path(), str::to_owned);
    std::fs::remove_file(folder.path().join("data/videos/training-001.mp4")).unwrap();
    let said = refusal(&["train", "run.toml", "--out", "out"], folder.path());
    assert!(said.contains("training-001.mp4") && said.contains("No such file"), "{said}");
}

#[test]
fn a_segment_past_the_end_of_its_video_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    own_data(folder.path(), str::to_owned);
    let path = folder.path().join("data/annotations.json");
    let mut labels: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    labels["database"]["training-001"]["annotations"] =
        serde_json::json!([{"segment": [1.0, 2.0], "label": "pick"}, {"segment": [2.0, 99.0], "label": "pick"}]);
    std::fs::write(&path, labels.to_string()).unwrap();
    let said = refusal(&["train", "run.toml", "--out", "out"], folder.path());
    assert!(said.contains("training-001") && said.contains("99") && said.contains("end"), "{said}");
}

#[test]
fn a_subset_that_is_not_there_names_the_nearest() {
    let folder = tempfile::tempdir().unwrap();
    own_data(folder.path(), |run| run.replace("training-subset = \"training\"", "training-subset = \"train\""));
    let said = refusal(&["train", "run.toml", "--out", "out"], folder.path());
    assert!(said.contains("`train`") && said.contains("training"), "{said}");
}

#[test]
fn an_occupied_folder_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("out")).unwrap();
    std::fs::write(folder.path().join("out/thesis.tex"), "years of work").unwrap();
    let said = refusal(&["train", "--out", "out"], folder.path());
    assert!(said.contains("--resume") && said.contains("--force"), "{said}");
    assert!(folder.path().join("out/thesis.tex").exists());
}

#[test]
fn detection_needs_a_run_and_a_video() {
    let folder = tempfile::tempdir().unwrap();
    let said = refusal(&["detect", ".", "clip.mp4"], folder.path());
    assert!(said.contains("config.toml is missing"), "{said}");
}

#[test]
fn help_of_every_verb_fits_a_screen() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["check", "import", "export", "synth"].map(|verb| ["data", verb]);
    for verb in [&["train"][..], &["eval"], &["detect"]].into_iter().chain(data.iter().map(|verb| &verb[..])) {
        let output = adatad(&[verb, &["-h"]].concat(), folder.path());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && text.lines().count() <= 40, "{text}");
    }
}

#[test]
fn what_a_converted_file_cannot_say_is_told_as_lines_of_a_run_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hf_cls_meanpool");
    let output = adatad(&["weights", "convert", source.to_str().unwrap(), "vit.safetensors"], folder.path());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("[backbone]") && said.contains("norm-epsilon = 1e-12"), "{said}");
    assert!(said.contains("heads = ") && said.contains("position-grid = "), "{said}");
}
