//! From frames to tokens: normalisation and the patch embedding.

use burn::module::{Module, Param};
use burn::tensor::module::linear;
use burn::tensor::{DType, Device, Distribution, Int, Tensor, TensorData, assert_shape};
use rand_core::Rng;

use crate::{Gradients, Numbers, Precision, VitConfig, init, wide};

/// Mean of each RGB channel on the scale 0 to 255 (ImageNet; OpenTAD's `ActionDataPreprocessor`).
const MEAN: [f32; 3] = [123.675, 116.28, 103.53];
/// Standard deviation of each RGB channel on the scale 0 to 255.
const STD: [f32; 3] = [58.395, 57.12, 57.375];

/// Frames on a device: as bytes, or as its smallest whole numbers where it knows no bytes (WebGPU does not).
///
/// # Shapes
///
/// - `bytes`: `[b, 3, t, h, w]`
/// - returns: the same
pub fn frames(bytes: TensorData, device: &Device) -> Tensor<5, Int> {
    let kind = if device.supports_dtype(DType::U8) { DType::U8 } else { DType::I32 };
    Tensor::from_data(bytes, (device, kind))
}

/// `(x - mean) / std` per colour, on the scale 0 to 255.
///
/// # Shapes
///
/// - `frames`: `[n, 3, t, h, w]`, bytes
/// - returns: `[n, 3, t, h, w]`
pub fn normalise(frames: Tensor<5, Int>) -> Tensor<5> {
    let per_colour =
        |values: [f32; 3]| Tensor::<1>::from_data(TensorData::from(values), &frames.device()).reshape([1, 3, 1, 1, 1]);
    let (mean, std) = (per_colour(MEAN), per_colour(STD));
    (frames.float() - mean) / std
}

/// A strided 3-D convolution whose kernel equals its stride, written as a matrix product over patches.
#[derive(Module, Debug)]
pub struct PatchEmbed {
    /// The only layer; named as in mmaction2.
    pub projection: PatchProjection,
    #[module(skip)]
    precision: Precision,
}

/// Weights of the patch embedding.
#[derive(Module, Debug)]
pub struct PatchProjection {
    /// `[c, 3, tubelet, patch, patch]`.
    pub weight: Param<Tensor<5>>,
    /// `[c]`.
    pub bias: Param<Tensor<1>>,
}

impl PatchEmbed {
    /// Draws the initial weights: smooth random patterns that drift between the tubelet's two frames, each at its own
    /// velocity; every second filter subtracts the frames instead of adding them. Such filters answer to motion at
    /// one velocity, or to all but that (Adelson and Bergen, 1985).
    ///
    /// Differs from PyTorch's default, which a checkpoint overwrites anyway. White noise answers mostly to the mean
    /// colour of a patch, and hardly to shapes or motion; a backbone that starts without a checkpoint then spends most
    /// of a short training on telling a still picture from a moving one.
    pub fn init(config: &VitConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let (c, p, tubelet) = (config.width, config.patch, VitConfig::TUBELET);
        let mut draw = |shape, distribution| -> Vec<f32> {
            init::draw::<2>(shape, distribution, rng, device).val().to_data().iter::<f32>().collect()
        };
        let amplitudes = draw([c, 3 * WAVES * WAVES], Distribution::Normal(0.0, 1.0));
        let velocities = draw([c, 2], Distribution::Uniform(-FASTEST, FASTEST));
        let mut weight = vec![0f32; c * 3 * tubelet * p * p];
        for (filter, weights) in weight.chunks_mut(3 * tubelet * p * p).enumerate() {
            let subtracts = filter % 2 == 1;
            let velocity = [velocities[2 * filter], velocities[2 * filter + 1]];
            for (colour, weights) in weights.chunks_mut(tubelet * p * p).enumerate() {
                let at = (filter * 3 + colour) * WAVES * WAVES;
                for (t, frame) in weights.chunks_mut(p * p).enumerate() {
                    let sign = if subtracts && t % 2 == 0 { -1.0 } else { 1.0 };
                    let drift = velocity.map(|v| v * t as f32);
                    smooth(&amplitudes[at..at + WAVES * WAVES], p, drift, subtracts, sign, frame);
                }
            }
            let norm = weights.iter().map(|w| w * w).sum::<f32>().sqrt();
            weights.iter_mut().for_each(|w| *w *= FILTER_NORM / norm);
        }
        let weight = TensorData::new(weight, [c, 3, tubelet, p, p]);
        let weight = Param::from_data(weight, device);
        let projection = PatchProjection { weight, bias: init::constant([c], 0.0, device) };
        Self { projection, precision: Precision::F32 }
    }

