//! Graph blocks: each step exchanges with its neighbours in time and with the steps whose features are most like its own.
//!
//! Axis names: `b` windows, `t` grid steps, `c` channels, `w` the width of a block, `k` neighbours.
//! Source: Xu et al., G-TAD (CVPR 2020), section 3.2; OpenTAD `bricks/gcnext.py`.

use burn::module::Module;
use burn::tensor::module::linear;
use burn::tensor::{Device, Int, Tensor, activation, assert_shape};
use rand_core::Rng;

use super::config::GtadConfig;
use super::conv::{GroupedConv, PointwiseConv};

/// Along time: narrow, mix neighbouring steps in groups, widen (`tconvs` in checkpoints).
#[derive(Module, Debug)]
pub struct TemporalBranch {
    /// `c` to `w`; `tconvs.0` in checkpoints.
    pub reduce: GroupedConv,
    /// Kernel of 3 in groups; `tconvs.2` in checkpoints.
    pub grouped: GroupedConv,
    /// `w` to `c`; `tconvs.4` in checkpoints.
    pub expand: GroupedConv,
}

/// Along edges of the graph: pairs of a neighbour and the step itself (`sconvs` in checkpoints).
#[derive(Module, Debug)]
pub struct SemanticBranch {
    /// `2c` (neighbour, then the step itself) to `w`; `sconvs.0` in checkpoints.
    pub reduce: PointwiseConv,
    /// In groups; `sconvs.2` in checkpoints.
    pub grouped: PointwiseConv,
    /// `w` to `c`; `sconvs.4` in checkpoints.
    pub expand: PointwiseConv,
}

/// One graph block (OpenTAD `GCNeXt`).
#[derive(Module, Debug)]
pub struct GcNext {
    /// Neighbours in time.
    pub tconvs: TemporalBranch,
    /// Neighbours in feature space.
    pub sconvs: SemanticBranch,
    neighbours: usize,
}

impl GcNext {
    /// Draws the initial weights.
    pub fn init(config: &GtadConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let (c, w, groups) = (config.channels, config.graph_width(), config.graph_groups);
        Self {
            tconvs: TemporalBranch {
                reduce: GroupedConv::init([c, w, 1], 1, rng, device),
                grouped: GroupedConv::init([w, w, 3], groups, rng, device),
                expand: GroupedConv::init([w, c, 1], 1, rng, device),
            },
            sconvs: SemanticBranch {
                reduce: PointwiseConv::init([2 * c, w], 1, rng, device),
                grouped: PointwiseConv::init([w, w], groups, rng, device),
                expand: PointwiseConv::init([w, c], 1, rng, device),
            },
            neighbours: config.neighbours,
        }
    }

    /// `relu(x + temporal(x) + semantic(x))`: `[b, t, c] -> [b, t, c]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [b, t, c] = x.dims();
        let over_time = activation::relu(self.tconvs.reduce.forward(x.clone()));
        let over_time = self.tconvs.expand.forward(activation::relu(self.tconvs.grouped.forward(over_time)));
        let over_edges = self.sconvs.forward(x.clone(), nearest(x.clone(), self.neighbours));
        let y = activation::relu(over_time + x + over_edges);
        assert_shape!(y, [b, t, c]);
        y
    }
}

impl SemanticBranch {
    /// The strongest answer over all edges of a step: `[b, t, c] -> [b, t, c]`.
    fn forward(&self, x: Tensor<3>, edges: Edges) -> Tensor<3> {
        let ([b, t, c], k) = (x.dims(), edges.each);
        // The first layer is linear: what it makes of a neighbour and of the step itself are added, not joined before it.
        let matrix = self.reduce.matrix().transpose(); // [2c, w]
        let w = matrix.dims()[1];
        let of_neighbour = linear(x.clone(), matrix.clone().narrow(0, 0, c), None); // [b, t, w]
        let of_itself = linear(x, matrix.narrow(0, c, c), Some(self.reduce.bias.val()));
        let pairs = edges.follow(of_neighbour) + of_itself.reshape([b, t, 1, w]); // [b, t, k, w]
        let pairs = activation::relu(pairs).reshape([b, t * k, w]);
        let answers = self.expand.forward(activation::relu(self.grouped.forward(pairs)));
        answers.reshape([b, t, k, c]).max_dim(2).reshape([b, t, c])
    }
}

/// For every step the steps it is connected to.
#[derive(Debug, Clone)]
pub(super) struct Edges {
    /// Rows of `[b * t, ..]`, `each` of them per step.
    rows: Tensor<1, Int>,
    each: usize,
}

impl Edges {
    /// What the steps at the other ends hold: `[b, t, w] -> [b, t, k, w]`.
    pub(super) fn follow(&self, x: Tensor<3>) -> Tensor<4> {
        let [b, t, w] = x.dims();
        x.reshape([b * t, w]).select(0, self.rows.clone()).reshape([b, t, self.each, w])
    }
}

/// For every step the `k` steps of its window with the smallest squared distance in feature space, itself among them; of
/// equally near ones the earlier. No gradient passes through the choice.
pub(super) fn nearest(x: Tensor<3>, k: usize) -> Edges {
    let x = x.detach();
    let ([b, t, _], device) = (x.dims(), x.device());
    let squares = x.clone().square().sum_dim(2); // [b, t, 1]
    let products = x.clone().matmul(x.transpose()) * 2.0; // [b, t, t]
    let mut closeness = -squares.clone().transpose() + products - squares;
    let steps = Tensor::<1, Int>::arange(0..t as i64, &device).reshape([1, 1, t]);
    let mut found = Vec::with_capacity(k);
    for _ in 0..k {
        let best = closeness.clone().argmax(2); // [b, t, 1]
        closeness = closeness.mask_fill(steps.clone().equal(best.clone()), f32::NEG_INFINITY);
        found.push(best);
    }
    let first = Tensor::<1, Int>::arange(0..b as i64, &device).reshape([b, 1, 1]) * t as i64;
    let rows = Tensor::cat(found, 2) + first; // [b, t, k]
    Edges { rows: rows.reshape([b * t * k]), each: k }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gtad::draws::{SplitMix, random};

    #[test]
    fn neighbours_are_the_nearest_in_feature_space_and_of_the_same_window() {
        let device = Device::flex();
        let x = Tensor::<3>::from_data([[[0.0], [5.0], [1.0], [4.5]], [[9.0], [0.0], [8.0], [2.0]]], &device);
        let rows = nearest(x, 2).rows.try_into_vec_as::<i64>().unwrap();
        assert_eq!(rows, [0, 2, 1, 3, 2, 0, 3, 1, 4, 6, 5, 7, 6, 4, 7, 5]);
    }

    #[test]
    fn equal_steps_get_different_neighbours() {
        let x = Tensor::<3>::zeros([1, 4, 2], &Device::flex());
        assert_eq!(nearest(x, 3).rows.try_into_vec_as::<i64>().unwrap(), [0, 1, 2].repeat(4));
    }

    #[test]
    fn a_block_keeps_its_shape_and_answers_nothing_negative() {
        let (device, rng) = (&Device::flex(), &mut SplitMix(3));
        let config = GtadConfig { channels: 8, graph_groups: 2, ..GtadConfig::thumos() };
        let y = GcNext::init(&config, rng, device).forward(random([2, 9, 8], rng, device));
        assert_eq!(y.dims(), [2, 9, 8]);
        assert!(y.min().into_scalar::<f32>() >= 0.0);
    }
}
