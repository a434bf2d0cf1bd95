//! The gradient of one training step.
//!
//! Windows of a step do not see each other: each is run by itself, some of them side by side, and their gradients are
//! summed in the windows' order. The result is that of one batch, however many are in memory together, on any number of
//! threads. So a step of many windows needs no more memory than one.

use std::thread;

use adatad_adapter::{Keep, SpillError};
use adatad_data::random::{Rng, Stream};
use adatad_detector::losses::LossNormalizer;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::batch::Batch;
use crate::fleet::Fleet;
use crate::model::{AdaTad, ModelInput};
use crate::optim::ModelGradients;
use crate::readback::Readback;
use crate::source::Sample;

/// Losses of one step, summed over its windows.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct StepLosses {
    /// Focal loss of the classes.
    pub classification: f64,
    /// Distance-IoU loss of the segments.
    pub regression: f64,
    /// Frame loss; 0 without one.
    pub frame: f64,
    /// What was minimised.
    pub total: f64,
}

/// What a step has found, before anything is changed by it.
#[derive(Debug)]
pub struct Found {
    /// The gradients, summed over the windows.
    pub gradients: ModelGradients,
    /// Their norm.
    pub norm: f64,
    /// The losses.
    pub losses: StepLosses,
    /// How often the device was waited for.
    pub reads: usize,
}

/// What differs from step to step besides weights and windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Turn {
    /// The run's seed, from which all draws follow.
    pub seed: u64,
    /// The step, from 0.
    pub step: u64,
    /// What the loss is multiplied by for the backward pass, and the gradients divided by after it.
    pub loss_scale: f64,
}

impl Turn {
    /// A step whose loss is taken as it is.
    pub fn plain(seed: u64, step: u64) -> Self {
        Self { seed, step, loss_scale: 1.0 }
    }
}

/// How a step is run: all plans give the same gradients, but for rounding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepPlan {
    /// What is kept of each window's forward pass.
    pub keep: Keep,
    /// Windows that are in memory together, each on a thread of its own.
    pub windows_at_once: usize,
}

/// The gradients of what `loss` makes of the features of some frames: forward through the backbone without a graph, a
/// graph from there on, and back. `loss` gets the features `[b, c, window_steps]`, and what is left of `rng`, from which
/// stochastic depth is drawn first.
///
/// `input` is on the device without autodiff.
///
/// # Errors
///
/// A temporary file of `keep` cannot be written or read.
///
/// # Panics
///
/// When frames are given to a model without a backbone: a programmer's mistake.
pub fn through(
    model: &AdaTad,
    input: impl Into<ModelInput>,
    keep: &Keep,
    mut rng: Option<&mut dyn rand_core::Rng>,
    loss: impl FnOnce(Tensor<3>, Option<&mut dyn rand_core::Rng>) -> Tensor<1>,
) -> Result<ModelGradients, SpillError> {
    let (frames, backbone) = match (input.into(), &model.backbone) {
        (ModelInput::Frames(frames), Some(backbone)) => (frames, backbone.valid()),
        (ModelInput::Frames(_), None) => panic!("a model on stored features was given frames"),
        (ModelInput::Features(features), _) => {
            let features = Tensor::from_inner(features).permute([0, 2, 1]);
            return Ok(ModelGradients::from_backward(loss(features, rng).backward(), model));
        }
    };
    let (tubelets, kept) = backbone.run(frames, rng.as_deref_mut().map(|rng| rng as &mut dyn rand_core::Rng), keep)?;
    let tubelets = Tensor::from_inner(tubelets).require_grad();
    let mut graph = loss(model.handed_over(&backbone, tubelets.clone()), rng).backward();
    let of_tubelets = tubelets.grad_remove(&mut graph);
    let mut gradients = GradientsParams::from_grads(graph, model);
    if let Some(of_tubelets) = of_tubelets {
        let part = backbone.backward(kept, of_tubelets)?;
        backbone.visit(&mut Add { sum: &mut gradients, part });
    }
    Ok(ModelGradients(gradients))
}

