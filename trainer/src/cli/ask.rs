//! Trying a device out, in a process of its own.
//!
//! A driver that is missing, too old or broken ends the process it is used in: with a panic at best, by a signal at worst.
//! So the first thing computed on a device is computed by a child, which may die.

use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// What computes behind a device.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Part {
    /// As it names itself.
    pub(crate) name: String,
    /// Whether it is a program that plays a GPU.
    pub(crate) software: bool,
}

/// What a device is, from a child that has computed on it; or why it could not.
pub(super) fn ask(name: &str) -> Result<Part, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot tell where this program is: {error}"))?;
    let child = Command::new(program).args(["probe", name]).stdin(Stdio::null()).output();
    let child = child.map_err(|error| format!("cannot start this program again: {error}"))?;
    if child.status.success() {
        let said = String::from_utf8_lossy(&child.stdout);
        return serde_json::from_str(&said).map_err(|error| format!("an answer that is none: {error}"));
    }
    let said = reason(&String::from_utf8_lossy(&child.stderr));
    Err(match child.status.code() {
        Some(_) => said,
        // Killed by a signal, as the status says.
        None => format!("its driver ended the process ({}); {said}", child.status),
    })
}

/// What is worth telling of what a dying program said: the words of the first panic or error, without their place in the
/// source and without the path back.
fn reason(said: &str) -> String {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let of_error = |line: &str| line.strip_prefix("error: ").map(str::to_owned);
    let mut last = None;
    while let Some(line) = lines.next() {
        if line.contains("panicked at") {
            let rest = lines.take_while(|line| !line.starts_with("note: ") && !line.starts_with("stack backtrace"));
            return rest.take(4).collect::<Vec<_>>().join(" ");
        }
        if let Some(error) = of_error(line) {
            return error;
        }
        last = Some(line);
    }
    last.unwrap_or("it said nothing").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_died_of_is_told_without_its_place() {
        let said = "warning: x\n\nthread 'main' (12) panicked at /somewhere/lib.rs:7:9:\nNo adapter found\nnote: run with `RUST_BACKTRACE=1`\n";
        assert_eq!(reason(said), "No adapter found");
        assert_eq!(reason("a\nerror: no driver\nb\n"), "no driver");
        assert_eq!(reason(""), "it said nothing");
    }
}
