//! The training loop.
//!
//! Whatever ends it - its end, a signal, an error - the state after the last whole step is written as a checkpoint. What
//! a step does depends on the seed and its number alone, so going on from any checkpoint gives the same bytes.

mod error;
mod guard;
mod log;
mod plan;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use adatad_backbone::is_elsewhere;
use adatad_data::ahead::{Ahead, guarded};
use adatad_detector::losses::LossNormalizer;
use burn::module::Module;
use burn::tensor::Device;

pub use error::TrainError;

use crate::average::WeightAverage;
use crate::checkpoint::{self, Best, CheckpointError, Checkpoints, Progress, State};
use crate::config::RunConfig;
use crate::dataset::Dataset;
use crate::detect::DetectError;
use crate::disk::{self, DiskFull};
use crate::fleet::Fleet;
use crate::folder::RunFolder;
use crate::loss_scale::LossScale;
use crate::model::AdaTad;
use crate::observe::{Observer, StepReport};
use crate::optim::{ModelGradients, Optimizer};
use crate::record::{Record, Recorder, RunState};
use crate::schedule::Schedule;
use crate::source::Sample;
use crate::step::{self, Found, StepLosses, StepPlan, Turn};
use guard::Guard;
use log::Log;
use plan::{Job, Plan, Unready};

/// Windows that wait for their step or are being made ready; plans count their memory.
pub(crate) const AHEAD: usize = 2;

/// Time after which a checkpoint is written within an epoch.
const SAVE_AFTER: Duration = Duration::from_secs(600);

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
        // After an error, too: what was learned up to it is not lost with it. If the first device is, the last checkpoint is
        // what there is.
        let saved = guarded(|| run.save(&mut live)).unwrap_or(Ok(()));
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
            let precision = self.config.input.videos().map(|videos| videos.adapter.precision.on(self.device));
            let progress = Progress {
                loss_normalizer: normalizer.value,
                frozen: self.frozen.clone(),
                loss_scale: precision.and_then(LossScale::of),
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

/// Writes checkpoints, and knows which there are.
struct Saver {
    checkpoints: Checkpoints,
    /// Step of the last one.
    saved: Option<usize>,
    /// When it was written.
    at: Instant,
    warned: bool,
}

/// One process's part of a run.
struct Run<'a> {
    training: &'a Training<'a>,
    plan: &'a Plan<'a>,
    schedule: Schedule,
    log: Log,
    saver: Saver,
    recorder: Recorder,
    begun: Instant,
    /// The step it began with.
    first: usize,
    /// Other devices that share its windows.
    fleet: Fleet,
}

