//! `cargo xtask VERB`: builds `adatad` with what its device needs and runs it; the tests and checks that CI runs.
//!
//! Knows none of the other crates: it starts cargo, and cargo builds and starts them.
//!
//! Exit codes: 0 done, 1 a check or test says no, 2 not understood, 3 the machine lacks something. The verbs of `adatad`
//! end with the code of `adatad`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to whoever called it")]

mod args;
mod checks;
mod launch;
mod matrix;
mod tidy;

use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, ExitCode};

use args::Own;

/// Verbs that are handed to `adatad`, each with what it does.
const COMMAND: [(&str, &str); 12] = [
    ("train", "Train a detector; without a run file, the built-in demonstration"),
    ("eval", "Measure a trained run on a subset: mAP per overlap and class"),
    ("detect", "Find the actions in videos of any length"),
    ("merge", "Join the results of several machines"),
    ("serve", "Lend this machine's device to training on another one"),
    ("score", "mAP and recall of any file of detections, and what is wrong with it"),
    ("parity", "Compare this build with reference numbers"),
    ("plan", "Parameters, arithmetic and memory, before anything runs"),
    ("config", "Show, compare and explain run files; list those that come with the program"),
    ("weights", "Look into files of pretrained weights, convert them"),
    ("doctor", "What this machine has: devices, memory, disk, readers of video"),
    ("data", "Check, import and export labels; generate the demonstration's videos"),
];

/// Verbs that are done here.
const OWN: [(&str, &str); 5] = [
    (
        "test [--backend B]",
        "Run all tests; with a backend (flex, ndarray, wgpu, cuda, all), the test matrix and its table",
    ),
    ("bench [NAME]", "Run the criterion benches, or one of them; `bench step`: one real training step"),
    ("tidy", "Check the rules of this repository"),
    ("check", "Everything CI runs, cheapest first"),
    ("help [VERB]", "This list, or the options of a verb"),
];

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match run(&args) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn run(args: &[OsString]) -> anyhow::Result<ExitCode> {
    let own = match args::own(args) {
        Ok(Some(own)) => own,
        Ok(None) => return launch::adatad(args),
        Err(message) => return Ok(usage(&message)),
    };
    let passed = match own {
        Own::Help => {
            help();
            true
        }
        Own::HelpOn(verb) => return launch::adatad(&[verb, "--help".into()]),
        Own::Test(asked) if asked.backends.is_empty() => checks::test()?,
        Own::Test(asked) => match matrix::run(&asked)? {
            matrix::Ended::Lacking => return Ok(ExitCode::from(3)),
            ended => ended == matrix::Ended::Passed,
        },
        Own::Bench(args) => checks::bench(&args)?,
        Own::Tidy => tidy::tidy()?,
        Own::Check => checks::check()?,
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn help() {
    println!(
        "cargo xtask VERB [ARGUMENT]...\n\nBuilt in release and run as `adatad VERB` (more with `cargo xtask help VERB`):"
    );
    COMMAND.iter().for_each(|(verb, about)| println!("  {verb:<20} {about}"));
    println!("\nFor those who work on adatad:");
    OWN.iter().for_each(|(verb, about)| println!("  {verb:<20} {about}"));
}

/// Says what was not understood.
fn usage(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(2)
}

/// The folder of the workspace.
fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The cargo that started this.
fn cargo() -> Command {
    #[expect(clippy::disallowed_methods, reason = "cargo tells its children where it is in this way only")]
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
}
