//! Masked self-attention of the pyramid's blocks.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor, TensorData, activation, assert_shape};
use rand_core::Rng;

use super::config::ActionFormerConfig;
use crate::conv::{Bias, DepthwiseConv, TemporalConv, strided};
use crate::mask::Mask;
use crate::stochastic::drop_elements;

/// Added to the logits of masked keys inside a local window (the reference masks softly there, unlike the global
/// form's minus infinity).
const LOCAL_PADDING: f32 = -1e4;

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

        let logits = q.matmul(k.transpose()); // [b, heads, t, t]
        let weights = match self.reach {
            None if mask.all() => activation::softmax(logits, 3),
            None => activation::softmax(logits.mask_fill(mask.padding(&device), f32::NEG_INFINITY), 3),
            Some(reach) => {
                let keys = mask.padding(&device).float() * LOCAL_PADDING;
                activation::softmax(logits + keys + band(t, reach, &device), 3) * valid.clone().unsqueeze_dim::<4>(1)
            }
        };
        let weights = drop_elements(weights, self.attention_dropout, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        let joined = weights.matmul(v).permute([0, 2, 1, 3]).reshape([b, t, c]);
        let out = drop_elements(self.proj.forward(joined), self.projection_dropout, rng) * valid;
        assert_shape!(out, [b, t, c]);
        (out, mask)
    }
}

/// 0 where two steps are at most `reach` apart, minus infinity elsewhere: `[1, 1, t, t]`.
fn band(t: usize, reach: usize, device: &Device) -> Tensor<4> {
    let bias = |i: usize, j: usize| if i.abs_diff(j) <= reach { 0.0 } else { f32::NEG_INFINITY };
    let values: Vec<f32> = (0..t).flat_map(|i| (0..t).map(move |j| bias(i, j))).collect();
    Tensor::from_data(TensorData::new(values, [1, 1, t, t]), device)
}
