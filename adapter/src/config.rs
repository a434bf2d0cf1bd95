//! What learns in the backbone, and the shape of the adapters.

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

/// Adapters of a backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AdapterConfig {
    /// What the backbone carries.
    pub mode: TuningMode,
    /// How many times narrower the bottleneck is than the backbone (OpenTAD: ratio 0.25, so 4).
    pub reduction: usize,
    /// Temporal kernel of TIA, in tubelets; odd, so that time keeps its length.
    pub kernel: usize,
    /// Whether the backbone's own weights learn too. For backbones without pretrained weights; `full` implies it.
    pub train_backbone: bool,
    /// Whether each window's mean feature is subtracted. What a fixed camera sees at all times otherwise outweighs what
    /// happens, unless pretrained weights know better; off in every published recipe.
    pub centre_features: bool,
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
    /// A contradiction.
    #[error(
        "adapter.mode is `frozen` and adapter.train-backbone is true; to train the backbone use mode `full` or `tia`"
    )]
    FrozenButTrained,
}

impl AdapterConfig {
    /// Refuses what cannot be built on a backbone of this width.
    ///
    /// # Errors
    ///
    /// The first field that does not fit, with the nearest values that would.
    pub fn check(&self, width: usize) -> Result<(), AdapterConfigError> {
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
        if self.mode == TuningMode::Frozen && self.train_backbone {
            return Err(AdapterConfigError::FrozenButTrained);
        }
        Ok(())
    }

    /// Whether the backbone's own weights receive gradients.
    pub fn backbone_learns(&self) -> bool {
        self.train_backbone || self.mode == TuningMode::Full
    }
}
