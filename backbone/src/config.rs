//! Sizes of the VideoMAE transformer, and the five published ones.

use serde::{Deserialize, Serialize};

/// Frames of one clip; every published VideoMAE was trained on 16.
const CLIP_FRAMES: usize = 16;
/// Frames that one token spans.
const TUBELET: usize = 2;

/// The published sizes (VideoMAE for S, B, L, H; VideoMAEv2 for g).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Preset {
    /// ViT-S: 21.9 M parameters.
    VideomaeS,
    /// ViT-B: 86.2 M parameters.
    VideomaeB,
    /// ViT-L: 303.9 M parameters.
    VideomaeL,
    /// ViT-H: 631.6 M parameters.
    VideomaeH,
    /// ViT-g of VideoMAEv2: 1.01 G parameters.
    VideomaeV2G,
}

/// What a backbone is made of. Everything else is derived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VitConfig {
    /// Channels of a token (`c`).
    pub width: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Attention heads; `width` is a multiple of it.
    pub heads: usize,
    /// Hidden channels of the MLP.
    pub mlp: usize,
    /// Side of a patch, in pixels.
    pub patch: usize,
    /// Side of the grid that the position table is made for, in patches (224 px / 16 = 14). Other grids are resized
    /// from it.
    pub position_grid: usize,
    /// Stochastic depth of the last block, in training; it grows linearly from 0 at the first block.
    pub drop_path: f64,
    /// Epsilon of the layer norms: 1e-6 in VideoMAE (PyTorch's default would be 1e-5), 1e-12 in weights that were
    /// trained with Hugging Face's.
    #[serde(default = "norm_epsilon")]
    pub norm_epsilon: f64,
}

fn norm_epsilon() -> f64 {
    VitConfig::NORM_EPSILON
}

/// A configuration that cannot be built.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum VitConfigError {
    /// A size is zero.
    #[error("backbone.{field} is 0; it must be at least 1")]
    Zero {
        /// The field.
        field: &'static str,
    },
    /// Heads do not divide the width.
    #[error(
        "backbone.width is {width}, not a multiple of backbone.heads = {heads}; the nearest are {below} and {above}"
    )]
    Heads {
        /// The width given.
        width: usize,
        /// The heads given.
        heads: usize,
        /// The nearest fitting width below.
        below: usize,
        /// The nearest fitting width above.
        above: usize,
    },
    /// A probability outside `[0, 1)`.
    #[error("backbone.drop-path is {value}; it must lie in 0..1")]
    DropPath {
        /// The value given.
        value: f64,
    },
    /// An epsilon that is none.
    #[error("backbone.norm-epsilon is {value}; it must be positive, such as 1e-6")]
    NormEpsilon {
        /// The value given.
        value: f64,
    },
}

impl Preset {
    /// All of them, smallest first.
    pub const ALL: [Self; 5] = [Self::VideomaeS, Self::VideomaeB, Self::VideomaeL, Self::VideomaeH, Self::VideomaeV2G];

    /// Its name, as in run files.
    pub fn name(self) -> &'static str {
        match self {
            Preset::VideomaeS => "videomae-s",
            Preset::VideomaeB => "videomae-b",
            Preset::VideomaeL => "videomae-l",
            Preset::VideomaeH => "videomae-h",
            Preset::VideomaeV2G => "videomae-v2-g",
        }
    }

    /// The configuration of this size: VideoMAE paper, table 8; VideoMAEv2 paper, appendix (giant: MLP 48/11, patch 14).
    pub fn config(self) -> VitConfig {
        let (width, depth, heads, mlp, patch) = match self {
            Preset::VideomaeS => (384, 12, 6, 1536, 16),
            Preset::VideomaeB => (768, 12, 12, 3072, 16),
            Preset::VideomaeL => (1024, 24, 16, 4096, 16),
            Preset::VideomaeH => (1280, 32, 16, 5120, 16),
            Preset::VideomaeV2G => (1408, 40, 16, 6144, 14),
        };
        VitConfig {
            width,
            depth,
            heads,
            mlp,
            patch,
            position_grid: 224 / patch,
            drop_path: 0.1,
            norm_epsilon: VitConfig::NORM_EPSILON,
        }
    }
}

impl VitConfig {
    /// Frames of one clip.
    pub const CLIP_FRAMES: usize = CLIP_FRAMES;
    /// Frames of one token.
    pub const TUBELET: usize = TUBELET;
    /// Tokens of one clip along time.
    pub const CLIP_TOKENS: usize = CLIP_FRAMES / TUBELET;
    /// VideoMAE's epsilon of layer norms.
    pub const NORM_EPSILON: f64 = 1e-6;

