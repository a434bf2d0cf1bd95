//! What a forward pass leaves for its backward pass.

use adatad_backbone::{BlockDraw, BlockTrace};
use burn::tensor::Tensor;

use crate::clips::Clips;
use crate::keep::Keep;
use crate::store::Stored;

/// What a forward pass left for its backward pass.
pub struct Kept {
    pub(crate) clips: Clips,
    pub(crate) keep: Keep,
    pub(crate) of: KeptOf,
}

/// By what stands around the backbone.
pub(crate) enum KeptOf {
    /// Nothing learns.
    Nothing,
    /// Adapters between the blocks, or blocks that learn.
    Blocks { draws: Vec<BlockDraw>, blocks: Vec<KeptBlock> },
    /// Adapters beside them: for each rung what `down_proj` said, and what it read.
    Rungs { downs: Vec<Tensor<3>>, inputs: Vec<Option<Stored>> },
}

/// What is kept of one block and its adapter.
#[derive(Default)]
pub(crate) struct KeptBlock {
    /// What the block read; of the first one that learns in a frozen backbone, what its adapter read.
    pub(crate) input: Option<Stored>,
    pub(crate) trace: Option<Vec<BlockTrace>>,
    /// `[n, tokens, r]`: what the adapter's `down_proj` said.
    pub(crate) down: Option<Tensor<3>>,
}
