//! ActionFormer: a pyramid of transformer blocks over time, one class and one pair of distances per point.
//!
//! Axis names: `b` videos, `t` grid steps of the window, `c` channels, points = the steps of all levels, finest first.
//! Reference: <https://arxiv.org/abs/2202.07925>; OpenTAD `actionformer.py` (differences: `docs/DIFFERENCES.md`).

mod attention;
mod band;
mod block;
mod config;
mod head;
mod projection;

pub use attention::MaskedAttention;
pub use block::{PointwiseMlp, TransformerBlock};
pub use config::{ActionFormerConfig, AttentionWindow};
pub use head::{Head, HeadOutput};
pub use projection::Projection;

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use rand_core::Rng;

use crate::decode::{DecodeConfig, Scored, decode_points, to_vec};
use crate::levels::Neck;
use crate::losses::{Divisor, FocalLoss, Losses, Rows, distance_iou, select};
use crate::mask::Mask;
use crate::points::Point;
use crate::pyramid::{channels_last, padded_length};
use crate::segment::Segment;
use crate::targets::Truth;

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
            neck: Neck::init(config.channels, config.levels(), device),
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
        let (x, mask) = channels_last(features, mask, self.padded_length(mask.steps()));
        let (levels, masks): (Vec<_>, Vec<_>) = self.projection.forward(x, &mask, rng).into_iter().unzip();
        Predictions {
            output: self.rpn_head.forward(self.neck.forward(levels), &masks),
            points: self.config.pyramid().points(&masks),
            valid: Mask::joined(&masks, 0),
        }
    }

    /// Valid points that learn a class, over all windows: what the losses' normaliser counts. Needs no prediction.
    pub fn positives(&self, mask: &Mask, truth: &[Vec<Truth>]) -> usize {
        self.config.pyramid().positives(&mask.padded(self.padded_length(mask.steps())), truth)
    }

    /// Losses against ground truth in grid steps.
    pub fn losses(&self, predictions: &Predictions, truth: &[Vec<Truth>], divisor: Divisor) -> Losses {
        let HeadOutput { logits, offsets } = &predictions.output;
        let ([_, _, classes], device) = (logits.dims(), logits.device());
        let assignments = self.config.pyramid().targets(&predictions.points, truth, classes);
        let rows = Rows::new(&predictions.points, &predictions.valid, &assignments);
        let scale = 1.0 / divisor.of(rows.positive.len());

        let (targets, _) = rows.targets(self.config.label_smoothing, &device);
        let classification = FocalLoss::OPENTAD.forward(select(logits.clone(), &rows.valid), targets).sum();
        let regression = if rows.positive.is_empty() {
            offsets.clone().sum() * 0.0 // keeps the graph
        } else {
            let (found, wanted) = rows.segments(&rows.positive, select(offsets.clone(), &rows.positive));
            distance_iou(found, wanted).sum()
        };
        Losses::weighted(classification * scale, regression * scale, self.config.loss_weight)
    }

    /// Every class at every valid point as a segment in grid steps: see [`decode_points`].
    pub fn decode(&self, predictions: &Predictions, config: &DecodeConfig) -> Vec<Vec<Segment>> {
        let Predictions { output, points, valid } = predictions;
        let [b, count, classes] = output.logits.dims();
        let scores = to_vec(activation::sigmoid(output.logits.clone()));
        let offsets = to_vec(output.offsets.clone());
        let of_video = |video: usize| {
            let row = |p: usize| video * count + p;
            let scored = (0..count).filter(|&p| valid.row(video)[p]).flat_map(|p| {
                let scores = &scores[row(p) * classes..(row(p) + 1) * classes];
                scores.iter().enumerate().map(move |(label, &score)| Scored { point: p, label, score })
            });
            let kept = decode_points(scored, classes, config);
            let segment = |Scored { point, label, score }: Scored| {
                let distances = [offsets[row(point) * 2], offsets[row(point) * 2 + 1]];
                let [start, end] = points[point].segment(distances);
                Segment { start, end, label, score }
            };
            kept.into_iter().map(segment).collect()
        };
        (0..b).map(of_video).collect()
    }

    fn padded_length(&self, steps: usize) -> usize {
        padded_length(steps, self.max_seq_len, self.config.length_unit())
    }
}
