//! Which windows each step sees: a function of the seed, so that any step can be made ready by itself.

use std::fmt;
use std::time::Duration;

use adatad_data::ahead::Panicked;
use adatad_data::random::{Rng, Stream};

use super::error::TrainError;
use crate::config::RunConfig;
use crate::dataset::Dataset;
use crate::observe::StepReport;
use crate::schedule::{Schedule, WarmupCosine, WarmupFalls};
use crate::source::{Sample, SourceError};
use crate::step::StepLosses;

/// The steps of a run.
pub(super) struct Plan<'a> {
    data: &'a Dataset,
    seed: u64,
    teachers: Vec<usize>,
    /// Windows of an epoch.
    pub(super) windows: usize,
    /// Windows of a step.
    pub(super) batch: usize,
    pub(super) epochs: usize,
    warmup_epochs: usize,
    pub(super) steps_per_epoch: usize,
    pub(super) frames_per_step: usize,
}

/// One window that a step will see.
#[derive(Debug, Clone)]
pub(super) struct Job {
    step: usize,
    video: usize,
    name: String,
    epoch: usize,
    draw: usize,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "video `{}` (step {})", self.name, self.step)
    }
}

/// Why a window is not ready.
#[derive(Debug)]
pub(super) enum Unready {
    /// Its file cannot be read.
    Source(SourceError),
    /// A mistake of the program.
    Panicked(Panicked),
}

impl From<Panicked> for Unready {
    fn from(panicked: Panicked) -> Self {
        Unready::Panicked(panicked)
    }
}

impl<'a> Plan<'a> {
    pub(super) fn new(config: &RunConfig, data: &'a Dataset) -> Result<Self, TrainError> {
        let teachers = data.teachers();
        let (windows, batch) = (teachers.len() * config.schedule.windows_per_video, config.schedule.batch);
        if windows < batch {
            return Err(TrainError::BatchTooLarge { batch, windows });
        }
        Ok(Self {
            data,
            seed: config.seed,
            teachers,
            windows,
            batch,
            epochs: config.schedule.epochs,
            warmup_epochs: config.schedule.warmup_epochs,
            steps_per_epoch: windows / batch, // the reference drops what does not fill a batch
            frames_per_step: batch * data.grid().window_frames(),
        })
    }

    pub(super) fn steps(&self) -> usize {
        self.epochs * self.steps_per_epoch
    }

    pub(super) fn schedule(&self, config: &RunConfig) -> Schedule {
        let warmup = self.warmup_epochs * self.steps_per_epoch;
        match &config.schedule.falls {
            Some(falls) => {
                let steps = falls.epochs.iter().map(|epoch| epoch * self.steps_per_epoch).collect();
                Schedule::Falls(WarmupFalls { warmup, falls: steps, factor: falls.factor })
            }
            None => Schedule::Cosine(WarmupCosine {
                warmup,
                total: config.schedule.cosine_epochs() * self.steps_per_epoch,
                last: config.schedule.final_rate / config.optimizer.learning_rate.max(f64::MIN_POSITIVE),
            }),
        }
    }

    /// The windows of a step.
    pub(super) fn jobs(&self, step: usize) -> Vec<Job> {
        let (epoch, within) = (step / self.steps_per_epoch, step % self.steps_per_epoch);
        let mut order: Vec<usize> = (0..self.windows).collect();
        Rng::new(self.seed, Stream::Order, epoch as u64, 0).shuffle(&mut order);
        let job = |&draw: &usize| {
            let video = self.teachers[draw % self.teachers.len()];
            Job { step, video, name: self.data.videos()[video].name.clone(), epoch, draw }
        };
        order[within * self.batch..(within + 1) * self.batch].iter().map(job).collect()
    }

    /// Makes a window ready.
    pub(super) fn sample(&self, job: &Job) -> Result<Sample, Unready> {
        self.data.training_sample(job.video, job.epoch, job.draw).map_err(Unready::Source)
    }

    pub(super) fn report(&self, done: usize, losses: StepLosses, rate: f64, norm: f64) -> StepReport {
        StepReport {
            step: done,
            steps: self.steps(),
            epoch: (done - 1) / self.steps_per_epoch,
            epochs: self.epochs,
            losses,
            rate,
            norm,
            loss_scale: None,
            frames_per_second: 0.0,
            left: Duration::ZERO,
            epoch_loss: None,
        }
    }
}
