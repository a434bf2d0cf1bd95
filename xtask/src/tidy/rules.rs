//! The rules. Each looks at one file; what it looks for is written in two pieces, so that it does not find itself.

/// The longest source file, in lines, tests included.
const LINES: usize = 499;
/// The largest file, in bytes: what is larger belongs beside the repository.
const BYTES: usize = 2 << 20;
/// Beginnings of paths that exist on one machine only.
const MACHINE: [&str; 3] = [concat!("/", "work/"), concat!("/", "root/"), concat!("/", "home/")];
/// What is unfinished, or a test that never runs.
const UNFINISHED: [&str; 3] = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[", "ignore")];
/// Which of our crates each crate may import (docs/ARCHITECTURE.md).
const IMPORTS: [(&str, &[&str]); 5] = [
    ("backbone/Cargo.toml", &[]),
    ("adapter/Cargo.toml", &["adatad-backbone"]),
    ("detector/Cargo.toml", &[]),
    ("data/Cargo.toml", &[]),
    ("xtask/Cargo.toml", &[]),
];

/// Calls that wait for the device: what they return is on the host, or what they do is done there (Burn sorts so).
const WAITS: [&str; 11] = [
    concat!("into_", "data("),
    concat!("to_", "data("),
    concat!("into_", "scalar"),
    concat!("into_", "vec"),
    concat!(".non", "zero("),
    concat!("arg", "where("),
    concat!(".sync", "("),
    concat!("iter_", "dim("),
    concat!("arg", "sort("),
    concat!("sort_with", "_indices"),
    concat!("memory_pool", "_usage"),
];
/// Code that a training step runs through: it hands work to the device and reads nothing back. What it has to know, it asks
/// for through `trainer/src/readback.rs`.
const STEP: [&str; 10] = [
    "backbone/src/",
    "adapter/src/",
    "detector/src/",
    "trainer/src/average.rs",
    "trainer/src/batch.rs",
    "trainer/src/model.rs",
    "trainer/src/optim.rs",
    "trainer/src/rule.rs",
    "trainer/src/schedule.rs",
    "trainer/src/step.rs",
];
/// Files among them that may wait, each with how often and why.
const MAY_WAIT: [(&str, usize, &str); 6] = [
    ("backbone/src/gelu.rs", 2, "only where tensors lie in the host's memory; and when a model is made"),
    ("backbone/src/patch.rs", 1, "initial weights"),
    ("adapter/src/store.rs", 1, "what is kept in files goes there, if asked for"),
    ("detector/src/decode.rs", 1, "detection: segments are found on the host"),
    ("detector/src/gtad/decode.rs", 1, "detection, too"),
    ("trainer/src/optim.rs", 1, "weights for files"),
];

/// A line, from 1 on, and what is wrong there.
type Found = Vec<(usize, String)>;

/// Everything wrong with one file, as `path:line: message`.
pub fn problems(path: &str, bytes: &[u8]) -> Vec<String> {
    let mut found = size(path, bytes.len());
    if let Ok(text) = std::str::from_utf8(bytes) {
        found.extend(machine_paths(text));
        found.extend(trailing_space(text));
        if path.ends_with(".rs") {
            found.extend(length(text));
            found.extend(module_docs(text));
            found.extend(unfinished(text));
            found.extend(waits(path, text));
        }
        found.extend(imports(path, text));
    }
    found.into_iter().map(|(line, message)| format!("{path}:{line}: {message}")).collect()
}

fn size(path: &str, bytes: usize) -> Found {
    match bytes > BYTES && path != "Cargo.lock" {
        true => vec![(1, format!("{bytes} bytes; the repository holds files up to {BYTES}"))],
        false => Vec::new(),
    }
}

fn length(text: &str) -> Found {
    match text.lines().count() {
        lines if lines > LINES => vec![(lines, format!("{lines} lines; one concept a file, in at most {LINES}"))],
        _ => Vec::new(),
    }
}

fn module_docs(text: &str) -> Found {
    match text.trim_start().starts_with("//!") {
        true => Vec::new(),
        false => vec![(1, "the file does not begin by saying what it is about (`//!`)".into())],
    }
}

fn machine_paths(text: &str) -> Found {
    // `target/work/` and `https://host/home/` are no such paths: something stands before the first slash.
    let starts = |line: &str, at: usize| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "_-.}".contains(c))
    };
    by_line(text, |line| {
        let found = MACHINE.iter().find(|path| line.match_indices(**path).any(|(at, _)| starts(line, at)));
        found.map(|path| format!("`{path}` exists on one machine only"))
    })
}

fn unfinished(text: &str) -> Found {
    by_line(text, |line| {
        UNFINISHED.iter().find(|word| line.contains(**word)).map(|word| format!("unfinished: `{word}`"))
    })
}

