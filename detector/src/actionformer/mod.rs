//! ActionFormer: a pyramid of transformer blocks over time, one class and one pair of distances per point.
//!
//! Axis names: `b` videos, `t` grid steps of the window, `c` channels, points = the steps of all levels, finest first.
//! Reference: <https://arxiv.org/abs/2202.07925>; OpenTAD `actionformer.py` (differences: `docs/DIFFERENCES.md`).

mod attention;
mod block;
mod config;
mod head;
mod local;
mod projection;

pub use attention::MaskedAttention;
pub use block::{AffineDropPath, PointwiseMlp, TransformerBlock};
pub use config::{ActionFormerConfig, ActionFormerConfigError};
pub use head::{Head, HeadOutput, Neck, Scale};
pub use projection::Projection;

use burn::module::Module;
use burn::tensor::{Device, Tensor, assert_shape};
use rand_core::Rng;

use crate::losses::{LossInputs, LossSettings, Losses};
use crate::mask::Mask;
use crate::points::{Point, pyramid_points};
use crate::targets::{Assignment, Truth, assign};

/// The detector.
#[derive(Module, Debug)]
pub struct ActionFormer {
    /// Features to pyramid.
    pub projection: Projection,
    /// Norm per level.
    pub neck: Neck,
    /// Classes and distances.
    pub rpn_head: Head,
    #[module(skip)]
    config: ActionFormerConfig,
    max_seq_len: usize,
}

/// What the detector says about a batch of windows.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// Classes and distances at every point.
    pub output: HeadOutput,
    /// The points, finest level first.
    pub points: Vec<Point>,
    /// Which points hold video, per window.
    pub valid: Mask,
}

impl ActionFormer {
    /// Draws the initial weights, for `features` input channels, `classes` classes and windows of `max_seq_len` steps.
    pub fn init(
        config: &ActionFormerConfig,
        [features, classes, max_seq_len]: [usize; 3],
        rng: &mut dyn Rng,
        device: &Device,
    ) -> Self {
        Self {
            projection: Projection::init(config, features, max_seq_len, rng, device),
            neck: Neck::init(config, device),
            rpn_head: Head::init(config, classes, rng, device),
            config: config.clone(),
            max_seq_len,
        }
    }

    /// Predictions for every point; with `rng`, dropout and stochastic depth are drawn.
    ///
    /// # Shapes
    ///
    /// - `features`: `[b, c, t]`; shorter windows are padded to the detector's length
    pub fn forward(&self, features: Tensor<3>, mask: &Mask, rng: Option<&mut dyn Rng>) -> Predictions {
        let [b, c, t] = features.dims();
        assert_shape!(features, [b, c, t]);
        assert_eq!([mask.batch(), mask.steps()], [b, t], "the mask has the features' batch and length");
        let steps = t.max(self.max_seq_len);
        let x = features.permute([0, 2, 1]); // [b, t, c]
        let x = match steps - t {
            0 => x,
            missing => {
                let padding = Tensor::zeros([b, missing, c], &x.device());
                Tensor::cat(vec![x, padding], 1)
            }
        };
        let (levels, masks): (Vec<_>, Vec<_>) =
            self.projection.forward(x, &mask.padded(steps), rng).into_iter().unzip();
        let lengths: Vec<usize> = masks.iter().map(Mask::steps).collect();
        Predictions {
            output: self.rpn_head.forward(self.neck.forward(levels), &masks),
            points: pyramid_points(&lengths, &self.config.regression_ranges),
            valid: Mask::joined(&masks, 0),
        }
    }

    /// Valid points that learn a class, over all windows: what the losses' normaliser counts. Needs no prediction.
    pub fn positives(&self, mask: &Mask, truth: &[Vec<Truth>]) -> usize {
        let classes = 1 + truth.iter().flatten().map(|t| t.label).max().unwrap_or(0);
        let lengths = (0..self.config.levels()).map(|l| self.max_seq_len.max(mask.steps()) >> l);
        let points = pyramid_points(&lengths.collect::<Vec<_>>(), &self.config.regression_ranges);
        let levels = std::iter::successors(Some(mask.padded(self.max_seq_len.max(mask.steps()))), |m| Some(m.halved()));
        let valid = Mask::joined(&levels.take(self.config.levels()).collect::<Vec<_>>(), 0);
        let assignments = self.targets(&points, truth, classes);
        let of_window =
            |(b, a): (usize, &Assignment)| (0..points.len()).filter(|&p| valid.row(b)[p] && a.is_positive(p)).count();
        assignments.iter().enumerate().map(of_window).sum()
    }

    /// Which class and which segment every point should learn, for each window.
    pub fn targets(&self, points: &[Point], truth: &[Vec<Truth>], classes: usize) -> Vec<Assignment> {
        truth
            .iter()
            .map(|t| assign(points, t, classes, self.config.centre_radius, self.config.filter_similar))
            .collect()
    }

    /// Losses against ground truth in grid steps. `normalizer` divides them; see [`Losses::positives`].
    pub fn losses(
        &self,
        predictions: &Predictions,
        truth: &[Vec<Truth>],
        normalizer: impl FnOnce(usize) -> f64,
    ) -> Losses {
        let [_, _, classes] = predictions.output.logits.dims();
        let assignments = self.targets(&predictions.points, truth, classes);
        let settings =
            LossSettings { label_smoothing: self.config.label_smoothing, loss_weight: self.config.loss_weight };
        Losses::new(LossInputs { predictions, assignments: &assignments, settings }, normalizer)
    }
}
