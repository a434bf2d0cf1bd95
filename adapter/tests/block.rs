//! The written backward pass of a block against that of Burn's graph.

#![cfg(test)]

use adatad_backbone::{Block, BlockDraw, Gradients, VitConfig};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Distribution, Tensor, TensorData};

mod common;
use common::SplitMix;

const CONFIG: VitConfig = VitConfig {
    width: 24,
    depth: 2,
    heads: 3,
    mlp: 40,
    patch: 8,
    position_grid: 2,
    drop_path: 0.0,
    norm_epsilon: VitConfig::NORM_EPSILON,
};

fn random<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut rng = SplitMix(seed);
    Tensor::from_data(TensorData::random::<f32, _, _>(shape, Distribution::Normal(0.0, 1.0), &mut rng), device)
}

/// Largest difference in units of the largest number.
fn apart<const D: usize>(ours: Tensor<D>, theirs: Tensor<D>) -> f32 {
    let size: f32 = theirs.clone().abs().max().into_scalar();
    let apart: f32 = (ours - theirs).abs().max().into_scalar();
    apart / size
}

struct Compare {
    written: GradientsParams,
    graph: GradientsParams,
    compared: usize,
}

impl ModuleVisitor for Compare {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let (Some(written), Some(graph)) = (self.written.get::<D>(param.id), self.graph.get::<D>(param.id)) else {
            panic!("a weight of shape {:?} has no gradient", param.shape())
        };
        let apart = apart(written, graph);
        assert!(apart < 3e-6, "{:?}: {apart}", param.shape());
        self.compared += 1;
    }
}

fn gradients_agree(draw: &BlockDraw) {
    let device = Device::flex();
    let tracked = device.clone().autodiff();
    let block = Block::init(&CONFIG, 1, &mut SplitMix(1), &tracked);
    let (x, grad) = (random([2, 17, 24], 2, &device), random([2, 17, 24], 3, &device));

    let input = Tensor::from_inner(x.clone()).require_grad();
    let output = block.forward(input.clone(), draw);
    let mut graph = (output.clone() * Tensor::from_inner(grad.clone())).sum().backward();
    let Some(of_input) = input.grad(&graph) else { panic!("the input has no gradient") };
    let graph = GradientsParams::from_module(&mut graph, &block);

    let plain = block.valid();
    let (said, trace) = plain.forward_traced(x.clone(), draw);
    assert!(apart(said, output.inner()) < 1e-6);
    let mut written = Gradients::default();
    let found = plain.backward(x.clone(), trace, grad.clone(), draw, Some(&mut written));
    assert!(apart(found.clone(), of_input) < 3e-6);

    // The same without the weights' gradients, from what is recomputed.
    let frozen = plain.backward(x.clone(), plain.trace(x, draw), grad, draw, None);
    assert!(apart(frozen, found) < 1e-6);

    let mut compare = Compare { written: written.into_params(), graph, compared: 0 };
    block.visit(&mut compare);
    assert_eq!(compare.compared, 13);
}

#[test]
fn written_gradients_are_those_of_the_graph() {
    gradients_agree(&BlockDraw::default());
}

#[test]
fn dropped_branches_pass_no_gradient() {
    gradients_agree(&BlockDraw { attention: Some(vec![0.0, 1.25]), mlp: Some(vec![1.25, 0.0]) });
}
