//! Masked self-attention of the pyramid's blocks.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor, activation, assert_shape};
use rand_core::Rng;

use super::local;
use crate::conv::{Bias, DepthwiseConv, TemporalConv, strided};
use crate::mask::Mask;

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
}

impl MaskedAttention {
    /// Draws the initial weights. `window` is the number of steps a query sees, itself in the middle.
    pub fn init(
        channels: usize,
        heads: usize,
        window: Option<usize>,
        stride: usize,
        rng: &mut dyn Rng,
        device: &Device,
    ) -> Self {
        Self {
            query: Stream::init(channels, stride, rng, device),
            key: Stream::init(channels, stride, rng, device),
            value: Stream::init(channels, stride, rng, device),
            proj: pointwise(channels, channels, rng, device),
            heads,
            stride,
            reach: window.map(|window| window / 2),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[b, t, c]`
    /// - returns: `[b, t / stride, c]`, zero at padding, and its mask
    pub fn forward(&self, x: Tensor<3>, mask: &Mask) -> (Tensor<3>, Mask) {
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

        let attended = match self.reach {
            Some(reach) => local::attend(q, k, v, &mask, reach),
            None => {
                let logits = q.matmul(k.transpose()); // [b, heads, t, t]
                let logits = match mask.all() {
                    true => logits,
                    false => logits.mask_fill(mask.padding(&device), f32::NEG_INFINITY),
                };
                activation::softmax(logits, 3).matmul(v)
            }
        };
        let joined = attended.permute([0, 2, 1, 3]).reshape([b, t, c]);
        let out = self.proj.forward(joined) * valid;
        assert_shape!(out, [b, t, c]);
        (out, mask)
    }
}