    /// All weights 0.
    pub fn blank(config: &VitConfig, device: &Device) -> Self {
        let (c, p) = (config.width, config.patch);
        let weight = init::zeros([c, 3, VitConfig::TUBELET, p, p], device);
        let projection = PatchProjection { weight, bias: init::zeros([c], device) };
        Self { projection, precision: Precision::F32 }
    }

    /// With its product, and its weights, in these numbers.
    pub(crate) fn in_numbers(self, Numbers { products, weights }: Numbers) -> Self {
        Self { projection: weights.held(self.projection), precision: products }
    }

    /// Tokens in the order time, row, column. Rows and columns of pixels beyond the last whole patch are not seen
    /// (160 px with patch 14 loses 6), as in the reference.
    ///
    /// # Shapes
    ///
    /// - `frames`: `[n, 3, t, height, width]`, normalised
    /// - returns: `[n, t/tubelet * h * w, c]`, in 32 bits
    pub fn forward(&self, frames: Tensor<5>) -> Tensor<3> {
        let [c, ..] = self.projection.weight.dims();
        let patches = self.patches(frames);
        let [_, _, values] = patches.dims();
        let weight = self.projection.weight.val().reshape([c, values]).transpose();
        let precision = self.precision;
        let bias = precision.of(self.projection.bias.val());
        wide(linear(precision.of(patches), precision.of(weight), Some(bias))) // [n, t*h*w, c]
    }

    /// The gradients of the weights, from those of the tokens.
    ///
    /// # Shapes
    ///
    /// - `frames`: `[n, 3, t, height, width]`, normalised
    /// - `grad`: `[n, t/tubelet * h * w, c]`
    pub fn backward(&self, frames: Tensor<5>, grad: Tensor<3>, gradients: &mut Gradients) {
        let (grad, patches): (Tensor<2>, Tensor<2>) = (grad.flatten(0, 1), self.patches(frames).flatten(0, 1));
        gradients.add(&self.projection.bias, grad.clone().sum_dim(0).squeeze_dim(0));
        let of_weight = self.precision.of(grad).transpose().matmul(self.precision.of(patches));
        gradients.add(&self.projection.weight, of_weight.reshape(self.projection.weight.dims()));
    }

    /// The pixels of each patch: `[n, 3, t, height, width] -> [n, t/tubelet * h * w, 3 * tubelet * p * p]`.
    fn patches(&self, frames: Tensor<5>) -> Tensor<3> {
        let [_, _, tubelet, p, _] = self.projection.weight.dims();
        let [n, _, frame_count, height, width] = frames.dims();
        let (t, h, w) = (frame_count / tubelet, height / p, width / p);
        assert!(h > 0 && w > 0, "a frame of {width}x{height} holds no patch of {p}x{p}");
        assert_shape!(frames, [n, 3, t * tubelet, height, width]);

        // First time, then space: tensors of ndarray have six dimensions at most.
        frames
            .slice([0..n, 0..3, 0..t * tubelet, 0..h * p, 0..w * p])
            .reshape([n, 3, t, tubelet, h * p, w * p])
            .permute([0, 2, 1, 3, 4, 5]) // [n, t, 3, tubelet, h*p, w*p]
            .reshape([n * t, 3 * tubelet, h, p, w, p])
            .permute([0, 2, 4, 1, 3, 5]) // [n*t, h, w, 3*tubelet, p, p]
            .reshape([n, t * h * w, 3 * tubelet * p * p])
    }
}

/// Waves along each side of an initial filter: structures down to a sixth of a patch.
const WAVES: usize = 4;
/// Fastest drift of an initial filter along each side, in pixels per frame.
const FASTEST: f64 = 3.0;
/// Euclidean norm of an initial filter: answers of about 1 to the contrasts of ordinary pictures.
const FILTER_NORM: f32 = 1.5;

/// Writes `sign` times a sum of cosines over a patch of `p` x `p`, weaker where finer, moved by `drift` (along rows,
/// along columns) pixels; `flat` keeps the constant one.
fn smooth(amplitudes: &[f32], p: usize, drift: [f32; 2], flat: bool, sign: f32, out: &mut [f32]) {
    let cosine = |wave: usize, at: f32| (std::f32::consts::PI * wave as f32 * (at + 0.5) / p as f32).cos();
    for (i, amplitude) in amplitudes.iter().enumerate() {
        let (v, u) = (i / WAVES, i % WAVES);
        if (v, u) == (0, 0) && !flat {
            continue;
        }
        let amplitude = sign * amplitude / (1 + v + u) as f32;
        for (at, value) in out.iter_mut().enumerate() {
            let (x, y) = ((at % p) as f32 - drift[0], (at / p) as f32 - drift[1]);
            *value += amplitude * cosine(v, y) * cosine(u, x);
        }
    }
}
