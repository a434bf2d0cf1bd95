//! The whole model: an adapter-tuned backbone and a detector, trained end to end.

use adatad_adapter::{AdaptedBackbone, AdapterConfig, Representation, resample};
use adatad_backbone::{Vit, VitConfig, init};
use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use adatad_detector::{Detector, DetectorConfig, Predictions};
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use rand_core::Rng;

/// Settings of every part of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// The transformer.
    pub backbone: VitConfig,
    /// What learns in it.
    pub adapter: AdapterConfig,
    /// The detector.
    pub detector: DetectorConfig,
    /// Number of classes.
    pub classes: usize,
    /// Length of a window in grid steps.
    pub window_steps: usize,
    /// How its frames become clips.
    pub representation: Representation,
    /// Weight of the frame loss, in training; at 0 the model has no frame head.
    pub frame_loss: f64,
}

/// Frames in, predictions out.
#[derive(Module, Debug)]
pub struct AdaTad {
    /// Frames to features.
    pub backbone: AdaptedBackbone,
    /// Features to predictions.
    pub detector: Detector,
    /// Features to the actions under way at each grid step; only guides training.
    pub frame_head: Option<Linear>,
    window_steps: usize,
    frame_loss: f64,
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
        let vit = Vit::init(&config.backbone, rng, device);
        Self::around(vit, config, rng, device)
    }

    /// Draws the initial weights of everything but the transformer, which comes from elsewhere.
    pub fn around(vit: Vit, config: &ModelConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        let ModelConfig { backbone, adapter, detector, classes, window_steps, representation, frame_loss } = config;
        Self {
            backbone: AdaptedBackbone::init(vit, adapter, *representation, rng, device),
            detector: Detector::init(detector, [backbone.width, *classes, *window_steps], rng, device),
            frame_head: (*frame_loss > 0.0).then(|| init::linear([backbone.width, *classes], 1.0, rng, device)),
            window_steps: *window_steps,
            frame_loss: *frame_loss,
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

    /// How well the features alone tell which actions are under way: binary cross-entropy, averaged over valid grid steps
    /// and classes, times its weight. None for a model without frame head.
    ///
    /// Pretrained backbones have learned such a thing already (from labelled clips of hundreds of classes); this is how
    /// one without pretrained weights gets a signal at every moment, and not only at the points of the pyramid.
    ///
    /// # Shapes
    ///
    /// - `features`: `[b, c, t]`
    pub fn frame_loss(&self, features: Tensor<3>, mask: &Mask, truth: &[Vec<Truth>]) -> Option<Tensor<1>> {
        let head = self.frame_head.as_ref()?;
        let logits = head.forward(features.permute([0, 2, 1])); // [b, t, classes]
        let [b, t, classes] = logits.dims();
        let mut under_way = vec![0f32; b * t * classes];
        for (video, truth) in truth.iter().enumerate() {
            for action in truth {
                let steps = (action.start.ceil().max(0.0) as usize)..(action.end.ceil().max(0.0) as usize).min(t);
                steps.for_each(|step| under_way[(video * t + step) * classes + action.label] = 1.0);
            }
        }
        let device = logits.device();
        let under_way = Tensor::<3>::from_data(TensorData::new(under_way, [b, t, classes]), &device);
        // -(y log p + (1 - y) log (1 - p)), with log (1 - p) = log p - x.
        let entropy = (-under_way + 1.0) * logits.clone() - activation::log_sigmoid(logits);
        let valid = mask.tensor(&device);
        let count = valid.clone().sum().clamp_min(1.0) * classes as f64;
        Some((entropy * valid).sum() / count * self.frame_loss)
    }

    /// Number of parameters in the transformer (without its position table), the adapters, and the detector with the frame
    /// head.
    pub fn parts(&self) -> [usize; 3] {
        let AdaptedBackbone { vit, adapters, ladder, .. } = &self.backbone;
        let table = vit.pos_embed.shape().num_elements();
        let detector = self.detector.num_params() + self.frame_head.num_params();
        [vit.num_params() - table, adapters.num_params() + ladder.num_params(), detector]
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