    /// Heads of the published transformer of this width; `None` if there is none.
    pub fn published_heads(width: usize) -> Option<usize> {
        Preset::ALL.map(Preset::config).into_iter().find(|config| config.width == width).map(|config| config.heads)
    }

    /// The published size with these blocks; `None` if there is none. Input size, stochastic depth and epsilon may
    /// differ.
    pub fn preset(&self) -> Option<Preset> {
        let sizes = |config: &Self| (config.width, config.depth, config.heads, config.mlp, config.patch);
        Preset::ALL.into_iter().find(|preset| sizes(&preset.config()) == sizes(self))
    }

    /// Refuses what cannot be built.
    ///
    /// # Errors
    ///
    /// The first field that does not fit, with the nearest values that would.
    pub fn check(&self) -> Result<(), VitConfigError> {
        let sizes = [
            ("width", self.width),
            ("depth", self.depth),
            ("heads", self.heads),
            ("mlp", self.mlp),
            ("patch", self.patch),
            ("position-grid", self.position_grid),
        ];
        if let Some((field, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(VitConfigError::Zero { field });
        }
        let Self { width, heads, .. } = *self;
        if !width.is_multiple_of(heads) {
            let below = (width / heads * heads).max(heads);
            return Err(VitConfigError::Heads { width, heads, below, above: (width / heads + 1) * heads });
        }
        if !(0.0..1.0).contains(&self.drop_path) {
            return Err(VitConfigError::DropPath { value: self.drop_path });
        }
        if self.norm_epsilon.is_nan() || self.norm_epsilon <= 0.0 {
            return Err(VitConfigError::NormEpsilon { value: self.norm_epsilon });
        }
        Ok(())
    }

    /// Stochastic depth of one block: 0 at the first, `drop_path` at the last (OpenTAD: `linspace(0, rate, depth)`).
    pub fn drop_rate(&self, block: usize) -> f64 {
        match self.depth {
            0 | 1 => 0.0,
            depth => self.drop_path * block as f64 / (depth - 1) as f64,
        }
    }

    /// Every parameter with its shape in PyTorch's layout, in the order of VideoMAE's checkpoints. The position table, a
    /// fixed function, and the classification norm, which AdaTAD never applies, are left out.
    pub fn tensors(&self) -> Vec<(String, Vec<usize>)> {
        let (c, hidden, p) = (self.width, self.mlp, self.patch);
        let mut tensors = vec![
            ("patch_embed.projection.weight".to_owned(), vec![c, 3, TUBELET, p, p]),
            ("patch_embed.projection.bias".to_owned(), vec![c]),
        ];
        for block in 0..self.depth {
            let parameters: [(&str, &[usize]); 13] = [
                ("norm1.weight", &[c]),
                ("norm1.bias", &[c]),
                ("attn.q_bias", &[c]),
                ("attn.v_bias", &[c]),
                ("attn.qkv.weight", &[3 * c, c]),
                ("attn.proj.weight", &[c, c]),
                ("attn.proj.bias", &[c]),
                ("norm2.weight", &[c]),
                ("norm2.bias", &[c]),
                ("mlp.fc1.weight", &[hidden, c]),
                ("mlp.fc1.bias", &[hidden]),
                ("mlp.fc2.weight", &[c, hidden]),
                ("mlp.fc2.bias", &[c]),
            ];
            tensors.extend(parameters.map(|(name, shape)| (format!("blocks.{block}.{name}"), shape.to_vec())));
        }
        tensors
    }

    /// Number of parameters in [`tensors`](Self::tensors).
    pub fn parameters(&self) -> usize {
        self.tensors().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_counts_are_those_of_the_published_models() {
        let counts = [
            (Preset::VideomaeS, 21_879_168),
            (Preset::VideomaeB, 86_225_664),
            (Preset::VideomaeL, 303_858_688),
            (Preset::VideomaeH, 631_604_480),
            (Preset::VideomaeV2G, 1_011_607_936),
        ];
        for (preset, count) in counts {
            assert_eq!(preset.config().parameters(), count, "{preset:?}");
        }
    }

    #[test]
    fn drop_rates_grow_linearly_from_zero() {
        let config = Preset::VideomaeS.config();
        let rates = [config.drop_rate(0), config.drop_rate(1), config.drop_rate(2), config.drop_rate(11)];
        for (rate, expected) in rates.into_iter().zip([0.0, 0.009_090_9, 0.018_181_8, 0.1]) {
            assert!((rate - expected).abs() < 1e-6, "{rate} is not {expected}");
        }
    }

    #[test]
    fn a_width_that_heads_do_not_divide_names_its_neighbours() {
        let error = VitConfig { width: 100, heads: 12, ..Preset::VideomaeS.config() }.check();
        assert_eq!(error, Err(VitConfigError::Heads { width: 100, heads: 12, below: 96, above: 108 }));
    }
}
