//! Run files: what is trained on what, and how. Strict TOML, no inheritance; every key is in the file.

mod error;
mod file;
mod input;
mod overrides;

use std::path::{Path, PathBuf};

use adatad_adapter::Representation;
use adatad_backbone::VitConfig;
use adatad_detector::DetectorConfig;
use adatad_detector::suppression::Suppression;
use serde::{Deserialize, Serialize};

pub use error::ConfigError;
pub(crate) use error::nearest;
pub use input::{AugmentConfig, CropKind, FeatureInput, Input, SynthConfig, VideoInput, WeightsConfig};

use file::RunFile;

use crate::classifier::ClassifierConfig;
use crate::model::{FeatureSource, ModelConfig};
use crate::optim::OptimizerConfig;
use crate::schedule::ScheduleConfig;

/// The run file of the built-in demonstration.
pub const DEMONSTRATION: &str = include_str!("../../presets/demo.toml");

/// Everything a run depends on.
#[derive(Debug, Clone, PartialEq)]
pub struct RunConfig {
    /// Decides every random draw: generated videos, initial weights, order, windows, augmentation, stochastic depth.
    pub seed: u64,
    /// Labels and subsets.
    pub data: DataConfig,
    /// Videos and a backbone, or stored features.
    pub input: Input,
    /// What is seen at once.
    pub window: WindowConfig,
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

/// Labels and subsets.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
    /// Annotations in the ActivityNet layout. Relative paths start at the run file's folder.
    pub annotations: PathBuf,
    /// Subset to learn from.
    pub training_subset: String,
    /// Subset watched while training.
    pub validation_subset: String,
    /// Subset the final figures are measured on.
    pub test_subset: String,
}

/// What is seen at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WindowConfig {
    /// Length in grid steps.
    pub size: usize,
    /// Frames of the video per grid step.
    pub feature_stride: usize,
    /// Frames shown per grid step; always 1 for stored features.
    #[serde(default = "one")]
    pub scale_factor: usize,
    /// Whether the window is cut into adjacent clips, or each grid step has a clip of its own.
    #[serde(default)]
    pub representation: Representation,
    /// Frames from one frame of such a clip of its own to the next.
    #[serde(default = "one")]
    pub snippet_interval: usize,
    /// Share of an action that must lie in a training window for it to be taught.
    pub truncation_threshold: f64,
    /// Share of a window that the next one sees again, in detection. Absent, which only stored features may be: the whole
    /// recording is one window, whatever its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<f64>,
}

/// From predictions to segments.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct InferenceConfig {
    /// Scores must be larger than this.
    pub pre_nms_threshold: f64,
    /// At most this many segments per window.
    pub pre_nms_top_k: usize,
    /// Segments shorter than this are left out, in seconds: 0.05 in the original ActionFormer, 0 in OpenTAD.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub min_duration: f64,
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

