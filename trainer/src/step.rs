//! The gradient of one training step.
//!
//! Windows of a step do not see each other, so each has its own graph and its own thread; their gradients are summed in
//! the windows' order. The result is that of one batch, on any number of threads.

use std::thread;

use adatad_data::random::{Rng, Stream};
use adatad_detector::losses::LossNormalizer;
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};

use crate::batch::Batch;
use crate::dataset::Sample;
use crate::model::AdaTad;
use crate::optim::ModelGradients;

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

/// Where a step's random draws come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepSeed {
    /// The run's seed.
    pub seed: u64,
    /// The step, from 0.
    pub step: u64,
}

/// Runs forward and backward over the windows of one step.
///
/// # Panics
///
/// When a worker thread panics: a programmer's mistake in the model.
pub fn gradients(
    model: &AdaTad,
    samples: Vec<Sample>,
    normalizer: &mut LossNormalizer,
    seed: StepSeed,
    device: &Device,
) -> (ModelGradients, StepLosses) {
    let batches: Vec<Batch> = samples.into_iter().map(|sample| Batch::new(vec![sample], device)).collect();
    let positives = batches.iter().map(|batch| model.detector.positives(&batch.mask, &batch.truth)).sum();
    let divisor = normalizer.update(positives);
    let truth: Vec<_> = batches.iter().flat_map(|batch| batch.truth.iter().cloned()).collect();
    let goals = model.detector.goals(&truth, &mut Rng::new(seed.seed, Stream::Balance, seed.step, 0));
    let windows = batches.len();
    let run = |index: usize, batch: Batch| {
        // A copy of its own, so that the graphs of two windows share no node and no lock.
        let model = model.clone().fork(device);
        let mut drop = Rng::new(seed.seed, Stream::Drop, seed.step, index as u64);
        let features = model.features(batch.frames, Some(&mut drop));
        let frame_loss = model.frame_loss(features.clone(), &batch.mask, &batch.truth);
        let predictions = model.detector.forward(features, &batch.mask, Some(&mut drop));
        let mut losses = match &goals {
            Some(goals) => model.detector.losses_by_goals(&predictions, &goals[index..=index]),
            // Differs from OpenTAD where the loss weight is automatic: it is the window's own ratio, not the batch's.
            None => model.detector.losses(&predictions, &batch.truth, divisor, &mut drop),
        };
        let frame = match frame_loss {
            Some(loss) => loss * (1.0 / windows as f64),
            None => losses.total.zeros_like(),
        };
        losses.total = losses.total + frame.clone();
        let gradients = ModelGradients::of(&losses, &model);
        let values = Tensor::cat(vec![losses.classification, losses.regression, frame, losses.total], 0);
        (gradients.0, values)
    };
    let run = &run;
    let parts: Vec<_> = thread::scope(|scope| {
        let spawn = |(index, batch)| {
            let named = thread::Builder::new().name(format!("window-{index}"));
            named.spawn_scoped(scope, move || run(index, batch))
        };
        let workers: Vec<_> = batches.into_iter().enumerate().map(spawn).collect();
        let join = |worker: std::io::Result<thread::ScopedJoinHandle<'_, _>>| match worker.map(|w| w.join()) {
            Ok(Ok(part)) => part,
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => panic!("no thread for a window: {error}"),
        };
        workers.into_iter().map(join).collect()
    });

    let mut sum = GradientsParams::new();
    let mut losses = StepLosses::default();
    for (part, values) in parts {
        let values: Vec<f32> = values.to_data().iter::<f32>().collect();
        losses.classification += f64::from(values[0]);
        losses.regression += f64::from(values[1]);
        losses.frame += f64::from(values[2]);
        losses.total += f64::from(values[3]);
        let mut add = Add { sum: &mut sum, part };
        model.visit(&mut add);
    }
    (ModelGradients(sum), losses)
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
