//! `adatad score` as a person meets it: what it prints, where, and with which exit code.

#![cfg(test)]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let all = [&["score", "found.json", "--truth", "truth.json"], arguments].concat();
    Command::new(env!("CARGO_BIN_EXE_adatad")).args(all).current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Two videos, two classes, and detections that are right but for one.
fn folder(found: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let truth = r#"{"database": {
        "a": {"subset": "test", "duration": 60, "annotations": [
            {"segment": [0, 10], "label": "run"}, {"segment": [20, 30], "label": "hop"}]},
        "b": {"subset": "test", "duration": 60, "annotations": [{"segment": [5, 15], "label": "run"}]}}}"#;
    std::fs::write(folder.path().join("truth.json"), truth).unwrap();
    std::fs::write(folder.path().join("found.json"), found).unwrap();
    folder
}

const SOUND: &str = r#"{"results": {
    "a": [{"segment": [0, 10], "label": "run", "score": 0.9}, {"segment": [40, 50], "label": "run", "score": 0.8},
          {"segment": [20, 30], "label": "hop", "score": 0.7}],
    "b": [{"segment": [5, 15], "label": "run", "score": 0.6}]}}"#;

#[test]
fn it_prints_a_table_that_ends_in_the_average() {
    let folder = folder(SOUND);
    let output = run(folder.path(), &["--tiou", "0.5"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let wanted = "tIoU    truths   0.50  average\n\
                  hop          1  100.0    100.0\n\
                  run          2   83.3     83.3\n\
                  mAP          3   91.7     91.7\n\
                  average mAP 0.9167 on 2 videos of test, 4 detections\n";
    assert_eq!(text(&output.stdout), wanted);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn the_json_holds_everything_that_is_asked_for() {
    let folder = folder(SOUND);
    let output = run(folder.path(), &["--json", "--recall", "1", "--proposals", "4", "--diagnose"]);
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["map"]["thresholds"], serde_json::json!([0.3, 0.4, 0.5, 0.6, 0.7]));
    let run = result["map"]["per_class"]["run"].as_f64().unwrap();
    assert!((run - 5.0 / 6.0).abs() < 1e-12);
    assert_eq!((&result["videos"], &result["detections"], &result["run_dir"]), (&2.into(), &4.into(), &Value::Null));
    assert_eq!(result["recall"]["multiples"], serde_json::json!([1]));
    assert_eq!(result["recall"]["values"].as_array().unwrap().len(), 5);
    assert_eq!(result["proposals"]["average"].as_array().unwrap().len(), 4);
    assert_eq!(result["diagnosis"]["profile"].as_array().unwrap().len(), 10);
    assert_eq!(result["problems"], serde_json::json!([]));
    for key in ["wall_s", "cpu_s", "peak_mib"] {
        assert!(result[key].is_number(), "{key}");
    }
}

#[test]
fn a_faulty_file_is_reported_and_refused_only_when_asked() {
    let folder = folder(&SOUND.replace("[40, 50]", "[NaN, 50]").replace("\"b\"", "\"z\""));
    let output = run(folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0));
    let said = text(&output.stderr);
    assert!(said.contains("warning: found.json: 1 detections have a time or a score that is not finite"), "{said}");
    assert!(said.contains("1 predicted video (z) have no annotations in subset `test`"), "{said}");

    let output = run(folder.path(), &["--strict", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(result["refused"], true);
    let kinds: Vec<_> = result["problems"].as_array().unwrap().iter().map(|problem| &problem["kind"]).collect();
    assert_eq!(kinds, ["not-finite", "video-without-truth"]);
    assert_eq!(result["problems"][1]["names"], serde_json::json!(["z"]));
    assert!(result.get("map").is_none());

    let output = run(folder.path(), &["--strict"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
}

#[test]
fn what_cannot_be_scored_is_an_error_of_input() {
    let folder = folder(SOUND);
    for (arguments, says) in [
        (&["--subset", "tests"][..], "did you mean `test`?"),
        (&["--tiou", "0.7:0.3:0.1"], "must go up"),
        (&["--proposals", "0"], "--proposals must be 1 to 100000"),
        (&["--recall", "0"], "counts from 1"),
        (&["--blocked", "nowhere.txt"], "nowhere.txt"),
        (&["--video-info", "found.json"], "no column for the video"),
    ] {
        let output = run(folder.path(), arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    std::fs::remove_file(folder.path().join("truth.json")).unwrap();
    let output = run(folder.path(), &[]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("cannot read truth.json"));
}

#[test]
fn blocked_videos_are_left_out_and_subsets_read_from_a_table() {
    let folder = folder(SOUND);
    std::fs::write(folder.path().join("blocked.txt"), "b\n").unwrap();
    let output = run(folder.path(), &["--blocked", "blocked.txt", "--tiou", "0.5"]);
    assert!(text(&output.stdout).ends_with("on 1 videos of test, 3 detections\n"), "{}", text(&output.stdout));
    std::fs::write(folder.path().join("info.csv"), "video,seconds,subset\na,60,small\nb,60,other\n").unwrap();
    let output = run(folder.path(), &["--video-info", "info.csv", "--subset", "other", "--rules", "opentad"]);
    assert!(text(&output.stdout).contains("on 1 videos of other"), "{}", text(&output.stdout));
}
