//! The levels of a pyramid as one sequence: neck, and heads that all levels share.
//!
//! Axis names: `b` videos, `t` steps, `c` channels.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand_core::Rng;

use crate::conv::{Bias, CONV_NORM_EPSILON, ConvModule, TemporalConv};
use crate::mask::Mask;

/// A layer norm per level (OpenTAD `FPNIdentity`).
#[derive(Module, Debug)]
pub struct Neck {
    /// One per level, epsilon 1e-6.
    pub fpn_norms: Vec<LayerNorm>,
}

impl Neck {
    /// Norms that start as the identity.
    pub fn init(channels: usize, levels: usize, device: &Device) -> Self {
        let norm = |_| LayerNormConfig::new(channels).with_epsilon(CONV_NORM_EPSILON).init(device);
        Self { fpn_norms: (0..levels).map(norm).collect() }
    }

    /// Padding is not zeroed: it holds the norm's bias afterwards, and the first head convolution sees it.
    pub fn forward(&self, levels: Vec<Tensor<3>>) -> Vec<Tensor<3>> {
        levels.into_iter().zip(&self.fpn_norms).map(|(x, norm)| norm.forward(x)).collect()
    }
}

/// A learned factor of one level.
#[derive(Module, Debug)]
pub struct Scale {
    /// `[1]` (a scalar in checkpoints).
    pub scale: Param<Tensor<1>>,
}

impl Scale {
    /// One factor of 1 per level.
    pub(crate) fn each(levels: usize, device: &Device) -> Vec<Self> {
        let one = |_| Self { scale: Param::from_data(TensorData::from([1f32]), device) };
        (0..levels).map(one).collect()
    }

    /// `relu(scale * x)`: a distance is never negative.
    pub(crate) fn distance(&self, x: Tensor<3>) -> Tensor<3> {
        activation::relu(x * self.scale.val().reshape([1, 1, 1]))
    }
}

/// The size of a branch of the heads: channels inside, convolutions before its output, their kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BranchSize {
    pub(crate) channels: usize,
    pub(crate) convs: usize,
    pub(crate) kernel: usize,
}

impl BranchSize {
    /// The convolutions of one branch, on `inputs` channels.
    pub(crate) fn convs(self, inputs: usize, rng: &mut dyn Rng, device: &Device) -> Vec<ConvModule> {
        let Self { channels, convs, kernel } = self;
        let conv = |i| ConvModule::init([if i == 0 { inputs } else { channels }, channels, kernel], rng, device);
        (0..convs).map(conv).collect()
    }

    /// What the branch says: a convolution to `outputs` channels.
    pub(crate) fn output(self, outputs: usize, bias: Bias, rng: &mut dyn Rng, device: &Device) -> TemporalConv {
        TemporalConv::init([self.channels, outputs, self.kernel], bias, rng, device)
    }
}

/// The bias that makes every class as likely as `prior` (Lin et al., focal loss, section 4.1).
pub(crate) fn prior_bias(prior: f64) -> Bias {
    Bias::Constant(-((1.0 - prior) / prior).ln())
}

/// All levels as one sequence with zero rows between them: the same numbers as level by level, in a sixth of the calls.
pub(crate) struct Joined {
    /// `[b, sum of t + gaps, c]`.
    pub(crate) x: Tensor<3>,
    /// Steps that hold video; those between levels do not.
    mask: Mask,
    lengths: Vec<usize>,
    gap: usize,
}

impl Joined {
    /// Joins levels `[b, t / 2^level, c]` for kernels up to `kernel`.
    pub(crate) fn new(levels: Vec<Tensor<3>>, masks: &[Mask], kernel: usize) -> Self {
        let gap = kernel / 2;
        let device = levels[0].device();
        let [b, _, c] = levels[0].dims();
        let lengths = levels.iter().map(|x| x.dims()[1]).collect();
        let zeros = Tensor::zeros([b, gap, c], &device);
        let mut rows = Vec::with_capacity(2 * levels.len());
        for (i, x) in levels.into_iter().enumerate() {
            if i > 0 && gap > 0 {
                rows.push(zeros.clone());
            }
            rows.push(x);
        }
        Self { x: Tensor::cat(rows, 1), mask: Mask::joined(masks, gap), lengths, gap }
    }

    /// The convolutions of a branch and its output, which is not masked.
    pub(crate) fn run(&self, x: Tensor<3>, convs: &[ConvModule], output: &TemporalConv) -> Tensor<3> {
        output.forward(convs.iter().fold(x, |x, conv| conv.forward(x, &self.mask)))
    }

    /// The levels of a joined sequence, without the rows between them.
    pub(crate) fn split(&self, x: &Tensor<3>) -> Vec<Tensor<3>> {
        let starts = self.lengths.iter().scan(0, |at, length| {
            let start = *at;
            *at += length + self.gap;
            Some(start)
        });
        starts.zip(&self.lengths).map(|(start, &length)| x.clone().narrow(1, start, length)).collect()
    }
}
