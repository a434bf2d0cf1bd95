//! From a video to scored segments in seconds, window by window.

use std::path::Path;

use adatad_backbone::Vit;
use adatad_data::classes::{ClassError, ClassList};
use adatad_data::frames::{FrameStore, StoreOptions};
use adatad_data::random::{Rng, Stream};
use adatad_data::transform::Transform;
use adatad_data::video::VideoError;
use adatad_data::video_scores::VideoScoresError;
use adatad_data::window::{Sliding, Timeline, Window, WindowError};
use adatad_detector::decode::DecodeConfig;
use adatad_detector::merge::{merge, settle};
use adatad_detector::segment::{Detection, Segment};
use adatad_detector::suppression::Suppression;
use burn::module::Module;
use burn::tensor::Device;

use crate::batch::Batch;
use crate::classifier::Classifier;
use crate::config::{ConfigError, RunConfig};
use crate::dataset::{self, Dataset, Sample, Shown};
use crate::folder::{FolderError, RunFolder};
use crate::model::AdaTad;
use crate::weights::{self, WeightsError};

/// Why a run cannot detect.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Its run file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its class list.
    #[error(transparent)]
    Classes(#[from] ClassError),
    /// Its weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A video.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// Windows of a video.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Classes from outside.
    #[error(transparent)]
    Scores(#[from] VideoScoresError),
    /// Nobody says what the actions are.
    #[error(
        "{detector} says where actions are and not which of the {classes} classes they are of: give inference.classifier"
    )]
    NoClasses {
        /// The detector.
        detector: &'static str,
        /// How many classes there are.
        classes: usize,
    },
}

/// A trained model with everything detection needs.
#[derive(Debug)]
pub struct Detector {
    model: AdaTad,
    classes: ClassList,
    sliding: Sliding,
    transform: Transform,
    shown: Shown,
    decode: DecodeConfig,
    suppression: Suppression,
    /// Whether windows are thinned out by themselves, before the video is.
    thin_windows: bool,
    classifier: Option<Classifier>,
    device: Device,
}

impl Detector {
    /// A detector from a model at hand; `model` carries no gradients.
    ///
    /// # Errors
    ///
    /// The windows of the configuration cannot be made.
    pub fn new(config: &RunConfig, classes: ClassList, model: AdaTad, device: &Device) -> Result<Self, DetectError> {
        let classifier =
            config.inference.classifier.as_ref().map(|given| Classifier::load(given, &classes)).transpose()?;
        let says_classes = config.detector.says_classes();
        if !says_classes && classifier.is_none() && classes.len() > 1 {
            return Err(DetectError::NoClasses { detector: config.detector.name(), classes: classes.len() });
        }
        Ok(Self {
            thin_windows: !says_classes,
            classifier,
            model,
            classes,
            sliding: dataset::sliding(config)?,
            transform: dataset::test_transform(config),
            shown: Shown::new(config),
            decode: DecodeConfig {
                pre_nms_threshold: config.inference.pre_nms_threshold,
                pre_nms_top_k: config.inference.pre_nms_top_k,
            },
            suppression: config.inference.suppression.clone(),
            device: device.clone(),
        })
    }

    /// The detector of a finished run.
    ///
    /// # Errors
    ///
    /// The folder is no run, or its files are damaged.
    pub fn load(folder: &RunFolder, device: &Device) -> Result<Self, DetectError> {
        let config = RunConfig::load(&folder.config(), &[])?;
        let weights = folder.weights();
        if !weights.is_file() {
            let missing = "weights.safetensors (has training finished?)";
            return Err(FolderError::NoRun { folder: folder.root().into(), missing }.into());
        }
        let classes = ClassList::load(folder.classes())?;
        // The weights come from the file; what is drawn before does not matter.
        let mut unused = Rng::new(config.seed, Stream::Init, 0, 0);
        let vit = Vit::blank(&config.backbone, device);
        let mut model = AdaTad::around(vit, &config.model(classes.len()), &mut unused, device);
        weights::load(&mut model, &weights)?;
        Self::new(&config, classes, model.valid(), device)
    }

    /// The classes, in the order of their indices.
    pub fn classes(&self) -> &ClassList {
        &self.classes
    }

    /// Detects in one window: segments in seconds, rounded. Those of a proposal map have been thinned out, all others not.
    ///
    /// # Errors
    ///
    /// The video has no classes from outside, where it needs them.
    pub fn window(&self, sample: Sample) -> Result<Vec<Detection>, VideoScoresError> {
        let (timing, video) = (sample.window.timing, sample.window.name.clone());
        let batch = Batch::new(vec![sample], &self.device);
        let predictions = self.model.forward(batch.frames, &batch.mask, None);
        let seconds = |grid: f32| timing.seconds(f64::from(grid)) as f32;
        let mut segments: Vec<Segment> =
            self.model.detector.decode(&predictions, &self.decode).into_iter().flatten().collect();
        if self.thin_windows {
            segments = self.suppression.apply(&segments);
        }
        let mut segments: Vec<Segment> =
            segments.iter().map(|s| Segment { start: seconds(s.start), end: seconds(s.end), ..*s }).collect();
        if let Some(classifier) = &self.classifier {
            segments = classifier.fuse(&video, &segments)?;
        }
        Ok(settle(&segments, timing.duration()))
    }

    /// Detects in one video of a subset.
    ///
    /// # Errors
    ///
    /// The video cannot be decoded, or lacks classes from outside.
    pub fn in_dataset(&self, data: &Dataset, video: usize) -> Result<Vec<Detection>, DetectError> {
        let mut found = Vec::new();
        for window in data.test_windows(video) {
            found.extend(self.window(data.test_sample(window)?)?);
        }
        Ok(merge(&found, &self.suppression))
    }

    /// Detects in any MP4 file, window by window: memory does not grow with its length, but for its index.
    ///
    /// # Errors
    ///
    /// The file is no readable video.
    pub fn in_file(&self, path: &Path, mut progress: impl FnMut(usize, usize)) -> Result<Vec<Detection>, DetectError> {
        let options = StoreOptions {
            stride: self.shown.stride(),
            short_side: self.transform.short_side,
            memory: 0,
            shuffle: None,
        };
        let store = FrameStore::open(&[path.to_path_buf()], options)?;
        let windows = self.windows_of(&store, path)?;
        let total = windows.len();
        let mut found = Vec::new();
        for (done, window) in windows.into_iter().enumerate() {
            let mut unused = Rng::new(0, Stream::Augment, 0, 0);
            let frames = store.window(0, &window.frames, &self.transform, &mut unused)?;
            found.extend(self.window(Sample { frames, window })?);
            progress(done + 1, total);
        }
        Ok(merge(&found, &self.suppression))
    }

    fn windows_of(&self, store: &FrameStore, path: &Path) -> Result<Vec<Window>, WindowError> {
        let info = store.video(0).info();
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let (frames, duration) = (info.frames, info.duration);
        if frames == 0 || duration <= 0.0 {
            return Err(WindowError::NoFrames { name, duration, fps: info.fps });
        }
        let fps = frames as f64 / duration;
        let timeline = Timeline { video: 0, name, frames, decoded: frames, fps, duration };
        let mut windows = self.sliding.cut(&timeline, None);
        windows.iter_mut().for_each(|window| window.frames = self.shown.plan(window.frames, frames));
        Ok(windows)
    }
}
