//! Proposal head: how good every proposal is (OpenTAD `PEMHead`).

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use rand_core::Rng;

use super::config::GtadConfig;
use super::conv::PlaneConv;
use super::extractor::Extractor;

/// One layer: hidden or the last. Checkpoints name them differently (`head.N.0` and `head.N`).
#[derive(Module, Debug)]
pub struct HeadLayer {
    /// Followed by a ReLU.
    pub hidden: Option<PlaneConv>,
    /// The last layer.
    pub output: Option<PlaneConv>,
}

/// From proposals' features to two logits: whether it is an action, and how much it overlaps one.
#[derive(Module, Debug)]
pub struct ProposalHead {
    /// Hidden layers, then the last one.
    pub head: Vec<HeadLayer>,
}

impl ProposalHead {
    /// Draws the initial weights.
    pub fn init(config: &GtadConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let (c, kernel) = (config.head_channels, config.head_kernel);
        let inputs = |layer: usize| if layer == 0 { config.roi_channels } else { c };
        let mut head: Vec<HeadLayer> = (0..config.head_convs)
            .map(|layer| PlaneConv::init([inputs(layer), c, kernel], rng, device))
            .map(|conv| HeadLayer { hidden: Some(conv), output: None })
            .collect();
        let last = PlaneConv::init([inputs(config.head_convs), 2, 1], rng, device);
        head.push(HeadLayer { hidden: None, output: Some(last) });
        Self { head }
    }

    /// `[b, d, t, o] -> [b, 2, d, t]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let layer = |x: Tensor<4>, layer: &HeadLayer| match (&layer.hidden, &layer.output) {
            (Some(hidden), _) => activation::relu(hidden.forward(x)),
            (None, Some(output)) => output.forward(x),
            (None, None) => x,
        };
        self.head.iter().fold(x, layer).permute([0, 3, 1, 2])
    }
}

/// Everything about proposals (OpenTAD `StandardProposalMapHead`).
#[derive(Module, Debug)]
pub struct RoiHead {
    /// Features of proposals.
    pub proposal_roi_extractor: Extractor,
    /// What they are worth.
    pub proposal_head: ProposalHead,
}

impl RoiHead {
    /// Draws the initial weights, for windows of `steps` grid steps.
    pub fn init(config: &GtadConfig, steps: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        Self {
            proposal_roi_extractor: Extractor::init(config, steps, rng, device),
            proposal_head: ProposalHead::init(config, rng, device),
        }
    }
}
