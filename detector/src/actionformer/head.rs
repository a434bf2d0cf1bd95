//! Heads: classification and regression shared by all levels.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_core::Rng;

use super::config::ActionFormerConfig;
use crate::conv::{Bias, ConvModule, TemporalConv};
use crate::levels::{BranchSize, Joined, Scale, prior_bias};
use crate::mask::Mask;

/// Kernel of all convolutions of the heads.
const KERNEL: usize = 3;

/// Initial bias of the distances to start and end, in strides. Differs from the reference, which leaves PyTorch's default:
/// distances pass a ReLU, and where one of the two begins below zero at every point it gets no gradient and stays there,
/// so that every segment of that run begins, or ends, at its point.
const REACH: f64 = 1.0;

/// Classification and regression heads (OpenTAD `ActionFormerHead`).
#[derive(Module, Debug)]
pub struct Head {
    /// Before the class output.
    pub cls_convs: Vec<ConvModule>,
    /// Before the offset output.
    pub reg_convs: Vec<ConvModule>,
    /// Logits per class.
    pub cls_head: TemporalConv,
    /// Distances to start and end, before scale and ReLU.
    pub reg_head: TemporalConv,
    /// One per level.
    pub scale: Vec<Scale>,
}

/// What the heads say at every point, finest level first.
#[derive(Debug, Clone)]
pub struct HeadOutput {
    /// `[b, points, classes]`.
    pub logits: Tensor<3>,
    /// `[b, points, 2]`: distances to start and end in strides of the point's level, never negative.
    pub offsets: Tensor<3>,
}

impl Head {
    /// Draws the initial weights.
    pub fn init(config: &ActionFormerConfig, classes: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let size = BranchSize { channels: config.head_channels(), convs: config.head_convs, kernel: KERNEL };
        Self {
            cls_convs: size.convs(config.channels, rng, device),
            reg_convs: size.convs(config.channels, rng, device),
            cls_head: size.output(classes, prior_bias(config.class_prior), rng, device),
            reg_head: size.output(2, Bias::Constant(REACH), rng, device),
            scale: Scale::each(config.levels(), device),
        }
    }

    /// # Shapes
    ///
    /// - `levels`: per level `[b, t / 2^level, c]`
    pub fn forward(&self, levels: Vec<Tensor<3>>, masks: &[Mask]) -> HeadOutput {
        let [logits, raw] = self.raw(levels, masks);
        let offsets = self.scale.iter().zip(raw).map(|(scale, x)| scale.distance(x));
        HeadOutput { logits: Tensor::cat(logits, 1), offsets: Tensor::cat(offsets.collect(), 1) }
    }

    /// Class logits, and distances before scale and ReLU: each per level `[b, t / 2^level, _]`.
    pub fn raw(&self, levels: Vec<Tensor<3>>, masks: &[Mask]) -> [Vec<Tensor<3>>; 2] {
        let joined = Joined::new(levels, masks, KERNEL);
        let run = |convs, output| joined.split(&joined.run(joined.x.clone(), convs, output));
        [run(&self.cls_convs, &self.cls_head), run(&self.reg_convs, &self.reg_head)]
    }
}
