//! `matrix`.

use std::path::PathBuf;

use adatad::matrix::{Check, Matrix as Suite, Outcome, Subject};
use anyhow::Context;
use serde_json::json;

use super::device::DeviceName;
use super::devices::Place;
use super::{Clock, Ending, say};

/// Check a backend: fixtures, twenty training steps, detection, going on where another backend stopped
///
/// A line per check. `cargo xtask test --backend NAME` builds a program with the backend and runs this.
#[derive(clap::Args)]
pub(crate) struct Matrix {
    /// Folders of fixtures
    #[arg(value_name = "DIR", required = true)]
    fixtures: Vec<PathBuf>,
    /// The backend to check: flex, ndarray, wgpu, cuda, or a device of another machine as ws://HOST:PORT
    #[arg(long, default_value = "flex")]
    device: Place,
    /// The backend it is compared with
    #[arg(long, value_enum, default_value_t)]
    reference: DeviceName,
    /// Run models of a published size in software, too
    #[arg(long)]
    at_length: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Matrix {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let (device, part) = self.device.open_and_ask()?;
        let reference = self.reference.open()?;
        // What a check panics with stands in its line.
        std::panic::set_hook(Box::new(|_| {}));
        let work = tempfile::tempdir().context("a folder for runs")?;
        let suite = Suite {
            subject: Subject { name: self.device.name(), device: &device },
            reference: Subject { name: self.reference.name(), device: &reference },
            fixtures: &self.fixtures,
            work: work.path(),
            at_length: self.at_length || !part.software,
        };
        let checks = suite.run(|check| match self.json {
            true => super::tell(&line(check)),
            false => say(&line(check)),
        });
        let count = |outcome| checks.iter().filter(|check| check.outcome == outcome).count();
        let [passed, failed, skipped] = [Outcome::Passed, Outcome::Failed, Outcome::Skipped].map(count);
        if self.json {
            clock.print(json!({
                "name": self.device.name(), "device": part.name, "passed": passed, "failed": failed, "skipped": skipped,
                "seconds": clock.usage().wall_s, "checks": checks,
            }));
        } else {
            say(&format!(
                "{} ({}): {passed} passed, {failed} failed, {skipped} skipped",
                self.device.name(),
                part.name
            ));
        }
        Ok(if failed == 0 { Ending::Done } else { Ending::Failed })
    }
}

fn line(Check { name, outcome, note, seconds }: &Check) -> String {
    let verdict = match outcome {
        Outcome::Passed => "pass",
        Outcome::Failed => "FAIL",
        Outcome::Skipped => "skip",
    };
    format!("{verdict} {name:<52} {seconds:>7.1} s  {note}")
}
