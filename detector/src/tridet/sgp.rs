//! Scalable-granularity perception (SGP): the block of TriDet's pyramid.

use burn::module::Module;
use burn::nn::{LayerNorm, LayerNormConfig};
use burn::tensor::{Device, Tensor, activation};
use rand_core::Rng;

use super::config::{Downsampling, TriDetConfig};
use super::group_norm::GroupNorm;
use crate::conv::{Bias, DepthwiseConv, TemporalConv, max_pool, merged, strided};
use crate::gelu::gelu;
use crate::mask::Mask;
use crate::stochastic::{AffineDropPath, branch};

/// Two pointwise layers with an exact GELU between them.
#[derive(Module, Debug)]
pub struct SgpMlp {
    /// `c` to the hidden channels; `mlp.0` in checkpoints.
    pub fc1: TemporalConv,
    /// Back to `c`; `mlp.2` in checkpoints.
    pub out: TemporalConv,
}

/// One block (OpenTAD `SGPBlock`).
#[derive(Module, Debug)]
pub struct SgpBlock {
    /// Epsilon 1e-5.
    pub ln: LayerNorm,
    /// 16 groups, over time too.
    pub gn: GroupNorm,
    /// How much the convolutions over time count, step by step.
    pub psi: DepthwiseConv,
    /// The step itself.
    pub fc: DepthwiseConv,
    /// Near neighbours.
    pub convw: DepthwiseConv,
    /// Neighbours further away.
    pub convkw: DepthwiseConv,
    /// The whole window at once.
    pub global_fc: DepthwiseConv,
    /// After averaging, where that halves time.
    pub downsample: Option<TemporalConv>,
    /// Pointwise MLP.
    pub mlp: SgpMlp,
    /// Of the convolutions' branch.
    pub drop_path_out: Option<AffineDropPath>,
    /// Of the MLP branch.
    pub drop_path_mlp: Option<AffineDropPath>,
    stride: usize,
}

/// What a block computes on its way, for comparison with the reference.
#[derive(Debug, Clone)]
pub struct SgpParts {
    /// `[b, t, c]` of the convolution `psi`.
    pub psi: Tensor<3>,
    /// Of the wide convolution.
    pub convkw: Tensor<3>,
    /// After the group norm.
    pub gn: Tensor<3>,
    /// Of the MLP.
    pub mlp: Tensor<3>,
}

impl SgpBlock {
    /// Draws the initial weights of a block that makes level `level`; only those of level 0 keep the length, and they have
    /// neither neighbours nor stochastic depth.
    pub fn init(config: &TriDetConfig, level: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let c = config.channels;
        let (kernel, rate, stride) = match level {
            0 => (1, 0.0, 1),
            level => (config.kernel(level), config.path_dropout, 2),
        };
        let mut conv = |kernel| DepthwiseConv::normal([c, kernel], config.kernel_deviation, rng, device);
        let (psi, fc, convw) = (conv(kernel), conv(1), conv(kernel));
        let (convkw, global_fc) = (conv(config.wide_kernel(kernel)), conv(1));
        let averages = stride == 2 && config.downsampling == Downsampling::Average;
        let mut pointwise = |inputs, outputs| TemporalConv::init([inputs, outputs, 1], Bias::Default, rng, device);
        Self {
            ln: LayerNormConfig::new(c).init(device),
            gn: GroupNorm::init(c, TriDetConfig::GROUPS, device),
            psi,
            fc,
            convw,
            convkw,
            global_fc,
            downsample: averages.then(|| pointwise(c, c)),
            mlp: SgpMlp { fc1: pointwise(c, config.mlp), out: pointwise(config.mlp, c) },
            drop_path_out: AffineDropPath::init(c, rate, device),
            drop_path_mlp: AffineDropPath::init(c, rate, device),
            stride,
        }
    }

    /// With `z = ln(x)`: `o = x * mask + (fc(z) * phi + (convw(z) + convkw(z)) * psi(z) + z)`, `o + mlp(gn(o))`, where
    /// `phi = relu(global_fc(mean of z over time))`; the branches scaled and perhaps dropped.
    ///
    /// Padding counts in the mean and in the group norm, and is not zeroed at the end, as in the reference.
    ///
    /// # Shapes
    ///
    /// - `x`: `[b, t, c]`
    /// - returns: `[b, t / stride, c]` and its mask
    pub fn forward(&self, x: Tensor<3>, mask: &Mask, mut rng: Option<&mut dyn Rng>) -> (Tensor<3>, Mask) {
        let x = self.downsampled(x);
        let mask = strided(mask, self.stride);
        let perceived = self.perceive(self.ln.forward(x.clone()));
        let x = mask.cover(x) + branch(&self.drop_path_out, perceived, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        let mixed = self.mix(self.gn.forward(x.clone()));
        (x + branch(&self.drop_path_mlp, mixed, rng), mask)
    }

    /// The same without random draws, in parts.
    pub fn parts(&self, x: Tensor<3>, mask: &Mask) -> SgpParts {
        let x = self.downsampled(x);
        let mask = strided(mask, self.stride);
        let z = self.ln.forward(x.clone());
        let (psi, convkw) = (self.psi.forward(z.clone()), self.convkw.forward(z.clone()));
        let gn = self.gn.forward(mask.cover(x) + branch(&self.drop_path_out, self.perceive(z), None));
        SgpParts { psi, convkw, mlp: self.mix(gn.clone()), gn }
    }

    fn downsampled(&self, x: Tensor<3>) -> Tensor<3> {
        let [b, t, c] = x.dims();
        match &self.downsample {
            _ if self.stride == 1 => x,
            Some(pointwise) => {
                let pairs = x.narrow(1, 0, t / 2 * 2).reshape([b, t / 2, 2, c]);
                pointwise.forward(pairs.mean_dim(2).reshape([b, t / 2, c]))
            }
            None => max_pool(x, self.stride),
        }
    }

    fn perceive(&self, z: Tensor<3>) -> Tensor<3> {
        let phi = activation::relu(self.global_fc.forward(z.clone().mean_dim(1))); // [b, 1, c]
        let psi = self.psi.forward(z.clone());
        let over_time = merged(&self.convw, &self.convkw, z.clone());
        self.fc.forward(z.clone()) * phi + over_time * psi + z
    }

    fn mix(&self, x: Tensor<3>) -> Tensor<3> {
        self.mlp.out.forward(gelu(self.mlp.fc1.forward(x)))
    }
}