fn waits(path: &str, text: &str) -> Found {
    let in_tests = path.contains("/tests") || !STEP.iter().any(|start| path.starts_with(start));
    if in_tests {
        return Vec::new();
    }
    // Tests of a file stand at its end.
    let code = text.split(concat!("#[cfg", "(test)]\nmod ")).next().unwrap_or(text);
    let mut left = MAY_WAIT.iter().find(|(file, ..)| *file == path).map_or(0, |(_, times, _)| *times);
    by_line(code, |line| {
        let call = WAITS.iter().find(|call| line.contains(**call) && !line.trim_start().starts_with("//"))?;
        if left > 0 {
            left -= 1;
            return None;
        }
        Some(format!("`{call}` waits for the device within a training step"))
    })
}

fn trailing_space(text: &str) -> Found {
    by_line(text, |line| (line.trim_end() != line).then(|| "white space at the end of the line".into()))
}

fn imports(path: &str, text: &str) -> Found {
    let Some((_, allowed)) = IMPORTS.iter().find(|(manifest, _)| *manifest == path) else { return Vec::new() };
    let mut section = "";
    by_line(text, |line| {
        if line.starts_with('[') {
            section = line;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        let ours = section == "[dependencies]" && name.starts_with("adatad");
        (ours && !allowed.contains(&name)).then(|| format!("imports run one way, and not to `{name}`"))
    })
}

fn by_line<'a>(text: &'a str, mut look: impl FnMut(&'a str) -> Option<String>) -> Found {
    let lines = text.lines().enumerate();
    lines.filter_map(|(at, line)| look(line).map(|message| (at + 1, message))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(found: Found) -> Vec<usize> {
        found.into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_source_file_stays_under_five_hundred_lines() {
        assert!(length(&"x\n".repeat(499)).is_empty());
        assert_eq!(lines(length(&"x\n".repeat(500))), [500]);
    }

    #[test]
    fn a_file_begins_by_saying_what_it_is_about() {
        assert!(module_docs("//! Windows.\n\nuse std::fs;\n").is_empty());
        assert_eq!(lines(module_docs("use std::fs;\n//! Windows.\n")), [1]);
        assert_eq!(lines(module_docs("")), [1]);
    }

    #[test]
    fn a_path_of_one_machine_is_found_and_a_path_that_looks_alike_is_not() {
        for path in MACHINE {
            assert_eq!(lines(machine_paths(&format!("a\nopen(\"{path}x\")\n"))), [2]);
            assert_eq!(lines(machine_paths(&format!("{path}x"))), [1]);
            assert_eq!(lines(machine_paths(&format!("target{path}x {path}x"))), [1]);
            assert!(machine_paths(&format!("target{path}x https://example.org{path}x")).is_empty());
        }
    }

    #[test]
    fn unfinished_work_is_found() {
        for word in UNFINISHED {
            assert_eq!(lines(unfinished(&format!("fn a() {{\n    {word}\n"))), [2]);
        }
        assert!(unfinished("// ignore the todo list\n").is_empty());
    }

    #[test]
    fn space_at_the_end_of_a_line_is_found() {
        assert_eq!(lines(trailing_space("a\nb \n\nc\t\n")), [2, 4]);
        assert!(trailing_space("a\n  b\r\n").is_empty());
    }

    #[test]
    fn only_the_lock_file_may_be_large() {
        assert!(size("a.bin", BYTES).is_empty());
        assert_eq!(lines(size("a.bin", BYTES + 1)), [1]);
        assert!(size("Cargo.lock", BYTES + 1).is_empty());
    }

    #[test]
    fn a_training_step_waits_for_nothing() {
        let call = format!("    let x = y.{}::<f32>();\n", WAITS[2]);
        assert_eq!(lines(waits("adapter/src/back.rs", &call)), [1]);
        assert_eq!(lines(waits("adapter/src/store.rs", &call.repeat(2))), [2], "only as often as its reason goes");
        assert!(waits("adapter/src/back.rs", &format!("//{call}")).is_empty());
        assert!(waits("adapter/src/back.rs", &format!("#[cfg(test)]\nmod tests {{\n{call}}}\n")).is_empty());
        assert!(waits("trainer/src/detect.rs", &call).is_empty(), "detection is no training step");
    }

    #[test]
    fn imports_run_one_way() {
        let manifest = "[package]\nname = \"x\"\n\n[dependencies]\nadatad-backbone.workspace = true\nburn = \"1\"\n";
        assert!(imports("adapter/Cargo.toml", manifest).is_empty());
        assert_eq!(lines(imports("detector/Cargo.toml", manifest)), [5]);
        assert!(imports("trainer/Cargo.toml", manifest).is_empty());
    }

    #[test]
    fn pictures_and_tensors_are_judged_by_their_size_only() {
        assert!(problems("a.safetensors", &[0xff, b' ', b'\n']).is_empty());
        assert_eq!(problems("a.md", b"x \n"), ["a.md:1: white space at the end of the line"]);
    }

    #[test]
    fn the_rules_do_not_trip_over_themselves() {
        assert_eq!(problems("xtask/src/tidy/rules.rs", include_bytes!("rules.rs")), [""; 0]);
    }
}
