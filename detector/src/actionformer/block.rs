//! The pyramid's transformer block, and its residual branches with learned scale and stochastic depth.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor, TensorData, activation};
use rand_core::Rng;

use super::attention::{MaskedAttention, pointwise};
use super::config::ActionFormerConfig;
use crate::conv::{TemporalConv, max_pool};
use crate::mask::Mask;

/// First value of a branch's scale (OpenTAD `AffineDropPath`): blocks begin near the identity.
const INITIAL_SCALE: f32 = 1e-4;

/// Hidden channels of the MLP per channel.
const MLP_RATIO: usize = 4;

/// A learned scale per channel, and stochastic depth per video in training.
#[derive(Module, Debug)]
pub struct AffineDropPath {
    /// `[1, c, 1]`, as checkpoints have it.
    pub scale: Param<Tensor<3>>,
    rate: f64,
}

impl AffineDropPath {
    /// None when `rate` is 0: the reference then has no scale either.
    fn init(channels: usize, rate: f64, device: &Device) -> Option<Self> {
        let scale = || Param::from_data(TensorData::full([1, channels, 1], INITIAL_SCALE), device);
        (rate > 0.0).then(|| Self { scale: scale(), rate })
    }

    /// `scale * branch / keep * floor(keep + U[0, 1))`; without `rng`, `scale * branch`. `[b, t, c] -> [b, t, c]`.
    pub fn forward(&self, branch: Tensor<3>, rng: Option<&mut dyn Rng>) -> Tensor<3> {
        let [b, _, c] = branch.dims();
        let scaled = branch * self.scale.val().reshape([1, 1, c]);
        let Some(rng) = rng else { return scaled };
        let keep = 1.0 - self.rate;
        let kept: Vec<f32> = (0..b).map(|_| ((keep + uniform(rng)).floor() / keep) as f32).collect();
        let device = scaled.device();
        scaled * Tensor::from_data(TensorData::new(kept, [b, 1, 1]), &device)
    }
}

/// Uniform in `[0, 1)`.
pub(super) fn uniform(rng: &mut dyn Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

/// Two pointwise layers with an exact GELU between them.
#[derive(Module, Debug)]
pub struct PointwiseMlp {
    /// `c` to `4c`; `mlp.0` in checkpoints.
    pub fc1: TemporalConv,
    /// `4c` to `c`; `mlp.3` in checkpoints.
    pub fc2: TemporalConv,
}

/// One block: pre-norm attention and MLP; a stride of 2 halves time.
#[derive(Module, Debug)]
pub struct TransformerBlock {
    /// Epsilon 1e-5.
    pub ln1: LayerNorm,
    /// Masked self-attention.
    pub attn: MaskedAttention,
    /// Epsilon 1e-5.
    pub ln2: LayerNorm,
    /// Pointwise MLP.
    pub mlp: PointwiseMlp,
    /// Of the attention branch.
    pub drop_path_attn: Option<AffineDropPath>,
    /// Of the MLP branch.
    pub drop_path_mlp: Option<AffineDropPath>,
    stride: usize,
}

impl TransformerBlock {
    /// Draws the initial weights.
    pub fn init(config: &ActionFormerConfig, stride: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let c = config.channels;
        let norm = || LayerNormConfig::new(c).init(device);
        let branch = || AffineDropPath::init(c, config.path_dropout, device);
        Self {
            ln1: norm(),
            attn: MaskedAttention::init(c, config.heads, config.attention_window, stride, rng, device),
            ln2: norm(),
            mlp: PointwiseMlp {
                fc1: pointwise(c, MLP_RATIO * c, rng, device),
                fc2: pointwise(MLP_RATIO * c, c, rng, device),
            },
            drop_path_attn: branch(),
            drop_path_mlp: branch(),
            stride,
        }
    }

    /// `u = pool(x) * mask + attn(ln1(x))`, `u + mlp(ln2(u)) * mask`, the branches scaled and perhaps dropped.
    ///
    /// # Shapes
    ///
    /// - `x`: `[b, t, c]`
    /// - returns: `[b, t / stride, c]` and its mask
    pub fn forward(&self, x: Tensor<3>, mask: &Mask, mut rng: Option<&mut dyn Rng>) -> (Tensor<3>, Mask) {
        let (attended, mask) = self.attn.forward(self.ln1.forward(x.clone()), mask);
        let valid = mask.tensor(&x.device());
        let skip = if self.stride == 1 { x } else { max_pool(x, self.stride) };
        let attended = branch(&self.drop_path_attn, attended, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        let x = skip * valid.clone() + attended;

        let hidden = activation::gelu(self.mlp.fc1.forward(self.ln2.forward(x.clone())));
        let mixed = self.mlp.fc2.forward(hidden) * valid;
        (x + branch(&self.drop_path_mlp, mixed, rng), mask)
    }
}

fn branch(drop: &Option<AffineDropPath>, x: Tensor<3>, rng: Option<&mut dyn Rng>) -> Tensor<3> {
    match drop {
        Some(drop) => drop.forward(x, rng),
        None => x,
    }
}
