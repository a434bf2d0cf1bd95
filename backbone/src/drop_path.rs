//! Stochastic depth: whole residual branches of whole clips are left out, at random, while training.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use rand_core::Rng;

use crate::wide;

/// Probability that a clip loses a residual branch. A rate of 0 draws nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DropRate(pub f64);

impl DropRate {
    /// A factor for each of `n` clips, `floor(keep + U[0, 1)) / keep` (timm `drop_path`): 0, or what makes up for those
    /// that are left out.
    pub fn draw(self, n: usize, rng: &mut dyn Rng) -> Option<Vec<f32>> {
        let keep = (1.0 - self.0) as f32;
        (self.0 > 0.0).then(|| (0..n).map(|_| (keep + uniform(rng)).floor() / keep).collect())
    }
}

/// What stochastic depth does to the two branches of one block: a factor per clip, or nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BlockDraw {
    /// Of the attention.
    pub attention: Option<Vec<f32>>,
    /// Of the MLP.
    pub mlp: Option<Vec<f32>>,
}

impl BlockDraw {
    /// Of some of the clips.
    pub fn of(&self, clips: Range<usize>) -> Self {
        let some = |factors: &Option<Vec<f32>>| factors.as_ref().map(|factors| factors[clips.clone()].to_vec());
        Self { attention: some(&self.attention), mlp: some(&self.mlp) }
    }
}

/// A branch `[n, tokens, c]` times the factor of each clip, in 32 bits.
pub fn scale_clips(branch: Tensor<3>, factors: Option<&Vec<f32>>) -> Tensor<3> {
    let branch = wide(branch);
    let Some(factors) = factors else { return branch };
    let factors = Tensor::from_data(TensorData::new(factors.clone(), [factors.len(), 1, 1]), &branch.device());
    branch * factors
}

/// Uniform in `[0, 1)` with the 24 bits that `f32` holds.
fn uniform(rng: &mut dyn Rng) -> f32 {
    (rng.next_u64() >> 40) as f32 / (1u64 << 24) as f32
}
