//! `progress.json`: how far a run is, for whoever looks from outside, and for its next start.
//!
//! A process that is killed says nothing. The next one then finds a record that still says "running", and can tell how
//! far it had come and how much memory it had taken: most who die without a word were killed for that.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use adatad_data::atomic;
use serde::{Deserialize, Serialize};

use crate::stamp::utc_now;
use crate::usage::Usage;

/// Least time between two writings.
const QUIET: Duration = Duration::from_secs(2);

/// What became of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// It is at work, or was when it died.
    Running,
    /// It was asked to stop.
    Stopped,
    /// Training has come to its end.
    Finished,
    /// It ended with an error.
    Failed,
}

/// The record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What became of the process.
    pub state: RunState,
    /// Its number.
    pub process: u32,
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Its largest resident memory so far, in MiB.
    pub peak_mib: u64,
    /// When this was written, in UTC.
    pub at: String,
}

impl Record {
    /// The record of the last process; none if there was none, or its record is damaged.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// What to tell of a process that died without a word.
    pub fn last_words(&self) -> Option<String> {
        (self.state == RunState::Running).then(|| {
            format!(
                "the last process of this run ended without a stop record, at step {} of {} or later ({} UTC); its \
                 largest memory was {} MiB",
                self.step, self.steps, self.at, self.peak_mib
            )
        })
    }
}

/// Keeps the record of this process.
#[derive(Debug)]
pub struct Recorder {
    path: PathBuf,
    begun: Instant,
    written: Option<Instant>,
}

impl Recorder {
    /// One that writes to `path`; `begun` is when the command began.
    pub fn new(path: PathBuf, begun: Instant) -> Self {
        Self { path, begun, written: None }
    }

    /// Writes the record, but not too often while the process is running. One that cannot be written is missed by nobody
    /// but the next start.
    pub fn write(&mut self, state: RunState, step: usize, steps: usize) {
        if state == RunState::Running && self.written.is_some_and(|written| written.elapsed() < QUIET) {
            return;
        }
        self.written = Some(Instant::now());
        let peak_mib = Usage::since(self.begun).peak_mib;
        let record = Record { state, process: std::process::id(), step, steps, peak_mib, at: utc_now() };
        let text = serde_json::to_string_pretty(&record).unwrap_or_default();
        if let Err(error) = atomic::write(&self.path, |out| writeln!(out, "{text}")) {
            tracing::debug!("{}: {error}", self.path.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_process_that_died_without_a_word_has_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.json");
        assert_eq!(Record::read(&path), None);
        let mut recorder = Recorder::new(path.clone(), Instant::now());
        recorder.write(RunState::Running, 3, 9);
        let words = Record::read(&path).unwrap().last_words().unwrap();
        assert!(words.contains("step 3 of 9") && words.contains("MiB"), "{words}");
        recorder.write(RunState::Stopped, 4, 9);
        assert_eq!(Record::read(&path).unwrap().last_words(), None);
    }
}
