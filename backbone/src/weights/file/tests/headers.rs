//! Headers of .safetensors that lie.

use super::super::{FileKind, Problem};
use super::make::{fixture, opened, problem, safetensors};

#[test]
fn a_header_of_impossible_length_is_refused_before_it_is_read() {
    for len in [1u64 << 63, u64::MAX, 100_000_001] {
        let file = [&len.to_le_bytes()[..], b"{}"].concat();
        assert!(matches!(problem(&file), Problem::Limit { .. }), "{len}");
    }
    let file = [&99_999_999u64.to_le_bytes()[..], b"{}"].concat();
    assert!(matches!(problem(&file), Problem::Truncated { .. }));
}

#[test]
fn headers_that_lie_are_errors_that_name_the_tensor() {
    let one = |dtype: &str, shape: &str, offsets: &str| {
        format!(r#"{{"w":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
    };
    let pair = |first: &str, second: &str| {
        format!(
            r#"{{"a":{{"dtype":"F32","shape":[2],"data_offsets":{first}}},"b":{{"dtype":"F32","shape":[2],"data_offsets":{second}}}}}"#
        )
    };
    let cases = [
        (one("F64", "[2]", "[0,8]"), "tensor `w`: F64 with shape [2] does not take 8 bytes"),
        (one("F32", "[3]", "[0,8]"), "does not take 8 bytes"),
        (one("F32", "[4294967295,4294967295,4294967295]", "[0,8]"), "does not take"),
        (one("F32", "[2]", "[8,0]"), "leave a gap"),
        (one("F32", "[2]", "[0,18446744073709551615]"), "does not take"),
        (one("F4", "[2]", "[0,8]"), "type `F4` is not supported"),
        (one("Q", "[2]", "[0,8]"), "type `Q` is not supported"),
        (one("F32", "[-2]", "[0,8]"), "header is damaged"),
        (one("F32", "[2.0]", "[0,8]"), "header is damaged"),
        (one("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", "[0,8]"), "more than 16 dimensions"),
        (pair("[0,8]", "[4,12]"), "tensor `b`: its bytes 4..12 overlap"),
        (pair("[0,8]", "[0,8]"), "overlap"),
        (pair("[0,8]", "[9,17]"), "leave a gap"),
        (r#"{"w":1}"#.into(), "header is damaged"),
        (r#"{"w":{"dtype":"F32"}}"#.into(), "missing field"),
        ("[]".into(), "begins with"),
        ("{".into(), "header is damaged"),
        ("{}garbage".into(), "header is damaged"),
        ("{}".into(), "8 bytes at the end belong to no tensor"),
        (format!("{}{}", r#"{"w":"#.repeat(10_000), "}".repeat(10_000)), "header is damaged"),
    ];
    for (header, what) in cases {
        let message = problem(&safetensors(&header, &[0; 8])).to_string();
        assert!(message.contains(what), "{header:.100}: {message}");
    }
}

#[test]
fn a_name_that_stands_twice_is_an_error() {
    let entry = r#""w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
    let message = problem(&safetensors(&format!("{{{entry},{entry}}}"), &[0; 4])).to_string();
    assert!(message.contains("`w` stands there twice"), "{message}");
}

#[test]
fn a_header_that_is_not_utf_8_is_an_error() {
    for header in [
        &b"{\"\xff\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}"[..],
        b"{\"__metadata__\":{\"a\":\"\xff\"}}",
    ] {
        let file = [&(header.len() as u64).to_le_bytes()[..], header].concat();
        assert!(problem(&file).to_string().contains("is not UTF-8"));
    }
}

#[test]
fn no_tensors_and_large_metadata_are_fine() {
    let file = opened(&safetensors("{}   ", &[])).unwrap();
    assert_eq!(file.kind(), FileKind::Safetensors);
    assert!(file.state_dicts().is_empty());
    let metadata = format!(
        r#"{{"__metadata__":{{"text":"{}"}},"w":{{"dtype":"BOOL","shape":[],"data_offsets":[0,1]}}}}"#,
        "x".repeat(50 << 20)
    );
    let file = opened(&safetensors(&metadata, &[1])).unwrap();
    let states = file.state_dicts();
    assert_eq!((&*states[0].path, states[0].tensors[0].0), ("", "w"));
    assert_eq!(file.read_f32(states[0].tensors[0].1).unwrap(), [1.0]);
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = std::fs::read(fixture("tensor_forms.expect.safetensors")).unwrap();
    for len in 0..whole.len() {
        let error = opened(&whole[..len]).expect_err("cut").problem;
        assert!(!matches!(error, Problem::Io(_)), "{len}: {error}");
    }
}
