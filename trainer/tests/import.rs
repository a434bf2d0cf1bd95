//! Checkpoints of the reference implementation become runs.

#![cfg(test)]

use std::path::{Path, PathBuf};

use adatad::config::RunConfig;
use adatad::config::presets::RunPreset;
use adatad::detect::Detector;
use adatad::folder::RunFolder;
use adatad::import::{ImportError, import};
use adatad_backbone::weights::file::WeightFile;
use adatad_data::classes::ClassList;
use burn::tensor::Device;

/// The size of the model in the collection's checkpoint.
const SIZE: [&str; 10] = [
    "backbone.width=32",
    "backbone.depth=2",
    "backbone.heads=2",
    "backbone.mlp=128",
    "backbone.position-grid=2",
    "detector.channels=16",
    "detector.stem-blocks=2",
    "detector.heads=4",
    "detector.regression-ranges=[[0, 4], [4, 8], [8, 10000]]",
    "window.size=64",
];

fn config(more: &[&str]) -> RunConfig {
    let sets: Vec<String> = SIZE.iter().chain(more).map(|set| (*set).to_owned()).collect();
    RunPreset::find("thumos_adatad_s").unwrap().load(&sets).unwrap()
}

fn checkpoint() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/opentad_epoch.pth");
    if !path.exists() {
        eprintln!("skipped: ../shared is not here");
    }
    path.exists().then_some(path)
}

fn classes(count: usize) -> ClassList {
    ClassList::new((0..count).map(|i| format!("class {i}"))).unwrap()
}

#[test]
fn a_training_checkpoint_of_opentad_becomes_a_run_with_its_averaged_weights() {
    let Some(checkpoint) = checkpoint() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let params = import(&config(&[]), &classes(4), &checkpoint, &out, false, &Device::flex()).unwrap();
    assert!(params.total > 20_000, "{params:?}");

    // Every number is that of `state_dict_ema`, under the same name.
    let (theirs, ours) = (WeightFile::open(&checkpoint).unwrap(), out.join("weights.safetensors"));
    let ours = WeightFile::open(&ours).unwrap();
    let dict = |file: &WeightFile, path: &str| {
        let dicts = file.state_dicts();
        let dict = dicts.iter().find(|dict| dict.path == path).unwrap();
        let numbers = dict
            .tensors
            .iter()
            .map(|(name, info)| (name.trim_start_matches("module.").to_owned(), file.read_f32(info).unwrap()));
        numbers.collect::<std::collections::BTreeMap<_, _>>()
    };
    let (theirs, ours) = (dict(&theirs, "state_dict_ema"), dict(&ours, ""));
    assert_eq!(ours.len(), theirs.len() - 3, "all but the norm that is never applied and the state of the loss");
    for (name, numbers) in &ours {
        assert_eq!(theirs.get(name), Some(numbers), "{name}");
    }

    let detector = Detector::load(&RunFolder::open(&out).unwrap(), &Device::flex()).unwrap();
    assert_eq!(detector.classes().labels().len(), 4);
}

#[test]
fn a_run_file_of_another_model_is_refused_and_nothing_is_written() {
    let Some(checkpoint) = checkpoint() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let import =
        |sets: &[&str], count| import(&config(sets), &classes(count), &checkpoint, &out, false, &Device::flex());
    let said = import(&[], 5).unwrap_err().to_string();
    assert!(said.contains("cls_head"), "{said}");
    let said = import(&["backbone.depth=3"], 4).unwrap_err().to_string();
    assert!(said.contains("blocks.2"), "{said}");
    let error = import(&["backbone.depth=1"], 4).unwrap_err();
    assert!(matches!(error, ImportError::NoPlace { .. }) && error.to_string().contains("blocks.1"), "{error}");
    assert!(!out.exists());
}
