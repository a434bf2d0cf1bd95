//! Tests, benches, and the list of everything CI runs.

use std::ffi::OsString;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context;

use crate::{cargo, root, tidy};

/// The backends' suite on the second one that needs nothing but a processor, with the fixtures of the repository.
const NDARRAY: [&str; 12] = [
    "run",
    "--profile",
    "matrix",
    "--package",
    "adatad",
    "--features",
    "ndarray",
    "--",
    "matrix",
    "--device",
    "ndarray",
    "trainer/tests/fixtures",
];

/// One thing that is run and either passes or does not.
struct Step {
    title: &'static str,
    work: Work,
}

enum Work {
    /// `cargo` with these arguments.
    Cargo(&'static [&'static str]),
    /// `cargo doc`; a warning is an error.
    Docs,
    /// The rules of this repository.
    Tidy,
    /// Nothing, for this reason.
    Skip(&'static str),
}

/// Runs all tests.
pub fn test() -> anyhow::Result<bool> {
    run(&test_steps())
}

/// Runs benches.
pub fn bench(args: &[OsString]) -> anyhow::Result<bool> {
    let status = cargo().args(["bench", "--package", "adatad-benches"]).args(args).current_dir(root()).status();
    Ok(status.context("cannot start cargo")?.success())
}

/// Runs what CI runs, cheapest first, up to the first failure.
pub fn check() -> anyhow::Result<bool> {
    let mut steps = vec![
        Step { title: "format", work: Work::Cargo(&["fmt", "--all", "--check"]) },
        Step { title: "tidy", work: Work::Tidy },
        Step {
            title: "lints",
            work: Work::Cargo(&["clippy", "--workspace", "--all-targets", "--", "--deny", "warnings"]),
        },
    ];
    steps.extend(test_steps());
    steps.push(Step { title: "the suite on ndarray", work: Work::Cargo(&NDARRAY) });
    steps.push(Step { title: "documentation", work: Work::Docs });
    let deny = match has("deny") {
        true => Work::Cargo(&["deny", "check"]),
        false => Work::Skip("cargo-deny is not installed (cargo install --locked cargo-deny)"),
    };
    steps.push(Step { title: "licences and advisories", work: deny });
    run(&steps)
}

fn test_steps() -> [Step; 2] {
    let tests: &[_] = match has("nextest") {
        true => &["nextest", "run", "--workspace"],
        false => &["test", "--workspace", "--lib", "--bins", "--tests"],
    };
    [
        Step { title: "tests", work: Work::Cargo(tests) },
        Step { title: "tests in the documentation", work: Work::Cargo(&["test", "--doc", "--workspace"]) },
    ]
}

/// Whether this cargo has a command of this name.
fn has(name: &str) -> bool {
    let ask = cargo().args([name, "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    ask.is_ok_and(|status| status.success())
}

fn run(steps: &[Step]) -> anyhow::Result<bool> {
    let mut table = Vec::new();
    let mut passed = true;
    let started = Instant::now();
    for (at, step) in steps.iter().enumerate() {
        eprintln!("\n== {} of {}: {}", at + 1, steps.len(), step.title);
        let step_started = Instant::now();
        passed = step.work.run()?;
        let took = seconds(step_started.elapsed());
        let verdict = match (&step.work, passed) {
            (Work::Skip(_), _) => "skipped",
            (_, true) => "passed",
            (_, false) => "FAILED",
        };
        eprintln!("== {}: {verdict} ({took})", step.title);
        table.push(format!("{verdict:>8} {took:>12}  {}", step.title));
        if !passed {
            break;
        }
    }
    eprintln!("\n{}\n{:>8} {:>12}", table.join("\n"), "in all", seconds(started.elapsed()));
    Ok(passed)
}

impl Work {
    fn run(&self) -> anyhow::Result<bool> {
        let mut command = cargo();
        command.current_dir(root());
        match self {
            Work::Tidy => return tidy::tidy(),
            Work::Skip(reason) => {
                eprintln!("{reason}");
                return Ok(true);
            }
            Work::Cargo(args) => command.args(*args),
            Work::Docs => command.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"),
        };
        Ok(command.status().context("cannot start cargo")?.success())
    }
}

fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        long => format!("{} min {:02} s", long / 60, long % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_are_told_in_minutes() {
        assert_eq!(seconds(Duration::from_millis(1250)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(605)), "10 min 05 s");
    }

    #[test]
    fn a_step_left_out_does_not_fail_the_rest() {
        let skip = || Step { title: "nothing", work: Work::Skip("no reason") };
        assert!(run(&[skip(), skip()]).unwrap());
    }
}
