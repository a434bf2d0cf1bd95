//! Convolutions along time on `[b, t, c]`, as shifted copies and matrix products.
//!
//! Channels stay last, so layer norms and pointwise layers need no transpose. Weights keep PyTorch's layout
//! `[out, in / groups, kernel]`, so that checkpoints load as they are.

use burn::module::{Module, Param};
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::module::linear;
use burn::tensor::{Device, Distribution, Tensor, TensorData, activation, assert_shape};
use rand_core::Rng;

use crate::mask::Mask;

/// Layer norms of `ConvModule`, neck and head; those inside transformer blocks have PyTorch's 1e-5.
pub const CONV_NORM_EPSILON: f64 = 1e-6;

/// How far the neighbours of [`taps`] reach: kernels of 3 look one step to each side.
const KERNEL: usize = 3;

/// Uniform within `1 / sqrt(fan_in)`: PyTorch's default for convolutions.
fn default_uniform(fan_in: usize) -> Distribution {
    let bound = 1.0 / (fan_in as f64).sqrt();
    Distribution::Uniform(-bound, bound)
}

/// The left neighbour, the step itself and the right neighbour of every `stride`-th step, `edge` beyond the ends.
///
/// # Shapes
///
/// - `x`: `[b, t, c]`, `t` a multiple of `stride` (1 or 2)
/// - returns: three of `[b, t / stride, c]`
pub fn taps(x: Tensor<3>, stride: usize, edge: f32) -> [Tensor<3>; 3] {
    let [b, t, c] = x.dims();
    assert!(stride == 1 || (stride == 2 && t.is_multiple_of(2)), "{t} steps cannot be taken {stride} by {stride}");
    let border = Tensor::full([b, 1, c], edge, &x.device());
    if stride == 1 {
        let left = Tensor::cat(vec![border.clone(), x.clone().narrow(1, 0, t - 1)], 1);
        let right = Tensor::cat(vec![x.clone().narrow(1, 1, t - 1), border], 1);
        return [left, x, right];
    }
    let pairs = x.reshape([b, t / 2, 2, c]);
    let even = pairs.clone().narrow(2, 0, 1).reshape([b, t / 2, c]);
    let odd = pairs.narrow(2, 1, 1).reshape([b, t / 2, c]);
    let left = Tensor::cat(vec![border, odd.clone().narrow(1, 0, t / 2 - 1)], 1);
    [left, even, odd]
}

/// First value of a convolution's bias.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bias {
    /// No bias.
    None,
    /// One value for every channel.
    Constant(f64),
    /// PyTorch's default: uniform, as the weights.
    Default,
}

/// A convolution along time with a kernel of 1 or 3 and zero padding.
#[derive(Module, Debug)]
pub struct TemporalConv {
    /// `[out, in, kernel]`.
    pub weight: Param<Tensor<3>>,
    /// `[out]`.
    pub bias: Option<Param<Tensor<1>>>,
}

impl TemporalConv {
    /// Draws the initial weights (PyTorch's default).
    pub fn init([inputs, outputs, kernel]: [usize; 3], bias: Bias, mut rng: &mut dyn Rng, device: &Device) -> Self {
        assert!(kernel == 1 || kernel == KERNEL, "kernels are 1 or {KERNEL}");
        let initial = default_uniform(inputs * kernel);
        let weight = TensorData::random::<f32, _, _>([outputs, inputs, kernel], initial, &mut rng);
        let bias = match bias {
            Bias::None => None,
            Bias::Constant(value) => Some(TensorData::full([outputs], value as f32)),
            Bias::Default => Some(TensorData::random::<f32, _, _>([outputs], initial, &mut rng)),
        };
        Self { weight: Param::from_data(weight, device), bias: bias.map(|bias| Param::from_data(bias, device)) }
    }

    /// `[b, t, in] -> [b, t, out]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [b, t, _] = x.dims();
        let weight = self.weight.val();
        let [outputs, inputs, kernel] = weight.dims();
        let columns = if kernel == 1 { x } else { Tensor::cat(taps(x, 1, 0.0).to_vec(), 2) }; // [b, t, kernel*in]
        let matrix = weight.permute([2, 1, 0]).reshape([kernel * inputs, outputs]);
        let y = linear(columns, matrix, self.bias.as_ref().map(|b| b.val()));
        assert_shape!(y, [b, t, outputs]);
        y
    }
}

/// One kernel of 3 per channel, without bias.
#[derive(Module, Debug)]
pub struct DepthwiseConv {
    /// `[c, 1, 3]`.
    pub weight: Param<Tensor<3>>,
    stride: usize,
}

impl DepthwiseConv {
    /// Draws the initial weights.
    pub fn init(channels: usize, stride: usize, mut rng: &mut dyn Rng, device: &Device) -> Self {
        let weight = TensorData::random::<f32, _, _>([channels, 1, KERNEL], default_uniform(KERNEL), &mut rng);
        Self { weight: Param::from_data(weight, device), stride }
    }

    /// `[b, t, c] -> [b, t / stride, c]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [_, _, c] = x.dims();
        let weight = self.weight.val();
        let tap = |k: usize| weight.clone().narrow(2, k, 1).reshape([1, 1, c]);
        let [left, centre, right] = taps(x, self.stride, 0.0);
        left * tap(0) + centre * tap(1) + right * tap(2)
    }
}

/// Convolution, mask, layer norm, ReLU, mask (OpenTAD `ConvModule`).
#[derive(Module, Debug)]
pub struct ConvModule {
    /// Without bias: the norm has one.
    pub conv: TemporalConv,
    /// Over channels.
    pub norm: LayerNorm,
}

impl ConvModule {
    /// Draws the initial weights of a kernel of 3.
    pub fn init(inputs: usize, outputs: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        Self {
            conv: TemporalConv::init([inputs, outputs, KERNEL], Bias::None, rng, device),
            norm: LayerNormConfig::new(outputs).with_epsilon(CONV_NORM_EPSILON).init(device),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[b, t, in]`; padding is *not* zeroed before the convolution, so it leaks one step into the last valid
    ///   one, as in the reference
    /// - `mask`: `[b, t, 1]`
    /// - returns: `[b, t, out]`
    pub fn forward(&self, x: Tensor<3>, mask: &Tensor<3>) -> Tensor<3> {
        let x = self.conv.forward(x) * mask.clone();
        activation::relu(self.norm.forward(x)) * mask.clone()
    }
}

/// Maximum over a step and its neighbours at every `stride`-th step: `[b, t, c] -> [b, t / stride, c]`.
pub fn max_pool(x: Tensor<3>, stride: usize) -> Tensor<3> {
    let [left, centre, right] = taps(x, stride, f32::NEG_INFINITY);
    left.max_pair(centre).max_pair(right)
}

/// The mask's steps that survive a stride.
pub fn strided(mask: &Mask, stride: usize) -> Mask {
    if stride == 2 { mask.halved() } else { mask.clone() }
}
