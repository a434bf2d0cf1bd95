//! Temporal-Informative Adapter (TIA): the part of the backbone that learns.
//!
//! A frozen VideoMAE block sees one clip; the TIA after it is where neighbouring clips meet.
//!
//! Axis names: `b` videos, `t` tubelets of the *whole window* (frames / 2), `s` patches of one tubelet (`h * w`),
//! `c` channels of the backbone, `r = c / reduction` bottleneck.
//! Reference: <https://arxiv.org/abs/2311.17241>, section 3; OpenTAD `vit_adapter.py`.

use adatad_backbone::{Gelu, Precision, init, wide};
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::module::linear;
use burn::tensor::{Device, Distribution, Tensor, assert_shape};
use rand_core::Rng;

use crate::AdapterConfig;

/// The adapter; without `temporal` it is the plain adapter, which mixes nothing along time.
#[derive(Module, Debug)]
pub struct Tia {
    /// `c` to `r`.
    pub down_proj: Linear,
    /// Exchange along time within the bottleneck.
    pub temporal: Option<Temporal>,
    /// `r` to `c`; zero at first, so that a new adapter changes nothing.
    pub up_proj: Linear,
    /// Strength of the adapter, `[1]`; 1 at first.
    pub gamma: Param<Tensor<1>>,
    #[module(skip)]
    pub(crate) gelu: Gelu,
    #[module(skip)]
    pub(crate) precision: Precision,
}

/// A depthwise convolution along time and a pointwise one.
#[derive(Module, Debug)]
pub struct Temporal {
    /// One kernel per channel.
    pub dwconv: DepthwiseWeights,
    /// Mixes channels.
    pub conv: PointwiseWeights,
    dilation: usize,
    #[module(skip)]
    pub(crate) precision: Precision,
}

/// Weights of a depthwise convolution.
#[derive(Module, Debug)]
pub struct DepthwiseWeights {
    /// `[r, 1, kernel]`.
    pub weight: Param<Tensor<3>>,
    /// `[r]`.
    pub bias: Param<Tensor<1>>,
}

/// Weights of a pointwise convolution.
#[derive(Module, Debug)]
pub struct PointwiseWeights {
    /// `[r, r, 1]`.
    pub weight: Param<Tensor<3>>,
    /// `[r]`.
    pub bias: Param<Tensor<1>>,
}

impl Tia {
    /// Draws the initial weights (OpenTAD `Adapter.__init__`): a new adapter is the identity.
    pub fn init(config: &AdapterConfig, width: usize, temporal: bool, rng: &mut dyn Rng, device: &Device) -> Self {
        let r = width / config.reduction;
        let normal = |std: f64| Distribution::Normal(0.0, std);
        let zero_bias = |n| init::constant([n], 0.0, device);
        Self {
            // OpenTAD cuts this normal at +-2, a hundred standard deviations away.
            down_proj: Linear { weight: init::draw([width, r], normal(0.02), rng, device), bias: Some(zero_bias(r)) },
            temporal: temporal.then(|| Temporal {
                dwconv: DepthwiseWeights {
                    weight: init::draw([r, 1, config.kernel], normal((2.0 / config.kernel as f64).sqrt()), rng, device),
                    bias: zero_bias(r),
                },
                conv: PointwiseWeights {
                    weight: init::draw([r, r, 1], normal((2.0 / r as f64).sqrt()), rng, device),
                    bias: zero_bias(r),
                },
                dilation: config.dilation,
                precision: config.precision.on(device),
            }),
            up_proj: Linear { weight: init::constant([r, width], 0.0, device), bias: Some(zero_bias(width)) },
            gamma: init::constant([1], 1.0, device),
            gelu: Gelu::on(device),
            precision: config.precision.on(device),
        }
    }

    /// `x + gamma * up(z + temporal(z))` with `z = gelu(down(x))`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[b, t, s, c]`, with `t` spanning the whole window, not one clip
    /// - returns: the same
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        x.clone() + self.branch(x)
    }

    /// What the adapter adds: `gamma * up(z + temporal(z))`.
    ///
    /// # Shapes
    ///
    /// - `x`: `[b, t, s, c]`, with `t` spanning the whole window
    /// - returns: the same
    pub fn branch(&self, x: Tensor<4>) -> Tensor<4> {
        let [b, t, s, c] = x.dims();
        let z = self.gelu.forward(self.down(x)); // [b, t, s, r]
        let z = match &self.temporal {
            Some(temporal) => z.clone() + temporal.forward(z),
            None => z,
        };
        let y = self.precision.linear(&self.up_proj, z);
        assert_shape!(y, [b, t, s, c]);
        wide(y) * self.gamma.val().reshape([1, 1, 1, 1])
    }

    /// What `down_proj` says: `[.., c] -> [.., r]`, in the numbers of the products, as all of the bottleneck.
    pub(crate) fn down<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        self.precision.linear(&self.down_proj, x)
    }
}

impl Temporal {
    /// Zero padding stands at the two ends of the window only.
    ///
    /// # Shapes
    ///
    /// - `z`: `[b, t, s, r]`
    /// - returns: the same
    pub fn forward(&self, z: Tensor<4>) -> Tensor<4> {
        self.pointwise(self.depthwise(z))
    }

    /// Along time, channel by channel. A sum of shifted copies: no transpose to a convolution's layout, on any backend; the
    /// sum in 32 bits, as convolutions of 16 bits keep it.
    pub(crate) fn depthwise(&self, z: Tensor<4>) -> Tensor<4> {
        let [_, _, _, r] = z.dims();
        let weight = self.dwconv.weight.val(); // [r, 1, kernel]
        let tap = |k: usize| weight.clone().narrow(2, k, 1).reshape([1, 1, 1, r]);
        let numbers = z.dtype();
        let mixed = self.shifted(wide(z)).enumerate().map(|(k, z)| z * tap(k)).reduce(|sum, term| sum + term);
        let Some(mixed) = mixed else { unreachable!("a kernel has at least one tap") };
        (mixed + self.dwconv.bias.val().reshape([1, 1, 1, r])).cast(numbers)
    }

    /// Across channels, place by place.
    pub(crate) fn pointwise(&self, mixed: Tensor<4>) -> Tensor<4> {
        let [_, _, _, r] = mixed.dims();
        let precision = self.precision;
        let weight = precision.of(self.conv.weight.val()).reshape([r, r]).transpose();
        linear(precision.of(mixed), weight, Some(precision.of(self.conv.bias.val())))
    }

    /// What each tap of the kernel sees: `z` `[b, t, s, r]` moved along time, with zeros beyond its ends.
    pub(crate) fn shifted(&self, z: Tensor<4>) -> impl Iterator<Item = Tensor<4>> + use<> {
        let [b, t, s, r] = z.dims();
        let kernel = self.dwconv.weight.dims()[2];
        let reach = kernel / 2 * self.dilation;
        let edge = Tensor::zeros([b, reach, s, r], (&z.device(), z.dtype()));
        let padded = Tensor::cat(vec![edge.clone(), z, edge], 1); // [b, t + 2*reach, s, r]
        let dilation = self.dilation;
        (0..kernel).map(move |k| padded.clone().narrow(1, k * dilation, t))
    }
}
