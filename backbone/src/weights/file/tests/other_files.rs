//! Files that hold no weights at all.

use super::super::{Problem, WeightFile};
use super::make::problem;

#[test]
fn other_kinds_of_files_are_named() {
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    let cases: &[(&[u8], &str)] = &[
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"\n <HTML lang=en>", "a web page"),
        (b"<?xml version=\"1.0\"?><Error>", "an XML text"),
        (b"{\"weight_map\": {}}", "a JSON text"),
        (b"import torch {\n", "a text that begins `import torch {`"),
        ("Gewichte für".as_bytes(), "a text that begins `Gewichte für`"),
        (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
        (b"\x08\x07\x12\x07pytorch", "an ONNX model"),
        (b"\x08\x01\x12\x00", "a TensorFlow SavedModel"),
        (b"\x1c\0\0\0TFL3\0\0", "a TensorFlow Lite model"),
        (b"\x93NUMPY\x01\0", "a NumPy array"),
        (b"GGUF\x03\0\0\0", "a GGUF file"),
        (b"\x1f\x8b\x08\0", "a gzip archive"),
        (&tar, "before PyTorch 0.1.10"),
        (&[0; 4096], "a file of 4096 bytes that begins with `\\x00"),
        (&[0xff], "a file of 1 bytes"),
    ];
    for (bytes, what) in cases {
        let problem = problem(bytes);
        let message = problem.to_string();
        assert!(matches!(problem, Problem::Foreign { .. }) && message.contains(what), "{message}");
    }
}

#[test]
fn what_is_no_file_is_refused_unopened() {
    let folder = tempfile::tempdir().unwrap();
    let of = |path: &std::path::Path| WeightFile::open(path).unwrap_err();
    assert!(matches!(of(folder.path()).problem, Problem::NotAFile));
    assert!(matches!(of(&folder.path().join("none.pth")).problem, Problem::Io(_)));
    #[cfg(unix)]
    {
        assert!(matches!(of(std::path::Path::new("/dev/zero")).problem, Problem::NotAFile));
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(matches!(of(&pipe).problem, Problem::NotAFile));
    }
    let empty = folder.path().join("empty.pth");
    std::fs::write(&empty, b"").unwrap();
    let error = of(&empty);
    assert!(matches!(error.problem, Problem::Empty));
    assert!(error.to_string().ends_with("empty.pth"));
}
