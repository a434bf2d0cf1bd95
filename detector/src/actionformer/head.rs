//! Neck and heads: a norm per level, then classification and regression shared by all levels.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand_core::Rng;

use super::config::ActionFormerConfig;
use crate::conv::{Bias, CONV_NORM_EPSILON, ConvModule, TemporalConv};
use crate::mask::Mask;

/// Zero rows between two levels when all levels run as one sequence: as many as a kernel of 3 reaches.
const GAP: usize = 1;

/// Initial bias of the distances to start and end, in strides. Differs from the reference, which leaves PyTorch's default:
/// distances pass a ReLU, and where one of the two begins below zero at every point it gets no gradient and stays there,
/// so that every segment of that run begins, or ends, at its point.
const REACH: f64 = 1.0;

/// A layer norm per level (OpenTAD `FPNIdentity`).
#[derive(Module, Debug)]
pub struct Neck {
    /// One per level, epsilon 1e-6.
    pub fpn_norms: Vec<LayerNorm>,
}

impl Neck {
    /// Norms that start as the identity.
    pub fn init(config: &ActionFormerConfig, device: &Device) -> Self {
        let norm = |_| LayerNormConfig::new(config.channels).with_epsilon(CONV_NORM_EPSILON).init(device);
        Self { fpn_norms: (0..config.levels()).map(norm).collect() }
    }

    /// Padding is not zeroed: it holds the norm's bias afterwards, and the first head convolution sees it.
    pub fn forward(&self, levels: Vec<Tensor<3>>) -> Vec<Tensor<3>> {
        levels.into_iter().zip(&self.fpn_norms).map(|(x, norm)| norm.forward(x)).collect()
    }
}

/// A learned factor of one level's offsets.
#[derive(Module, Debug)]
pub struct Scale {
    /// `[1]` (a scalar in checkpoints).
    pub scale: Param<Tensor<1>>,
}

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
        let c = config.channels;
        let mut convs = || (0..config.head_convs).map(|_| ConvModule::init(c, c, rng, device)).collect();
        let (cls_convs, reg_convs) = (convs(), convs());
        let prior = -((1.0 - config.class_prior) / config.class_prior).ln();
        let one = || Param::from_data(TensorData::from([1f32]), device);
        Self {
            cls_convs,
            reg_convs,
            cls_head: TemporalConv::init([c, classes, 3], Bias::Constant(prior), rng, device),
            reg_head: TemporalConv::init([c, 2, 3], Bias::Constant(REACH), rng, device),
            scale: (0..config.levels()).map(|_| Scale { scale: one() }).collect(),
        }
    }

    /// Runs all levels as one sequence with zero rows between them: the same numbers as level by level, in a sixth of
    /// the calls.
    ///
    /// # Shapes
    ///
    /// - `levels`: per level `[b, t / 2^level, c]`
    pub fn forward(&self, levels: Vec<Tensor<3>>, masks: &[Mask]) -> HeadOutput {
        let device = levels[0].device();
        let [b, _, c] = levels[0].dims();
        let lengths: Vec<usize> = levels.iter().map(|x| x.dims()[1]).collect();
        let gap = Tensor::zeros([b, GAP, c], &device);
        let mut rows = Vec::with_capacity(2 * levels.len());
        for (i, x) in levels.into_iter().enumerate() {
            if i > 0 {
                rows.push(gap.clone());
            }
            rows.push(x);
        }
        let x = Tensor::cat(rows, 1);
        let valid = Mask::joined(masks, GAP).tensor(&device);
        let run = |convs: &[ConvModule]| convs.iter().fold(x.clone(), |x, conv| conv.forward(x, &valid));

        let logits = self.cls_head.forward(run(&self.cls_convs));
        let raw = self.reg_head.forward(run(&self.reg_convs));
        let offsets = self
            .scale
            .iter()
            .zip(split(raw, &lengths))
            .map(|(scale, x)| activation::relu(x * scale.scale.val().reshape([1, 1, 1])));
        HeadOutput { logits: Tensor::cat(split(logits, &lengths), 1), offsets: Tensor::cat(offsets.collect(), 1) }
    }
}

/// The levels of a joined sequence, without the rows between them.
fn split(x: Tensor<3>, lengths: &[usize]) -> Vec<Tensor<3>> {
    let starts = lengths.iter().scan(0, |at, length| {
        let start = *at;
        *at += length + GAP;
        Some(start)
    });
    starts.zip(lengths).map(|(start, &length)| x.clone().narrow(1, start, length)).collect()
}
