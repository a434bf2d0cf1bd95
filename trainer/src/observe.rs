//! What a run tells whoever watches it. The library prints nothing.

use std::time::Duration;

use crate::step::StepLosses;

/// Part of a run that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Writing the demonstration's videos.
    Generate,
    /// Decoding a subset's videos.
    Decode,
    /// Detecting in a subset's videos.
    Detect,
}

/// One training step that has been done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Epoch the step belongs to, from 0.
    pub epoch: usize,
    /// Epochs in all.
    pub epochs: usize,
    /// Losses.
    pub losses: StepLosses,
    /// Learning rate of the detector.
    pub rate: f64,
    /// Norm of the gradient before clipping.
    pub norm: f64,
    /// What the loss was multiplied by for the backward pass, where it was.
    pub loss_scale: Option<f64>,
    /// Frames trained on per second, since training began.
    pub frames_per_second: f64,
    /// Time left, at this speed.
    pub left: Duration,
    /// Mean loss of the epoch, when this step ends it.
    pub epoch_loss: Option<f64>,
}

/// Whoever watches. Calls may come from several threads.
pub trait Observer: Sync {
    /// `done` of `total` parts of a stage are done.
    fn stage(&self, stage: Stage, done: usize, total: usize);
    /// A step is done.
    fn step(&self, report: &StepReport);
    /// Something a person should know.
    fn note(&self, text: &str);
}
