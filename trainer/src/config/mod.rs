//! Run files: what is trained on what, and how. Strict TOML, no inheritance; every key is in the file.

mod error;
mod overrides;

use std::path::{Path, PathBuf};

use adatad_adapter::{AdapterConfig, Representation};
use adatad_backbone::VitConfig;
use adatad_data::synth::SynthOptions;
use adatad_detector::DetectorConfig;
use adatad_detector::suppression::Suppression;
use serde::{Deserialize, Serialize};

pub use error::ConfigError;

use crate::classifier::ClassifierConfig;
use crate::model::ModelConfig;
use crate::optim::OptimizerConfig;
use crate::schedule::ScheduleConfig;

/// The run file of the built-in demonstration.
pub const DEMONSTRATION: &str = include_str!("../../presets/demo.toml");

/// Everything a run depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RunConfig {
    /// Decides every random draw: generated videos, initial weights, order, windows, augmentation, stochastic depth.
    pub seed: u64,
    /// Videos and labels.
    pub data: DataConfig,
    /// What is seen at once.
    pub window: WindowConfig,
    /// The video transformer.
    pub backbone: VitConfig,
    /// Its pretrained weights; without them it starts from random weights, and must learn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<WeightsConfig>,
    /// What learns in it.
    pub adapter: AdapterConfig,
    /// The detector.
    pub detector: DetectorConfig,
    /// Learning rates.
    pub optimizer: OptimizerConfig,
    /// How long, and how the rate moves.
    pub schedule: ScheduleConfig,
    /// From predictions to segments.
    pub inference: InferenceConfig,
    /// How results are scored.
    pub evaluation: EvaluationConfig,
}

/// Videos and labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DataConfig {
    /// Annotations in the ActivityNet layout. Relative paths start at the run file's folder.
    pub annotations: PathBuf,
    /// Folder of the videos; video `NAME` of the annotations is `NAME.mp4` there.
    pub videos: PathBuf,
    /// Subset to learn from.
    pub training_subset: String,
    /// Subset watched while training.
    pub validation_subset: String,
    /// Subset the final figures are measured on.
    pub test_subset: String,
    /// Puts the frames of every second in random order, in all subsets: a control that shows what is learned from the
    /// order of frames.
    pub shuffle_frames: bool,
    /// The shorter side every frame is resized to, in pixels.
    pub short_side: usize,
    /// The square that the model sees, in pixels: central in evaluation.
    pub crop: usize,
    /// How training windows are varied.
    pub augment: AugmentConfig,
    /// Memory for decoded frames, in MiB; videos that do not fit are decoded again for every window.
    pub cache_mib: usize,
    /// Generates the data set first: the demonstration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synth: Option<SynthConfig>,
}

/// How training windows are varied: drawn once per window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct AugmentConfig {
    /// Which square of the resized frame is seen.
    pub crop: CropKind,
    /// Probability of swapping left and right.
    pub flip: f64,
    /// Brightness is multiplied by up to 1 +- this.
    pub brightness: f64,
    /// Contrast is multiplied by up to 1 +- this.
    pub contrast: f64,
}

/// Which square of a frame is seen in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CropKind {
    /// The middle.
    Centre,
    /// Anywhere.
    Random,
    /// A rectangle of random area and shape, stretched.
    Resized,
}

/// The generated data set: `adatad_data::synth` draws it from the run's seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SynthConfig {
    /// Number of training videos.
    pub training: usize,
    /// Number of validation videos.
    pub validation: usize,
    /// Number of test videos.
    pub test: usize,
    /// Shortest and longest video, in seconds.
    pub seconds: (f64, f64),
}

