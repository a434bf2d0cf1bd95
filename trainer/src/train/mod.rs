//! The training loop.
//!
//! Whatever ends it - its end, a signal, an error - the state after the last whole step is written as a checkpoint. What
//! a step does depends on the seed and its number alone, so going on from any checkpoint gives the same bytes.

mod error;
mod guard;
mod log;
mod plan;
mod run;

use std::sync::atomic::AtomicBool;
use std::time::Instant;

use adatad_data::ahead::guarded;
use adatad_detector::losses::LossNormalizer;
use burn::module::Module;
use burn::tensor::Device;

pub use error::TrainError;

use crate::average::WeightAverage;
use crate::checkpoint::{Best, CheckpointError, Checkpoints, Progress};
use crate::config::RunConfig;
use crate::dataset::Dataset;
use crate::detect::DetectError;
use crate::disk::{self, DiskFull};
use crate::fleet::Fleet;
use crate::folder::RunFolder;
use crate::loss_scale::LossScale;
use crate::model::AdaTad;
use crate::observe::Observer;
use crate::optim::Optimizer;
use crate::record::{Record, Recorder, RunState};
use crate::step::StepPlan;
use log::Log;
use plan::Plan;
use run::{Run, Saver};

/// Windows that wait for their step or are being made ready; plans count their memory.
pub(crate) const AHEAD: usize = 2;

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
    /// The best evaluation, if there were any; its weights are in the run folder.
    pub best: Option<Best>,
}

/// Who watches training, and who may end it.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Set to stop after the present step.
    pub stop: &'a AtomicBool,
    /// Hears of every step.
    pub observer: &'a dyn Observer,
    /// When the command began.
    pub begun: Instant,
}

/// Scores a model on the subset that is watched: its average mAP, or none when it was asked to stop.
pub type Validate<'a> = dyn Fn(AdaTad) -> Result<Option<f64>, DetectError> + 'a;

/// What training needs besides the model.
#[derive(Clone)]
pub struct Training<'a> {
    /// The run.
    pub config: &'a RunConfig,
    /// What it learns from.
    pub data: &'a Dataset,
    /// Where its files go.
    pub folder: &'a RunFolder,
    /// How steps are run.
    pub step_plan: &'a StepPlan,
    /// What it computes on.
    pub device: &'a Device,
    /// What else does.
    pub others: &'a [Device],
    /// Who watches.
    pub watch: Watch<'a>,
    /// Evaluation during training.
    pub validate: &'a Validate<'a>,
    /// BLAKE3 of the file that the frozen weights come from.
    pub frozen: Option<String>,
    /// Whether a checkpoint that cannot be written ends the run.
    pub strict_save: bool,
}

/// Everything that a step changes.
struct Live {
    /// Taken out only while the optimiser has it.
    model: Option<AdaTad>,
    average: WeightAverage,
    optimizer: Optimizer,
    normalizer: LossNormalizer,
    progress: Progress,
}

