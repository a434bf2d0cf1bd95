//! `data import`, `data export` and `data check` as a user meets them.

#![cfg(test)]

mod command_line;

use std::path::Path;

use serde_json::Value;

use command_line::ends;

#[track_caller]
fn json(code: i32, arguments: &[&str], folder: &Path) -> Value {
    let (out, said) = ends(code, arguments, folder);
    let value: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{said}"));
    assert!(value["wall_s"].is_number());
    value
}

/// Three short videos with their annotations, in `data`.
fn videos(folder: &Path) {
    let made = ["--training", "1", "--validation", "1", "--test", "1", "--seconds", "6", "7"];
    ends(0, &[&["data", "synth", "data"][..], &made].concat(), folder);
}

#[test]
fn labels_go_from_tables_to_annotations_and_to_another_program_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let labels = folder.path().join("labels");
    for (subset, name) in [("training", "press_1"), ("validation", "press_2")] {
        std::fs::create_dir_all(labels.join(subset)).unwrap();
        let table = "label,start,end\ninsert,1.5,4\n\"press, hard\",6.2,7.9\n";
        std::fs::write(labels.join(subset).join(format!("{name}.csv")), table).unwrap();
    }
    let import = ["data", "import", "csv", "labels", "--out", "ann.json"];
    let (out, said) = ends(0, &import, folder.path());
    assert!(
        out.contains("2 videos, 4 segments") && said.contains("the length of 2 videos is not known"),
        "{out}{said}"
    );
    let (_, said) = ends(2, &import, folder.path());
    assert!(said.contains("--force"), "{said}");

    let path = folder.path().join("ann.json");
    let mut annotations: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(annotations["database"]["press_2"]["subset"], "validation");
    let (_, said) = ends(2, &["data", "export", "elan", "ann.json", "--out", "eaf"], folder.path());
    assert!(said.contains("no `duration`"), "what is not sound is not exported: {said}");
    for name in ["press_1", "press_2"] {
        annotations["database"][name]["duration"] = 10.into();
    }
    std::fs::write(&path, annotations.to_string()).unwrap();
    ends(0, &["data", "export", "elan", "ann.json", "--out", "eaf"], folder.path());
    let result = json(0, &["data", "import", "elan", "eaf", "--out", "again.json", "--json"], folder.path());
    assert_eq!((&result["videos"], &result["segments"], &result["without_subset"]), (&2.into(), &4.into(), &2.into()));
    let again: Value = serde_json::from_slice(&std::fs::read(folder.path().join("again.json")).unwrap()).unwrap();
    let segments = |value: &Value| value["database"]["press_1"]["annotations"].clone();
    assert_eq!(segments(&again), segments(&annotations));

    let (_, said) = ends(2, &["data", "export", "cvat", "ann.json", "--out", "cvat"], folder.path());
    assert!(said.contains("give --fps"), "{said}");
    let (_, said) = ends(2, &["data", "import", "labelstudo", "labels", "--out", "x.json"], folder.path());
    assert!(said.contains("a similar value exists: 'labelstudio'"), "{said}");
}

#[test]
fn a_sound_data_set_passes_its_check() {
    let folder = tempfile::tempdir().unwrap();
    videos(folder.path());
    let (out, said) = ends(0, &["data", "check", "data/annotations.json"], folder.path());
    assert!(out.contains("3 videos") && out.contains("3 files opened: 0 problems"), "{out}{said}");
}

#[test]
fn what_is_wrong_is_listed_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    videos(folder.path());
    let path = folder.path().join("data/annotations.json");
    let mut labels: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let video = &mut labels["database"]["training-001"];
    video["duration"] = 60.into();
    video["annotations"] = serde_json::json!([
        {"segment": [1, 2], "label": "pick"}, {"segment": [3, 3], "label": "pick"}, {"segment": [4, 50], "label": "pick"},
    ]);
    labels["database"]["nowhere"] = serde_json::json!({"subset": "training", "duration": 5, "annotations": []});
    labels["database"].as_object_mut().unwrap().remove("test-001");
    std::fs::write(&path, labels.to_string()).unwrap();

    let check = ["data", "check", "data/annotations.json", "--subset", "trainig", "--json", "--fix", "fixed.json"];
    let result = json(1, &check, folder.path());
    let problems = result["problems"].as_array().unwrap();
    let mut kinds: Vec<_> = problems.iter().map(|problem| problem["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert!(problems.iter().all(|p| p["file"].is_string() && p["at"].is_string() && p["message"].is_string()));
    for kind in ["duration-differs", "no-labels", "no-video", "past-end", "unknown-subset", "zero-length"] {
        assert!(kinds.contains(&kind), "{kind}: {problems:#?}");
    }
    assert_eq!((&result["videos"], &result["opened"]), (&3.into(), &3.into()));
    assert!(result["changes"].as_array().unwrap().len() >= 3, "{result}");

    let after = json(1, &["data", "check", "fixed.json", "--videos", "data/videos", "--json"], folder.path());
    let mut kinds: Vec<_> = after["problems"].as_array().unwrap().iter().map(|p| p["kind"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["no-labels", "no-video"], "what a file of labels can mend is mended");
}

#[test]
fn a_run_file_is_checked_with_its_subsets() {
    let folder = tempfile::tempdir().unwrap();
    videos(folder.path());
    let preset = include_str!("../presets/demo.toml");
    let (start, end) = (preset.find("[data.synth]").unwrap(), preset.find("[window]").unwrap());
    let run = format!("{}{}", &preset[..start], &preset[end..]);
    std::fs::write(folder.path().join("run.toml"), &run).unwrap();
    ends(0, &["data", "check", "run.toml"], folder.path());
    let slip = run.replace("test-subset = \"test\"", "test-subset = \"tset\"");
    assert_ne!(slip, run);
    std::fs::write(folder.path().join("run.toml"), slip).unwrap();
    let (out, _) = ends(1, &["data", "check", "run.toml"], folder.path());
    assert!(out.contains("unknown-subset") && out.contains("did you mean `test`?"), "{out}");
    std::fs::write(folder.path().join("classes.txt"), "a\nb\na\n").unwrap();
    let (_, said) = ends(2, &["data", "check", "run.toml", "--classes", "classes.txt"], folder.path());
    assert!(said.contains("classes.txt: line 3 repeats `a` of line 1"), "{said}");
    let (_, said) = ends(2, &["data", "check", "nowhere.json"], folder.path());
    assert!(said.contains("nowhere.json"), "{said}");
}
