//! From the backbone's features to the detector's channels (OpenTAD `ConvSingleProj`).

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation};
use rand_core::Rng;

use super::config::GtadConfig;
use super::conv::GroupedConv;

/// A convolution with its name in checkpoints (`convs.N.conv`).
#[derive(Module, Debug)]
pub struct ConvRelu {
    /// Kernel of 3, in groups, with bias.
    pub conv: GroupedConv,
}

/// One convolution and a ReLU.
#[derive(Module, Debug)]
pub struct Projection {
    /// One.
    pub convs: Vec<ConvRelu>,
}

impl Projection {
    /// Draws the initial weights.
    pub fn init(config: &GtadConfig, features: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let conv = GroupedConv::init([features, config.channels, 3], config.projection_groups, rng, device);
        Self { convs: vec![ConvRelu { conv }] }
    }

    /// Padding is zeroed in the result, not in what the convolution sees.
    ///
    /// # Shapes
    ///
    /// - `x`: `[b, t, features]`
    /// - `mask`: `[b, t, 1]`
    /// - returns: `[b, t, c]`
    pub fn forward(&self, x: Tensor<3>, mask: &Tensor<3>) -> Tensor<3> {
        self.convs.iter().fold(x, |x, layer| activation::relu(layer.conv.forward(x)) * mask.clone())
    }
}
