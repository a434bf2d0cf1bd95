//! The whole model: an adapter-tuned backbone and a detector, trained end to end.

use adatad_adapter::{AdaptedBackbone, AdapterConfig, resample};
use adatad_backbone::VitConfig;
use adatad_detector::actionformer::{ActionFormer, ActionFormerConfig, Predictions};
use adatad_detector::mask::Mask;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Int, Tensor};
use rand_core::Rng;

/// Settings of every part of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The transformer.
    pub backbone: VitConfig,
    /// What learns in it.
    pub adapter: AdapterConfig,
    /// The detector.
    pub detector: ActionFormerConfig,
    /// Number of classes.
    pub classes: usize,
    /// Length of a window in grid steps.
    pub window_steps: usize,
}

/// Frames in, predictions out.
#[derive(Module, Debug)]
pub struct AdaTad {
    /// Frames to features.
    pub backbone: AdaptedBackbone,
    /// Features to predictions.
    pub detector: ActionFormer,
    window_steps: usize,
}

/// Number of parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct ParameterCount {
    /// All of them (the fixed position table left out).
    pub total: usize,
    /// Those that learn.
    pub trained: usize,
}

impl AdaTad {
    /// Draws the initial weights. `device` decides whether gradients can be taken.
    pub fn init(config: &ModelConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let ModelConfig { backbone, adapter, detector, classes, window_steps } = config;
        Self {
            backbone: AdaptedBackbone::init(backbone, adapter, rng, device),
            detector: ActionFormer::init(detector, [backbone.width, *classes, *window_steps], rng, device),
            window_steps: *window_steps,
        }
    }

    /// Features of a window at the detector's length: `[b, c, window_steps]`.
    ///
    /// # Shapes
    ///
    /// - `frames`: `[b, 3, f, height, width]`, bytes
    pub fn features(&self, frames: Tensor<5, Int>, rng: Option<&mut dyn Rng>) -> Tensor<3> {
        resample(self.backbone.forward(frames, rng), self.window_steps).permute([0, 2, 1])
    }

    /// Predictions at every point of the window; with `rng`, stochastic depth and dropout are drawn.
    ///
    /// # Shapes
    ///
    /// - `frames`: `[b, 3, f, height, width]`, bytes
    pub fn forward(&self, frames: Tensor<5, Int>, mask: &Mask, mut rng: Option<&mut dyn Rng>) -> Predictions {
        let features = self.features(frames, rng.as_deref_mut().map(|r| r as &mut dyn Rng));
        self.detector.forward(features, mask, rng)
    }

    /// How large the model is and how much of it learns.
    pub fn parameters(&self) -> ParameterCount {
        struct Count(ParameterCount, Vec<String>);
        impl ModuleVisitor for Count {
            fn enter_module(&mut self, name: &str, _: &str) {
                self.1.push(name.to_owned());
            }
            fn exit_module(&mut self, _: &str, _: &str) {
                self.1.pop();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                let is_table = self.1.last().is_some_and(|name| name == "pos_embed");
                let size = param.val().shape().num_elements();
                self.0.total += if is_table { 0 } else { size };
                self.0.trained += if param.val().is_require_grad() { size } else { 0 };
            }
        }
        let mut count = Count(ParameterCount { total: 0, trained: 0 }, Vec::new());
        self.visit(&mut count);
        count.0
    }
}
