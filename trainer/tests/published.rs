//! Published recipes by name, from the command line to the result, on generated videos that lie where the data set's own
//! would: only sizes are overridden.

#![cfg(test)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use adatad_backbone::VitConfig;
use adatad_data::annotation::{Action, Annotations, VideoEntry};
use adatad_data::synth::{SynthOptions, generate};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

/// A transformer of a few thousand weights.
const BACKBONE: [(&str, usize); 6] =
    [("width", 16), ("depth", 2), ("heads", 2), ("mlp", 32), ("patch", 16), ("position-grid", 3)];
/// Sizes of everything, so that a run takes a second.
const SMALL: [&str; 10] = [
    "data.short-side=54",
    "data.crop=48",
    "detector.channels=16",
    "detector.embed-convs=1",
    "detector.regression-ranges=[[0, 4], [4, 8], [8, 10000]]",
    "schedule.epochs=2",
    "schedule.warmup-epochs=1",
    "schedule.cosine-epochs=3",
    "schedule.batch=1",
    "weights.backbone=tiny.safetensors",
];

/// Videos and labels where a data set has them, and weights.
struct World {
    folder: tempfile::TempDir,
    videos: Vec<VideoEntry>,
}

impl World {
    /// Two videos to learn from and one to test on, in `videos`, called after `prefix`; their subsets are renamed.
    fn new(videos: &str, prefix: &str, [training, test]: [&str; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let options =
            SynthOptions { training: 2, validation: 0, test: 1, seconds: (10.0, 12.0), ..SynthOptions::default() };
        let labels = Annotations::load(generate(&made, &options, |_, _| {}).unwrap()).unwrap();
        let target = folder.path().join(videos);
        std::fs::create_dir_all(&target).unwrap();
        let mut entries = labels.videos().to_vec();
        for entry in &mut entries {
            let file = made.join("videos").join(format!("{}.mp4", entry.name));
            std::fs::rename(file, target.join(format!("{prefix}{}.mp4", entry.name))).unwrap();
            entry.subset = if entry.subset == "training" { training.into() } else { test.into() };
        }
        let world = Self { folder, videos: entries };
        world.weights();
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    /// Writes the labels, with one more video that has no file: it must be left out.
    fn labels(&self, path: &str, lost: &str, subset: &str) {
        let mut entries = self.videos.clone();
        let actions = vec![Action { label: "lost".into(), start: 1.0, end: 2.0 }];
        let (name, subset) = (lost.to_owned(), subset.to_owned());
        entries.push(VideoEntry { name, subset, duration: 10.0, frames: None, fps: Some(30.0), actions });
        Annotations::new(entries).unwrap().save(self.path(path)).unwrap();
    }

    /// Weights under the names that VideoMAE gives them.
    fn weights(&self) {
        let size = |name: &str| BACKBONE.iter().find(|(known, _)| *known == name).unwrap().1;
        let config = VitConfig {
            width: size("width"),
            depth: size("depth"),
            heads: size("heads"),
            mlp: size("mlp"),
            patch: size("patch"),
            position_grid: size("position-grid"),
            drop_path: 0.0,
            norm_epsilon: 1e-6,
        };
        let mut state = 1u32;
        let mut number = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state >> 8) / f64::from(1 << 24) - 0.5) as f32 * 0.2
        };
        let mut bytes = |shape: &[usize]| -> Vec<u8> {
            (0..shape.iter().product::<usize>()).flat_map(|_| number().to_le_bytes()).collect()
        };
        let tensors: Vec<_> = config.tensors().into_iter().map(|(name, shape)| (name, bytes(&shape), shape)).collect();
        let views: HashMap<_, _> = tensors
            .iter()
            .map(|(name, bytes, shape)| (name.clone(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()))
            .collect();
        safetensors::serialize_to_file(views, None, &self.path("tiny.safetensors")).unwrap();
    }

    /// Trains a preset to its end; gives what it printed.
    fn train(&self, preset: &str, set: &[&str]) -> Value {
        let backbone = BACKBONE.map(|(name, size)| format!("backbone.{name}={size}"));
        let sets = backbone.iter().map(String::as_str).chain(SMALL).chain(set.iter().copied());
        let mut command = Command::new(env!("CARGO_BIN_EXE_adatad"));
        command.args(["train", preset, "--out", "run", "--json"]).current_dir(self.folder.path());
        let output = command.args(sets.flat_map(|set| ["--set", set])).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{preset}: {said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn written(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join("run").join(name)).unwrap()
    }
}

#[track_caller]
fn is_a_result(result: &Value, thresholds: &[f64]) {
    assert_eq!(result["map"]["thresholds"], json!(thresholds));
    let average = result["map"]["average"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&average) && result["videos"] == 1, "{result}");
    let losses = result["loss"].as_array().unwrap();
    assert!(losses.len() == 2 && losses.iter().all(|loss| loss.as_f64().is_some_and(f64::is_finite)), "{result}");
}

