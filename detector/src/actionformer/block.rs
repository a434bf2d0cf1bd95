//! The pyramid's transformer block.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor};
use rand_core::Rng;

use super::attention::{MaskedAttention, pointwise};
use super::config::ActionFormerConfig;
use crate::conv::{TemporalConv, max_pool};
use crate::gelu::gelu;
use crate::mask::Mask;
use crate::stochastic::{AffineDropPath, branch, drop_elements};

/// Hidden channels of the MLP per channel.
const MLP_RATIO: usize = 4;

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
    dropout: f64,
}

impl TransformerBlock {
    /// Draws the initial weights of a block that makes level `level`; only level 0 keeps the length.
    pub fn init(config: &ActionFormerConfig, level: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let c = config.channels;
        let stride = if level == 0 { 1 } else { 2 };
        let norm = || LayerNormConfig::new(c).init(device);
        let branch = || AffineDropPath::init(c, config.path_dropout, device);
        Self {
            ln1: norm(),
            attn: MaskedAttention::init(config, level, stride, rng, device),
            ln2: norm(),
            mlp: PointwiseMlp {
                fc1: pointwise(c, MLP_RATIO * c, rng, device),
                fc2: pointwise(MLP_RATIO * c, c, rng, device),
            },
            drop_path_attn: branch(),
            drop_path_mlp: branch(),
            stride,
            dropout: config.projection_dropout,
        }
    }

    /// `u = pool(x) * mask + attn(ln1(x))`, `u + mlp(ln2(u)) * mask`, the branches scaled and perhaps dropped.
    ///
    /// # Shapes
    ///
    /// - `x`: `[b, t, c]`
    /// - returns: `[b, t / stride, c]` and its mask
    pub fn forward(&self, x: Tensor<3>, mask: &Mask, mut rng: Option<&mut dyn Rng>) -> (Tensor<3>, Mask) {
        let (attended, mask) = self.attend(x.clone(), mask, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        let attended = branch(&self.drop_path_attn, attended, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        let x = self.skipped(x, &mask) + attended;

        let mixed = self.mix(x.clone(), rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        (x + branch(&self.drop_path_mlp, mask.cover(mixed), rng), mask)
    }

    /// `attn(ln1(x))` and its mask: see [`MaskedAttention::forward`].
    pub fn attend(&self, x: Tensor<3>, mask: &Mask, rng: Option<&mut dyn Rng>) -> (Tensor<3>, Mask) {
        self.attn.forward(self.ln1.forward(x), mask, rng)
    }

    /// `mlp(ln2(x))`. `[b, t, c] -> [b, t, c]`.
    pub fn mix(&self, x: Tensor<3>, mut rng: Option<&mut dyn Rng>) -> Tensor<3> {
        let hidden = gelu(self.mlp.fc1.forward(self.ln2.forward(x)));
        let hidden = drop_elements(hidden, self.dropout, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        drop_elements(self.mlp.fc2.forward(hidden), self.dropout, rng)
    }

    /// What the MLP reads, without random draws: `pool(x) * mask + attn(ln1(x))`, and its mask.
    pub fn attended(&self, x: Tensor<3>, mask: &Mask) -> (Tensor<3>, Mask) {
        let (attended, mask) = self.attend(x.clone(), mask, None);
        (self.skipped(x, &mask) + branch(&self.drop_path_attn, attended, None), mask)
    }

    fn skipped(&self, x: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let skip = if self.stride == 1 { x } else { max_pool(x, self.stride) };
        mask.cover(skip)
    }
}
