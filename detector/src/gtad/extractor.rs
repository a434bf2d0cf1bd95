//! Features of every proposal: what it holds, and what the steps hold that are like its own (OpenTAD `GTADExtractor`,
//! "sub-graph alignment" in the paper's section 3.3).
//!
//! Axis names: `b` windows, `t` grid steps, `c` channels, `d` durations, `r` bins, `o` channels of a proposal.

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor, activation, assert_shape};
use rand_core::Rng;

use super::bands::Bands;
use super::config::GtadConfig;
use super::conv::PointwiseConv;
use super::graph::{GcNext, nearest};
use super::half::{half_precision, wide};
use super::proposals::ProposalMap;

/// From features of a window to features of all its proposals.
#[derive(Module, Debug)]
pub struct Extractor {
    /// Before pooling.
    pub gcnext: GcNext,
    /// From the pooled bins (`c * r`, bins fastest) to `o`; `conv2d.0` in checkpoints.
    pub conv2d: PointwiseConv,
    neighbours: usize,
    roi_bins: usize,
    context_bins: usize,
    #[module(skip)]
    bands: Arc<Bands>,
}

impl Extractor {
    /// Draws the initial weights, for windows of `steps` grid steps.
    pub fn init(config: &GtadConfig, steps: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let (roi_bins, context_bins) = (config.roi_bins, config.context_bins);
        let map = ProposalMap { durations: config.durations, steps };
        Self {
            gcnext: GcNext::init(config, rng, device),
            conv2d: PointwiseConv::init(
                [config.channels * (roi_bins + context_bins), config.roi_channels],
                1,
                rng,
                device,
            ),
            neighbours: config.neighbours,
            roi_bins,
            context_bins,
            bands: Arc::new(Bands::new(map, [roi_bins, context_bins])),
        }
    }

    /// `[b, t, c] -> [b, d, t, o]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<4> {
        self.pool(self.gcnext.forward(x))
    }

    /// The same, from the graph block's output.
    pub fn pool(&self, x: Tensor<3>) -> Tensor<4> {
        let ([b, t, c], bins) = (x.dims(), self.roi_bins + self.context_bins);
        let matrix = self.conv2d.matrix(); // [o, c * r]
        let o = matrix.dims()[0];
        let weight = matrix.reshape([o, c, bins]);
        let wide = wide(&x.device());
        let projected = |x: Tensor<3>, first: usize, bins: usize| {
            let weight = weight.clone().narrow(2, first, bins).permute([1, 2, 0]).reshape([c, bins * o]);
            let rows = half_precision(x).cast(wide).reshape([b * t, c]).matmul(weight.cast(wide)); // [b*t, r*o]
            rows.reshape([b, t * bins, o])
        };
        let edges = nearest(x.clone(), self.neighbours);
        let context = edges.follow(x.clone()).mean_dim(2).reshape([b, t, c]);
        let inner = projected(x, 0, self.roi_bins);
        let context = projected(context, self.roi_bins, self.context_bins);
        let pooled = self.bands.forward(Tensor::cat(vec![inner, context], 1)).cast(FloatDType::F32);
        let y = activation::relu(pooled + self.conv2d.bias.val().reshape([1, 1, 1, o]));
        let durations = y.dims()[1];
        assert_shape!(y, [b, durations, t, o]);
        y
    }
}
