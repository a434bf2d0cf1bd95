//! The test matrix: one suite on every backend that this machine can run, and a table of it.
//!
//! The suite is `adatad matrix`. Here programs are built that have the backends, and what they say is put together.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::Context;
use serde_json::{Value, json};

use crate::{cargo, checks, root};

/// Backends, in the order in which they are tried; the first is the one all others are compared with.
pub const BACKENDS: [&str; 4] = ["flex", "ndarray", "wgpu", "cuda"];
/// Those that build everywhere: one program has all of them that are asked for.
const TOGETHER: [&str; 3] = ["flex", "ndarray", "wgpu"];
/// Folders of fixtures, from the root on; the last is beside the repository where somebody has put it there.
const FIXTURES: [&str; 2] = ["trainer/tests/fixtures", "../shared/fixtures"];
/// The exit code of a program that lacks a device.
const LACKING: i32 = 3;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    /// Backends; none: the tests of the crates alone.
    pub backends: Vec<&'static str>,
    /// Whether `all` stood for them: then one that does not run here is left out and no failure.
    pub all: bool,
    /// Whether to print one JSON object.
    pub json: bool,
    /// Whether the program is built as training builds it: slow to build, fast to run.
    pub release: bool,
    /// Whether models of a published size are run in software, too.
    pub at_length: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Passed,
    Failed,
    /// A backend that was asked for by name cannot be built or run here.
    Lacking,
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    name: &'static str,
    device: String,
    /// Passed, failed, skipped; none where nothing ran.
    counts: Option<[u64; 3]>,
    seconds: f64,
    note: String,
}

/// Runs the suite on each backend, and tells all of it at the end.
pub fn run(asked: &Asked) -> anyhow::Result<Ended> {
    let mut rows = Vec::new();
    let mut tests_passed = true;
    if asked.backends.contains(&"flex") {
        tests_passed = checks::test()?;
    }
    let together: Vec<&str> = TOGETHER.into_iter().filter(|name| asked.backends.contains(name)).collect();
    let mut built = None;
    for &name in &asked.backends {
        let begun = Instant::now();
        let row = match TOGETHER.contains(&name) {
            true => {
                let program = built.get_or_insert_with(|| build(&together, asked.release));
                suite(name, program.as_ref().map_err(Clone::clone), asked)?
            }
            false => suite(name, build(&[name], asked.release).as_ref().map_err(Clone::clone), asked)?,
        };
        rows.push(Row { seconds: begun.elapsed().as_secs_f64(), ..row });
    }
    table(&rows, tests_passed).iter().for_each(|line| eprintln!("{line}"));
    if asked.json {
        println!("{}", as_json(&rows));
    }
    let failed = |row: &Row| row.counts.is_some_and(|[_, failed, _]| failed > 0);
    Ok(match rows.iter().any(failed) || !tests_passed {
        true => Ended::Failed,
        false if !asked.all && rows.iter().any(|row| row.counts.is_none()) => Ended::Lacking,
        false => Ended::Passed,
    })
}

/// Builds `adatad` with some backends. Where that fails: what cargo said.
fn build(backends: &[&str], release: bool) -> Result<PathBuf, String> {
    let profile = if release { "release" } else { "matrix" };
    eprintln!("\n== building adatad with {} ({profile})", backends.join(", "));
    let mut command = cargo();
    command.args(["build", "--profile", profile, "--package", "adatad", "--bin", "adatad"]).current_dir(root());
    let others: Vec<&str> = backends.iter().copied().filter(|name| *name != BACKENDS[0]).collect();
    if !others.is_empty() {
        command.args(["--features", &others.join(",")]);
    }
    command.args(["--message-format", "json-render-diagnostics"]);
    let (code, out, said) = listen(command).map_err(|error| format!("{error:#}"))?;
    if code != Some(0) {
        return Err(format!("cannot be built here: {}", reason(&said)));
    }
    let artifacts = out.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let program = artifacts.filter_map(|artifact| artifact["executable"].as_str().map(PathBuf::from)).next_back();
    program.ok_or_else(|| "cargo does not say where the program is".into())
}

/// Runs the suite on one backend.
fn suite(name: &'static str, program: Result<&PathBuf, String>, asked: &Asked) -> anyhow::Result<Row> {
    let nothing = |note| Row { name, device: "-".into(), counts: None, seconds: 0.0, note };
    let program = match program {
        Ok(program) => program,
        Err(reason) => return Ok(nothing(reason)),
    };
    eprintln!("\n== the suite on {name}");
    let mut command = Command::new(program);
    command.args(["matrix", "--json", "--device", name]).current_dir(root());
    if asked.at_length {
        command.arg("--at-length");
    }
    command.args(FIXTURES.iter().filter(|folder| root().join(folder).is_dir()));
    let (code, out, said) = listen(command)?;
    let Ok(result) = serde_json::from_str::<Value>(&out) else {
        let said = reason(&said);
        return Ok(match code {
            Some(LACKING) => nothing(said),
            code => {
                let code = code.map_or("a signal".to_owned(), |code| format!("code {code}"));
                Row { counts: Some([0, 1, 0]), ..nothing(format!("ended with {code}: {said}")) }
            }
        });
    };
    let counts = ["passed", "failed", "skipped"].map(|key| result[key].as_u64().unwrap_or_default());
    Ok(Row { counts: Some(counts), device: text(&result["device"]), ..nothing(remarks(&result)) })
}

