//! From a video to scored segments in seconds, window by window.

use std::path::Path;

use adatad_adapter::PrecisionChoice;
use adatad_backbone::Precision;
use adatad_data::classes::{ClassError, ClassList};
use adatad_data::features::StandardError;
use adatad_data::random::{Rng, Stream};
use adatad_data::video::OpenOptions;
use adatad_data::video_scores::VideoScoresError;
use adatad_data::window::WindowError;
use adatad_detector::decode::DecodeConfig;
use adatad_detector::merge::{merge, settle};
use adatad_detector::segment::{Detection, Segment};
use adatad_detector::suppression::Suppression;
use burn::module::Module;
use burn::tensor::Device;

use crate::batch::Batch;
use crate::classifier::Classifier;
use crate::config::{ConfigError, Input, RunConfig};
use crate::cover::Cover;
use crate::dataset::Dataset;
use crate::folder::{FolderError, RunFolder};
use crate::model::AdaTad;
use crate::source::{Purpose, Reading, Sample, SourceError};
use crate::stream::Sight;
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
    /// How the channels of its features are scaled.
    #[error(transparent)]
    Standard(#[from] StandardError),
    /// A video, or its features.
    #[error(transparent)]
    Source(#[from] SourceError),
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
    /// No thread for decoding.
    #[error("no thread for decoding: {0}")]
    Thread(std::io::Error),
    /// A file of features says nothing of seconds.
    #[error("how many frames a second `{name}` has is unknown: add data.features.fps to the run's config.toml")]
    UnknownRate {
        /// The file's name.
        name: String,
    },
}

/// A trained model with everything detection needs.
#[derive(Debug)]
pub struct Detector {
    model: AdaTad,
    classes: ClassList,
    cover: Cover,
    reading: Reading,
    decode: DecodeConfig,
    min_duration: f64,
    suppression: Suppression,
    /// Whether windows are thinned out by themselves, before the video is.
    thin_windows: bool,
    classifier: Option<Classifier>,
    device: Device,
    /// Numbers of the run that the device does not know.
    unknown: Option<Precision>,
}

/// Makes `config` one that the device can compute: products in f32 where it does not know their numbers, which are returned.
fn widened(config: &mut RunConfig, device: &Device) -> Option<Precision> {
    let Input::Videos(videos) = &mut config.input else { return None };
    let precision = videos.adapter.precision.on(device);
    (!device.supports_dtype(precision.dtype())).then(|| {
        videos.adapter.precision = PrecisionChoice::F32;
        precision
    })
}

impl Detector {
    /// A detector from a model at hand, for the run in `folder`; `model` carries no gradients.
    ///
    /// # Errors
    ///
    /// The windows of the configuration cannot be made, or the folder lacks what goes with its model.
    pub fn new(
        config: &RunConfig,
        folder: &RunFolder,
        classes: ClassList,
        model: AdaTad,
        device: &Device,
    ) -> Result<Self, DetectError> {
        let classifier = classifier(config, &classes)?;
        Ok(Self {
            thin_windows: !config.detector.says_classes(),
            classifier,
            model,
            classes,
            cover: Cover::new(config, true)?,
            reading: Reading::new(config, Purpose::Testing, folder.standard_of(config)?).once(),
            decode: DecodeConfig {
                pre_nms_threshold: config.inference.pre_nms_threshold,
                pre_nms_top_k: config.inference.pre_nms_top_k,
            },
            min_duration: config.inference.min_duration,
            suppression: config.inference.suppression.clone(),
            device: device.clone(),
            unknown: None,
        })
    }

    /// The detector of a finished run. Where the device does not know the numbers that it was trained in, in f32: it has all
    /// digits of the others (see [`notice`](Self::notice)).
    ///
    /// # Errors
    ///
    /// The folder is no run, or its files are damaged.
    pub fn load(folder: &RunFolder, device: &Device) -> Result<Self, DetectError> {
        let mut config = RunConfig::load(&folder.config(), &[])?;
        let unknown = widened(&mut config, device);
        let weights = folder.weights();
        if !weights.is_file() {
            let missing = "weights.safetensors (has training finished?)";
            return Err(FolderError::NoRun { folder: folder.root().into(), missing }.into());
        }
        let classes = ClassList::load(folder.classes())?;
        // The weights come from the file; what is drawn before does not matter.
        let mut unused = Rng::new(config.seed, Stream::Init, 0, 0);
        let mut model = AdaTad::blank(&config.model(classes.len()), &mut unused, device);
        weights::load(&mut model, &weights)?;
        Ok(Self { unknown, ..Self::new(&config, folder, classes, model.valid(), device)? })
    }

    /// What whoever uses it should know.
    pub fn notice(&self) -> Option<String> {
        let numbers = self.unknown?.name();
        Some(format!("this device knows no numbers in {numbers}, which the model was trained with: it computes in f32"))
    }

    /// The classes, in the order of their indices.
    pub fn classes(&self) -> &ClassList {
        &self.classes
    }

    /// How it sees streams; none for a model on stored features, on snippets, or on whole videos.
    pub fn sight(&self) -> Option<Sight> {
        match (&self.cover, &self.reading) {
            (Cover::Sliding(sliding), Reading::Videos { transform, clips, .. }) if !clips.are_snippets() => {
                Some(Sight { sliding: *sliding, transform: *transform })
            }
            _ => None,
        }
    }

    /// How frames of a file are read.
    pub fn open_options(&self) -> OpenOptions {
        match &self.reading {
            Reading::Videos { options, .. } => options.open.clone(),
            Reading::Features { .. } => OpenOptions::default(),
        }
    }

    /// How segments of a video are thinned out.
    pub fn suppression(&self) -> &Suppression {
        &self.suppression
    }

    /// The name of the video in a file.
    pub fn name_of(&self, path: &Path) -> String {
        self.reading.name_of(path)
    }

    /// Detects in one window: segments in seconds, rounded. Those of a proposal map, and of a window that is all there is,
    /// have been thinned out, all others not.
    ///
    /// # Errors
    ///
    /// The video has no classes from outside, where it needs them.
    pub fn window(&self, sample: Sample) -> Result<Vec<Detection>, VideoScoresError> {
        let (timing, video) = (sample.window.timing, sample.window.name.clone());
        let batch = Batch::of(sample, &self.device);
        let predictions = self.model.forward(batch.input, &batch.mask);
        let mut segments: Vec<Segment> =
            self.model.detector.decode(&predictions, &self.decode).into_iter().flatten().collect();
        let length = |s: &Segment| f64::from(s.end - s.start) * timing.step_seconds();
        segments.retain(|s| self.min_duration <= 0.0 || length(s) > self.min_duration);
        if self.thin_windows || self.cover.is_whole() {
            segments = self.suppression.apply(&segments);
        }
        let seconds = |grid: f32| timing.seconds(f64::from(grid)) as f32;
        segments.iter_mut().for_each(|s| (s.start, s.end) = (seconds(s.start), seconds(s.end)));
        if let Some(classifier) = &self.classifier {
            segments = classifier.fuse(&video, &segments)?;
        }
        Ok(settle(&segments, timing.duration()))
    }

    /// What was found in all windows of one video.
    fn joined(&self, found: &[Detection]) -> Vec<Detection> {
        match self.cover {
            Cover::Sliding(_) => merge(found, &self.suppression),
            Cover::Whole(_) | Cover::Resize(_) => found.to_vec(),
        }
    }

    /// Detects in one video of a subset.
    ///
    /// # Errors
    ///
    /// The video cannot be read, or lacks classes from outside.
    pub fn in_dataset(&self, data: &Dataset, video: usize) -> Result<Vec<Detection>, DetectError> {
        let mut found = Vec::new();
        for window in data.test_windows(video) {
            found.extend(self.window(data.test_sample(window)?)?);
        }
        Ok(self.joined(&found))
    }

    /// Detects in any video, window by window: memory does not grow with its length, but for its index. In a run on
    /// features: in any file of such features.
    ///
    /// # Errors
    ///
    /// The file is no readable video, or holds no such features.
    pub fn in_file(&self, path: &Path, mut progress: impl FnMut(usize, usize)) -> Result<Vec<Detection>, DetectError> {
        let mut source = self.reading.clone().open(vec![path.to_path_buf().into()])?;
        source.fill(|_, _| {})?;
        let name = self.reading.name_of(path);
        let Some(timeline) = source.own_timeline(0, name.clone())? else {
            return Err(DetectError::UnknownRate { name });
        };
        let windows = self.cover.windows(&timeline);
        let total = windows.len();
        let mut found = Vec::new();
        for (done, window) in windows.into_iter().enumerate() {
            let mut unused = Rng::new(0, Stream::Augment, 0, 0);
            found.extend(self.window(source.show(source.fitted(window, &timeline), &mut unused)?)?);
            progress(done + 1, total);
        }
        Ok(self.joined(&found))
    }
}

/// What says the classes of a run's segments, where its detector does not.
///
/// # Errors
///
/// Nothing says them, or the classifier's scores cannot be used.
pub fn classifier(config: &RunConfig, classes: &ClassList) -> Result<Option<Classifier>, DetectError> {
    let given = config.inference.classifier.as_ref();
    if !config.says_classes() && given.is_none() && classes.len() > 1 {
        return Err(DetectError::NoClasses { detector: config.detector.name(), classes: classes.len() });
    }
    Ok(given.map(|given| Classifier::load(given, classes)).transpose()?)
}
