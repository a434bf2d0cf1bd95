//! From features to a pyramid: convolutions, positions, transformer blocks that halve time level by level.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rand_core::Rng;

use super::block::{TransformerBlock, uniform};
use super::config::ActionFormerConfig;
use crate::conv::ConvModule;
use crate::mask::Mask;

/// The pyramid's trunk (OpenTAD `Conv1DTransformerProj`).
#[derive(Module, Debug)]
pub struct Projection {
    /// Convolutions at full length; the first reads the features.
    pub embed: Vec<ConvModule>,
    /// Blocks at full length: level 0.
    pub stem: Vec<TransformerBlock>,
    /// Blocks of stride 2: levels 1 and up.
    pub branch: Vec<TransformerBlock>,
    absolute_positions: bool,
    max_seq_len: usize,
    input_dropout: f64,
}

impl Projection {
    /// Draws the initial weights; windows have up to `max_seq_len` grid steps.
    pub fn init(
        config: &ActionFormerConfig,
        features: usize,
        max_seq_len: usize,
        rng: &mut dyn Rng,
        device: &Device,
    ) -> Self {
        let c = config.channels;
        let embed = (0..config.embed_convs)
            .map(|i| ConvModule::init(if i == 0 { features } else { c }, c, rng, device))
            .collect();
        let stem = (0..config.stem_blocks).map(|_| TransformerBlock::init(config, 1, rng, device)).collect();
        let branch = (1..config.levels()).map(|_| TransformerBlock::init(config, 2, rng, device)).collect();
        Self {
            embed,
            stem,
            branch,
            absolute_positions: config.absolute_positions,
            max_seq_len,
            input_dropout: config.input_dropout,
        }
    }

    /// # Shapes
    ///
    /// - `x`: `[b, t, features]`
    /// - returns: per level `[b, t / 2^level, c]` and its mask
    pub fn forward(&self, x: Tensor<3>, mask: &Mask, mut rng: Option<&mut dyn Rng>) -> Vec<(Tensor<3>, Mask)> {
        let device = x.device();
        let valid = mask.tensor(&device);
        let mut x = drop_channels(x, self.input_dropout, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        for conv in &self.embed {
            x = conv.forward(x, &valid);
        }
        if self.absolute_positions {
            x = x.clone() + self.positions(x.dims(), &device) * valid;
        }
        let mut mask = mask.clone();
        for block in &self.stem {
            (x, mask) = block.forward(x, &mask, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        }
        let mut levels = vec![(x.clone(), mask.clone())];
        for block in &self.branch {
            (x, mask) = block.forward(x, &mask, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
            levels.push((x.clone(), mask.clone()));
        }
        levels
    }

    /// A sinusoid over time, divided by the root of the channels: `[1, t, c]`.
    fn positions(&self, [_, t, c]: [usize; 3], device: &Device) -> Tensor<3> {
        let value = |n: usize, j: usize| {
            let angle = n as f64 * 10000f64.powf(-((j - j % 2) as f64) / c as f64);
            let wave = if j.is_multiple_of(2) { angle.sin() } else { angle.cos() };
            (wave as f32) / (c as f32).sqrt()
        };
        debug_assert!(t <= self.max_seq_len, "windows are at most {} steps", self.max_seq_len);
        let table: Vec<f32> = (0..t).flat_map(|n| (0..c).map(move |j| value(n, j))).collect();
        Tensor::from_data(TensorData::new(table, [1, t, c]), device)
    }
}

/// Drops whole channels per sample (PyTorch `Dropout1d`). `[b, t, c] -> [b, t, c]`.
fn drop_channels(x: Tensor<3>, rate: f64, rng: Option<&mut dyn Rng>) -> Tensor<3> {
    let Some(rng) = rng.filter(|_| rate > 0.0) else { return x };
    let [b, _, c] = x.dims();
    let kept: Vec<f32> =
        (0..b * c).map(|_| if uniform(rng) < rate { 0.0 } else { (1.0 / (1.0 - rate)) as f32 }).collect();
    let device = x.device();
    x * Tensor::from_data(TensorData::new(kept, [b, 1, c]), &device)
}
