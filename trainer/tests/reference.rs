//! The reference's numbers: what `adatad parity` checks, as a test.

#![cfg(test)]

use std::path::{Path, PathBuf};

use adatad::parity::{Verdict, check};
use burn::tensor::Device;

fn folder(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn verdicts(folder: &Path) -> Vec<Verdict> {
    check(folder, &Device::flex(), |verdict| eprintln!("{verdict:?}")).unwrap()
}

#[test]
fn every_fixture_of_this_repository_agrees() {
    let mut verdicts = verdicts(&folder("tests/fixtures"));
    assert!(verdicts.len() >= 5, "{verdicts:?}");
    verdicts.extend(self::verdicts(&folder("../data/tests/fixtures")));
    for verdict in verdicts {
        assert!(verdict.passed, "{verdict:?}");
    }
}

#[test]
fn suppression_merging_and_metrics_agree() {
    // Those that the detector's own tests have, too.
    let verdicts = verdicts(&folder("../detector/tests/fixtures"));
    for kind in ["nms", "merge", "map"] {
        let verdict = verdicts.iter().find(|verdict| verdict.kind == kind).unwrap();
        assert!(verdict.passed, "{verdict:?}");
    }
}

#[test]
fn every_fixture_of_the_whole_collection_agrees() {
    let all = folder("../../shared/fixtures");
    if !all.is_dir() {
        eprintln!("skipped: the whole collection of fixtures is not beside this repository");
        return;
    }
    for verdict in verdicts(&all) {
        assert!(verdict.passed, "{verdict:?}");
    }
}

#[test]
fn a_fixture_with_other_numbers_fails() {
    let folder = tempfile::tempdir().unwrap();
    let name = "e2e_actionformer";
    for ending in ["json", "io.safetensors", "weights.safetensors", "gold64.safetensors"] {
        let file = format!("{name}.{ending}");
        let mut bytes = std::fs::read(self::folder("tests/fixtures").join(&file)).unwrap();
        if ending == "gold64.safetensors" {
            let last = bytes.len() - 1;
            bytes[last - 1] ^= 0x10; // changes the exponent of one expected number
        }
        std::fs::write(folder.path().join(file), bytes).unwrap();
    }
    let verdict = &verdicts(folder.path())[0];
    assert!(!verdict.passed && verdict.note.contains(" 1 failed"), "{verdict:?}");
}

#[test]
fn a_fixture_of_no_known_kind_fails_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("fn_soup.json"), r#"{"cases": {"soup.0": {}}}"#).unwrap();
    let verdict = &verdicts(folder.path())[0];
    assert!(!verdict.passed && verdict.note.contains("`soup`"), "{verdict:?}");
}
