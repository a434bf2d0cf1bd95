//! TriDet: a pyramid of convolutions over time, and boundaries as expectations over the steps around a point.
//!
//! Axis names: `b` videos, `t` grid steps of the window, `c` channels, points = the steps of all levels, finest first.
//! Reference: <https://arxiv.org/abs/2303.07347>; OpenTAD `tridet.py` (differences: `docs/DIFFERENCES.md`).

mod config;
mod group_norm;
mod head;
mod losses;
mod projection;
mod sgp;

pub use config::{Downsampling, SgpKernel, TriDetConfig};
pub use group_norm::GroupNorm;
pub use head::{Boundaries, Head, HeadOutput};
pub use projection::Projection;
pub use sgp::{SgpBlock, SgpMlp, SgpParts};

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use rand_core::Rng;

use crate::decode::{DecodeConfig, Scored, decode_points, to_vec};
use crate::levels::Neck;
use crate::losses::{Divisor, Losses};
use crate::mask::Mask;
use crate::points::Point;
use crate::pyramid::{channels_last, padded_length};
use crate::segment::Segment;
use crate::targets::Truth;

/// The detector.
#[derive(Module, Debug)]
pub struct TriDet {
    /// Features to pyramid.
    pub projection: Projection,
    /// Norm per level.
    pub neck: Neck,
    /// Classes and boundaries.
    pub rpn_head: Head,
    #[module(skip)]
    config: TriDetConfig,
    max_seq_len: usize,
}

/// What the detector says about a batch of windows.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// Classes and boundaries at every point.
    pub output: HeadOutput,
    /// The points, finest level first.
    pub points: Vec<Point>,
    /// Which points hold video, per window.
    pub valid: Mask,
}

impl TriDet {
    /// Draws the initial weights, for `features` input channels, `classes` classes and windows of `max_seq_len` steps.
    pub fn init(
        config: &TriDetConfig,
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

    /// Predictions for every point; with `rng`, noise and stochastic depth are drawn.
    ///
    /// Windows are padded to the detector's length in evaluation only, as in the reference: means and norms over time see
    /// the padding.
    ///
    /// # Shapes
    ///
    /// - `features`: `[b, c, t]`
    pub fn forward(&self, features: Tensor<3>, mask: &Mask, rng: Option<&mut dyn Rng>) -> Predictions {
        let steps = match rng {
            Some(_) => mask.steps(),
            None => padded_length(mask.steps(), self.max_seq_len, self.config.length_unit()),
        };
        let (x, mask) = channels_last(features, mask, steps);
        let (levels, masks): (Vec<_>, Vec<_>) = self.projection.forward(x, &mask, rng).into_iter().unzip();
        Predictions {
            output: self.rpn_head.forward(self.neck.forward(levels), &masks),
            points: self.config.pyramid().points(&masks),
            valid: Mask::joined(&masks, 0),
        }
    }

    /// Valid points that learn a class, over all windows: what the losses' normaliser counts. Needs no prediction.
    pub fn positives(&self, mask: &Mask, truth: &[Vec<Truth>]) -> usize {
        self.config.pyramid().positives(mask, truth)
    }

    /// Losses against ground truth in grid steps.
    pub fn losses(&self, predictions: &Predictions, truth: &[Vec<Truth>], divisor: Divisor) -> Losses {
        losses::losses(&self.config, predictions, truth, divisor)
    }

    /// Every class at every point as a segment in grid steps: see [`decode_points`]. Points without video have score 0.
    ///
    /// Differs from OpenTAD, whose TriDet takes no notice of the configured threshold and number.
    pub fn decode(&self, predictions: &Predictions, config: &DecodeConfig) -> Vec<Vec<Segment>> {
        let Predictions { output, points, valid } = predictions;
        let [b, count, classes] = output.logits.dims();
        let scores = to_vec(activation::sigmoid(output.logits.clone()));
        let of_video = |video: usize| {
            let scored = (0..count).flat_map(|p| {
                let row = video * count + p;
                let shown = f32::from(u8::from(valid.row(video)[p]));
                let scores = scores[row * classes..(row + 1) * classes].iter().enumerate();
                scores.map(move |(label, &score)| Scored { point: p, label, score: score * shown })
            });
            let kept = decode_points(scored, classes, config);
            if kept.is_empty() {
                return Vec::new();
            }
            let pairs: Vec<_> = kept.iter().map(|scored| (video * count + scored.point, scored.label)).collect();
            let distances = to_vec(output.boundaries.distances(&pairs));
            let segment = |(Scored { point, label, score }, distances): (&Scored, &[f32])| {
                let [start, end] = points[*point].segment([distances[0], distances[1]]);
                Segment { start, end, label: *label, score: *score }
            };
            kept.iter().zip(distances.chunks_exact(2)).map(segment).collect()
        };
        (0..b).map(of_video).collect()
    }
}
