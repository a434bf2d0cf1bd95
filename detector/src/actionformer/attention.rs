//! Masked self-attention of the pyramid's blocks.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor, activation, assert_shape};
use rand_core::Rng;

use super::band::Band;
use super::config::ActionFormerConfig;
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
    fn forward(&self, x: Tensor<3>, mask: &Mask) -> Tensor<3> {
        self.proj.forward(self.norm.forward(mask.cover(self.conv.forward(x))))
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
        let [b, _, c] = x.dims();
        let head = c / self.heads;
        let mask = strided(mask, self.stride);
        let t = mask.steps();

        let split = |x: Tensor<3>| x.reshape([b, t, self.heads, head]).permute([0, 2, 1, 3]); // [b, heads, t, head]
        let q = split(self.query.forward(x.clone(), &mask) * (1.0 / (head as f64).sqrt()));
        let k = split(self.key.forward(x.clone(), &mask));
        let v = split(mask.cover(self.value.forward(x, &mask)));
        let dropped = rng.as_deref_mut().map(|r| r as &mut dyn Rng);
        let attended = match self.reach {
            None => self.global(q, k, v, &mask, dropped),
            Some(reach) => self.local(q, k, v, &mask, Band::new(t, reach), dropped),
        };
        let joined = attended.permute([0, 2, 1, 3]).reshape([b, t, c]);
        // Queries at padding, which the reference sets to 0 before the last layer, are covered here.
        let out = mask.cover(drop_elements(self.proj.forward(joined), self.projection_dropout, rng));
        assert_shape!(out, [b, t, c]);
        (out, mask)
    }

    fn global(&self, q: Tensor<4>, k: Tensor<4>, v: Tensor<4>, mask: &Mask, rng: Option<&mut dyn Rng>) -> Tensor<4> {
        let logits = q.matmul(k.transpose()); // [b, heads, t, t]
        let logits = match mask.all() {
            true => logits,
            false => logits.clone().mask_fill(mask.padding(&logits.device()), f32::NEG_INFINITY),
        };
        drop_elements(activation::softmax(logits, 3), self.attention_dropout, rng).matmul(v)
    }

    fn local(
        &self,
        q: Tensor<4>,
        k: Tensor<4>,
        v: Tensor<4>,
        mask: &Mask,
        band: Band,
        rng: Option<&mut dyn Rng>,
    ) -> Tensor<4> {
        let bias = band.bias(mask, &q.device());
        let logits = band.queries(q).matmul(band.keys(k).transpose()) + bias; // [b, heads, n, q, k]
        let weights = drop_elements(activation::softmax(logits, 4), self.attention_dropout, rng);
        band.joined(weights.matmul(band.keys(v)))
    }
}