/// What is seen at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WindowConfig {
    /// Length in grid steps.
    pub size: usize,
    /// Frames of the video per grid step.
    pub feature_stride: usize,
    /// Frames shown per grid step.
    pub scale_factor: usize,
    /// Whether the window is cut into adjacent clips, or each grid step has a clip of its own.
    #[serde(default)]
    pub representation: Representation,
    /// Frames from one frame of such a clip of its own to the next.
    #[serde(default = "one")]
    pub snippet_interval: usize,
    /// Share of an action that must lie in a training window for it to be taught.
    pub truncation_threshold: f64,
    /// Share of a window that the next one sees again, in detection.
    pub overlap: f64,
}

/// Pretrained weights of the backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WeightsConfig {
    /// A file (PyTorch or safetensors) or a folder from Hugging Face. Relative paths start at the run file's folder.
    pub backbone: PathBuf,
    /// Which dict of tensors in the file; by default averaged weights are taken before others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_dict: Option<String>,
    /// Parameters that the file may lack: they keep their random initial values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allow_missing: Vec<String>,
}

/// From predictions to segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InferenceConfig {
    /// Scores must be larger than this.
    pub pre_nms_threshold: f64,
    /// At most this many segments per window.
    pub pre_nms_top_k: usize,
    /// Suppression over all windows of a video.
    pub suppression: Suppression,
    /// Classes from outside, for a detector that says none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classifier: Option<ClassifierConfig>,
}

/// How results are scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EvaluationConfig {
    /// Overlaps with the truth that count as found.
    pub tiou: Vec<f64>,
}

fn one() -> usize {
    1
}

