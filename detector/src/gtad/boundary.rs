//! Boundary head: where actions start and end, each from a graph block of its own (OpenTAD
//! `GCNextTemporalEvaluationHead`).

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_core::Rng;

use super::config::GtadConfig;
use super::conv::GroupedConv;
use super::graph::GcNext;

/// One kind of boundary.
#[derive(Module, Debug)]
pub struct Boundary {
    /// `tem.N.0` in checkpoints.
    pub gcnext: GcNext,
    /// To one logit; `tem.N.1.conv` in checkpoints.
    pub output: GroupedConv,
}

/// Starts and ends.
#[derive(Module, Debug)]
pub struct BoundaryHead {
    /// Start, end.
    pub tem: Vec<Boundary>,
}

impl BoundaryHead {
    /// Draws the initial weights.
    pub fn init(config: &GtadConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let mut boundary = || Boundary {
            gcnext: GcNext::init(config, rng, device),
            output: GroupedConv::init([config.channels, 1, 1], 1, rng, device),
        };
        Self { tem: vec![boundary(), boundary()] }
    }

    /// Logits: `[b, t, c] -> [b, 2, t]`.
    pub fn forward(&self, x: &Tensor<3>) -> Tensor<3> {
        let logits = self.tem.iter().map(|kind| kind.output.forward(kind.gcnext.forward(x.clone()))); // [b, t, 1]
        Tensor::cat(logits.collect(), 2).permute([0, 2, 1])
    }
}
