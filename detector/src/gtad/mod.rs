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

#[cfg(test)]
mod tests {
    use super::draws::{SplitMix, random};
    use super::*;

    fn small() -> (Gtad, SplitMix) {
        let config = GtadConfig {
            channels: 8,
            projection_groups: 2,
            graph_groups: 2,
            durations: 5,
            roi_bins: 3,
            context_bins: 2,
            roi_channels: 6,
            head_channels: 4,
            ..GtadConfig::thumos()
        };
        config.check(6, 20).unwrap();
        let mut rng = SplitMix(5);
        (Gtad::init(&config, [6, 20], &mut rng, &Device::flex()), rng)
    }

    #[test]
    fn losses_of_a_steps_windows_add_up_to_those_of_one_batch() {
        let (detector, mut rng) = small();
        let action = |start, end| Truth { start, end, label: 0 };
        let truth = [vec![action(2.0, 5.0), action(9.5, 12.0)], vec![action(4.0, 18.0)]];
        let draws = BalanceDraws::draw(2 * detector.proposals(), || crate::stochastic::uniform(&mut rng) as f32);
        let goals = detector.goals(&truth, &draws);
        let features = random([2, 6, 20], &mut rng, &Device::flex());
        let total = |features: Tensor<3>, goals: &[WindowGoals]| {
            let mask = Mask::prefix(&vec![20; goals.len()], 20);
            detector.losses(&detector.forward(features, &mask), goals).total.into_scalar::<f32>()
        };
        let parts: f32 = (0..2).map(|b| total(features.clone().narrow(0, b, 1), &goals[b..=b])).sum();
        let whole = total(features, &goals);
        assert!((parts - whole).abs() < 1e-5 * whole, "{parts} is not {whole}");
    }

    #[test]
    fn a_shorter_window_is_one_with_padding() {
        let (detector, mut rng) = small();
        let features = random([1, 6, 14], &mut rng, &Device::flex());
        let padded = Tensor::cat(vec![features.clone(), Tensor::zeros([1, 6, 6], &Device::flex())], 2);
        let short = detector.forward(features, &Mask::prefix(&[14], 14));
        let long = detector.forward(padded, &Mask::prefix(&[14], 20));
        assert_eq!(short.maps.to_data(), long.maps.to_data());
        assert_eq!(short.boundaries.dims(), [1, 2, 20]);
    }
}
