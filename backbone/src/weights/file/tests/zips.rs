//! Zip archives that are hostile, strange or broken.

use super::super::{Problem, WeightFile};
use super::make::{dict, fixture, int, opened, pickle, problem, pth, storage, tensor, zip};

type Entries<'a> = &'a [(&'a str, &'a [u8])];

fn one() -> Vec<u8> {
    pickle(dict(&[("n", int(1))]))
}

#[test]
fn names_that_lead_out_of_the_archive_are_refused() {
    for name in ["../../etc/passwd", "archive/../../x", "..\\x", "/etc/passwd"] {
        let file = zip(&[("archive/data.pkl", &one()), (name, b"x")]);
        assert!(
            matches!(problem(&file), Problem::Entry { entry, .. } if entry == name.replace('\\', "\\\\")),
            "{name}"
        );
    }
    // Two dots in a name are only a name.
    assert!(opened(&zip(&[("a..b/data.pkl", &one())])).is_ok());
}

#[test]
fn archives_of_other_kinds_are_named() {
    let cases: &[(Entries, &str)] = &[
        (&[], "without data.pkl"),
        (&[("a/b.txt", b"")], "without data.pkl"),
        (&[("model.pth", b"")], "unpack it first"),
        (&[("w.npy", b"")], "NumPy archive"),
        (&[("a/data.pkl", b"N."), ("a/constants.pkl", b"N.")], "TorchScript"),
        (&[("a/data.pkl", b"N."), ("b/data.pkl", b"N.")], "several"),
        (&[("a/data.pkl", b"N."), ("a/data.pkl", b"N.")], "twice"),
        (&[("a/data.pkl", b"N."), ("a/byteorder", b"big")], "big-endian"),
        (&[("a/data.pkl", b"N."), ("a/byteorder", b"middle")], "byte order"),
    ];
    for (entries, what) in cases {
        let message = problem(&zip(entries)).to_string();
        assert!(message.contains(what), "{message}");
    }
    assert!(opened(&zip(&[("data.pkl", b"N."), ("byteorder", b"little")])).is_ok());
}

#[test]
fn compressed_and_encrypted_entries_are_refused() {
    for (offset, value) in [(8, 8), (6, 1)] {
        let mut file = zip(&[("a/data.pkl", &one())]);
        let directory = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
        file[directory + 2 + offset] = value;
        assert!(matches!(problem(&file), Problem::Entry { what, .. } if what.contains("compressed")));
    }
}

#[test]
fn sizes_and_places_beyond_the_file_are_refused() {
    let weights =
        pickle(dict(&[("w", tensor(storage("FloatStorage", "0", 5_000_000_000), 0, &[5_000_000_000], &[1]))]));
    let good = pth(&weights, &[&[0; 16]]);
    let directory = good.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let second = directory + 46 + "archive/data.pkl".len();
    // Sizes of 4 GB less one, then the place of the entry.
    let mut large = good.clone();
    large[second + 20..second + 28].fill(0xfe);
    assert!(matches!(problem(&large), Problem::Truncated { .. }));
    let mut far = good.clone();
    far[second + 42..second + 46].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    assert!(matches!(problem(&far), Problem::Truncated { .. }));
    let mut elsewhere = good.clone();
    elsewhere[second + 42] ^= 1;
    assert!(matches!(problem(&elsewhere), Problem::Zip { .. }));
    let mut swapped = good.clone();
    swapped[second + 42..second + 46].fill(0);
    assert!(problem(&swapped).to_string().contains("another name"));
    let mut long = good;
    let end = long.len() - 10;
    long[end..end + 4].copy_from_slice(&0xf000_0000u32.to_le_bytes());
    assert!(matches!(problem(&long), Problem::Limit { .. }));
}

#[test]
fn the_64_bit_form_is_read() {
    let mut file = zip(&[("a/data.pkl", &one())]);
    let end = file.len() - 22;
    let directory = file.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    let name = "a/data.pkl".len();
    // The entry with its three numbers in an extra field.
    let mut entry = file[directory..end].to_vec();
    let (size, header) = (one().len() as u64, 0u64);
    entry[20..28].fill(0xff);
    entry[42..46].fill(0xff);
    entry[30] = 28;
    entry.extend([&[1, 0, 24, 0][..], &size.to_le_bytes(), &size.to_le_bytes(), &header.to_le_bytes()].concat());
    assert_eq!(entry.len(), 46 + name + 28);
    file.truncate(directory);
    file.extend(&entry);
    let wide = file.len() as u64;
    let (size, start) = ((entry.len() as u64).to_le_bytes(), (directory as u64).to_le_bytes());
    file.extend(
        [&b"PK\x06\x06"[..], &44u64.to_le_bytes(), &[0; 12], &[1, 0, 0, 0, 0, 0, 0, 0].repeat(2), &size, &start]
            .concat(),
    );
    file.extend([&b"PK\x06\x07\0\0\0\0"[..], &wide.to_le_bytes(), &[1, 0, 0, 0]].concat());
    file.extend([&b"PK\x05\x06\0\0\0\0"[..], &[0xff; 12], &[0; 2]].concat());
    opened(&file).unwrap();

    file[wide as usize] = 0;
    assert!(matches!(problem(&file), Problem::Zip { .. }));
}

#[test]
fn an_archive_cut_anywhere_is_an_error() {
    for name in ["tensor_forms.pth", "mmaction_pretrain.pth"] {
        let whole = std::fs::read(fixture(name)).unwrap();
        for eighth in 0..=200 {
            let len = (whole.len() - 1) * eighth / 200;
            let error = opened(&whole[..len]).expect_err("cut").problem;
            assert!(!matches!(error, Problem::Io(_)), "{len}: {error}");
        }
    }
}

#[test]
fn a_file_that_shrinks_after_opening_is_an_error_on_reading() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    std::fs::copy(fixture("mmaction_pretrain.pth"), &path).unwrap();
    let file = WeightFile::open(&path).unwrap();
    std::fs::write(&path, b"").unwrap();
    let states = file.state_dicts();
    assert!(matches!(file.read_f32(states[0].tensors[5].1).unwrap_err().problem, Problem::Io(_)));
}
