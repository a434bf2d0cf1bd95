//! From features to a pyramid: convolutions, positions, SGP blocks that halve time level by level.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_core::Rng;

use super::config::TriDetConfig;
use super::sgp::SgpBlock;
use crate::conv::ConvModule;
use crate::mask::Mask;
use crate::stochastic::add_noise;
use crate::trunk::{climb, convolutions, with_positions};

/// The pyramid's trunk (OpenTAD `TriDetProj`).
#[derive(Module, Debug)]
pub struct Projection {
    /// Convolutions at full length; the first reads the features.
    pub embed: Vec<ConvModule>,
    /// Blocks at full length: level 0.
    pub stem: Vec<SgpBlock>,
    /// Blocks of stride 2: levels 1 and up.
    pub branch: Vec<SgpBlock>,
    absolute_positions: bool,
    max_seq_len: usize,
    input_noise: f64,
}

impl Projection {
    /// Draws the initial weights; windows have `max_seq_len` grid steps.
    pub fn init(
        config: &TriDetConfig,
        features: usize,
        max_seq_len: usize,
        rng: &mut dyn Rng,
        device: &Device,
    ) -> Self {
        let embed = convolutions(config.embed_convs, [features, config.channels], rng, device);
        let stem = (0..config.stem_blocks).map(|_| SgpBlock::init(config, 0, rng, device)).collect();
        let branch = (1..config.levels()).map(|level| SgpBlock::init(config, level, rng, device)).collect();
        Self {
            embed,
            stem,
            branch,
            absolute_positions: config.absolute_positions,
            max_seq_len,
            input_noise: config.input_noise,
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[b, t, features]`
    /// - returns: per level `[b, t / 2^level, c]` and its mask
    pub fn forward(&self, x: Tensor<3>, mask: &Mask, mut rng: Option<&mut dyn Rng>) -> Vec<(Tensor<3>, Mask)> {
        let x = self.embed(x, mask, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        climb([&self.stem, &self.branch], (x, mask), rng, SgpBlock::forward)
    }

    /// What the first block reads. `[b, t, features] -> [b, t, c]`.
    pub fn embed(&self, x: Tensor<3>, mask: &Mask, rng: Option<&mut dyn Rng>) -> Tensor<3> {
        let x = add_noise(x, self.input_noise, rng);
        let x = self.embed.iter().fold(x, |x, conv| conv.forward(x, mask));
        match self.absolute_positions {
            true => with_positions(x, mask, self.max_seq_len),
            false => x,
        }
    }
}