pub(crate) fn is_zero(value: &f64) -> bool {
    value.abs() < f64::MIN_POSITIVE
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
        let invalid = |reason| ConfigError::Invalid { origin: origin.into(), reason };
        let file: RunFile = toml::from_str(text).map_err(|error| ConfigError::syntax(origin, text, &error))?;
        let config = overrides::apply(file.try_into().map_err(invalid)?, overrides)?;
        config.check().map_err(invalid)?;
        Ok(config)
    }

    /// The file that would give this configuration.
    pub fn to_toml(&self) -> String {
        match toml::to_string(&RunFile::from(self)) {
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
            source: match &self.input {
                Input::Videos(videos) => FeatureSource::Backbone {
                    vit: videos.backbone.clone(),
                    adapter: videos.adapter.clone(),
                    representation: self.window.representation,
                },
                Input::Features(features) => {
                    FeatureSource::Stored { channels: features.layout(self.window.feature_stride).step_channels() }
                }
            },
            detector: self.detector.clone(),
            classes,
            window_steps: self.least_steps(),
            frame_loss: self.schedule.frame_loss,
        }
    }

    /// Length in grid steps to which shorter windows are padded: the window's, but where the detector cannot see how much
    /// padding there is. Stored features then come with as much as it needs.
    pub fn least_steps(&self) -> usize {
        match self.input {
            Input::Features(_) if !self.detector.sees_padding() => self.detector.coarsest_stride(),
            Input::Features(_) | Input::Videos(_) => self.window.size,
        }
    }

    fn check(&self) -> Result<(), String> {
        match &self.input {
            Input::Videos(videos) => videos.check()?,
            Input::Features(features) => features.check()?,
        }
        let channels = match &self.input {
            Input::Videos(videos) => videos.backbone.width,
            Input::Features(features) => features.layout(self.window.feature_stride).step_channels(),
        };
        self.detector.check([channels, self.window.size]).map_err(|e| e.to_string())?;
        self.inference.suppression.check().map_err(|e| format!("inference.suppression: {e}"))?;
        if self.inference.classifier.as_ref().is_some_and(|classifier| classifier.fusion.top_k == 0) {
            return Err("inference.classifier.fusion.top-k is 0; it must be at least 1".into());
        }
        if self.inference.classifier.is_some() && self.detector.says_classes() {
            let name = self.detector.name();
            return Err(format!("inference.classifier is given, but {name} says classes itself; leave it out"));
        }
        match &self.input {
            Input::Videos(videos) => self.check_video_window(videos)?,
            Input::Features(_) => self.check_feature_window()?,
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
        positive("inference.min-duration", self.inference.min_duration)?;
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
            ("window.feature-stride", self.window.feature_stride),
            ("window.snippet-interval", self.window.snippet_interval),
        ] {
            if value == 0 {
                return Err(format!("{name} is 0; it must be at least 1"));
            }
        }
        if self.evaluation.tiou.is_empty() || self.evaluation.tiou.iter().any(|t| !(*t > 0.0 && *t <= 1.0)) {
            return Err(format!(
                "evaluation.tiou is {:?}; it must hold overlaps in 0..=1, 0 left out",
                self.evaluation.tiou
            ));
        }
        Ok(())
    }

    fn check_video_window(&self, videos: &VideoInput) -> Result<(), String> {
        let WindowConfig { size, scale_factor, overlap, representation, .. } = self.window;
        if overlap.is_none() {
            return Err("`window.overlap` is missing; 0.5 is usual, and only stored features may do without".into());
        }
        let OptimizerConfig { adapter_learning_rate, backbone_learning_rate, .. } = self.optimizer;
        for (name, learns, rate) in [
            ("adapter", !videos.adapter.placed(videos.backbone.depth).is_empty(), adapter_learning_rate),
            ("backbone", videos.adapter.backbone_learns(), backbone_learning_rate),
        ] {
            if learns && is_zero(&rate) {
                return Err(format!("optimizer.{name}-learning-rate is 0 or missing, but the {name} is to learn"));
            }
        }
        let clip = VitConfig::CLIP_FRAMES;
        let frames = size * scale_factor;
        let snippets = representation == Representation::Snippets;
        if snippets && scale_factor != 1 {
            return Err(format!("window.scale-factor is {scale_factor}; with representation `snippets` it must be 1"));
        }
        if frames == 0 || (!snippets && !frames.is_multiple_of(clip)) {
            let (below, above) = ((frames / clip * clip).max(clip), (frames / clip + 1) * clip);
            return Err(format!(
                "window.size * window.scale-factor is {frames} frames, not a multiple of {clip}; the nearest are {below} and {above}"
            ));
        }
        Ok(())
    }

    /// What says how frames are shown has no meaning where none are.
    fn check_feature_window(&self) -> Result<(), String> {
        let WindowConfig { scale_factor, snippet_interval, representation, .. } = self.window;
        for (name, value) in [("window.scale-factor", scale_factor), ("window.snippet-interval", snippet_interval)] {
            if value != 1 {
                return Err(format!("{name} is {value}; with [data.features] it must be 1 or absent"));
            }
        }
        if representation != Representation::default() {
            return Err("window.representation is about frames; with [data.features] leave it out".into());
        }
        let OptimizerConfig { adapter_learning_rate, backbone_learning_rate, .. } = self.optimizer;
        for (name, rate) in [("adapter", adapter_learning_rate), ("backbone", backbone_learning_rate)] {
            if !is_zero(&rate) {
                return Err(format!(
                    "optimizer.{name}-learning-rate is {rate}; with [data.features] it must be absent"
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
