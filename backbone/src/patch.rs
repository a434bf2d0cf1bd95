//! From frames to tokens: normalisation and the patch embedding.

use burn::module::{Module, Param};
use burn::tensor::module::linear;
use burn::tensor::{Device, Int, Tensor, TensorData, assert_shape};
use rand_core::Rng;

use crate::VitConfig;
use crate::init;

/// Mean of each RGB channel on the scale 0 to 255 (ImageNet; OpenTAD's `ActionDataPreprocessor`).
const MEAN: [f32; 3] = [123.675, 116.28, 103.53];
/// Standard deviation of each RGB channel on the scale 0 to 255.
const STD: [f32; 3] = [58.395, 57.12, 57.375];

/// `(x - mean) / std` per colour, on the scale 0 to 255.
///
/// # Shapes
///
/// - `frames`: `[n, 3, t, h, w]`, bytes
/// - returns: `[n, 3, t, h, w]`
pub fn normalise(frames: Tensor<5, Int>) -> Tensor<5> {
    let per_colour = |values: [f32; 3]| {
        Tensor::<1>::from_data(TensorData::from(values), &frames.device()).reshape([1, 3, 1, 1, 1])
    };
    let (mean, std) = (per_colour(MEAN), per_colour(STD));
    (frames.float() - mean) / std
}

/// A strided 3-D convolution whose kernel equals its stride, written as a matrix product over patches.
#[derive(Module, Debug)]
pub struct PatchEmbed {
    /// The only layer; named as in mmaction2.
    pub projection: PatchProjection,
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
    /// Draws the initial weights (PyTorch's default for a convolution).
    pub fn init(config: &VitConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let shape = [config.width, 3, VitConfig::TUBELET, config.patch, config.patch];
        let initial = init::fan_in_uniform(shape[1..].iter().product());
        Self {
            projection: PatchProjection {
                weight: init::draw(shape, initial, rng, device),
                bias: init::draw([config.width], initial, rng, device),
            },
        }
    }

    /// Tokens in the order time, row, column. Rows and columns of pixels beyond the last whole patch are not seen
    /// (160 px with patch 14 loses 6), as in the reference.
    ///
    /// # Shapes
    ///
    /// - `frames`: `[n, 3, t, height, width]`, normalised
    /// - returns: `[n, t/tubelet * h * w, c]`
    pub fn forward(&self, frames: Tensor<5>) -> Tensor<3> {
        let [c, _, tubelet, p, _] = self.projection.weight.dims();
        let [n, _, frame_count, height, width] = frames.dims();
        let (t, h, w) = (frame_count / tubelet, height / p, width / p);
        assert!(h > 0 && w > 0, "a frame of {width}x{height} holds no patch of {p}x{p}");
        assert_shape!(frames, [n, 3, t * tubelet, height, width]);

        let patches: Tensor<3> = frames
            .slice([0..n, 0..3, 0..t * tubelet, 0..h * p, 0..w * p])
            .reshape([n, 3, t, tubelet, h, p, w, p])
            .permute([0, 2, 4, 6, 1, 3, 5, 7]) // [n, t, h, w, 3, tubelet, p, p]
            .reshape([n, t * h * w, 3 * tubelet * p * p]);
        let weight = self.projection.weight.val().reshape([c, 3 * tubelet * p * p]).transpose();
        linear(patches, weight, Some(self.projection.bias.val())) // [n, t*h*w, c]
    }
}