impl Training<'_> {
    /// Trains `model`, or goes on from the folder's newest checkpoint with `resume`; then the weights of `model` that learn
    /// do not matter. `model` must be on the autodiff form of the device.
    ///
    /// # Errors
    ///
    /// See [`TrainError`]. The state after the last whole step has been saved.
    pub fn run(&self, model: AdaTad, resume: bool) -> Result<Trained, TrainError> {
        let plan = Plan::new(self.config, self.data)?;
        let checkpoints = Checkpoints::new(self.folder.checkpoints());
        let mut live = self.begin(model, resume, &checkpoints)?;
        self.check_disk(&live)?;
        let first = live.progress.step;
        let mut run = Run {
            training: self,
            schedule: plan.schedule(self.config),
            log: Log::open(&self.folder.metrics(), live.progress.log_bytes),
            saver: Saver { checkpoints, saved: (first > 0).then_some(first), at: Instant::now(), warned: false },
            recorder: Recorder::new(self.folder.record(), self.watch.begun),
            begun: Instant::now(),
            fleet: live.model.as_ref().map(|model| Fleet::new(model, self.others)).unwrap_or_default(),
            first,
            plan: &plan,
        };
        run.recorder.write(RunState::Running, first, plan.steps());
        let ended = run.all(&mut live);
        // After an error, too: what was learned up to it is not lost with it. If the error was that the first device was
        // lost, the last checkpoint is what there is.
        let saved = match ended {
            Ok(_) => run.save(&mut live),
            Err(_) => guarded(|| run.save(&mut live)).unwrap_or(Ok(())),
        };
        let done = live.progress.step;
        let state = match (&ended, &saved) {
            (Ok(true), Ok(())) => RunState::Finished,
            (Ok(false), Ok(())) => RunState::Stopped,
            _ => RunState::Failed,
        };
        run.recorder.write(state, done, plan.steps());
        if let Some((lost, reason)) = run.log.lost() {
            self.watch.observer.note(&format!("{lost} lines of the log could not be written: {reason}"));
        }
        let finished = ended?;
        saved?;
        let Live { model: Some(model), average, progress, .. } = live else { unreachable!("the model is put back") };
        Ok(Trained {
            model: average.apply(model.valid()),
            epoch_losses: progress.epoch_losses,
            stopped: !finished,
            steps: done,
            best: progress.best,
        })
    }

    /// The state that training starts from.
    fn begin(&self, model: AdaTad, resume: bool, checkpoints: &Checkpoints) -> Result<Live, TrainError> {
        let mut average = WeightAverage::new(&model, self.config.schedule.average_decay);
        let mut optimizer = Optimizer::new(self.config.optimizer.clone());
        let mut normalizer = self.config.detector.normalizer();
        if !resume {
            let progress = Progress {
                loss_normalizer: normalizer.value,
                frozen: self.frozen.clone(),
                loss_scale: LossScale::of(self.config.precision(self.device)),
                ..Progress::default()
            };
            return Ok(Live { model: Some(model), average, optimizer, normalizer, progress });
        }
        let observer = self.watch.observer;
        if let Some(words) = Record::read(&self.folder.record()).and_then(|record| record.last_words()) {
            observer.note(&words);
        }
        let found = match checkpoints.newest(&self.device.clone().inner()) {
            Err(CheckpointError::Missing(_)) => {
                observer.note("the run has no checkpoint yet; it begins anew");
                return self.begin(model, false, checkpoints);
            }
            found => found?,
        };
        for rejected in &found.rejected {
            observer.note(&format!("not used: {rejected}"));
        }
        observer.note(&format!("going on from {}", found.folder.display()));
        // What went on is whole; that the folder cannot be put in order is no reason to lose the run.
        if let Err(error) = checkpoints.finish(&found) {
            observer.note(&error.to_string());
        }
        let folder = found.folder.clone();
        if found.progress.frozen != self.frozen {
            let reason = "the file of the frozen weights has another content than when the run began".to_owned();
            return Err(CheckpointError::OtherModel { path: folder, reason }.into());
        }
        let (model, progress) = found.restore(model, &mut average, &mut optimizer.state)?;
        normalizer.value = progress.loss_normalizer;
        Ok(Live { model: Some(model), average, optimizer, normalizer, progress })
    }

    /// Refuses to begin what the disk has no room for: three checkpoints and two files of weights.
    fn check_disk(&self, live: &Live) -> Result<(), DiskFull> {
        let learning = live.average.numbers();
        let all = live.model.as_ref().map_or(0, |model| model.parameters().total);
        let needed = 3 * Checkpoints::bytes(learning) + 4 * (all + learning) as u64;
        match disk::free(self.folder.root()) {
            Some(free) if free < needed => Err(DiskFull { needed, free }),
            _ => Ok(()),
        }
    }
}
