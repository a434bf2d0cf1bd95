//! The training loop.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use adatad_adapter::SpillError;
use adatad_data::random::{Rng, Stream};
use burn::module::Module;
use burn::tensor::Device;
use serde_json::json;

use crate::average::WeightAverage;
use crate::checkpoint::{self, CheckpointError, Progress, State};
use crate::config::RunConfig;
use crate::dataset::Dataset;
use crate::folder::RunFolder;
use crate::model::AdaTad;
use crate::observe::{Observer, StepReport};
use crate::optim::Optimizer;
use crate::schedule::{Schedule, WarmupCosine, WarmupFalls};
use crate::source::{Sample, SourceError};
use crate::step::{self, StepLosses, StepPlan, StepSeed};

/// Steps whose windows are made ready ahead of training.
const AHEAD: usize = 2;

/// Why training ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A training video, or its features, cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A checkpoint cannot be written or used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The loss has left the numbers.
    #[error("step {step}: the gradient is not a number (windows from {}); nothing was changed by this step; a smaller optimizer.learning-rate may help", videos.join(", "))]
    NotANumber {
        /// The step, from 0.
        step: usize,
        /// Videos of its windows.
        videos: Vec<String>,
    },
    /// What a step keeps does not fit into its folder.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// The log cannot be written.
    #[error("{}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Too few windows for a single step.
    #[error(
        "schedule.batch is {batch}, but an epoch has only {windows} windows; lower it, or raise schedule.windows-per-video"
    )]
    BatchTooLarge {
        /// Windows per step.
        batch: usize,
        /// Windows per epoch.
        windows: usize,
    },
}

/// How training ended.
#[derive(Debug)]
pub struct Trained {
    /// The model with averaged weights, ready for detection.
    pub model: AdaTad,
    /// Mean loss of every finished epoch.
    pub epoch_losses: Vec<f64>,
    /// Whether it was stopped before the end.
    pub stopped: bool,
    /// Steps done.
    pub steps: usize,
}

/// Who watches training, and who may end it.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Set to stop after the present step.
    pub stop: &'a AtomicBool,
    /// Hears of every step.
    pub observer: &'a dyn Observer,
}

/// Trains `model`, or goes on from the folder's checkpoint with `resume`; then the weights of `model` do not matter. When
/// it is told to stop, the checkpoint is that of the last whole step.
///
/// `model` must be on the autodiff form of `device`.
///
/// # Errors
///
/// See [`TrainError`].
#[expect(clippy::too_many_arguments, reason = "a run has that many parts")]
pub fn train(
    config: &RunConfig,
    mut model: AdaTad,
    data: &Dataset,
    folder: &RunFolder,
    resume: bool,
    step_plan: &StepPlan,
    device: &Device,
    watch: Watch<'_>,
) -> Result<Trained, TrainError> {
    let device = &device.clone().autodiff();
    let plan = Plan::new(config, data)?;
    let mut average = WeightAverage::new(&model, config.schedule.average_decay);
    let mut optimizer = Optimizer::new(config.optimizer.clone());
    let mut normalizer = config.detector.normalizer();
    let (mut first, mut epoch_losses, mut epoch_sum) = (0, Vec::new(), 0.0);
    if resume {
        let inner = device.clone().inner();
        let path = folder.checkpoint();
        let progress = checkpoint::load(&path, &mut model, &mut average, &mut optimizer.state, &inner)?;
        normalizer.value = progress.loss_normalizer;
        (first, epoch_losses, epoch_sum) = (progress.step, progress.epoch_losses, progress.epoch_sum);
    }
    let mut log = Log::open(&folder.metrics(), resume)?;
    let schedule = plan.schedule(config);
    let begun = Instant::now();
    let mut done = first;

    let model = thread::scope(|scope| -> Result<AdaTad, TrainError> {
        let (send, receive) = mpsc::sync_channel(AHEAD);
        let plan = &plan;
        let feed = move || {
            for step in first..plan.steps() {
                // A closed channel means that training has ended.
                if send.send(plan.samples(step)).is_err() {
                    return;
                }
            }
        };
        let named = thread::Builder::new().name("windows".into());
        let spawned = named.spawn_scoped(scope, feed);
        spawned.map_err(|source| TrainError::Log { path: "a thread for reading windows".into(), source })?;

        for samples in receive {
            let samples = samples?;
            let videos: Vec<String> = samples.iter().map(|sample| sample.window.name.clone()).collect();
            let seed = StepSeed { seed: config.seed, step: done as u64 };
            let (gradients, losses) = step::gradients(&model, samples, &mut normalizer, seed, step_plan, device)?;
            let norm = gradients.norm(&model);
            if !norm.is_finite() || !losses.total.is_finite() {
                return Err(TrainError::NotANumber { step: done, videos });
            }
            let factor = schedule.rate(1.0, done);
            model = optimizer.step(model, gradients, norm, factor);
            average.update(&model);
            done += 1;

            epoch_sum += losses.total;
            let mut report = plan.report(done, losses, config.optimizer.learning_rate * factor, norm);
            report.measure(begun.elapsed(), done - first, plan.frames_per_step);
            if done.is_multiple_of(plan.steps_per_epoch) {
                epoch_losses.push(epoch_sum / plan.steps_per_epoch as f64);
                epoch_sum = 0.0;
                report.epoch_loss = epoch_losses.last().copied();
            }
            log.step(&report)?;
            watch.observer.step(&report);
            if watch.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        Ok(model)
    })?;

    let stopped = done < plan.steps();
    let state = State { model: &model, average: &average, moments: &optimizer.state };
    let progress = Progress {
        step: done,
        optimizer_steps: done,
        loss_normalizer: normalizer.value,
        epoch_losses: epoch_losses.clone(),
        epoch_sum,
        digests: Default::default(),
    };
    checkpoint::save(&folder.checkpoint(), &state, progress)?;
    Ok(Trained { model: average.apply(model.valid()), epoch_losses, stopped, steps: done })
}

/// Which windows each step sees: a function of the seed, so that any step can be made ready by itself.
struct Plan<'a> {
    data: &'a Dataset,
    seed: u64,
    teachers: Vec<usize>,
    windows: usize,
    batch: usize,
    epochs: usize,
    warmup_epochs: usize,
    steps_per_epoch: usize,
    frames_per_step: usize,
}

