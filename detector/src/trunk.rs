//! What the trunks of pyramids have in common: convolutions before the blocks, positions, and the climb level by level.

use burn::tensor::{Device, Tensor};
use rand_core::Rng;

use crate::conv::ConvModule;
use crate::mask::Mask;
use crate::positions::positions;

/// Kernel of the convolutions before the blocks.
const KERNEL: usize = 3;

/// `count` convolutions at full length; the first reads the features.
pub(crate) fn convolutions(
    count: usize,
    [features, c]: [usize; 2],
    rng: &mut dyn Rng,
    device: &Device,
) -> Vec<ConvModule> {
    let inputs = |i| if i == 0 { features } else { c };
    (0..count).map(|i| ConvModule::init([inputs(i), c, KERNEL], rng, device)).collect()
}

/// Adds a sinusoid over time; padding gets none. `[b, t, c] -> [b, t, c]`.
pub(crate) fn with_positions(x: Tensor<3>, mask: &Mask, max_seq_len: usize) -> Tensor<3> {
    let [b, t, c] = x.dims();
    let positions = mask.cover(positions([t, c], max_seq_len, &x.device()).expand([b, t, c]));
    x + positions
}

/// Blocks at full length, then those that halve time: every level with its mask, finest first.
///
/// # Shapes
///
/// - `x`: `[b, t, c]`
/// - returns: per level `[b, t / 2^level, c]`
pub(crate) fn climb<B>(
    [stem, branch]: [&[B]; 2],
    (mut x, mask): (Tensor<3>, &Mask),
    mut rng: Option<&mut dyn Rng>,
    forward: impl Fn(&B, Tensor<3>, &Mask, Option<&mut dyn Rng>) -> (Tensor<3>, Mask),
) -> Vec<(Tensor<3>, Mask)> {
    let mut mask = mask.clone();
    for block in stem {
        (x, mask) = forward(block, x, &mask, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
    }
    let mut levels = vec![(x.clone(), mask.clone())];
    for block in branch {
        (x, mask) = forward(block, x, &mask, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        levels.push((x.clone(), mask.clone()));
    }
    levels
}
