//! What does not go together in a run file. The range of each value by itself is in [`keys`](super::keys).

use adatad_adapter::Representation;
use adatad_backbone::VitConfig;
use adatad_detector::DetectorConfigError;

use super::{Input, RunConfig, VideoInput, WindowConfig};
use crate::optim::{OptimizerConfig, is_zero};

impl RunConfig {
    /// Refuses what cannot be run: which key, and the nearest value that could.
    pub(super) fn check(&self) -> Result<(), String> {
        let channels = match &self.input {
            Input::Videos(videos) => {
                videos.check()?;
                videos.backbone.width
            }
            Input::Features(features) => {
                self.check_feature_window()?;
                features.layout(self.window.feature_stride).step_channels()
            }
        };
        self.check_length(channels)?;
        self.check_classes()?;
        self.inference.suppression.check().map_err(|e| format!("inference.suppression: {e}"))?;
        if let Input::Videos(videos) = &self.input {
            self.check_video_window(videos)?;
        }
        if self.evaluation.tiou.is_empty() {
            return Err("evaluation.tiou is empty; [0.3, 0.4, 0.5, 0.6, 0.7] is usual".into());
        }
        let (epochs, cosine) = (self.schedule.epochs, self.schedule.cosine_epochs());
        if cosine < epochs {
            return Err(format!(
                "schedule.cosine-epochs is {cosine}, less than schedule.epochs = {epochs}; it must be at least {epochs}"
            ));
        }
        Ok(())
    }

    /// The window and the detector's pyramid.
    fn check_length(&self, channels: usize) -> Result<(), String> {
        let WindowConfig { size, padded_size, .. } = self.window;
        let padded = padded_size.unwrap_or(size);
        if padded < size {
            return Err(format!("window.padded-size is {padded}, less than window.size = {size}"));
        }
        self.detector.check([channels, padded]).map_err(|error| match error {
            DetectorConfigError::Window { .. } if padded_size.is_some() => {
                format!("window.padded-size is {padded}: {error}")
            }
            DetectorConfigError::Window { .. } => format!("window.size is {size}: {error}"),
            other => other.to_string(),
        })
    }

    fn check_classes(&self) -> Result<(), String> {
        let name = self.detector.name();
        if self.data.class_agnostic && !self.detector.says_classes() {
            return Err(format!("data.class-agnostic is true, but {name} never says classes; leave it out"));
        }
        if self.inference.classifier.is_some() && self.says_classes() {
            return Err(format!(
                "inference.classifier is given, but {name} says classes itself; leave it out, or set \
                 data.class-agnostic = true"
            ));
        }
        Ok(())
    }

    fn check_video_window(&self, videos: &VideoInput) -> Result<(), String> {
        let WindowConfig { size, scale_factor, representation, .. } = self.window;
        self.check_shape()?;
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
        if !snippets && !frames.is_multiple_of(clip) {
            let (below, above) = ((frames / clip * clip).max(clip), (frames / clip + 1) * clip);
            return Err(format!(
                "window.size * window.scale-factor is {frames} frames, not a multiple of {clip}; the nearest are {below} and {above}"
            ));
        }
        Ok(())
    }

    /// A window is a piece of the video, or all of it.
    fn check_shape(&self) -> Result<(), String> {
        let WindowConfig { resize, feature_stride, truncation_threshold, overlap, representation, .. } = self.window;
        let piecewise = [
            ("feature-stride", feature_stride != 0, "4"),
            ("truncation-threshold", !is_zero(&truncation_threshold), "0.5"),
            ("overlap", overlap.is_some(), "0.5"),
        ];
        if let Some((name, ..)) = piecewise.iter().find(|(_, given, _)| resize && *given) {
            return Err(format!("window.{name} is about pieces of a video; with window.resize = true leave it out"));
        }
        if let Some((name, _, usual)) = piecewise.iter().find(|(_, given, _)| !resize && !*given) {
            let but = if *name == "overlap" { ", and only stored features may do without" } else { "" };
            return Err(format!("`window.{name}` is missing; {usual} is usual{but}"));
        }
        if resize && representation == Representation::Snippets {
            return Err("window.representation is `snippets`; with window.resize = true it must be `frames`".into());
        }
        Ok(())
    }

    /// What says how frames are shown has no meaning where none are.
    fn check_feature_window(&self) -> Result<(), String> {
        let WindowConfig { resize, scale_factor, snippet_interval, representation, .. } = self.window;
        if resize {
            return Err("window.resize is true; with [data.features] it must be false or absent".into());
        }
        for (name, value, usual) in [
            ("feature-stride", self.window.feature_stride as f64, "4"),
            ("truncation-threshold", self.window.truncation_threshold, "0.5"),
        ] {
            if is_zero(&value) {
                return Err(format!("`window.{name}` is missing; {usual} is usual"));
            }
        }
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
