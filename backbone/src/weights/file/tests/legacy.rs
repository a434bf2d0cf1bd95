//! The older form of .pth: views of storages, and files that are hostile or broken.

use super::super::{FileKind, Problem};
use super::make::{dict, fixture, global, int, legacy, opened, pickle, problem, storage, tensor, text, tuple};

fn floats(numbers: &[f32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

fn weights(storage: Vec<u8>, shape: &[i64]) -> Vec<u8> {
    pickle(dict(&[("w", tensor(storage, 0, shape, &[1]))]))
}

#[test]
fn a_view_of_a_storage_starts_where_it_says() {
    let view = tuple(&[text("view"), int(1), int(2)]);
    let viewed = |view: Vec<u8>| {
        let id = [text("storage"), global("torch", "FloatStorage"), text("k"), text("cpu"), int(4), view];
        [tuple(&id), b"Q".to_vec()].concat()
    };
    let data = floats(&[1.0, 2.0, 3.0, 4.0]);
    let file = opened(&legacy(&weights(viewed(view), &[2]), &[("k", 4, &data)])).unwrap();
    assert_eq!(file.kind(), FileKind::PthLegacy);
    assert_eq!(file.read_f32(file.root().get("w").unwrap().tensor().unwrap()).unwrap(), [2.0, 3.0]);

    let none = legacy(&weights(viewed(b"N".to_vec()), &[4]), &[("k", 4, &data)]);
    assert_eq!(opened(&none).unwrap().state_dicts()[0].tensors[0].1.shape(), [4]);
    let beyond = tuple(&[text("view"), int(3), int(2)]);
    assert!(problem(&legacy(&weights(viewed(beyond), &[2]), &[("k", 4, &data)])).to_string().contains("2 from 3"));
    let wrong = tuple(&[text("view"), int(-3), int(2)]);
    assert!(matches!(problem(&legacy(&weights(viewed(wrong), &[2]), &[("k", 4, &data)])), Problem::Pickle { .. }));
}

#[test]
fn storages_that_lie_are_errors() {
    let float = |elements| weights(storage("FloatStorage", "k", elements), &[elements]);
    let data = floats(&[1.0, 2.0]);
    let huge = 5_000_000_000;
    assert!(matches!(problem(&legacy(&float(huge), &[("k", huge, &data)])), Problem::Truncated { .. }));
    assert!(matches!(problem(&legacy(&float(i64::MAX), &[("k", i64::MAX, &data)])), Problem::Truncated { .. }));
    assert!(problem(&legacy(&float(2), &[("k", 3, &data)])).to_string().contains("holds 3 elements"));
    assert!(problem(&legacy(&float(2), &[])).to_string().contains("not in the list"));
    assert!(problem(&legacy(&float(2), &[("k", 2, &data), ("other", 2, &data)])).to_string().contains("never used"));
    assert!(problem(&legacy(&float(2), &[("k", 2, &data), ("k", 2, &data)])).to_string().contains("twice"));
    let two_types = [
        ("a", tensor(storage("FloatStorage", "k", 2), 0, &[2], &[1])),
        ("b", tensor(storage("LongStorage", "k", 2), 0, &[2], &[1])),
    ];
    assert!(problem(&legacy(&pickle(dict(&two_types)), &[("k", 2, &data)])).to_string().contains("two types"));
}

#[test]
fn other_pickles_are_told_apart() {
    assert!(matches!(problem(b"\x80\x04}."), Problem::Foreign { .. }));
    assert!(problem(b"\x80\x04]").to_string().contains("ends too early"));
    let good = legacy(&pickle(b"N".to_vec()), &[]);
    assert!(opened(&good).is_ok());
    let big: Vec<u8> = good.clone();
    let at = big.windows(2).position(|bytes| bytes == b"\x88s").unwrap();
    let mut big = big;
    big[at] = 0x89;
    assert!(matches!(problem(&big), Problem::BigEndian));
    let mut version = good;
    let at = version.windows(3).position(|bytes| bytes == b"M\xe9\x03").unwrap();
    version[at + 1] = 0;
    assert!(problem(&version).to_string().contains("other than 1001"));
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    for name in ["tensor_forms_legacy.pth", "mmaction_pretrain_legacy.pth"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        for part in 0..=300 {
            let len = (whole.len() - 1) * part / 300;
            let error = opened(&whole[..len]).expect_err("cut").problem;
            assert!(!matches!(error, Problem::Io(_)), "{len}: {error}");
        }
    }
}