/// Runs forward and backward over the windows of one step, on `device` and the others of `fleet`. Waits for the devices
/// once, at the end.
///
/// # Errors
///
/// A temporary file of the plan cannot be written or read.
///
/// # Panics
///
/// When a worker thread panics: a programmer's mistake in the model.
pub fn gradients(
    model: &AdaTad,
    samples: Vec<Sample>,
    normalizer: &mut LossNormalizer,
    turn: Turn,
    plan: &StepPlan,
    device: &Device,
    fleet: &Fleet,
) -> Result<Found, SpillError> {
    let inner = device.clone().inner();
    let place = |index: usize| fleet.of(index).map_or_else(|| inner.clone(), |replica| replica.device.clone().inner());
    let samples = samples.into_iter().enumerate();
    let batches: Vec<Batch> = samples.map(|(index, sample)| Batch::of(sample, &place(index))).collect();
    let positives = batches.iter().map(|batch| model.detector.positives(&batch.mask, &batch.truth)).sum();
    let divisor = normalizer.update(positives);
    let truth: Vec<_> = batches.iter().flat_map(|batch| batch.truth.iter().cloned()).collect();
    let goals = model.detector.goals(&truth, &mut Rng::new(turn.seed, Stream::Balance, turn.step, 0));
    let windows = batches.len();
    let at_once = plan.windows_at_once * fleet.len();
    let run = |index: usize, batch: Batch| {
        // Side by side, each has a copy of its own, so that the graphs of two windows share no node and no lock.
        let (model, elsewhere) = match fleet.of(index) {
            Some(replica) => (replica.model.clone(), true),
            None => (model.clone(), false),
        };
        let here = fleet.of(index).map_or(device, |replica| &replica.device);
        let model = if at_once > fleet.len() { model.fork(here) } else { model };
        let mut drop = Rng::new(turn.seed, Stream::Drop, turn.step, index as u64);
        let mut values = None;
        let gradients = through(&model, batch.input, &plan.keep, Some(&mut drop), |features, mut drop| {
            let frame_loss = model.frame_loss(features.clone(), &batch.mask, &batch.truth);
            let again = drop.as_deref_mut().map(|drop| drop as &mut dyn rand_core::Rng);
            let predictions = model.detector.forward(features, &batch.mask, again);
            let Some(drop) = drop else { unreachable!("training draws") };
            // Differs from OpenTAD where the loss weight is automatic: it is the window's own ratio, not the batch's.
            let losses = match &goals {
                Some(goals) => model.detector.losses_by_goals(&predictions, &goals[index..=index]),
                None => model.detector.losses(&predictions, &batch.truth, divisor, drop),
            };
            let frame = match frame_loss {
                Some(loss) => loss * (1.0 / windows as f64),
                None => losses.total.zeros_like(),
            };
            let total = losses.total + frame.clone();
            values = Some(Tensor::cat(vec![losses.classification, losses.regression, frame, total.clone()], 0));
            if turn.loss_scale == 1.0 { total } else { total * turn.loss_scale }
        })?;
        let Some(values) = values else { unreachable!("a loss was asked for") };
        match elsewhere {
            true => Ok((gradients.0.to_device(&inner, &model), values.inner().to_device(&inner))),
            false => Ok((gradients.0, values.inner())),
        }
    };

    let mut sum = GradientsParams::new();
    let mut values = Vec::with_capacity(windows + 1);
    let mut batches = batches.into_iter().enumerate();
    loop {
        let group: Vec<(usize, Batch)> = batches.by_ref().take(at_once).collect();
        if group.is_empty() {
            break;
        }
        for part in side_by_side(group, &run) {
            let (part, of_window) = part?;
            values.push(of_window);
            model.visit(&mut Add { sum: &mut sum, part });
        }
    }
    if turn.loss_scale != 1.0 {
        model.visit(&mut Divide { gradients: &mut sum, by: turn.loss_scale });
    }
    let gradients = ModelGradients(sum);
    values.extend(gradients.norm_on_device(model));
    let readback = Readback::default();
    let read = readback.numbers(Tensor::cat(values, 0));
    let (of_windows, norm) = read.split_at(windows * StepLosses::PARTS);
    let losses = of_windows.chunks(StepLosses::PARTS).fold(StepLosses::default(), StepLosses::with);
    Ok(Found { gradients, norm: norm.first().copied().unwrap_or(0.0), losses, reads: readback.times() })
}

impl StepLosses {
    /// Losses that are told apart.
    const PARTS: usize = 4;

    /// With those of one more window.
    fn with(self, window: &[f64]) -> Self {
        Self {
            classification: self.classification + window[0],
            regression: self.regression + window[1],
            frame: self.frame + window[2],
            total: self.total + window[3],
        }
    }
}

/// Runs each window on a thread of its own; one alone needs none.
fn side_by_side<T: Send>(mut group: Vec<(usize, Batch)>, run: &(impl Fn(usize, Batch) -> T + Sync)) -> Vec<T> {
    if group.len() == 1 {
        return group.drain(..).map(|(index, batch)| run(index, batch)).collect();
    }
    thread::scope(|scope| {
        let spawn = |(index, batch)| {
            let named = thread::Builder::new().name(format!("window-{index}"));
            named.spawn_scoped(scope, move || run(index, batch))
        };
        let workers: Vec<_> = group.into_iter().map(spawn).collect();
        let join = |worker: std::io::Result<thread::ScopedJoinHandle<'_, T>>| match worker.map(|w| w.join()) {
            Ok(Ok(part)) => part,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => panic!("no thread for a window: {error}"),
        };
        workers.into_iter().map(join).collect()
    })
}

/// By a power of two: no digit is lost.
struct Divide<'a> {
    gradients: &'a mut GradientsParams,
    by: f64,
}

impl ModuleVisitor for Divide<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            self.gradients.register(param.id, gradient * (1.0 / self.by));
        }
    }
}

struct Add<'a> {
    sum: &'a mut GradientsParams,
    part: GradientsParams,
}

impl ModuleVisitor for Add<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(part) = self.part.remove::<D>(param.id) else { return };
        let sum = match self.sum.remove::<D>(param.id) {
            Some(sum) => sum + part,
            None => part,
        };
        self.sum.register(param.id, sum);
    }
}
