//! G-TAD: every segment of a window is a proposal; graph blocks connect steps that are alike, wherever they are.
//!
//! It says how good a proposal is, not what it shows: classes come from a classifier of whole videos, see
//! [`classifier`](crate::classifier).
//!
//! Axis names: `b` windows, `t` grid steps, `c` channels, `d` durations.
//! Reference: Xu et al., G-TAD (CVPR 2020, <https://arxiv.org/abs/1911.11462>); OpenTAD `gtad.py`, `bmn.py` (differences:
//! `docs/DIFFERENCES.md`).

mod align;
mod balance;
mod bands;
mod boundary;
mod config;
mod conv;
mod decode;
#[cfg(test)]
mod draws;
mod extractor;
mod graph;
mod half;
mod head;
mod losses;
mod projection;
mod proposals;
mod targets;

pub use align::{Align1d, Stretch, Tap};
pub use balance::{BalanceDraws, entropy_weights, square_weights};
pub use boundary::{Boundary, BoundaryHead};
pub use config::{GtadConfig, ProposalScore};
pub use conv::{GroupedConv, PlaneConv, PointwiseConv};
pub use decode::decode;
pub use extractor::Extractor;
pub use graph::{GcNext, SemanticBranch, TemporalBranch};
pub use head::{HeadLayer, ProposalHead, RoiHead};
pub use losses::{MapLosses, WindowGoals, cross_entropy, goals, squared_error, weighted_entropy};
pub use projection::{ConvRelu, Projection};
pub use proposals::ProposalMap;
pub use targets::WindowTargets;

use burn::module::Module;
use burn::tensor::{Device, Tensor, assert_shape};
use rand_core::Rng;

use crate::mask::Mask;
use crate::segment::Segment;
use crate::targets::Truth;

/// The detector.
#[derive(Module, Debug)]
pub struct Gtad {
    /// Features to channels.
    pub projection: Projection,
    /// The first graph block.
    pub neck: GcNext,
    /// Starts and ends.
    pub rpn_head: BoundaryHead,
    /// Proposals.
    pub roi_head: RoiHead,
    #[module(skip)]
    config: GtadConfig,
    steps: usize,
}

/// What the detector says about a batch of windows.
#[derive(Debug, Clone)]
pub struct Predictions {
    /// `[b, 2, t]`: logits of a start and of an end at every step.
    pub boundaries: Tensor<3>,
    /// `[b, 2, d, t]`: logits of being an action and of overlapping one; see [`ProposalMap`].
    pub maps: Tensor<4>,
}

impl Gtad {
    /// Draws the initial weights, for `features` input channels and windows of `steps` grid steps.
    pub fn init(config: &GtadConfig, [features, steps]: [usize; 2], rng: &mut dyn Rng, device: &Device) -> Self {
        Self {
            projection: Projection::init(config, features, rng, device),
            neck: GcNext::init(config, rng, device),
            rpn_head: BoundaryHead::init(config, rng, device),
            roi_head: RoiHead::init(config, steps, rng, device),
            config: config.clone(),
            steps,
        }
    }

    /// Predictions for every step and every proposal of the windows.
    ///
    /// # Shapes
    ///
    /// - `features`: `[b, c, t]`; shorter windows are padded to the detector's length
    pub fn forward(&self, features: Tensor<3>, mask: &Mask) -> Predictions {
        let x = self.base(features, mask);
        let boundaries = self.rpn_head.forward(&x);
        let maps = self.roi_head.proposal_head.forward(self.roi_head.proposal_roi_extractor.forward(x));
        let [b, _, d, t] = maps.dims();
        assert_shape!(boundaries, [b, 2, t]);
        assert_shape!(maps, [b, 2, d, t]);
        Predictions { boundaries, maps }
    }

    /// What all heads read: `[b, c, t] -> [b, t, channels]`, 0 at padding.
    pub fn base(&self, features: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let [b, c, t] = features.dims();
        assert!(t <= self.steps, "windows are at most {} steps", self.steps);
        assert_eq!([mask.batch(), mask.steps()], [b, t], "the mask has the features' batch and length");
        let x = features.permute([0, 2, 1]); // [b, t, c]
        let x = match self.steps - t {
            0 => x,
            missing => {
                let padding = Tensor::zeros([b, missing, c], &x.device());
                Tensor::cat(vec![x, padding], 1)
            }
        };
        let valid = mask.padded(self.steps).tensor(&x.device());
        self.neck.forward(self.projection.forward(x, &valid)) * valid
    }

    /// Proposals within a window: as many draws as the regression loss needs per window.
    pub fn proposals(&self) -> usize {
        ProposalMap { durations: self.config.durations, steps: self.steps }.valid().count()
    }

    /// What all windows of a step should say; see [`goals`].
    pub fn goals(&self, truth: &[Vec<Truth>], draws: &BalanceDraws) -> Vec<WindowGoals> {
        goals(&self.config, self.steps, truth, draws)
    }

    /// Every proposal whose boundaries are candidates, per window; see [`decode`].
    pub fn decode(&self, predictions: &Predictions) -> Vec<Vec<Segment>> {
        decode(predictions, self.config.score)
    }

    /// Losses of some of a step's windows against their goals.
    pub fn losses(&self, predictions: &Predictions, goals: &[WindowGoals]) -> MapLosses {
        MapLosses::new(&self.config, predictions, goals)
    }
}
