//! The `adatad` command, run to its end.

use std::path::Path;
use std::process::{Command, Output};

pub fn adatad(arguments: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adatad")).args(arguments).current_dir(folder).output().unwrap()
}

/// What it prints and says, when it ends with this code.
#[track_caller]
pub fn ends(code: i32, arguments: &[&str], folder: &Path) -> (String, String) {
    let output = adatad(arguments, folder);
    let [out, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert_eq!(output.status.code(), Some(code), "{out}{said}");
    assert!(!said.contains("panicked"), "{said}");
    (out, said)
}