#[test]
fn a_thumos_preset_trains_and_tests_where_the_data_lies() {
    let world = World::new("data/thumos-14/raw_data/video", "", ["training", "validation"]);
    let mut ambiguous = World { folder: world.folder, videos: world.videos };
    let unclear = Action { label: "Ambiguous".into(), start: 1.0, end: 4.0 };
    ambiguous.videos.iter_mut().for_each(|video| video.actions.push(unclear.clone()));
    ambiguous.labels("data/thumos-14/annotations/thumos_14_anno.json", "video_test_0000270", "validation");
    let result = ambiguous.train("thumos_adatad_s", &["window.size=64"]);
    is_a_result(&result, &[0.3, 0.4, 0.5, 0.6, 0.7]);
    let classes = result["map"]["per_class"].as_object().unwrap();
    assert!(!classes.contains_key("Ambiguous") && !classes.contains_key("lost"), "{classes:?}");
    assert!(!ambiguous.written("classes.txt").contains("Ambiguous"));
    assert!(!ambiguous.written("detections.json").contains("video_test_0000270"));
    let [total, trained] = ["total", "trained"].map(|key| result["params"][key].as_u64().unwrap());
    let frozen = total - trained;
    assert!(frozen > 10_000 && trained > 0, "{total} {trained}");
    let config = ambiguous.written("config.toml");
    assert!(config.contains("cosine-epochs = 3") && config.contains("time-conversion = \"by-share\""), "{config}");
}

#[test]
fn an_activitynet_preset_trains_on_whole_videos_and_takes_its_classes_from_a_file() {
    let videos = "data/activitynet-1.3/raw_data/Anet_videos_15fps_short256";
    let world = World::new(videos, "v_", ["training", "validation"]);
    world.labels("data/activitynet-1.3/annotations/activity_net.v1-3.min.json", "gone", "validation");
    std::fs::write(world.path(&format!("{videos}/missing_files.txt")), "gone\n").unwrap();
    std::fs::write(world.path("data/activitynet-1.3/annotations/blocked.json"), "[\"elsewhere\"]").unwrap();
    let labels: std::collections::BTreeSet<&str> =
        world.videos.iter().flat_map(|video| &video.actions).map(|action| action.label.as_str()).collect();
    let mut labels: Vec<&str> = labels.into_iter().collect();
    labels.push("lost");
    // The classifier is sure of two classes, whatever the video.
    let row: Vec<f64> = (0..labels.len()).map(|at| [0.9, 0.8].get(at).copied().unwrap_or(0.001)).collect();
    let results: serde_json::Map<String, Value> =
        world.videos.iter().map(|video| (video.name.clone(), json!(row))).collect();
    let scores = json!({"results": results, "class": labels}).to_string();
    std::fs::write(world.path("data/activitynet-1.3/classifiers/cuhk_val_simp_7.json"), scores).unwrap();

    let result = world.train("activitynet_adatad_s", &["window.size=16"]);
    is_a_result(&result, &[0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]);
    let found: Value = serde_json::from_str(&world.written("detections.json")).unwrap();
    let test = world.videos.iter().find(|video| video.subset == "validation").unwrap();
    let found = found["results"][&test.name].as_array().unwrap();
    assert!(!found.is_empty() && found.len() <= 200, "{} detections", found.len());
    for detection in found {
        assert!(labels[..2].contains(&detection["label"].as_str().unwrap()), "{detection}");
        let end = detection["segment"][1].as_f64().unwrap();
        assert!(end <= test.duration + 0.01, "{detection}");
    }
    // Whole videos: nothing of a detector's window is left of the file's name.
    let detected = Command::new(env!("CARGO_BIN_EXE_adatad"))
        .args(["detect", "run", &format!("{videos}/v_{}.mp4", test.name)])
        .current_dir(world.folder.path())
        .output()
        .unwrap();
    assert!(detected.status.success(), "{}", String::from_utf8_lossy(&detected.stderr));
    // The labels name a video that is not there, and nothing else is wrong with them and the files.
    let checked = Command::new(env!("CARGO_BIN_EXE_adatad"))
        .args(["data", "check", "activitynet_adatad_s", "--json"])
        .current_dir(world.folder.path())
        .output()
        .unwrap();
    let checked: Value = serde_json::from_slice(&checked.stdout).unwrap();
    let missing: Vec<&Value> =
        checked["problems"].as_array().unwrap().iter().filter(|p| p["kind"] == "no-video").collect();
    assert!(missing.len() == 1 && missing[0].to_string().contains("gone"), "{checked}");
    assert_eq!(checked["opened"], 3, "{checked}");
}

#[test]
fn an_ego4d_preset_pads_its_windows_and_counts_recall() {
    let world = World::new("data/ego4d/raw_data/MQ_data/mq_videos_short320", "", ["train", "val"]);
    Annotations::new(world.videos.clone())
        .unwrap()
        .save(world.path("data/ego4d/annotations/ego4d_v2_220429.json"))
        .unwrap();
    let set = ["window.size=20", "window.padded-size=32", "detector.attention-window=[5, 5, 0]", "adapter.blocks=[1]"];
    let result = world.train("ego4d_adatad_l", &set);
    is_a_result(&result, &[0.1, 0.2, 0.3, 0.4, 0.5]);
    let recall = &result["recall"];
    assert_eq!(recall["multiples"], json!([1, 5]));
    let values = recall["values"].as_array().unwrap();
    assert!(values.len() == 5 && values.iter().all(|row| row[0].as_f64() <= row[1].as_f64()), "{recall}");
}

