//! Stored features: what numpy writes is read, anything else is refused by name; windows of features and of raw signals.

#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};

use adatad_data::features::{FeatureError, FeatureFault, FeatureStore, Layout, Rows, feature_path};
use adatad_data::window::FramePlan;
use half::f16;
use proptest::prelude::*;
use tempfile::TempDir;

const PLAIN: Layout = Layout { channels: 3, feature_stride: 4, offset_frames: 8, signal_window: None };

/// A file as `numpy.save` writes it.
fn npy(version: u8, descr: &str, fortran: bool, shape: &str, numbers: &[u8]) -> Vec<u8> {
    let order = if fortran { "True" } else { "False" };
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
    let before = if version == 1 { 10 } else { 12 };
    header.push_str(&" ".repeat(63 - (before + header.len()) % 64));
    header.push('\n');
    let length = header.len() as u32;
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([version, 0]);
    bytes.extend(&length.to_le_bytes()[..if version == 1 { 2 } else { 4 }]);
    bytes.extend(header.as_bytes());
    bytes.extend(numbers);
    bytes
}

fn f32s(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// 0, 1, 2... in rows of 3.
fn counting(rows: usize) -> Vec<f32> {
    (0..rows * 3).map(|i| i as f32).collect()
}

fn plain(rows: usize) -> Vec<u8> {
    npy(1, "<f4", false, &format!("({rows}, 3)"), &f32s(&counting(rows)))
}

fn holding(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = feature_path(folder.path(), "video");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn read(bytes: &[u8]) -> Result<Rows, FeatureError> {
    let (_folder, path) = holding(bytes);
    PLAIN.read(&path)
}

fn fault(bytes: &[u8]) -> FeatureFault {
    let error = read(bytes).unwrap_err();
    assert!(error.to_string().contains("video.npy: "), "{error}");
    error.fault
}

#[test]
fn every_version_width_order_and_byte_order_gives_the_same_rows() {
    let values = counting(2);
    let by_column = [0.0f32, 3.0, 1.0, 4.0, 2.0, 5.0];
    let wide = |values: &[f32]| -> Vec<u8> { values.iter().flat_map(|v| f64::from(*v).to_le_bytes()).collect() };
    let narrow: Vec<u8> = values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes()).collect();
    let large_first: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
    for file in [
        npy(1, "<f4", false, "(2, 3)", &f32s(&values)),
        npy(2, "<f4", false, "(2, 3)", &f32s(&values)),
        npy(3, "<f4", true, "(2, 3)", &f32s(&by_column)),
        npy(1, "<f8", false, "(2, 3)", &wide(&values)),
        npy(1, "<f8", true, "(2, 3)", &wide(&by_column)),
        npy(1, "<f2", false, "(2, 3)", &narrow),
        npy(1, ">f4", false, "(2, 3)", &large_first),
    ] {
        assert_eq!(read(&file).unwrap(), Rows { count: 2, channels: 3, values: values.clone() });
    }
}

#[test]
fn a_file_longer_than_the_reading_buffer_is_read_whole() {
    let rows = 20_000;
    let by_column: Vec<f32> = (0..3).flat_map(|c| (0..rows).map(move |r| (r * 3 + c) as f32)).collect();
    let file = npy(1, "<f4", true, &format!("({rows}, 3)"), &f32s(&by_column));
    assert_eq!(read(&file).unwrap().values, counting(rows));
}

#[test]
fn what_is_no_npy_file_is_refused() {
    for bytes in [&b""[..], b"\x93NUM", b"PK\x03\x04 a zip archive of arrays", b"0.1,0.2\n0.3,0.4\n"] {
        assert!(matches!(fault(bytes), FeatureFault::NotNpy(_)), "{bytes:?}");
    }
    assert!(matches!(fault(&plain(2)[..40]), FeatureFault::NotNpy("its header is cut short")));
    let mut later = plain(2);
    later[6] = 4;
    assert_eq!(fault(&later).to_string(), "is .npy version 4.0; versions 1 to 3 can be read");
    assert!(matches!(PLAIN.read(Path::new("/")).unwrap_err().fault, FeatureFault::NotAFile));
    assert!(matches!(PLAIN.read(Path::new("/no/such/file.npy")).unwrap_err().fault, FeatureFault::Io(_)));
}

#[test]
fn pickled_objects_are_never_looked_into() {
    let error = read(&npy(1, "|O", false, "(2, 3)", b"\x80\x04cos\nsystem\n.")).unwrap_err().to_string();
    assert!(error.contains("holds Python objects, which are not read"), "{error}");
}

#[test]
fn other_numbers_than_floating_point_ones_are_refused() {
    for descr in ["<i8", "|u1", "<c8", "|b1", "<f16", "<U5"] {
        assert!(matches!(fault(&npy(1, descr, false, "(2, 3)", &[0; 48])), FeatureFault::Type { .. }), "{descr}");
    }
}

#[test]
fn a_truncated_file_says_how_much_is_missing() {
    let whole = plain(4);
    let error = fault(&whole[..whole.len() - 1]).to_string();
    assert_eq!(error, "is cut short: 47 bytes of numbers, where its header tells of 48");
    let error = fault(&[&whole[..], b"more"].concat()).to_string();
    assert_eq!(error, "is too long: 52 bytes of numbers, where its header tells of 48");
    let vast = npy(1, "<f4", false, "(4611686018427387904, 3)", &[]);
    assert!(matches!(fault(&vast), FeatureFault::Empty { .. }), "more than memory can be addressed");
    let large = npy(1, "<f4", false, "(1000000000000, 3)", &[]);
    assert!(matches!(fault(&large), FeatureFault::Size { found: 0, expected: 12_000_000_000_000 }));
}

#[test]
fn rows_that_are_not_numbers_are_named() {
    let mut values = counting(9);
    values[4 * 3 + 1] = f32::NAN;
    let file = |values: &[f32]| npy(1, "<f4", false, "(9, 3)", &f32s(values));
    assert_eq!(fault(&file(&values)).to_string(), "row 4 is not all numbers (NaN or infinite)");
    values[4 * 3 + 2] = f32::NAN;
    values[7 * 3] = f32::INFINITY;
    assert_eq!(fault(&file(&values)).to_string(), "row 4 is not all numbers (NaN or infinite), nor are 1 others");
    let beyond: Vec<u8> = [1.0f64, 1e300, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert!(matches!(fault(&npy(1, "<f8", false, "(1, 3)", &beyond)), FeatureFault::NotNumbers { first: 0, rows: 1 }));
}

#[test]
fn features_have_two_axes_and_neither_is_empty() {
    for shape in ["()", "(6,)", "(1, 2, 3)"] {
        assert!(matches!(fault(&npy(1, "<f4", false, shape, &[0; 24])), FeatureFault::Rank { .. }), "{shape}");
    }
    for shape in ["(0, 3)", "(3, 0)"] {
        assert!(matches!(fault(&npy(1, "<f4", false, shape, &[])), FeatureFault::Empty { .. }), "{shape}");
    }
}

#[test]
fn a_transposed_file_is_told_from_one_with_other_channels() {
    let error = read(&npy(1, "<f4", false, "(3, 7)", &[0; 84])).unwrap_err().to_string();
    assert!(error.ends_with("has shape [3, 7] and looks transposed: [steps, 3] is wanted; save array.T"), "{error}");
    let error = read(&npy(1, "<f4", false, "(7, 4)", &[0; 112])).unwrap_err().to_string();
    assert!(error.ends_with("has 4 channels, not 3"), "{error}");
}

#[test]
fn a_window_of_features_shows_its_rows_and_then_zeros() {
    let (folder, path) = holding(&plain(9));
    let mut store = FeatureStore::open(vec![path], PLAIN).unwrap();
    assert_eq!((store.steps(0), PLAIN.frames(9)), (9, 8 * 4 + 16));
    let plan = FramePlan::Strided { first: 5 * 4, step: 4, count: 2, length: 4 };
    let expected = [15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(store.window(0, &plan, 2, 4).unwrap(), expected);
    store.fill(usize::MAX).unwrap();
    drop(folder);
    assert_eq!(store.window(0, &plan, 2, 4).unwrap(), expected, "what is kept needs no file");
}

#[test]
fn a_file_that_changes_after_it_was_opened_is_noticed() {
    let (_folder, path) = holding(&plain(9));
    let store = FeatureStore::open(vec![path.clone()], PLAIN).unwrap();
    fs::write(&path, plain(5)).unwrap();
    let plan = FramePlan::Strided { first: 0, step: 4, count: 9, length: 9 };
    let error = store.window(0, &plan, 9, 9).unwrap_err().to_string();
    assert!(error.ends_with("has changed: 5 rows, 9 before"), "{error}");
}

#[test]
fn steps_of_a_raw_signal_are_overlapping_windows_of_rows_side_by_side() {
    let signal = Layout { feature_stride: 2, offset_frames: 2, signal_window: Some(4), ..PLAIN };
    let (_folder, path) = holding(&plain(9));
    let store = FeatureStore::open(vec![path], signal).unwrap();
    assert_eq!((store.steps(0), signal.step_channels(), signal.frames(9)), (3, 12, 9));
    let plan = FramePlan::Strided { first: 2, step: 2, count: 2, length: 2 };
    let values = store.window(0, &plan, 2, 2).unwrap();
    let rows = |first: usize| (first * 3..(first + 4) * 3).map(|i| i as f32);
    assert_eq!(values, rows(2).chain(rows(4)).collect::<Vec<_>>());

    let (_folder, path) = holding(&plain(3));
    let error = FeatureStore::open(vec![path], signal).unwrap_err().to_string();
    assert!(error.ends_with("has 3 rows; one step needs 4"), "{error}");
}

#[test]
fn channels_are_standardised_over_all_files_kept_or_not() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a", "b"].map(|name| feature_path(folder.path(), name));
    fs::write(&paths[0], plain(2)).unwrap();
    fs::write(&paths[1], plain(4)).unwrap();
    let plan = FramePlan::Strided { first: 0, step: 4, count: 2, length: 2 };
    let standardised = |memory: usize| {
        let mut store = FeatureStore::open(paths.to_vec(), PLAIN).unwrap();
        store.fill(memory).unwrap();
        let standard = store.standard().unwrap();
        store.standardise(standard);
        [0, 1].map(|video| store.window(video, &plan, 2, 2).unwrap())
    };
    // First channel: 0, 3 and 0, 3, 6, 9: mean 3.5, variance 10.25.
    let [first, _] = standardised(0);
    assert!((first[0] + 3.5 / 10.25f32.sqrt()).abs() < 1e-6);
    assert_eq!(standardised(0), standardised(usize::MAX));
    assert_eq!(standardised(30), standardised(usize::MAX), "only the first file fits");
}

proptest! {
    #[test]
    fn no_damage_makes_the_reader_panic(at in 0usize..200, bit in 0u8..8, cut in 0usize..200) {
        let mut bytes = plain(6);
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        read(&bytes).ok();
        bytes.truncate(cut);
        read(&bytes).ok();
    }
}