impl RunConfig {
    /// Reads and checks a run file.
    ///
    /// # Errors
    ///
    /// Unreadable, unknown or missing keys, wrong types and values: where, and the nearest valid thing.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
        Self::parse(&text, path, overrides)
    }

    /// The demonstration, with overrides.
    ///
    /// # Errors
    ///
    /// An override names an unknown key or a value that does not fit.
    pub fn demonstration(overrides: &[String]) -> Result<Self, ConfigError> {
        Self::parse(DEMONSTRATION, Path::new("the built-in demonstration"), overrides)
    }

    /// Reads a run file's text; `origin` is named in errors.
    ///
    /// # Errors
    ///
    /// See [`load`](Self::load).
    pub fn parse(text: &str, origin: &Path, overrides: &[String]) -> Result<Self, ConfigError> {
        // Editors on some systems begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let config: Self = toml::from_str(text).map_err(|error| ConfigError::syntax(origin, text, &error))?;
        let config = overrides::apply(config, overrides)?;
        config.check().map_err(|reason| ConfigError::Invalid { origin: origin.into(), reason })?;
        Ok(config)
    }

    /// The file that would give this configuration.
    pub fn to_toml(&self) -> String {
        match toml::to_string(self) {
            Ok(text) => text,
            Err(error) => unreachable!("a run configuration is plain data: {error}"),
        }
    }

    /// Keys whose values differ in `other`, as `key: here -> there`.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        overrides::differences(self, other)
    }

    /// The model of this run.
    pub fn model(&self, classes: usize) -> ModelConfig {
        ModelConfig {
            backbone: self.backbone.clone(),
            adapter: self.adapter.clone(),
            detector: self.detector.clone(),
            classes,
            window_steps: self.window.size,
            representation: self.window.representation,
            frame_loss: self.schedule.frame_loss,
        }
    }

    fn check(&self) -> Result<(), String> {
        let say = |e: &dyn std::fmt::Display| e.to_string();
        self.backbone.check().map_err(|e| say(&e))?;
        self.adapter.check(self.backbone.width, self.backbone.depth).map_err(|e| say(&e))?;
        self.detector.check([self.backbone.width, self.window.size]).map_err(|e| say(&e))?;
        self.inference.suppression.check().map_err(|e| format!("inference.suppression: {e}"))?;
        if self.inference.classifier.as_ref().is_some_and(|classifier| classifier.fusion.top_k == 0) {
            return Err("inference.classifier.fusion.top-k is 0; it must be at least 1".into());
        }
        if self.inference.classifier.is_some() && self.detector.says_classes() {
            let name = self.detector.name();
            return Err(format!("inference.classifier is given, but {name} says classes itself; leave it out"));
        }
        if self.weights.is_none() && !self.adapter.backbone_learns() {
            return Err(
                "the backbone is frozen (adapter.train-backbone is false), but has no pretrained weights: give \
                        weights.backbone = \"FILE\", or let it learn"
                    .into(),
            );
        }
        let clip = VitConfig::CLIP_FRAMES;
        let frames = self.window.size * self.window.scale_factor;
        let snippets = self.window.representation == Representation::Snippets;
        if snippets && self.window.scale_factor != 1 {
            let factor = self.window.scale_factor;
            return Err(format!("window.scale-factor is {factor}; with representation `snippets` it must be 1"));
        }
        if frames == 0 || (!snippets && !frames.is_multiple_of(clip)) {
            let (below, above) = ((frames / clip * clip).max(clip), (frames / clip + 1) * clip);
            return Err(format!(
                "window.size * window.scale-factor is {frames} frames, not a multiple of {clip}; the nearest are {below} and {above}"
            ));
        }
        let positive = |name: &str, value: f64| match value {
            v if v.is_finite() && v >= 0.0 => Ok(()),
            v => Err(format!("{name} is {v}; it must be a number from 0 up")),
        };
        positive("optimizer.learning-rate", self.optimizer.learning_rate)?;
        positive("optimizer.adapter-learning-rate", self.optimizer.adapter_learning_rate)?;
        positive("optimizer.backbone-learning-rate", self.optimizer.backbone_learning_rate)?;
        positive("optimizer.weight-decay", self.optimizer.weight_decay)?;
        positive("schedule.final-rate", self.schedule.final_rate)?;
        if self.optimizer.clip_norm.is_nan() || self.optimizer.clip_norm <= 0.0 {
            return Err(format!("optimizer.clip-norm is {}; it must be positive", self.optimizer.clip_norm));
        }
        if let Some(falls) = self.schedule.falls.as_ref().filter(|falls| !(falls.factor > 0.0 && falls.factor <= 1.0)) {
            return Err(format!("schedule.falls.factor is {}; it must lie in 0..=1, 0 left out", falls.factor));
        }
        if !(0.0..1.0).contains(&self.schedule.average_decay) {
            return Err(format!("schedule.average-decay is {}; it must lie in 0..1", self.schedule.average_decay));
        }
        for (name, value) in [
            ("schedule.epochs", self.schedule.epochs),
            ("schedule.batch", self.schedule.batch),
            ("schedule.windows-per-video", self.schedule.windows_per_video),
            ("data.crop", self.data.crop),
            ("window.snippet-interval", self.window.snippet_interval),
        ] {
            if value == 0 {
                return Err(format!("{name} is 0; it must be at least 1"));
            }
        }
        if self.data.crop > self.data.short_side {
            let (crop, side) = (self.data.crop, self.data.short_side);
            return Err(format!("data.crop is {crop}, larger than data.short-side = {side}"));
        }
        if self.data.crop < self.backbone.patch {
            let (crop, patch) = (self.data.crop, self.backbone.patch);
            return Err(format!("data.crop is {crop}; it holds no patch of backbone.patch = {patch} pixels"));
        }
        if self.evaluation.tiou.is_empty() || self.evaluation.tiou.iter().any(|t| !(*t > 0.0 && *t <= 1.0)) {
            return Err(format!(
                "evaluation.tiou is {:?}; it must hold overlaps in 0..=1, 0 left out",
                self.evaluation.tiou
            ));
        }
        Ok(())
    }
}

impl SynthConfig {
    /// The generator's options for a run with this seed.
    pub fn options(&self, seed: u64) -> SynthOptions {
        let Self { training, validation, test, seconds } = *self;
        SynthOptions { seed, training, validation, test, seconds, ..SynthOptions::default() }
    }
}