/// What failed, and else why something was skipped.
fn remarks(result: &Value) -> String {
    let checks = result["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of = |outcome: &'static str| checks.iter().filter(move |check| check["outcome"] == outcome);
    let failed: Vec<String> = of("failed").map(|check| text(&check["name"])).collect();
    if !failed.is_empty() {
        return format!("failed: {}", failed.join(", "));
    }
    let mut reasons: Vec<String> = of("skipped").map(|check| text(&check["note"])).collect();
    reasons.dedup();
    reasons.join("; ")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Runs a program to its end: its exit code, its output, and its messages, which are also passed on as they come.
fn listen(mut command: Command) -> anyhow::Result<(Option<i32>, String, String)> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let (out, messages) = (child.stdout.take(), child.stderr.take());
    let reader = std::thread::Builder::new().name("output".into()).spawn(move || -> String {
        out.map(|out| std::io::read_to_string(out).unwrap_or_default()).unwrap_or_default()
    })?;
    let mut said = String::new();
    for line in messages.into_iter().flat_map(|messages| BufReader::new(messages).lines()).map_while(Result::ok) {
        eprintln!("{line}");
        said.push_str(&line);
        said.push('\n');
    }
    let code = child.wait().context("cannot wait for a program")?.code();
    Ok((code, reader.join().unwrap_or_default(), said))
}

/// The first error of what a program said, with the word of a panic behind it, in one line.
fn reason(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim).collect();
    let first = lines.iter().position(|line| line.starts_with("error"));
    let error = first.map_or("it does not say why", |at| lines[at].trim_start_matches("error: "));
    let panic = lines.iter().position(|line| line.contains("panicked at")).and_then(|at| lines.get(at + 1));
    panic.map_or_else(|| error.to_owned(), |panic| format!("{error}: {panic}"))
}

fn table(rows: &[Row], tests_passed: bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    if !tests_passed {
        lines.push("tests of the crates: FAILED".into());
    }
    lines.push(format!(
        "{:<8} {:<36} {:>6} {:>6} {:>7} {:>8}  note",
        "backend", "device", "passed", "failed", "skipped", "seconds"
    ));
    lines.extend(rows.iter().map(|Row { name, device, counts, seconds, note }| {
        let [passed, failed, skipped] = match counts {
            Some(counts) => counts.map(|count| count.to_string()),
            None => ["-", "-", "all"].map(str::to_owned),
        };
        format!("{name:<8} {device:<36} {passed:>6} {failed:>6} {skipped:>7} {seconds:>8.0}  {note}")
    }));
    lines
}

fn as_json(rows: &[Row]) -> Value {
    let rows = rows.iter().map(|Row { name, device, counts, seconds, note }| {
        let [passed, failed, skipped] = counts.unwrap_or_default();
        json!({
            "name": name, "device": device, "ran": counts.is_some(), "passed": passed, "failed": failed,
            "skipped": skipped, "seconds": seconds, "note": note,
        })
    });
    json!({ "backends": rows.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_counts_or_why_there_are_none() {
        let row =
            Row { name: "wgpu", device: "a card".into(), counts: Some([9, 0, 2]), seconds: 61.4, note: "x".into() };
        let none = Row { name: "cuda", device: "-".into(), counts: None, seconds: 0.0, note: "no driver".into() };
        let lines = table(&[row.clone(), none.clone()], true);
        assert!(lines[2].contains("wgpu") && lines[2].contains(" 9 ") && lines[2].ends_with("61  x"), "{lines:?}");
        assert!(lines[3].contains("all") && lines[3].ends_with("no driver"), "{lines:?}");
        let told = as_json(&[row, none]);
        assert_eq!(told["backends"][0]["passed"], 9);
        assert_eq!(told["backends"][1]["ran"], false);
    }

    #[test]
    fn what_failed_is_named_before_what_was_skipped() {
        let check = |name: &str, outcome: &str| json!({ "name": name, "outcome": outcome, "note": "slow" });
        let skipped = json!({ "checks": [check("a", "passed"), check("b", "skipped"), check("c", "skipped")] });
        assert_eq!(remarks(&skipped), "slow");
        let failed = json!({ "checks": [check("a", "failed"), check("b", "skipped")] });
        assert_eq!(remarks(&failed), "failed: a");
    }

    #[test]
    fn the_first_error_is_the_reason() {
        assert_eq!(reason("warning: x\nerror: no driver\nmore\n"), "no driver");
        assert_eq!(
            reason("error: failed to run it\n  thread 'main' panicked at x:1:\n  no net\n"),
            "failed to run it: no net"
        );
        assert_eq!(reason(""), "it does not say why");
    }
}
