//! One real training step of a published size, on random frames: what benches measure.

use adatad_adapter::{AdapterConfig, Representation};
use adatad_backbone::{Preset, VitConfig};
use adatad_data::random::{Rng, Stream};
use adatad_data::window::{FramePlan, Timing, Truth, Window};
use adatad_detector::DetectorConfig;
use adatad_detector::actionformer::ActionFormerConfig;
use adatad_detector::losses::LossNormalizer;
use adatad_detector::mask::Mask;
use burn::module::Module;
use burn::tensor::{Device, TensorData};

use adatad_adapter::SpillError;

use crate::average::WeightAverage;
use crate::fleet::Fleet;
use crate::memory::{Budget, Chosen, DoesNotFit, Shape};
use crate::model::{AdaTad, FeatureSource, ModelConfig};
use crate::optim::{Optimizer, OptimizerConfig};
use crate::plan::{Plan, Shown};
use crate::rule::Rule;
use crate::source::{self, Sample};
use crate::step::{self, Found, StepPlan, Turn};

/// Classes of THUMOS14.
const CLASSES: usize = 20;
/// Longest window of its recipes, in grid steps.
const LONGEST: usize = 768;

/// Which step.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// The transformer.
    pub preset: Preset,
    /// What learns in it.
    pub adapter: AdapterConfig,
    /// Frames of the window, a multiple of 16.
    pub frames: usize,
    /// Rows and columns of a frame.
    pub pixels: usize,
}

/// A model with random weights and everything that trains it, before its first step.
pub struct Ready {
    trial: Trial,
    model: AdaTad,
    optimizer: Optimizer,
    average: WeightAverage,
    normalizer: LossNormalizer,
    frames: Vec<u8>,
    device: Device,
    steps: u64,
}

impl Trial {
    /// The model of this trial: the THUMOS recipe.
    pub fn model(&self) -> ModelConfig {
        ModelConfig {
            source: FeatureSource::Backbone {
                vit: VitConfig { drop_path: 0.1, ..self.preset.config() },
                adapter: self.adapter.clone(),
                representation: Representation::Frames,
            },
            detector: DetectorConfig::ActionFormer(ActionFormerConfig::thumos()),
            classes: CLASSES,
            window_steps: self.steps(),
            detector_steps: self.steps(),
            frame_loss: 0.0,
        }
    }

    /// The fastest way of running its step that fits.
    ///
    /// # Errors
    ///
    /// None fits.
    pub fn choose(&self, budget: &Budget, device: &Device) -> Result<Chosen, DoesNotFit> {
        let (vit, detector) = (self.preset.config(), self.model().detector);
        let shown = Shown { frames: self.frames, pixels: self.pixels };
        let plan = Plan::of_model(&self.model(), shown, device);
        Shape { backbone: Some((&vit, &self.adapter)), detector: &detector, steps: self.steps(), shown, plan }
            .choose(budget)
    }

    fn steps(&self) -> usize {
        self.frames.min(LONGEST)
    }

    fn bytes(&self) -> Vec<u8> {
        let mut rng = Rng::new(0, Stream::Augment, 0, 0);
        (0..3 * self.frames * self.pixels * self.pixels).map(|_| rng.bits() as u8).collect()
    }

    /// Draws weights and frames.
    pub fn prepare(&self, device: &Device) -> Ready {
        let config = self.model();
        let model = AdaTad::init(&config, &mut Rng::new(0, Stream::Init, 0, 0), &device.clone().autodiff());
        // THUMOS recipe of the smallest backbone.
        let settings = OptimizerConfig {
            rule: Rule::default(),
            decay_all: false,
            learning_rate: 1e-4,
            adapter_learning_rate: 2e-4,
            backbone_learning_rate: 1e-5,
            weight_decay: 0.05,
            clip_norm: 1.0,
        };
        Ready {
            trial: self.clone(),
            optimizer: Optimizer::new(settings),
            average: WeightAverage::new(&model, 0.999),
            normalizer: config.detector.normalizer(),
            model,
            frames: self.bytes(),
            device: device.clone(),
            steps: 0,
        }
    }
}

impl Ready {
    /// One step: forward, backward, norm, update, average. Returns the loss.
    ///
    /// # Errors
    ///
    /// A temporary file of the plan cannot be written or read.
    pub fn train(mut self, plan: &StepPlan) -> Result<(Self, f64), SpillError> {
        let seed = Turn::plain(0, self.steps);
        let (sample, autodiff) = (self.sample(), self.device.clone().autodiff());
        let Found { gradients, norm, losses, .. } =
            step::gradients(&self.model, vec![sample], &mut self.normalizer, seed, plan, &autodiff, &Fleet::default())?;
        self.model = self.optimizer.step(self.model, gradients, norm, 1.0);
        self.average.update(&self.model);
        self.steps += 1;
        self.frames = self.trial.bytes();
        Ok((self, losses.total))
    }

    /// The same window through the model, for detection. Returns the mean of the features.
    pub fn detect(&self) -> f64 {
        let plain = self.model.valid();
        let (f, p) = (self.trial.frames, self.trial.pixels);
        let data = TensorData::new(self.frames.clone(), [1, 3, f, p, p]);
        let features = plain.features(adatad_backbone::frames(data, &self.device));
        let steps = self.trial.steps();
        plain.detector.forward(features.clone(), &Mask::prefix(&[steps], steps), None);
        f64::from(features.mean().into_scalar::<f32>())
    }

    /// A full window with a few actions.
    fn sample(&mut self) -> Sample {
        let steps = self.trial.steps();
        let stride = self.trial.frames / steps;
        let action = |class: usize| {
            let start = steps as f64 * (0.1 + 0.2 * class as f64);
            Truth { start, end: start + steps as f64 * 0.08, class }
        };
        let timing = Timing::Stretch {
            fps: 30.0,
            duration: self.trial.frames as f64 / 30.0,
            snippet_stride: stride,
            window_start_frame: 0,
            offset_frames: 0,
        };
        let window = Window {
            video: 0,
            name: "random".into(),
            frames: FramePlan::Strided { first: 0, step: 1, count: self.trial.frames, length: self.trial.frames },
            mask_valid: steps,
            window_size: steps,
            timing,
            truth: (0..4).map(action).collect(),
        };
        // Moved, not copied: as in training, they are in memory once.
        Sample { shown: source::Shown::Frames(std::mem::take(&mut self.frames)), window }
    }
}