impl<'a> Plan<'a> {
    fn new(config: &RunConfig, data: &'a Dataset) -> Result<Self, TrainError> {
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

    fn steps(&self) -> usize {
        self.epochs * self.steps_per_epoch
    }

    fn schedule(&self, config: &RunConfig) -> Schedule {
        let warmup = self.warmup_epochs * self.steps_per_epoch;
        match &config.schedule.falls {
            Some(falls) => {
                let steps = falls.epochs.iter().map(|epoch| epoch * self.steps_per_epoch).collect();
                Schedule::Falls(WarmupFalls { warmup, falls: steps, factor: falls.factor })
            }
            None => Schedule::Cosine(WarmupCosine {
                warmup,
                total: self.steps(),
                last: config.schedule.final_rate / config.optimizer.learning_rate.max(f64::MIN_POSITIVE),
            }),
        }
    }

    fn samples(&self, step: usize) -> Result<Vec<Sample>, SourceError> {
        let (epoch, within) = (step / self.steps_per_epoch, step % self.steps_per_epoch);
        let mut order: Vec<usize> = (0..self.windows).collect();
        Rng::new(self.seed, Stream::Order, epoch as u64, 0).shuffle(&mut order);
        let draws = &order[within * self.batch..(within + 1) * self.batch];
        let sample = |&draw: &usize| self.data.training_sample(self.teachers[draw % self.teachers.len()], epoch, draw);
        draws.iter().map(sample).collect()
    }

    fn report(&self, done: usize, losses: StepLosses, rate: f64, norm: f64) -> StepReport {
        StepReport {
            step: done,
            steps: self.steps(),
            epoch: (done - 1) / self.steps_per_epoch,
            epochs: self.epochs,
            losses,
            rate,
            norm,
            frames_per_second: 0.0,
            left: Duration::ZERO,
            epoch_loss: None,
        }
    }
}

impl StepReport {
    fn measure(&mut self, elapsed: Duration, steps: usize, frames_per_step: usize) {
        let seconds = elapsed.as_secs_f64().max(1e-9);
        self.frames_per_second = (steps * frames_per_step) as f64 / seconds;
        let left = seconds / steps as f64 * (self.steps - self.step) as f64;
        self.left = Duration::try_from_secs_f64(left).unwrap_or(Duration::MAX);
    }
}

/// `metrics.jsonl`.
struct Log {
    path: PathBuf,
    out: BufWriter<File>,
}

impl Log {
    fn open(path: &Path, append: bool) -> Result<Self, TrainError> {
        let error = |source| TrainError::Log { path: path.into(), source };
        let mut options = File::options();
        options.create(true).write(true).append(append).truncate(!append);
        Ok(Self { path: path.into(), out: BufWriter::new(options.open(path).map_err(error)?) })
    }

    fn step(&mut self, report: &StepReport) -> Result<(), TrainError> {
        let StepReport { step, epoch, losses, rate, norm, .. } = report;
        let line = json!({
            "kind": "step", "step": step, "epoch": epoch, "loss": losses.total, "cls_loss": losses.classification,
            "reg_loss": losses.regression, "frame_loss": losses.frame, "rate": rate, "grad_norm": norm,
        });
        let write = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
        write.map_err(|source| TrainError::Log { path: self.path.clone(), source })
    }
}
