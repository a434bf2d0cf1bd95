//! Masked self-attention of the pyramid's blocks.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor, activation, assert_shape};
use rand_core::Rng;

use super::config::ActionFormerConfig;
use super::local;
use crate::conv::{Bias, DepthwiseConv, TemporalConv, strided};
use crate::mask::Mask;
use crate::stochastic::drop_elements;

/// Queries, keys or values: a masked depthwise convolution, a layer norm, a pointwise layer.
#[derive(Module, Debug)]
pub struct Stream {
    /// Along time; carries the block's stride.
    pub conv: DepthwiseConv,
    /// Epsilon 1e-5.
    pub norm: LayerNorm,
    /// Pointwise.
    pub proj: TemporalConv,
}

impl Stream {
    fn init(channels: usize, stride: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        Self {
            conv: DepthwiseConv::init(channels, stride, rng, device),
            norm: LayerNormConfig::new(channels).init(device),
            proj: pointwise(channels, channels, rng, device),
        }
    }

    /// `[b, t, c] -> [b, t / stride, c]`.
    fn forward(&self, x: Tensor<3>, mask: &Tensor<3>) -> Tensor<3> {
        self.proj.forward(self.norm.forward(self.conv.forward(x) * mask.clone()))
    }
}

/// A pointwise layer of the projection; ActionFormer starts its biases at zero.
pub(super) fn pointwise(inputs: usize, outputs: usize, rng: &mut dyn Rng, device: &Device) -> TemporalConv {
    TemporalConv::init([inputs, outputs, 1], Bias::Constant(0.0), rng, device)
}

/// Self-attention over all valid steps, or over a window around each (OpenTAD `MaskedMHCA`, `LocalMaskedMHCA`).
#[derive(Module, Debug)]
pub struct MaskedAttention {
    /// Queries.
    pub query: Stream,
    /// Keys.
    pub key: Stream,
    /// Values.
    pub value: Stream,
    /// Joins the heads.
    pub proj: TemporalConv,
    heads: usize,
    stride: usize,
    reach: Option<usize>,
    attention_dropout: f64,
    projection_dropout: f64,
}

impl MaskedAttention {
    /// Draws the initial weights of the attention of level `level`.
    pub fn init(config: &ActionFormerConfig, level: usize, stride: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let c = config.channels;
        Self {
            query: Stream::init(c, stride, rng, device),
            key: Stream::init(c, stride, rng, device),
            value: Stream::init(c, stride, rng, device),
            proj: pointwise(c, c, rng, device),
            heads: config.heads,
            stride,
            reach: config.window(level).map(|window| window / 2),
            attention_dropout: config.attention_dropout,
            projection_dropout: config.projection_dropout,
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[b, t, c]`
    /// - returns: `[b, t / stride, c]`, zero at padding, and its mask
    pub fn forward(&self, x: Tensor<3>, mask: &Mask, mut rng: Option<&mut dyn Rng>) -> (Tensor<3>, Mask) {
        let device = x.device();
        let [b, _, c] = x.dims();
        let head = c / self.heads;
        let mask = strided(mask, self.stride);
        let valid = mask.tensor(&device);
        let t = mask.steps();

        let split = |x: Tensor<3>| x.reshape([b, t, self.heads, head]).permute([0, 2, 1, 3]); // [b, heads, t, head]
        let q = split(self.query.forward(x.clone(), &valid)) * (1.0 / (head as f64).sqrt());
        let k = split(self.key.forward(x.clone(), &valid));
        let v = split(self.value.forward(x, &valid) * valid.clone());

        let dropout = self.attention_dropout;
        let draws = rng.as_deref_mut().map(|r| r as &mut dyn Rng);
        let attended = match self.reach {
            Some(reach) => local::attend([q, k, v], &mask, reach, |weights| drop_elements(weights, dropout, draws)),
            None => {
                let logits = q.matmul(k.transpose()); // [b, heads, t, t]
                let logits = match mask.all() {
                    true => logits,
                    false => logits.mask_fill(mask.padding(&device), f32::NEG_INFINITY),
                };
                drop_elements(activation::softmax(logits, 3), dropout, draws).matmul(v)
            }
        };
        let joined = attended.permute([0, 2, 1, 3]).reshape([b, t, c]);
        let out = drop_elements(self.proj.forward(joined), self.projection_dropout, rng) * valid;
        assert_shape!(out, [b, t, c]);
        (out, mask)
    }
}
