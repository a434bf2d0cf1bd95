//! A run file as it is written. Which keys belong together depends on what the run learns from, and TOML cannot say that:
//! here every such key is optional, and [`RunConfig`] has what must be there.

use std::path::PathBuf;

use adatad_adapter::AdapterConfig;
use adatad_backbone::VitConfig;
use adatad_data::video::DAMAGE_LIMIT;
use adatad_data::window::Conversion;
use adatad_detector::DetectorConfig;
use serde::{Deserialize, Serialize};

use super::input::{AugmentConfig, FeatureInput, Input, SynthConfig, VideoInput, WeightsConfig};
use super::{DataConfig, EvaluationConfig, InferenceConfig, RunConfig, VideoList, WindowConfig};
use crate::optim::OptimizerConfig;
use crate::schedule::ScheduleConfig;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RunFile {
    seed: u64,
    data: DataFile,
    window: WindowConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    backbone: Option<VitConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<WeightsConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    adapter: Option<AdapterConfig>,
    detector: DetectorConfig,
    optimizer: OptimizerConfig,
    schedule: ScheduleConfig,
    inference: InferenceConfig,
    evaluation: EvaluationConfig,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct DataFile {
    annotations: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    videos: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    video_prefix: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage_limit: Option<f64>,
    training_subset: String,
    validation_subset: String,
    test_subset: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    class_list: Option<PathBuf>,
    #[serde(default)]
    class_agnostic: bool,
    #[serde(default)]
    ignored_labels: Vec<String>,
    #[serde(default)]
    blocked_videos: VideoList,
    #[serde(default)]
    time_conversion: Conversion,
    #[serde(default = "yes")]
    filter_gt: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    fps: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shuffle_frames: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    short_side: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    crop: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    augment: Option<AugmentConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_mib: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    synth: Option<SynthConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    features: Option<FeatureInput>,
}

impl TryFrom<RunFile> for RunConfig {
    type Error = String;

    fn try_from(file: RunFile) -> Result<Self, String> {
        let RunFile { seed, data, window, backbone, weights, adapter, detector, .. } = file;
        let input = if let Some(features) = data.features {
            let of_videos = [
                ("data.videos", data.videos.is_some()),
                ("data.video-prefix", !data.video_prefix.is_empty()),
                ("data.damage-limit", data.damage_limit.is_some()),
                ("data.fps", data.fps.is_some()),
                ("data.shuffle-frames", data.shuffle_frames.is_some()),
                ("data.short-side", data.short_side.is_some()),
                ("data.crop", data.crop.is_some()),
                ("data.augment", data.augment.is_some()),
                ("data.cache-mib", data.cache_mib.is_some()),
                ("data.synth", data.synth.is_some()),
                ("backbone", backbone.is_some()),
                ("weights", weights.is_some()),
                ("adapter", adapter.is_some()),
            ];
            if let Some((key, _)) = of_videos.into_iter().find(|(_, given)| *given) {
                return Err(format!(
                    "`{key}` belongs to runs on videos; with [data.features] leave it out, or leave [data.features] out"
                ));
            }
            Input::Features(features)
        } else {
            Input::Videos(VideoInput {
                videos: required(data.videos, "data.videos")?,
                prefix: data.video_prefix,
                damage_limit: data.damage_limit.unwrap_or(DAMAGE_LIMIT),
                fps: data.fps,
                shuffle_frames: required(data.shuffle_frames, "data.shuffle-frames")?,
                short_side: required(data.short_side, "data.short-side")?,
                crop: required(data.crop, "data.crop")?,
                augment: required(data.augment, "data.augment")?,
                cache_mib: required(data.cache_mib, "data.cache-mib")?,
                synth: data.synth,
                backbone: required(backbone, "backbone")?,
                weights,
                adapter: required(adapter, "adapter")?,
            })
        };
        Ok(Self {
            seed,
            data: DataConfig {
                annotations: data.annotations,
                training_subset: data.training_subset,
                validation_subset: data.validation_subset,
                test_subset: data.test_subset,
                class_list: data.class_list,
                class_agnostic: data.class_agnostic,
                ignored_labels: data.ignored_labels,
                blocked_videos: data.blocked_videos,
                time_conversion: data.time_conversion,
                filter_gt: data.filter_gt,
            },
            input,
            window,
            detector,
            optimizer: file.optimizer,
            schedule: file.schedule,
            inference: file.inference,
            evaluation: file.evaluation,
        })
    }
}

fn yes() -> bool {
    true
}

fn required<T>(value: Option<T>, key: &str) -> Result<T, String> {
    value.ok_or_else(|| {
        format!("`{key}` is missing; runs on videos need it, runs on stored features have [data.features]")
    })
}

impl From<&RunConfig> for RunFile {
    fn from(config: &RunConfig) -> Self {
        let RunConfig { seed, data, input, window, detector, optimizer, schedule, inference, evaluation } =
            config.clone();
        let (videos, features) = match input {
            Input::Videos(videos) => (Some(videos), None),
            Input::Features(features) => (None, Some(features)),
        };
        let of = videos.as_ref();
        let data = DataFile {
            annotations: data.annotations,
            videos: of.map(|of| of.videos.clone()),
            video_prefix: of.map(|of| of.prefix.clone()).unwrap_or_default(),
            training_subset: data.training_subset,
            validation_subset: data.validation_subset,
            test_subset: data.test_subset,
            class_list: data.class_list,
            class_agnostic: data.class_agnostic,
            ignored_labels: data.ignored_labels,
            blocked_videos: data.blocked_videos,
            time_conversion: data.time_conversion,
            filter_gt: data.filter_gt,
            fps: of.and_then(|of| of.fps),
            damage_limit: of.map(|of| of.damage_limit),
            shuffle_frames: of.map(|of| of.shuffle_frames),
            short_side: of.map(|of| of.short_side),
            crop: of.map(|of| of.crop),
            augment: of.map(|of| of.augment.clone()),
            cache_mib: of.map(|of| of.cache_mib),
            synth: of.and_then(|of| of.synth.clone()),
            features,
        };
        let (backbone, weights, adapter) = match videos {
            Some(VideoInput { backbone, weights, adapter, .. }) => (Some(backbone), weights, Some(adapter)),
            None => (None, None, None),
        };
        Self { seed, data, window, backbone, weights, adapter, detector, optimizer, schedule, inference, evaluation }
    }
}
