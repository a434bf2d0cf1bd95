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
    // A level of a single step has no neighbours at all.
    let steps = |x: &Tensor<3>, first: usize, count: usize| (count > 0).then(|| x.clone().narrow(1, first, count));
    if stride == 1 {
        let left = std::iter::once(border.clone()).chain(steps(&x, 0, t - 1)).collect();
        let right = steps(&x, 1, t - 1).into_iter().chain([border]).collect();
        return [Tensor::cat(left, 1), x, Tensor::cat(right, 1)];
    }
    let pairs = x.reshape([b, t / 2, 2, c]);
    let even = pairs.clone().narrow(2, 0, 1).reshape([b, t / 2, c]);
    let odd = pairs.narrow(2, 1, 1).reshape([b, t / 2, c]);
    let left = std::iter::once(border).chain(steps(&odd, 0, t / 2 - 1)).collect();
    [Tensor::cat(left, 1), even, odd]
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

/// A convolution along time with an odd kernel and zero padding.
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
        assert!(!kernel.is_multiple_of(2), "kernels have a middle");
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
        let matrix = |k: usize| weight.clone().narrow(2, k, 1).reshape([outputs, inputs]).transpose();
        // The step itself, and what its neighbours add: shifting products instead of inputs moves fewer numbers where the
        // inputs are many, and never more.
        let middle = kernel / 2;
        let mut y = linear(x.clone(), matrix(middle), self.bias.as_ref().map(|b| b.val()));
        for k in (0..kernel).filter(|&k| k != middle && k.abs_diff(middle) < t) {
            y = y + shift(linear(x.clone(), matrix(k), None), middle as isize - k as isize);
        }
        assert_shape!(y, [b, t, outputs]);
        y
    }
}

/// `x` later in time by `steps` (earlier where negative), zero where nothing comes from. `[b, t, c] -> [b, t, c]`.
fn shift(x: Tensor<3>, steps: isize) -> Tensor<3> {
    let [b, t, c] = x.dims();
    let missing = steps.unsigned_abs().min(t);
    let edge = Tensor::zeros([b, missing, c], &x.device());
    match steps {
        0 => x,
        1.. => Tensor::cat(vec![edge, x.narrow(1, 0, t - missing)], 1),
        _ => Tensor::cat(vec![x.narrow(1, missing, t - missing), edge], 1),
    }
}

/// For every step of an odd kernel, the step that it sees, zero beyond the ends: `kernel` of `[b, t, c]`.
fn shifted(x: Tensor<3>, kernel: usize) -> Vec<Tensor<3>> {
    let [b, t, c] = x.dims();
    let edge = Tensor::zeros([b, kernel / 2, c], &x.device());
    let padded = Tensor::cat(vec![edge.clone(), x, edge], 1);
    (0..kernel).map(|k| padded.clone().narrow(1, k, t)).collect()
}

/// One odd kernel per channel.
#[derive(Module, Debug)]
pub struct DepthwiseConv {
    /// `[c, 1, kernel]`.
    pub weight: Param<Tensor<3>>,
    /// `[c]`.
    pub bias: Option<Param<Tensor<1>>>,
    stride: usize,
}

impl DepthwiseConv {
    /// Draws the initial weights of a kernel of 3 without bias.
    pub fn init(channels: usize, stride: usize, mut rng: &mut dyn Rng, device: &Device) -> Self {
        let weight = TensorData::random::<f32, _, _>([channels, 1, 3], default_uniform(3), &mut rng);
        Self { weight: Param::from_data(weight, device), bias: None, stride }
    }

    /// Draws the initial weights around 0; the bias starts at 0.
    pub fn normal([channels, kernel]: [usize; 2], deviation: f64, mut rng: &mut dyn Rng, device: &Device) -> Self {
        assert!(!kernel.is_multiple_of(2), "kernels have a middle");
        let normal = Distribution::Normal(0.0, deviation);
        let weight = TensorData::random::<f32, _, _>([channels, 1, kernel], normal, &mut rng);
        let bias = TensorData::zeros::<f32, _>([channels]);
        Self { weight: Param::from_data(weight, device), bias: Some(Param::from_data(bias, device)), stride: 1 }
    }

    /// `[b, t, c] -> [b, t / stride, c]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        depthwise(x, self.stride, self.weight.val(), self.bias.as_ref().map(|bias| bias.val()))
    }
}

fn depthwise(x: Tensor<3>, stride: usize, weight: Tensor<3>, bias: Option<Tensor<1>>) -> Tensor<3> {
    let [c, _, kernel] = weight.dims();
    let seen = match (kernel, stride) {
        (1, 1) => vec![x],
        (3, stride) => taps(x, stride, 0.0).to_vec(),
        (kernel, _) => shifted(x, kernel),
    };
    let tap = |k: usize| weight.clone().narrow(2, k, 1).reshape([1, 1, c]);
    // A sum of shifted copies: no transpose to a convolution's layout, on any backend.
    let sum = seen.into_iter().enumerate().map(|(k, x)| x * tap(k)).reduce(|sum, term| sum + term);
    let Some(sum) = sum else { unreachable!("a kernel has at least one tap") };
    match bias {
        Some(bias) => sum + bias.reshape([1, 1, c]),
        None => sum,
    }
}

/// `narrow(x) + wide(x)` as one convolution: kernels that read the same add up.
///
/// # Shapes
///
/// - `x`: `[b, t, c]`; both convolutions have stride 1 and a bias, or both have none
/// - returns: `[b, t, c]`
pub(crate) fn merged(narrow: &DepthwiseConv, wide: &DepthwiseConv, x: Tensor<3>) -> Tensor<3> {
    let widths = [narrow, wide].map(|conv| conv.weight.val().dims()[2]);
    let width = widths[0].max(widths[1]);
    let widened = |conv: &DepthwiseConv| -> Tensor<3> {
        let weight = conv.weight.val();
        let [c, _, kernel] = weight.dims();
        if kernel == width {
            return weight;
        }
        let edge = Tensor::zeros([c, 1, (width - kernel) / 2], &weight.device());
        Tensor::cat(vec![edge.clone(), weight, edge], 2)
    };
    let bias = narrow.bias.as_ref().zip(wide.bias.as_ref()).map(|(a, b)| a.val() + b.val());
    depthwise(x, 1, widened(narrow) + widened(wide), bias)
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
    /// Draws the initial weights.
    pub fn init([inputs, outputs, kernel]: [usize; 3], rng: &mut dyn Rng, device: &Device) -> Self {
        Self {
            conv: TemporalConv::init([inputs, outputs, kernel], Bias::None, rng, device),
            norm: LayerNormConfig::new(outputs).with_epsilon(CONV_NORM_EPSILON).init(device),
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[b, t, in]`; padding is *not* zeroed before the convolution, so it leaks one step into the last valid
    ///   one, as in the reference
    /// - returns: `[b, t, out]`
    pub fn forward(&self, x: Tensor<3>, mask: &Mask) -> Tensor<3> {
        let x = mask.cover(self.conv.forward(x));
        mask.cover(activation::relu(self.norm.forward(x)))
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
