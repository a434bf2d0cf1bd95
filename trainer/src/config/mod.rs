//! Run files: what is trained on what, and how. Strict TOML, no inheritance; every key is in the file.
//!
//! A file is read in three steps: its keys and types ([`file`]), the range of every value by itself ([`keys`], which is also
//! what `config schema` prints), and what does not go together (`check`).

mod check;
mod error;
mod file;
mod input;
pub mod keys;
mod locate;
mod overrides;
pub mod presets;
mod video_list;

use std::io::Read;
use std::path::{Path, PathBuf};

use adatad_adapter::{PrecisionChoice, Representation};
use adatad_backbone::Precision;
use adatad_data::window::Conversion;
use adatad_detector::DetectorConfig;
use adatad_detector::suppression::Suppression;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

pub use error::ConfigError;
pub(crate) use error::nearest;
pub use input::{AugmentConfig, CropKind, FeatureInput, Input, SynthConfig, VideoInput, WeightsConfig};
pub use video_list::{VideoList, VideoListError};

use file::RunFile;

use crate::classifier::ClassifierConfig;
use crate::model::{FeatureSource, ModelConfig};
use crate::optim::{OptimizerConfig, is_zero};
use crate::schedule::ScheduleConfig;

/// The run file of the built-in demonstration.
pub const DEMONSTRATION: &str = include_str!("../../presets/demo.toml");

/// The largest run file: a thousand times what one needs.
const MOST_BYTES: u64 = 4 << 20;

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
    /// The classes in the order of their indices, one label a line; absent: every label of the annotations, sorted.
    pub class_list: Option<PathBuf>,
    /// Whether the detector learns where actions are and not which (OpenTAD `class_agnostic`): classes then come from
    /// outside.
    pub class_agnostic: bool,
    /// Labels that mark what is no class, such as `Ambiguous` in THUMOS-14: neither taught nor counted.
    pub ignored_labels: Vec<String>,
    /// Videos that are left out of all subsets (OpenTAD `block_list`).
    pub blocked_videos: VideoList,
    /// How seconds become frames.
    pub time_conversion: Conversion,
    /// Whether actions without length, and those outside their video, are left out of training.
    pub filter_gt: bool,
}

/// What is seen at once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct WindowConfig {
    /// Length in grid steps.
    pub size: usize,
    /// Length in grid steps to which the detector pads a window (OpenTAD `max_seq_len`); absent: `size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub padded_size: Option<usize>,
    /// Whether a window is the whole video, whatever its length: `size * scale_factor` frames spread evenly over it
    /// (OpenTAD's `resize` data sets, ActivityNet). Then `feature_stride`, `truncation_threshold` and `overlap` are absent.
    #[serde(default)]
    pub resize: bool,
    /// Frames of the video per grid step.
    #[serde(default, skip_serializing_if = "is_nothing")]
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
    #[serde(default, skip_serializing_if = "is_zero")]
    pub truncation_threshold: f64,
    /// Share of a window that the next one sees again, in detection. Absent, which only stored features may be: the whole
    /// recording is one window, whatever its length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<f64>,
    /// Whether windows cover the end of every video and none comes twice, in evaluation (`detect` always does so). Off:
    /// exactly the windows of OpenTAD.
    #[serde(default = "yes")]
    pub cover_tail: bool,
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
    /// Recall of the best `k * x` detections of each class in a video, where `x` is how often it happens there (Ego4D).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top_k: Vec<usize>,
    /// Videos that are not counted.
    #[serde(default, skip_serializing_if = "VideoList::is_empty")]
    pub blocked_videos: VideoList,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

fn is_nothing(value: &usize) -> bool {
    *value == 0
}

impl RunConfig {
    /// Reads and checks a run file.
    ///
    /// # Errors
    ///
    /// Unreadable, unknown or missing keys, wrong types and values: where, and the nearest valid thing.
    pub fn load(path: &Path, overrides: &[String]) -> Result<Self, ConfigError> {
        let failed = |source| ConfigError::Read { path: path.into(), source };
        let mut bytes = Vec::new();
        let file = std::fs::File::open(path).map_err(failed)?;
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(ConfigError::TooLarge { path: path.into(), most: MOST_BYTES });
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| ConfigError::not_text(path, &bytes, &error))?;
        Self::parse(text, path, overrides)
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
        let syntax = |error| ConfigError::syntax(origin, text, &error);
        let file: RunFile = toml::from_str(text).map_err(syntax)?;
        let table = toml::from_str(text).map_err(syntax)?;
        let (file, table) = overrides::apply(file, table, overrides)?;
        let invalid = |reason| ConfigError::invalid(origin, text, overrides, reason);
        keys::check(&table).map_err(invalid)?;
        let config = Self::try_from(file).map_err(invalid)?;
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

    /// What products of backbone and adapters are computed in on `device`; f32 without a backbone.
    pub fn precision(&self, device: &Device) -> Precision {
        self.input.videos().map_or(Precision::F32, |videos| videos.adapter.precision.on(device))
    }

    /// Puts what suits `device` in place of what is left to it, so that the run is the same wherever it goes on.
    pub fn settle(&mut self, device: &Device) {
        if let Input::Videos(videos) = &mut self.input {
            videos.adapter.precision = videos.adapter.precision.on(device).into();
        }
    }

    /// The same as a run that began with `settled`.
    pub fn settle_as(&mut self, settled: &Self) {
        if let (Input::Videos(here), Input::Videos(there)) = (&mut self.input, &settled.input)
            && here.adapter.precision == PrecisionChoice::Auto
        {
            here.adapter.precision = there.adapter.precision;
        }
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
            classes: if self.data.class_agnostic { 1 } else { classes },
            window_steps: self.window.size,
            detector_steps: self.least_steps(),
            frame_loss: self.schedule.frame_loss,
        }
    }

    /// Length in grid steps to which shorter windows are padded: the window's, but where the detector cannot see how much
    /// padding there is. Stored features then come with as much as it needs.
    pub fn least_steps(&self) -> usize {
        match self.input {
            Input::Features(_) if !self.detector.sees_padding() => self.detector.coarsest_stride(),
            Input::Features(_) | Input::Videos(_) => self.window.padded_size.unwrap_or(self.window.size),
        }
    }

    /// Whether what the detector finds has classes, or those come from outside.
    pub fn says_classes(&self) -> bool {
        self.detector.says_classes() && !self.data.class_agnostic
    }

    /// Every path of the configuration, which may be relative.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let mut paths = vec![&mut self.data.annotations];
        paths.extend(&mut self.data.class_list);
        paths.extend(self.data.blocked_videos.file_mut());
        paths.extend(self.evaluation.blocked_videos.file_mut());
        paths.extend(self.inference.classifier.as_mut().map(|classifier| &mut classifier.scores));
        match &mut self.input {
            Input::Videos(videos) => {
                paths.push(&mut videos.videos);
                paths.extend(videos.weights.as_mut().map(|weights| &mut weights.backbone));
            }
            Input::Features(features) => paths.push(&mut features.folder),
        }
        paths
    }
}

#[cfg(test)]
mod tests;
