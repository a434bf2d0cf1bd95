//! What learns in the backbone, and the shape of the adapters.

use adatad_backbone::{Numbers, Precision, works_in_host_memory};
use burn::tensor::{DType, Device};
use serde::{Deserialize, Serialize};

/// What the backbone carries and which of its weights learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TuningMode {
    /// No adapter and no gradient: the backbone only makes features.
    Frozen,
    /// A plain adapter after each block: no exchange along time (OpenTAD's `PlainAdapter`).
    Adapter,
    /// A Temporal-Informative Adapter after each block: the paper's method.
    Tia,
    /// Adapters beside the backbone (AdaTAD-dagger): each reads what one block hands on, their sum is added to what the
    /// last of these blocks hands on. No gradient passes through the backbone.
    Ladder,
    /// No adapter; every weight of the backbone learns.
    Full,
}

/// How a window's frames become the backbone's clips.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Representation {
    /// The window is cut into adjacent clips, and every tubelet keeps its place in time: each frame is seen once.
    #[default]
    Frames,
    /// Each grid step has a clip of its own around it, which becomes one feature: frames are seen many times. Adapters
    /// see one clip at a time.
    Snippets,
}

/// A kind of numbers, or what suits the device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PrecisionChoice {
    /// f16, as in the reference, on devices that compute in it faster than in f32: those with a memory of their own that
    /// know it. f32 elsewhere.
    Auto,
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, with the loss scaled.
    F16,
    /// 16 bits with the range of 32.
    Bf16,
}

impl PrecisionChoice {
    /// The numbers themselves; those of `Auto` are f32 until there is a device.
    pub fn known(self) -> Precision {
        match self {
            PrecisionChoice::Auto | PrecisionChoice::F32 => Precision::F32,
            PrecisionChoice::F16 => Precision::F16,
            PrecisionChoice::Bf16 => Precision::Bf16,
        }
    }

    /// What is computed in on `device`.
    pub fn on(self, device: &Device) -> Precision {
        match self {
            PrecisionChoice::Auto if !works_in_host_memory(device) && device.supports_dtype(DType::F16) => {
                Precision::F16
            }
            other => other.known(),
        }
    }
}

impl From<Precision> for PrecisionChoice {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::F32 => PrecisionChoice::F32,
            Precision::F16 => PrecisionChoice::F16,
            Precision::Bf16 => PrecisionChoice::Bf16,
        }
    }
}

/// Adapters of a backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AdapterConfig {
    /// What the backbone carries.
    pub mode: TuningMode,
    /// Blocks that carry one, from 0 on, ascending (OpenTAD `adapter_index`); absent: every block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<usize>>,
    /// How many times narrower the bottleneck is than the backbone (OpenTAD: ratio 0.25, so 4).
    pub reduction: usize,
    /// Temporal kernel of TIA, in tubelets; odd, so that time keeps its length.
    pub kernel: usize,
    /// Distance of the kernel's taps, in tubelets.
    #[serde(default = "one")]
    pub dilation: usize,
    /// Whether the backbone's own weights learn too. For backbones without pretrained weights; `full` implies it.
    pub train_backbone: bool,
    /// Whether each window's mean feature is subtracted. What a fixed camera sees at all times otherwise outweighs what
    /// happens, unless pretrained weights know better; off in every published recipe.
    pub centre_features: bool,
    /// Whether block inputs are rounded to bf16 in training: half the memory for what is kept of them.
    #[serde(default)]
    pub half_inputs: bool,
    /// What products in backbone and adapters are computed in; in 16 bits it is mixed precision.
    #[serde(default)]
    pub precision: PrecisionChoice,
}

