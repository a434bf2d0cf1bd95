//! The steps of one process: windows, gradients, update; when to save and to evaluate.

use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use adatad_backbone::is_elsewhere;
use adatad_data::ahead::{Ahead, guarded};
use burn::module::Module;

use super::guard::{self, Guard};
use super::log::Log;
use super::plan::{Job, Plan, Unready};
use super::{AHEAD, Live, TrainError, Training};
use crate::checkpoint::{self, Best, Checkpoints, State};
use crate::fleet::Fleet;
use crate::loss_scale::LossScale;
use crate::observe::StepReport;
use crate::optim::ModelGradients;
use crate::record::{Recorder, RunState};
use crate::schedule::Schedule;
use crate::source::Sample;
use crate::step::{self, Found, StepLosses, Turn};

/// Time after which a checkpoint is written within an epoch.
const SAVE_AFTER: Duration = Duration::from_secs(600);

/// Writes checkpoints, and knows which there are.
pub(super) struct Saver {
    pub(super) checkpoints: Checkpoints,
    /// Step of the last one.
    pub(super) saved: Option<usize>,
    /// When it was written.
    pub(super) at: Instant,
    /// Whether it was told that one could not be written.
    pub(super) warned: bool,
}

/// One process's part of a run.
pub(super) struct Run<'a> {
    pub(super) training: &'a Training<'a>,
    pub(super) plan: &'a Plan<'a>,
    pub(super) schedule: Schedule,
    pub(super) log: Log,
    pub(super) saver: Saver,
    pub(super) recorder: Recorder,
    pub(super) begun: Instant,
    /// The step it began with.
    pub(super) first: usize,
    /// Other devices that share its windows.
    pub(super) fleet: Fleet,
}

impl Run<'_> {
    /// Runs all steps that are left; whether they were all done.
    pub(super) fn all(&mut self, live: &mut Live) -> Result<bool, TrainError> {
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
                let report = self.update(live, gradients, (losses, norm), factor);
                report.map(|report| StepReport { loss_scale: scale.map(|scale| scale.factor), ..report })
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
        progress.epoch_steps += 1;
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
            // Of the steps that were not left out.
            progress.epoch_losses.push(progress.epoch_sum / progress.epoch_steps.max(1) as f64);
            (progress.epoch_sum, progress.epoch_steps) = (0.0, 0);
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
    pub(super) fn save(&mut self, live: &mut Live) -> Result<(), TrainError> {
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
