//! `metrics.jsonl`: a line for every step and every evaluation.
//!
//! A run never ends because its log cannot be written: lines that are lost are counted.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

use serde_json::{Value, json};

use crate::observe::StepReport;

/// The log of a run.
pub(super) struct Log {
    out: Option<File>,
    /// Bytes written.
    bytes: u64,
    lost: usize,
    reason: Option<String>,
}

impl Log {
    /// Opens the log of a run that has written `bytes` of it: whatever came after is of steps that will be done again.
    pub(super) fn open(path: &Path, bytes: u64) -> Self {
        let open = || -> io::Result<File> {
            let mut file = File::options().create(true).truncate(false).write(true).open(path)?;
            // Of a device or a pipe there is nothing to take back.
            if file.metadata()?.is_file() {
                file.set_len(bytes)?;
                file.seek(SeekFrom::Start(bytes))?;
            }
            Ok(file)
        };
        match open() {
            Ok(out) => Self { out: Some(out), bytes, lost: 0, reason: None },
            Err(error) => Self { out: None, bytes, lost: 0, reason: Some(error.to_string()) },
        }
    }

    /// Bytes of all lines so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Lines that could not be written, and why.
    pub(super) fn lost(&self) -> Option<(usize, &str)> {
        let reason = self.reason.as_deref().unwrap_or_default();
        (self.lost > 0).then_some((self.lost, reason))
    }

    pub(super) fn step(&mut self, report: &StepReport) {
        let StepReport { step, epoch, losses, rate, norm, loss_scale, .. } = report;
        let mut line = json!({
            "kind": "step", "step": step, "epoch": epoch, "loss": losses.total, "cls_loss": losses.classification,
            "reg_loss": losses.regression, "frame_loss": losses.frame, "rate": rate, "grad_norm": norm,
        });
        if let Some(scale) = loss_scale {
            line["loss_scale"] = json!(scale);
        }
        self.line(&line);
    }

    pub(super) fn skipped_window(&mut self, step: usize, reason: &str) {
        self.line(&json!({"kind": "skipped-window", "step": step, "reason": reason}));
    }

    pub(super) fn skipped_step(&mut self, step: usize, reason: &str) {
        self.line(&json!({"kind": "skipped-step", "step": step, "reason": reason}));
    }

    pub(super) fn evaluation(&mut self, step: usize, epoch: usize, average: f64) {
        self.line(&json!({"kind": "evaluation", "step": step, "epoch": epoch, "average_map": average}));
    }

    fn line(&mut self, value: &Value) {
        let line = format!("{value}\n");
        let written = match &mut self.out {
            Some(out) => out.write_all(line.as_bytes()),
            None => Err(io::Error::other("not open")),
        };
        match written {
            Ok(()) => self.bytes += line.len() as u64,
            Err(error) => {
                self.lost += 1;
                self.reason.get_or_insert(error.to_string());
                // Half a line may be there: it is taken back, so that the others can still be read.
                if let Some(out) = &mut self.out {
                    let back = out.set_len(self.bytes).and_then(|()| out.seek(SeekFrom::Start(self.bytes)));
                    if back.is_err() {
                        self.reason.get_or_insert("the log cannot be mended".into());
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_steps_that_are_done_again_are_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut log = Log::open(&path, 0);
        log.evaluation(1, 1, 0.5);
        let bytes = log.bytes();
        log.evaluation(2, 2, 0.6);
        let mut log = Log::open(&path, bytes);
        log.evaluation(2, 2, 0.7);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains("0.5") && text.contains("0.7") && !text.contains("0.6"), "{text}");
        assert_eq!(log.lost(), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn lines_that_cannot_be_written_are_counted() {
        let mut log = Log::open(Path::new("/dev/full"), 0);
        log.evaluation(1, 1, 0.5);
        log.evaluation(2, 2, 0.5);
        let (lost, reason) = log.lost().unwrap();
        assert_eq!((lost, log.bytes()), (2, 0));
        assert!(reason.contains("No space"), "{reason}");
    }
}