/// A configuration that cannot be built.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum AdapterConfigError {
    /// The bottleneck would have no channel.
    #[error("adapter.reduction is {reduction}; it must lie in 1..={width}, the backbone's width")]
    Reduction {
        /// The reduction given.
        reduction: usize,
        /// The backbone's width.
        width: usize,
    },
    /// An even kernel would shift time.
    #[error("adapter.kernel is {kernel}; it must be odd, the nearest are {below} and {above}")]
    Kernel {
        /// The kernel given.
        kernel: usize,
        /// The nearest odd kernel below.
        below: usize,
        /// The nearest odd kernel above.
        above: usize,
    },
    /// All taps of the kernel would see the same place.
    #[error("adapter.dilation is 0; it must be at least 1")]
    Dilation,
    /// A contradiction.
    #[error(
        "adapter.mode is `frozen` and adapter.train-backbone is true; to train the backbone use mode `full` or `tia`"
    )]
    FrozenButTrained,
    /// A ladder stands beside a backbone that gets no gradient.
    #[error(
        "adapter.mode is `ladder` and adapter.train-backbone is true; to train the backbone use mode `full` or `tia`"
    )]
    LadderButTrained,
    /// Blocks that there are not, or in no order.
    #[error("adapter.blocks is {blocks:?}; it must be ascending numbers from 0 to {}, each once", depth - 1)]
    Blocks {
        /// The blocks given.
        blocks: Vec<usize>,
        /// Number of blocks there are.
        depth: usize,
    },
}

impl AdapterConfig {
    /// The published recipe: a Temporal-Informative Adapter after every block of a frozen backbone.
    pub fn tia() -> Self {
        Self {
            mode: TuningMode::Tia,
            blocks: None,
            reduction: 4,
            kernel: 3,
            dilation: 1,
            train_backbone: false,
            centre_features: false,
            half_inputs: false,
            precision: PrecisionChoice::F32,
        }
    }

    /// The blocks that carry an adapter, of a backbone with `depth` of them.
    pub fn placed(&self, depth: usize) -> Vec<usize> {
        match (self.mode, &self.blocks) {
            (TuningMode::Frozen | TuningMode::Full, _) => Vec::new(),
            (_, Some(blocks)) => blocks.clone(),
            (_, None) => (0..depth).collect(),
        }
    }

    /// Refuses what cannot be built on a backbone of this width, with `depth` blocks.
    ///
    /// # Errors
    ///
    /// The first field that does not fit, with the nearest values that would.
    pub fn check(&self, width: usize, depth: usize) -> Result<(), AdapterConfigError> {
        let Self { reduction, kernel, .. } = *self;
        if reduction == 0 || reduction > width {
            return Err(AdapterConfigError::Reduction { reduction, width });
        }
        if kernel.is_multiple_of(2) {
            return Err(AdapterConfigError::Kernel {
                kernel,
                below: kernel.saturating_sub(1).max(1),
                above: kernel + 1,
            });
        }
        if self.dilation == 0 {
            return Err(AdapterConfigError::Dilation);
        }
        if self.mode == TuningMode::Frozen && self.train_backbone {
            return Err(AdapterConfigError::FrozenButTrained);
        }
        if self.mode == TuningMode::Ladder && self.train_backbone {
            return Err(AdapterConfigError::LadderButTrained);
        }
        if let Some(blocks) = &self.blocks {
            let ascending = blocks.windows(2).all(|pair| pair[0] < pair[1]);
            if !ascending || blocks.last().is_none_or(|last| *last >= depth) {
                return Err(AdapterConfigError::Blocks { blocks: blocks.clone(), depth });
            }
        }
        Ok(())
    }

    /// The transformer's numbers on `device`: frozen weights are held as their products take them, those that learn in 32
    /// bits.
    pub fn numbers(&self, device: &Device) -> Numbers {
        let products = self.precision.on(device);
        Numbers { products, weights: if self.backbone_learns() { Precision::F32 } else { products } }
    }

    /// Whether the backbone's own weights receive gradients.
    pub fn backbone_learns(&self) -> bool {
        self.train_backbone || self.mode == TuningMode::Full
    }
}

fn one() -> usize {
    1
}
