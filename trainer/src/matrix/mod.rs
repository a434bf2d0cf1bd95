//! One suite for every backend: fixtures, training, detection, going on elsewhere.
//!
//! A backend (the *subject*) is compared with the reference implementation's numbers, and with another backend (the
//! *reference*) that is known to have them. Nothing here knows which backends there are.

mod demonstration;
mod fixtures;
mod half;
pub mod tolerance;

use std::path::{Path, PathBuf};
use std::time::Instant;

use adatad_data::ahead::guarded;
use burn::tensor::Device;
use serde::Serialize;

/// A backend at work.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Its name in results.
    pub name: &'a str,
    /// Its device, without gradients.
    pub device: &'a Device,
}

/// What is compared with what.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    /// The backend that is looked at.
    pub subject: Subject<'a>,
    /// The one it is compared with.
    pub reference: Subject<'a>,
    /// Folders of fixtures.
    pub fixtures: &'a [PathBuf],
    /// A folder for runs, to be thrown away.
    pub work: &'a Path,
    /// Whether models of a published size are run, too.
    pub at_length: bool,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should.
    Passed,
    /// Not as it should.
    Failed,
    /// Not made.
    Skipped,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub name: String,
    /// How it came out.
    pub outcome: Outcome,
    /// How far off it was, what went wrong, or why nothing was done.
    pub note: String,
    /// How long it took, with the kernels that were built for it.
    pub seconds: f64,
}

/// What a check says at its end.
type Said = (Outcome, String);

impl Matrix<'_> {
    /// Runs every check; `each` hears of one after another.
    pub fn run(&self, mut each: impl FnMut(&Check)) -> Vec<Check> {
        let mut checks = Vec::new();
        let mut check = |name: &str, work: &mut dyn FnMut() -> Said| {
            let begun = Instant::now();
            // A backend that lacks an operation panics. That is this check's failure, and not the end of the others.
            let (outcome, note) = guarded(work).unwrap_or_else(|said| {
                (Outcome::Failed, format!("panicked: {}", said.split_whitespace().collect::<Vec<_>>().join(" ")))
            });
            let check = Check { name: name.to_owned(), outcome, note, seconds: begun.elapsed().as_secs_f64() };
            each(&check);
            checks.push(check);
        };
        fixtures::checks(self, &mut check);
        half::checks(self, &mut check);
        demonstration::checks(self, &mut check);
        checks
    }
}

/// Passed, if that is so.
fn verdict(passed: bool, note: String) -> Said {
    (if passed { Outcome::Passed } else { Outcome::Failed }, note)
}
