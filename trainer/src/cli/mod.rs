//! Verbs, options, exit codes.

mod ask;
mod bench;
mod config;
mod data;
mod detect;
mod device;
mod devices;
mod doctor;
mod eval;
mod matrix;
mod merge;
mod parity;
mod plan;
mod precision;
mod probe;
mod progress;
mod run_file;
mod score;
mod serve;
mod size;
mod steady;
mod stop;
mod train;
mod weights;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};

use adatad::fault::Fault;
use adatad::memory::DoesNotFit;
use adatad::session::SessionError;
use adatad::usage::Usage;
use adatad_adapter::SpillError;

use device::{NoDevice, NoHalf};

/// Usage and input.
const BAD_INPUT: u8 = 2;
/// A mistake of this program, or a check that says no.
const MISTAKE: u8 = 1;
/// Memory or disk does not suffice, or a device cannot be used.
const LACKING: u8 = 3;

/// Find when actions happen in long videos: train, evaluate, detect.
#[derive(Parser)]
#[command(name = "adatad", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Train(train::Train),
    Eval(eval::Eval),
    Detect(detect::Detect),
    Merge(merge::Merge),
    Serve(serve::Serve),
    Doctor(doctor::Doctor),
    Parity(parity::Parity),
    Plan(plan::Plan),
    Score(score::Score),
    #[command(subcommand)]
    Config(config::Config),
    #[command(subcommand)]
    Bench(bench::Bench),
    #[command(subcommand)]
    Weights(weights::Weights),
    #[command(subcommand)]
    Data(data::Data),
    Matrix(matrix::Matrix),
    #[command(hide = true)]
    Probe(probe::Probe),
}

/// How a verb ended.
enum Ending {
    Done,
    /// A check says no.
    Failed,
    /// A signal, for which this is the exit code.
    Stopped(u8),
}

/// Runs the command line.
pub(crate) fn run() -> ExitCode {
    let clock = Clock::start();
    let cli = Cli::parse();
    if matches!(cli.verb, Verb::Detect(_)) {
        steady::keep_memory();
    }
    let subscriber = tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().with_target(false);
    subscriber.with_max_level(tracing::Level::WARN).init();
    let ending = match cli.verb {
        Verb::Train(verb) => verb.run(&clock),
        Verb::Eval(verb) => verb.run(&clock),
        Verb::Detect(verb) => verb.run(&clock),
        Verb::Merge(verb) => verb.run(&clock),
        Verb::Serve(verb) => verb.run(),
        Verb::Doctor(verb) => verb.run(&clock),
        Verb::Parity(verb) => verb.run(&clock),
        Verb::Plan(verb) => verb.run(&clock),
        Verb::Config(verb) => verb.run(&clock),
        Verb::Bench(bench::Bench::Step(verb)) => verb.run(&clock),
        Verb::Score(verb) => verb.run(&clock),
        Verb::Weights(verb) => verb.run(&clock),
        Verb::Data(verb) => verb.run(&clock),
        Verb::Matrix(verb) => verb.run(&clock),
        Verb::Probe(verb) => verb.run(&clock),
    };
    match ending {
        Ok(Ending::Done) => ExitCode::SUCCESS,
        Ok(Ending::Failed) => ExitCode::FAILURE,
        Ok(Ending::Stopped(code)) => ExitCode::from(code),
        Err(error) => {
            tell(&format!("error: {}", message(&error)));
            ExitCode::from(failure(&error))
        }
    }
}

/// The exit code for an error.
fn failure(error: &anyhow::Error) -> u8 {
    let fault = match error.downcast_ref::<SessionError>() {
        Some(error) => error.fault(),
        None if error.is::<DoesNotFit>()
            || error.is::<SpillError>()
            || error.is::<NoDevice>()
            || error.is::<NoHalf>() =>
        {
            Fault::Resource
        }
        None => Fault::Input,
    };
    match fault {
        Fault::Input => BAD_INPUT,
        Fault::Resource => LACKING,
        Fault::Program => MISTAKE,
    }
}

/// An error with its causes, each told once: some errors tell their cause themselves.
fn message(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said {
        said if said.is_empty() => cause,
        said if said.contains(&cause) => said,
        said => format!("{said}: {cause}"),
    })
}

/// When the command began, and what the process had used by then (a launcher may have run in it before).
pub(crate) struct Clock {
    begun: Instant,
    cpu_before: f64,
}

impl Clock {
    fn start() -> Self {
        let begun = Instant::now();
        Self { begun, cpu_before: Usage::since(begun).cpu_s }
    }

    fn begun(&self) -> Instant {
        self.begun
    }

    /// What the process has used since the command began.
    fn usage(&self) -> Usage {
        let usage = Usage::since(self.begun);
        Usage { cpu_s: usage.cpu_s - self.cpu_before, ..usage }
    }

    /// Prints `result` as one JSON object, with what the command used.
    fn print(&self, mut result: Value) {
        let usage = self.usage();
        result["wall_s"] = json!(usage.wall_s);
        result["cpu_s"] = json!(usage.cpu_s);
        result["peak_mib"] = json!(usage.peak_mib);
        say(&result.to_string());
    }
}

/// One line on standard error. That nobody listens there is no error.
fn tell(line: &str) {
    use std::io::Write;
    let _deaf = writeln!(std::io::stderr(), "{line}");
}

/// One line on standard output. A reader that has seen enough (`| head`) is no error.
fn say(line: &str) {
    use std::io::Write;
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}