impl Run<'_> {
    /// Runs all steps that are left; whether they were all done.
    fn all(&mut self, live: &mut Live) -> Result<bool, TrainError> {
        let plan = self.plan;
        // A process that died while evaluating has saved before that: what is due is done again.
        if self.is_due(live.progress.step) && !self.validate(live)? {
            return Ok(false);
        }
        thread::scope(|scope| {
            let jobs = (self.first..plan.steps()).flat_map(|step| plan.jobs(step));
            let threads = thread::available_parallelism().map_or(1, usize::from);
            let mut windows =
                Ahead::new(scope, threads, AHEAD, jobs, |job: &Job| plan.sample(job)).map_err(TrainError::Thread)?;
            while live.progress.step < plan.steps() {
                self.step(live, &mut windows)?;
                if !self.after_step(live)? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// One step: windows, gradients, update.
    fn step(
        &mut self,
        live: &mut Live,
        windows: &mut impl Iterator<Item = Result<Sample, Unready>>,
    ) -> Result<(), TrainError> {
        let &Training { config, device, step_plan, watch, .. } = self.training;
        let step = live.progress.step;
        let mut guard = Guard { config, batch: self.plan.batch, windows: self.plan.windows, log: &mut self.log, watch };
        let samples = guard.readable(&mut live.progress, windows.take(self.plan.batch))?;
        let names: Vec<String> = samples.iter().map(|sample| sample.window.name.clone()).collect();
        let factor = self.schedule.rate(1.0, step);
        let before = live.normalizer;
        let Some(model) = live.model.as_ref() else { unreachable!("the model is put back") };
        let scale = live.progress.loss_scale;
        let found = match samples.is_empty() {
            true => None,
            false => {
                let loss_scale = scale.map_or(1.0, |scale| scale.factor);
                let turn = Turn { seed: config.seed, step: step as u64, loss_scale };
                let device = &device.clone().autodiff();
                let (normalizer, fleet) = (&mut live.normalizer, &self.fleet);
                // Devices are lost by a panic. What a step changes before it is done is put back or unused.
                match guarded(|| step::gradients(model, samples, normalizer, turn, step_plan, device, fleet)) {
                    Ok(found) => Some(found?),
                    Err(reason) => {
                        live.normalizer = before;
                        let elsewhere = is_elsewhere(device) || self.training.others.iter().any(is_elsewhere);
                        return Err(TrainError::Computing { step, videos: names, reason, elsewhere });
                    }
                }
            }
        };
        let report = match found {
            Some(Found { gradients, norm, losses, .. }) if norm.is_finite() && losses.total.is_finite() => {
                live.progress.loss_scale = scale.map(LossScale::worked);
                self.update(live, gradients, (losses, norm), factor)
            }
            found => {
                live.normalizer = before;
                let beyond = found.is_some_and(|found| found.losses.total.is_finite());
                match scale.filter(|_| beyond).and_then(LossScale::overflowed) {
                    Some(smaller) => guard.overflow(&mut live.progress, smaller),
                    None => {
                        let facts = guard::Facts { step, rate: config.optimizer.learning_rate * factor, videos: names };
                        guard.not_a_number(&mut live.progress, self.training.folder, facts)?;
                    }
                }
                live.progress.step += 1;
                None
            }
        };
        self.close_epoch(live, report);
        Ok(())
    }

    fn update(
        &mut self,
        live: &mut Live,
        gradients: ModelGradients,
        (losses, norm): (StepLosses, f64),
        factor: f64,
    ) -> Option<StepReport> {
        let model = live.model.take()?;
        let model = live.optimizer.step(model, gradients, norm, factor);
        live.average.update(&model);
        self.fleet.refresh(&model);
        live.model = Some(model);
        let progress = &mut live.progress;
        progress.step += 1;
        progress.optimizer_steps += 1;
        progress.skipped_steps = 0;
        progress.loss_normalizer = live.normalizer.value;
        progress.epoch_sum += losses.total;
        let rate = self.training.config.optimizer.learning_rate * factor;
        let mut report = self.plan.report(progress.step, losses, rate, norm);
        report.measure(self.begun.elapsed(), progress.step - self.first, self.plan.frames_per_step);
        Some(report)
    }

    /// Ends an epoch where it ends, and tells of the step.
    fn close_epoch(&mut self, live: &mut Live, report: Option<StepReport>) {
        let progress = &mut live.progress;
        let mut epoch_loss = None;
        if progress.step.is_multiple_of(self.plan.steps_per_epoch) {
            progress.epoch_losses.push(progress.epoch_sum / self.plan.steps_per_epoch as f64);
            progress.epoch_sum = 0.0;
            epoch_loss = progress.epoch_losses.last().copied();
        }
        if let Some(report) = report {
            let report = StepReport { epoch_loss, ..report };
            self.log.step(&report);
            self.training.watch.observer.step(&report);
        }
        progress.log_bytes = self.log.bytes();
        self.recorder.write(RunState::Running, progress.step, self.plan.steps());
    }

    /// Saves and evaluates where that is due; whether to go on.
    fn after_step(&mut self, live: &mut Live) -> Result<bool, TrainError> {
        let step = live.progress.step;
        let epoch = step / self.plan.steps_per_epoch;
        let at_end = step.is_multiple_of(self.plan.steps_per_epoch);
        let due = at_end && epoch.is_multiple_of(self.training.config.schedule.checkpoint_every.max(1));
        let evaluate = self.is_due(step);
        if due || evaluate || self.saver.at.elapsed() >= SAVE_AFTER {
            self.save(live)?;
        }
        if evaluate && !self.validate(live)? {
            return Ok(false);
        }
        let stop = self.training.watch.stop.load(Ordering::Relaxed);
        Ok(!stop || step == self.plan.steps())
    }

    /// Whether the watched subset is evaluated after so many steps.
    fn is_due(&self, step: usize) -> bool {
        let schedule = &self.training.config.schedule;
        let epoch = step / self.plan.steps_per_epoch;
        let every = schedule.evaluate_every;
        let due = || epoch >= schedule.evaluate_from.max(1) && (epoch - schedule.evaluate_from).is_multiple_of(every);
        every > 0 && step.is_multiple_of(self.plan.steps_per_epoch) && (due() || epoch == self.plan.epochs)
    }

    /// Evaluates the averaged weights, and keeps them if they are the best so far; whether to go on.
    fn validate(&mut self, live: &mut Live) -> Result<bool, TrainError> {
        let &Training { validate, folder, watch, .. } = self.training;
        let Some(model) = live.model.as_ref() else { unreachable!("the model is put back") };
        let Some(average) = validate(live.average.apply(model.clone().valid())).map_err(Box::new)? else {
            return Ok(false);
        };
        let progress = &mut live.progress;
        let epoch = progress.step / self.plan.steps_per_epoch;
        self.log.evaluation(progress.step, epoch, average);
        progress.log_bytes = self.log.bytes();
        let better = progress.best.is_none_or(|best| average > best.average);
        watch.observer.note(&format!(
            "after epoch {epoch}: average mAP {average:.3} on the validation subset{}",
            if better { ", the best so far" } else { "" }
        ));
        if better {
            progress.best = Some(Best { epoch, average });
            checkpoint::save_learned(&folder.best(), &live.average)?;
        }
        Ok(true)
    }

    /// Writes a checkpoint, unless that step has one.
    fn save(&mut self, live: &mut Live) -> Result<(), TrainError> {
        let step = live.progress.step;
        let same = self.saver.saved == Some(step);
        let Some(model) = live.model.as_ref().filter(|_| !same) else { return Ok(()) };
        let state = State { model, average: &live.average, moments: &live.optimizer.state };
        // Tried again after the same time, not at every step.
        self.saver.at = Instant::now();
        match self.saver.checkpoints.save(&state, &live.progress) {
            Ok(()) => {
                self.saver.saved = Some(step);
                Ok(())
            }
            Err(error) if self.training.strict_save => Err(error.into()),
            Err(error) => {
                if !std::mem::replace(&mut self.saver.warned, true) {
                    self.training.watch.observer.note(&format!("{error}; training goes on with the older one"));
                }
                Ok(())
            }
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
