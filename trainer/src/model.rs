//! The whole model: an adapter-tuned backbone and a detector, trained end to end; or a detector on stored features.

use adatad_adapter::{AdaptedBackbone, AdapterConfig, Representation, resample};
use adatad_backbone::{Numbers, Vit, VitConfig, init, works_in_host_memory};
use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use adatad_detector::{Detector, DetectorConfig, Predictions};
use burn::module::{Module, ModuleVisitor, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use rand_core::Rng;

/// Clips that pass through a block at once in detection: on a processor enough to keep it busy and few enough to stay in its
/// cache, on other devices enough to fill them.
const CLIPS_AT_ONCE: [usize; 2] = [2, 8];

/// What the detector's features come from.
#[derive(Debug, Clone, PartialEq)]
pub enum FeatureSource {
    /// Frames, through a transformer.
    Backbone {
        /// The transformer.
        vit: VitConfig,
        /// What learns in it.
        adapter: AdapterConfig,
        /// How the frames of a window become clips.
        representation: Representation,
    },
    /// Files.
    Stored {
        /// Channels of a time step.
        channels: usize,
    },
}

impl FeatureSource {
    /// Channels of the features.
    pub fn channels(&self) -> usize {
        match self {
            FeatureSource::Backbone { vit, .. } => vit.width,
            FeatureSource::Stored { channels } => *channels,
        }
    }
}

/// Settings of every part of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelConfig {
    /// What the detector's features come from.
    pub source: FeatureSource,
    /// The detector.
    pub detector: DetectorConfig,
    /// Number of classes.
    pub classes: usize,
    /// Length of a window in grid steps: what the features of frames are resampled to.
    pub window_steps: usize,
    /// Length in grid steps to which the detector pads shorter windows (OpenTAD `max_seq_len`).
    pub detector_steps: usize,
    /// Weight of the frame loss, in training; at 0 the model has no frame head.
    pub frame_loss: f64,
}

/// What a model takes.
#[derive(Debug, Clone)]
pub enum ModelInput {
    /// `[b, 3, f, height, width]`, bytes.
    Frames(Tensor<5, Int>),
    /// `[b, t, c]`.
    Features(Tensor<3>),
}

impl From<Tensor<5, Int>> for ModelInput {
    fn from(frames: Tensor<5, Int>) -> Self {
        ModelInput::Frames(frames)
    }
}

/// Frames or features in, predictions out.
#[derive(Module, Debug)]
pub struct AdaTad {
    /// Frames to features; none in a model on stored features.
    pub backbone: Option<AdaptedBackbone>,
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
        let vit = |vit: &VitConfig, numbers, rng: &mut dyn Rng| Vit::init_in(numbers, vit, rng, device);
        Self::with(vit, config, rng, device)
    }

    /// A model whose weights will be read from elsewhere: nothing is drawn for the transformer, which is the most of it.
    pub fn blank(config: &ModelConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        Self::with(|vit, numbers, _| Vit::blank_in(numbers, vit, device), config, rng, device)
    }

    /// Draws the initial weights of everything but the transformer, which comes from elsewhere.
    pub fn around(vit: Vit, config: &ModelConfig, rng: &mut dyn Rng, device: &Device) -> Self {
        Self::with(|_, _, _| vit, config, rng, device)
    }

    fn with(
        vit: impl FnOnce(&VitConfig, Numbers, &mut dyn Rng) -> Vit,
        config: &ModelConfig,
        rng: &mut dyn Rng,
        device: &Device,
    ) -> Self {
        let ModelConfig { source, detector, classes, window_steps, detector_steps, frame_loss } = config;
        let channels = source.channels();
        let backbone = match source {
            FeatureSource::Backbone { vit: vit_config, adapter, representation } => {
                let vit = vit(vit_config, adapter.numbers(device), &mut *rng);
                Some(AdaptedBackbone::init(vit, adapter, *representation, &mut *rng, device))
            }
            FeatureSource::Stored { .. } => None,
        };
        Self {
            backbone,
            detector: Detector::init(detector, [channels, *classes, *detector_steps], rng, device),
            frame_head: (*frame_loss > 0.0).then(|| init::linear([channels, *classes], 1.0, rng, device)),
            window_steps: *window_steps,
            frame_loss: *frame_loss,
        }
    }

    /// What the detector reads, `[b, c, window_steps]`, from the averages of the backbone's tubelets.
    ///
    /// # Shapes
    ///
    /// - `tubelets`: `[b, f / 2, c]`
    pub fn handed_over(&self, backbone: &AdaptedBackbone, tubelets: Tensor<3>) -> Tensor<3> {
        resample(backbone.features(tubelets), self.window_steps).permute([0, 2, 1])
    }

    /// Features of a window as the detector takes them: `[b, c, t]`. Those of frames have the length of a window, stored
    /// ones the length they come with. Of a model without autodiff; training goes through
    /// [`step::through`](crate::step::through).
    ///
    /// # Panics
    ///
    /// When frames are given to a model without a backbone: a programmer's mistake.
    pub fn features(&self, input: impl Into<ModelInput>) -> Tensor<3> {
        match (input.into(), &self.backbone) {
            (ModelInput::Features(features), _) => features.permute([0, 2, 1]),
            (ModelInput::Frames(frames), Some(backbone)) => {
                let [on_host, elsewhere] = CLIPS_AT_ONCE;
                let at_once = if works_in_host_memory(&frames.device()) { on_host } else { elsewhere };
                self.handed_over(backbone, backbone.infer(frames, at_once))
            }
            (ModelInput::Frames(_), None) => panic!("a model on stored features was given frames"),
        }
    }

    /// Predictions at every point of the window. Of a model without autodiff.
    ///
    /// # Panics
    ///
    /// See [`features`](Self::features).
    pub fn forward(&self, input: impl Into<ModelInput>, mask: &Mask) -> Predictions {
        self.detector.forward(self.features(input), mask, None)
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
        let detector = self.detector.num_params() + self.frame_head.num_params();
        let Some(AdaptedBackbone { vit, adapters, ladder, .. }) = &self.backbone else { return [0, 0, detector] };
        let table = vit.pos_embed.shape().num_elements();
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
