//! What a run learns from: frames through a backbone, or stored features.

use std::path::PathBuf;

use adatad_adapter::AdapterConfig;
use adatad_backbone::VitConfig;
use adatad_data::features::Layout;
use adatad_data::synth::SynthOptions;
use serde::{Deserialize, Serialize};

use super::is_nothing;
use crate::optim::is_zero;

/// What the detector's features come from.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "there is one in a run")]
pub enum Input {
    /// Frames of videos, through a transformer with adapters.
    Videos(VideoInput),
    /// Stored features: `[data.features]`. There is no backbone.
    Features(FeatureInput),
}

/// Videos, and what makes features of them.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoInput {
    /// Folder of the videos; video `NAME` of the annotations is `NAME.mp4` there, or with another ending, or a folder
    /// `NAME` of pictures; all perhaps with a prefix.
    pub videos: PathBuf,
    /// What a video's file is called before its name.
    pub prefix: String,
    /// Damaged frames that are borne, in percent of those read at a time.
    pub damage_limit: f64,
    /// Frames a second of all videos, where they were brought to one rate; absent: as each annotation and file say. Folders
    /// of pictures have it from here where neither they nor the annotations say it.
    pub fps: Option<f64>,
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
    pub synth: Option<SynthConfig>,
    /// The video transformer.
    pub backbone: VitConfig,
    /// Its pretrained weights; without them it starts from random weights, and must learn.
    pub weights: Option<WeightsConfig>,
    /// What learns in it.
    pub adapter: AdapterConfig,
}

/// Stored features, one file for each video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FeatureInput {
    /// Folder of the features; those of video `NAME` of the annotations are in `NAME.npy` there, `[steps, channels]`.
    /// Relative paths start at the run file's folder.
    pub folder: PathBuf,
    /// Channels of a file.
    pub channels: usize,
    /// Frames from the start of a grid step to its centre: half of what the features of a step have seen.
    pub offset_frames: usize,
    /// The files hold raw signals, a row for each frame, of which so many make one grid step; steps are
    /// `window.feature-stride` rows apart. Absent: a row of a file is a grid step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal_window: Option<usize>,
    /// Brings every channel to mean 0 and deviation 1 over the training subset.
    pub standardise: bool,
    /// Frames a second. Absent: as the annotations say for each video; but then `detect`, which sees none, cannot be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// Memory for features, in MiB; files that do not fit are read again for every window.
    pub cache_mib: usize,
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
    /// Saturation is multiplied by up to 1 +- this.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub saturation: f64,
    /// Hues are turned by up to +- this, in turns of the colour circle; 0.5 is half of one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hue: f64,
    /// How many of the 15 operations of the reference's image augmentation (shear, rotation, sharpness and others) are
    /// done to a window; 2 there.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub image_operations: usize,
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

impl Input {
    /// The videos, where the run learns from videos.
    pub fn videos(&self) -> Option<&VideoInput> {
        match self {
            Input::Videos(videos) => Some(videos),
            Input::Features(_) => None,
        }
    }
}

impl SynthConfig {
    /// The generator's options for a run with this seed.
    pub fn options(&self, seed: u64) -> SynthOptions {
        let Self { training, validation, test, seconds } = *self;
        SynthOptions { seed, training, validation, test, seconds, ..SynthOptions::default() }
    }
}

impl FeatureInput {
    /// What is in the files, with time steps so many frames apart.
    pub fn layout(&self, feature_stride: usize) -> Layout {
        let Self { channels, offset_frames, signal_window, .. } = *self;
        Layout { channels, feature_stride, offset_frames, signal_window }
    }
}

impl VideoInput {
    pub(super) fn check(&self) -> Result<(), String> {
        self.backbone.check().map_err(|e| e.to_string())?;
        self.adapter.check(self.backbone.width, self.backbone.depth).map_err(|e| e.to_string())?;
        if self.weights.is_none() && !self.adapter.backbone_learns() {
            return Err(
                "the backbone is frozen (adapter.train-backbone is false), but has no pretrained weights: give \
                        weights.backbone = \"FILE\", or let it learn"
                    .into(),
            );
        }
        let Self { crop, short_side, .. } = *self;
        if crop > short_side {
            return Err(format!("data.crop is {crop}, larger than data.short-side = {short_side}"));
        }
        if crop < self.backbone.patch {
            let patch = self.backbone.patch;
            return Err(format!("data.crop is {crop}; it holds no patch of backbone.patch = {patch} pixels"));
        }
        Ok(())
    }
}
