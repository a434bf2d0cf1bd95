//! What may go wrong in a step without ending the run, and how often.

use serde_json::json;

use super::Watch;
use super::error::TrainError;
use super::log::Log;
use super::plan::Unready;
use crate::checkpoint::Progress;
use crate::config::RunConfig;
use crate::folder::RunFolder;
use crate::loss_scale::LossScale;
use crate::source::Sample;

/// Counts what is left out.
pub(super) struct Guard<'a> {
    pub(super) config: &'a RunConfig,
    /// Windows of a step.
    pub(super) batch: usize,
    /// Windows of an epoch.
    pub(super) windows: usize,
    pub(super) log: &'a mut Log,
    pub(super) watch: Watch<'a>,
}

/// What is known of a step that is left out.
pub(super) struct Facts {
    pub(super) step: usize,
    pub(super) rate: f64,
    pub(super) videos: Vec<String>,
}

impl Guard<'_> {
    /// The windows of a step that could be read. Others are left out, never replaced, until they are too many.
    pub(super) fn readable(
        &mut self,
        progress: &mut Progress,
        windows: impl Iterator<Item = Result<Sample, Unready>>,
    ) -> Result<Vec<Sample>, TrainError> {
        let mut samples = Vec::with_capacity(self.batch);
        for window in windows {
            let error = match window {
                Ok(sample) => {
                    samples.push(sample);
                    continue;
                }
                Err(Unready::Panicked(panicked)) => return Err(panicked.into()),
                Err(Unready::Source(error)) => error,
            };
            progress.skipped_windows += 1;
            let reason = error.to_string();
            self.log.skipped_window(progress.step, &reason);
            self.watch.observer.note(&format!("step {}: a window is left out: {reason}", progress.step));
            let drawn = ((progress.step + 1) * self.batch).max(self.windows);
            let limit = self.config.schedule.skip_limit;
            if progress.skipped_windows as f64 > limit * drawn as f64 {
                return Err(TrainError::TooManySkipped {
                    skipped: progress.skipped_windows,
                    drawn,
                    limit,
                    last: error,
                });
            }
        }
        Ok(samples)
    }

    /// A step with a gradient beyond f16, which is left out: with the loss scaled by less, the next ones will do. Nothing is
    /// wrong, and it is no step of those in a row that end a run.
    pub(super) fn overflow(&mut self, progress: &mut Progress, smaller: LossScale) {
        progress.loss_scale = Some(smaller);
        let reason = format!("a gradient is beyond f16; the loss is scaled by {} from here on", smaller.factor);
        self.log.skipped_step(progress.step, &reason);
        self.watch.observer.note(&format!("step {}: {reason}; the step is left out", progress.step));
    }

    /// A step whose gradient is not a number, or that has no window left: it changes nothing. Told in the log and in a file
    /// of its own, and an error when there have been too many in a row.
    pub(super) fn not_a_number(
        &mut self,
        progress: &mut Progress,
        folder: &RunFolder,
        facts: Facts,
    ) -> Result<(), TrainError> {
        let Facts { step, rate, videos } = facts;
        if videos.is_empty() {
            self.log.skipped_step(step, "no window could be read");
            return Ok(());
        }
        let record = folder.not_a_number(step);
        let text = json!({
            "step": step, "rate": rate, "videos": videos, "loss_normalizer": progress.loss_normalizer,
            "seed": self.config.seed, "skipped_before": progress.skipped_steps,
        });
        // The record helps to find the reason; that it cannot be written is no other reason.
        if let Err(error) = folder.write(&record, &format!("{text:#}\n")) {
            self.watch.observer.note(&error.to_string());
        }
        if progress.skipped_steps >= self.config.schedule.skip_steps {
            return Err(TrainError::NotANumber { step, videos, record });
        }
        progress.skipped_steps += 1;
        self.log.skipped_step(step, "the loss or gradient is not a number");
        self.watch.observer.note(&format!(
            "step {step}: the loss or gradient is not a number (windows from {}); the step is left out",
            videos.join(", ")
        ));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::AtomicBool;
    use std::time::Instant;

    use adatad_data::ahead::Panicked;

    use super::*;
    use crate::fault::Fault;
    use crate::observe::{Observer, Stage, StepReport};
    use crate::session::SessionError;

    struct Deaf;

    impl Observer for Deaf {
        fn stage(&self, _: Stage, _: usize, _: usize) {}
        fn step(&self, _: &StepReport) {}
        fn note(&self, _: &str) {}
    }

    #[test]
    fn a_mistake_in_a_thread_ends_the_run_with_the_name_of_what_it_worked_on() {
        let folder = tempfile::tempdir().unwrap();
        let config = RunConfig::parse(crate::config::DEMONSTRATION, Path::new("demo"), &[]).unwrap();
        let (stop, mut log) = (AtomicBool::new(false), Log::open(&folder.path().join("log"), 0));
        let watch = Watch { stop: &stop, observer: &Deaf, begun: Instant::now() };
        let mut guard = Guard { config: &config, batch: 2, windows: 8, log: &mut log, watch };
        let panicked = Panicked { job: "video `press_1` (step 3)".into(), reason: "index out of bounds".into() };
        let windows = [Err(Unready::Panicked(panicked))].into_iter();
        let error = guard.readable(&mut Progress::default(), windows).unwrap_err();
        assert!(error.to_string().contains("press_1") && error.to_string().contains("out of bounds"), "{error}");
        assert_eq!(SessionError::Train(error).fault(), Fault::Program);
    }
}