/// Videos and labels of THUMOS-14, as they are.
fn thumos() -> World {
    let world = World::new("data/thumos-14/raw_data/video", "", ["training", "validation"]);
    let labels = "data/thumos-14/annotations/thumos_14_anno.json";
    Annotations::new(world.videos.clone()).unwrap().save(world.path(labels)).unwrap();
    world
}

#[test]
fn adapters_beside_the_backbone_train_too() {
    let result = thumos().train("thumos_ladder_s", &["window.size=64", "adapter.blocks=[1]"]);
    is_a_result(&result, &[0.3, 0.4, 0.5, 0.6, 0.7]);
}

#[test]
fn snippets_and_a_backbone_that_learns_train_too() {
    let snippets =
        ["window.size=8", "window.representation=snippets", "detector.regression-ranges=[[0, 4], [4, 10000]]"];
    is_a_result(&thumos().train("thumos_full_s", &snippets), &[0.3, 0.4, 0.5, 0.6, 0.7]);
}

/// A frozen backbone is held, stored and read again in the numbers that its products are computed in.
#[test]
fn a_run_in_16_bits_is_what_its_folder_says() {
    for precision in ["f16", "bf16"] {
        let world = thumos();
        let result = world.train("thumos_adatad_s", &["window.size=64", &format!("adapter.precision={precision}")]);
        is_a_result(&result, &[0.3, 0.4, 0.5, 0.6, 0.7]);
        assert_eq!(result["precision"], precision);
        assert!(world.written("config.toml").contains(&format!("precision = \"{precision}\"")));
        let bytes = std::fs::read(world.folder.path().join("run/weights.safetensors")).unwrap();
        let weights = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let half = if precision == "f16" { Dtype::F16 } else { Dtype::BF16 };
        let held = |name: &str| weights.tensor(name).unwrap().dtype();
        assert_eq!(held("backbone.model.backbone.blocks.0.mlp.layers.1.weight"), half);
        assert_eq!(held("backbone.model.backbone.blocks.0.norm1.weight"), Dtype::F32);
        assert_eq!(held("backbone.model.backbone.blocks.0.adapter.up_proj.weight"), Dtype::F32);
        // Evaluated from its folder, it is the model that training ended with.
        let mut command = Command::new(env!("CARGO_BIN_EXE_adatad"));
        let output = command.args(["eval", "run", "--json"]).current_dir(world.folder.path()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let again: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(again["map"], result["map"]);
    }
}

/// The command on what is no run file at all.
fn refused(arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_adatad")).args(arguments).current_dir(folder).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn config_shows_compares_explains_and_lists() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_adatad")).args(arguments).current_dir(folder.path()).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, shown) = run(&["config", "show", "thumos_adatad_s", "--set", "schedule.epochs=70"]);
    assert!(code == Some(0) && shown.contains("epochs = 70") && shown.contains("size = 768"), "{shown}");
    std::fs::write(folder.path().join("run.toml"), &shown).unwrap();
    let (code, said) = run(&["config", "diff", "thumos_adatad_s", "run.toml"]);
    assert_eq!((code, said.as_str()), (Some(1), "schedule.epochs: 60 -> 70\n"));
    assert_eq!(run(&["config", "diff", "run.toml", "run.toml"]), (Some(0), String::new()));
    let (_, json) = run(&["config", "diff", "thumos_adatad_s", "thumos_adatad_b", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert!(json["differences"].as_array().unwrap().len() >= 5, "{json}");

    let (_, keys) = run(&["config", "schema", "schedule.batch"]);
    assert!(keys.contains("a whole number from 1 up") && keys.contains("Windows per step"), "{keys}");
    let (_, schema) = run(&["config", "schema", "--json"]);
    assert!(serde_json::from_str::<Value>(&schema).unwrap()["properties"]["window"].is_object());
    let (_, list) = run(&["config", "list"]);
    assert!(list.lines().any(|line| line.starts_with("thumos_adatad_g_1536_224 ") && line.contains("77.07")), "{list}");
    let (_, list) = run(&["config", "list", "--json"]);
    assert!(serde_json::from_str::<Value>(&list).unwrap()["presets"].as_array().unwrap().len() > 50);
    let (code, plan) = run(&["plan", "charades_adatad_s", "--memory", "min", "--json"]);
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert_eq!((code, &plan["classes"]), (Some(0), &json!(157)));

    let said = refused(&["config", "show", "thumos_adatad_x"], folder.path());
    assert!(said.contains("the nearest preset is `thumos_adatad_"), "{said}");
    let said = refused(&["config", "schema", "window.sise"], folder.path());
    assert!(said.contains("the nearest is `window.size`"), "{said}");
}
