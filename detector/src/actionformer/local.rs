//! Attention within a window around each step, as products of short blocks of queries with the keys they can see.
//!
//! A band of `2 reach + 1` keys is all that a query sees. The whole product of `t` queries with `t` keys would be
//! computed, and kept for the backward pass, for the sake of that band; here a block of queries meets its own keys and
//! `reach` neighbours on both sides.
//!
//! Axis names: `b` videos, `h` heads, `t` steps, `d` channels of a head, `n` blocks, `q` queries of a block, `k` keys that
//! a block can see.

use burn::tensor::{Device, Tensor, TensorData, activation, assert_shape};

use crate::mask::Mask;

/// Added to the logits of masked keys (the reference masks softly here, unlike the global form's minus infinity).
const PADDING: f32 = -1e4;

/// Queries in a block, in reaches: the longer a block, the more logits outside the band; the shorter, the more products.
const BLOCK: usize = 8;

/// Softmax over the keys at most `reach` steps away, applied to the values (OpenTAD `LocalMaskedMHCA`). `drop` is done to
/// the weights in between.
///
/// Rows of masked queries are not zeroed here, as in the reference: whoever masks the result does it.
///
/// # Shapes
///
/// - `q` (scaled), `k`, `v` (zero at padding): `[b, h, t, d]`
/// - returns: `[b, h, t, d]`
pub(super) fn attend(
    [q, k, v]: [Tensor<4>; 3],
    mask: &Mask,
    reach: usize,
    drop: impl FnOnce(Tensor<5>) -> Tensor<5>,
) -> Tensor<4> {
    let [b, h, t, d] = q.dims();
    let device = q.device();
    let block = (BLOCK * reach.max(1)).min(t);
    let blocks = Blocks { n: t.div_ceil(block), block, reach };
    let (n, seen) = (blocks.n, block + 2 * reach);
    let q = blocks.own(q); // [b, h, n, q, d]
    let (k, v) = (blocks.seen(blocks.own(k)), blocks.seen(blocks.own(v))); // [b, h, n, k, d]
    let logits = q.matmul(k.transpose()) + blocks.bias(mask, &device); // [b, h, n, q, k]
    assert_shape!(logits, [b, h, n, block, seen]);
    let out = drop(activation::softmax(logits, 4)).matmul(v).reshape([b, h, n * block, d]);
    if n * block == t { out } else { out.narrow(2, 0, t) }
}

/// How a sequence is cut.
#[derive(Clone, Copy)]
struct Blocks {
    n: usize,
    block: usize,
    reach: usize,
}

impl Blocks {
    /// `[b, h, t, d] -> [b, h, n, q, d]`, with zeros after the end.
    fn own(self, x: Tensor<4>) -> Tensor<5> {
        let [b, h, t, d] = x.dims();
        let x = match self.n * self.block - t {
            0 => x,
            missing => Tensor::cat(vec![x.clone(), Tensor::zeros([b, h, missing, d], &x.device())], 2),
        };
        x.reshape([b, h, self.n, self.block, d])
    }

    /// Each block with its neighbours' nearest steps: `[b, h, n, q, d] -> [b, h, n, k, d]`, with zeros beyond the ends.
    fn seen(self, x: Tensor<5>) -> Tensor<5> {
        let Self { n, block, reach } = self;
        if reach == 0 {
            return x;
        }
        let [b, h, _, _, d] = x.dims();
        let border = Tensor::zeros([b, h, 1, reach, d], &x.device());
        let inner = |first: usize, from: usize| x.clone().narrow(2, first, n - 1).narrow(3, from, reach);
        // A lone block is shorter than its reach perhaps, but has no neighbours to see.
        let (before, after) = match n {
            1 => (border.clone(), border),
            _ => (
                Tensor::cat(vec![border.clone(), inner(0, block - reach)], 2),
                Tensor::cat(vec![inner(1, 0), border], 2),
            ),
        };
        Tensor::cat(vec![before, x, after], 3)
    }

    /// 0 where a query sees a key, minus infinity outside its band or the sequence: `[b, 1, n, q, k]`.
    fn bias(self, mask: &Mask, device: &Device) -> Tensor<5> {
        let Self { n, block, reach } = self;
        let (t, seen) = (mask.steps(), block + 2 * reach);
        let mut bias = vec![f32::NEG_INFINITY; mask.batch() * n * block * seen];
        for (row, values) in bias.chunks_exact_mut(seen).enumerate() {
            let (video, query) = (row / (n * block), row % (n * block));
            // Keys begin `reach` before the block.
            let first = query / block * block;
            for key in query.saturating_sub(reach)..(query + reach + 1).min(t) {
                values[key + reach - first] = if mask.row(video)[key] { 0.0 } else { PADDING };
            }
            // Queries after the end are cut off; they see one key, so that no row is empty.
            values[query + reach - first] = values[query + reach - first].max(PADDING);
        }
        Tensor::from_data(TensorData::new(bias, [mask.batch(), 1, n, block, seen]), device)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Distribution, Tolerance};

    use super::*;

    /// The whole product, with a band.
    fn dense([q, k, v]: [Tensor<4>; 3], mask: &Mask, reach: usize) -> Tensor<4> {
        let ([b, _, t, _], device) = (q.dims(), q.device());
        let value = |video: usize, i: usize, j: usize| match (i.abs_diff(j) <= reach, mask.row(video)[j]) {
            (false, _) => f32::NEG_INFINITY,
            (true, false) => PADDING,
            (true, true) => 0.0,
        };
        let rows = (0..b).flat_map(|video| (0..t).map(move |i| (video, i)));
        let bias: Vec<f32> = rows.flat_map(|(video, i)| (0..t).map(move |j| value(video, i, j))).collect();
        let bias = Tensor::<4>::from_data(TensorData::new(bias, [b, 1, t, t]), &device);
        activation::softmax(q.matmul(k.transpose()) + bias, 3).matmul(v)
    }

    #[test]
    fn blocks_give_what_the_whole_product_with_a_band_gives_and_so_do_their_gradients() {
        let device = Device::flex().autodiff();
        device.seed(7);
        for (t, reach) in [(1, 4), (3, 4), (32, 4), (40, 4), (97, 4), (64, 9), (144, 9), (5, 0), (16, 1)] {
            let mask = Mask::prefix(&[t, t.div_ceil(3)], t);
            let draw = || Tensor::<4>::random([2, 2, t, 3], Distribution::Default, &device).require_grad();
            let (q, k, v) = (draw(), draw(), draw());
            let weight = Tensor::<4>::random([2, 2, t, 3], Distribution::Default, &device);
            let run = |attend: &dyn Fn([Tensor<4>; 3], &Mask, usize) -> Tensor<4>| {
                let out = attend([q.clone(), k.clone(), v.clone()], &mask, reach);
                let gradients = (out.clone() * weight.clone()).sum().backward();
                let of = |x: &Tensor<4>| x.grad(&gradients).unwrap().to_data();
                [out.inner().to_data(), of(&q), of(&k), of(&v)]
            };
            for (ours, whole) in
                run(&|qkv, mask, reach| attend(qkv, mask, reach, |weights| weights)).iter().zip(run(&dense))
            {
                ours.assert_approx_eq::<f32>(&whole, Tolerance::absolute(1e-6));
            }
        }
    }
}
