//! One subset of a run's videos: windows to learn from, windows to detect in.

use std::path::{Path, PathBuf};

use adatad_adapter::Representation;
use adatad_backbone::VitConfig;
use adatad_data::annotation::{AnnotationError, Annotations, VideoEntry};
use adatad_data::classes::ClassList;
use adatad_data::frames::{FrameStore, StoreOptions, video_path};
use adatad_data::random::{Rng, Stream};
use adatad_data::transform::{Crop, Transform};
use adatad_data::video::VideoError;
use adatad_data::window::{
    Conversion, FramePlan, Grid, Sliding, SlidingConfig, Timeline, Truncation, TruncationConfig, Truth, TruthRule,
    Window, WindowError,
};

use crate::config::{CropKind, RunConfig, WindowConfig};

/// Shortest and longest piece of a video that fits in a window, as shares of it (OpenTAD `crop_ratio`).
const CROP_RATIO: (f64, f64) = (0.9, 1.0);

/// Why a subset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The annotations.
    #[error(transparent)]
    Annotations(#[from] AnnotationError),
    /// A video.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// The windows.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Nothing to learn.
    #[error("subset `{subset}` has no action that can be learned")]
    NothingToLearn {
        /// The subset.
        subset: String,
    },
}

/// Frames of one window as the model takes them.
#[derive(Debug)]
pub struct Sample {
    /// `[3, frames, size, size]`, bytes.
    pub frames: Vec<u8>,
    /// The window they come from.
    pub window: Window,
}

/// What windows are cut to.
#[derive(Debug, Clone, Copy)]
pub enum Purpose {
    /// Random windows, varied.
    Training,
    /// Sliding windows, as they are.
    Testing,
}

/// Videos of one subset with their clocks and truths.
#[derive(Debug)]
pub struct Dataset {
    entries: Vec<VideoEntry>,
    timelines: Vec<Timeline>,
    truths: Vec<Vec<Truth>>,
    store: FrameStore,
    grid: Grid,
    shown: Shown,
    transform: Transform,
    truncation: Truncation,
    sliding: Sliding,
    seed: u64,
}

/// The grid of a run.
pub fn grid(config: &RunConfig) -> Grid {
    let window = &config.window;
    Grid {
        window_size: window.size,
        feature_stride: window.feature_stride,
        sample_stride: 1,
        scale_factor: window.scale_factor,
        offset_frames: 0,
    }
}

/// The frames that a window shows, as its representation has it.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    representation: Representation,
    interval: usize,
    frame_stride: usize,
}

impl Shown {
    /// That of a run.
    pub fn new(config: &RunConfig) -> Self {
        let WindowConfig { representation, snippet_interval: interval, .. } = config.window;
        Self { representation, interval, frame_stride: grid(config).frame_stride() }
    }

    /// Every shown frame's number is a multiple of this.
    pub fn stride(self) -> usize {
        match self.representation {
            Representation::Frames => self.frame_stride,
            Representation::Snippets => 1,
        }
    }

    /// The frames of a window of a video with `decoded` frames.
    pub fn plan(self, frames: FramePlan, decoded: usize) -> FramePlan {
        let snippets = match self.representation {
            Representation::Frames => None,
            Representation::Snippets => frames.snippets(VitConfig::CLIP_FRAMES, self.interval, decoded),
        };
        snippets.unwrap_or(frames)
    }
}

/// How windows slide in detection. The tail of a video is always covered and no window is seen twice.
pub fn sliding(config: &RunConfig) -> Result<Sliding, WindowError> {
    SlidingConfig { grid: grid(config), overlap: config.window.overlap, completeness: None, cover_tail: true }.build()
}

/// What is done to frames in detection.
pub fn test_transform(config: &RunConfig) -> Transform {
    Transform::testing(config.data.crop)
}

fn train_transform(config: &RunConfig) -> Transform {
    let augment = &config.data.augment;
    let crop = match augment.crop {
        CropKind::Centre => Crop::Centre,
        CropKind::Random => Crop::Random,
        CropKind::Resized => Crop::Resized,
    };
    Transform {
        size: config.data.crop,
        short_side: config.data.short_side,
        crop,
        flip: augment.flip,
        brightness: augment.brightness,
        contrast: augment.contrast,
    }
}

impl Dataset {
    /// Opens the videos of `subset` and decodes as many as `cache` bytes hold.
    ///
    /// # Errors
    ///
    /// No such subset, unreadable videos, unknown labels, nothing to learn.
    pub fn open(
        config: &RunConfig,
        root: &Path,
        annotations: &Annotations,
        classes: &ClassList,
        subset: &str,
        purpose: Purpose,
        progress: impl Fn(usize, usize) + Sync,
    ) -> Result<Self, DatasetError> {
        let entries: Vec<VideoEntry> = annotations.subset(subset)?.into_iter().cloned().collect();
        let (grid, shown) = (grid(config), Shown::new(config));
        let transform = match purpose {
            Purpose::Training => train_transform(config),
            Purpose::Testing => test_transform(config),
        };
        let folder = root.join(&config.data.videos);
        let paths: Vec<PathBuf> = entries.iter().map(|entry| video_path(&folder, &entry.name)).collect();
        let mut store = FrameStore::open(
            &paths,
            StoreOptions {
                stride: shown.stride(),
                short_side: transform.short_side,
                memory: config.data.cache_mib << 20,
                shuffle: config.data.shuffle_frames.then_some(config.seed),
            },
        )?;
        let rule = TruthRule { conversion: Conversion::Exact, filter_gt: true, ignored: Vec::new() };
        let mut timelines = Vec::with_capacity(entries.len());
        let mut truths = Vec::with_capacity(entries.len());
        for (video, entry) in entries.iter().enumerate() {
            let timeline = Timeline::new(video, entry, None, Some(store.video(video).info().frames))?;
            truths.push(rule.in_frames(entry, &timeline, &grid, classes)?);
            timelines.push(timeline);
        }
        if matches!(purpose, Purpose::Training) && truths.iter().all(Vec::is_empty) {
            return Err(DatasetError::NothingToLearn { subset: subset.into() });
        }
        store.fill(progress)?;
        let truncation =
            TruncationConfig { grid, crop_ratio: CROP_RATIO, trunc_thresh: config.window.truncation_threshold };
        Ok(Self {
            entries,
            timelines,
            truths,
            store,
            grid,
            shown,
            transform,
            truncation: truncation.build()?,
            sliding: sliding(config)?,
            seed: config.seed,
        })
    }

    /// The videos, by name.
    pub fn videos(&self) -> &[VideoEntry] {
        &self.entries
    }

    /// The grid windows lie on.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Videos that can teach something (the reference drops the others from training).
    pub fn teachers(&self) -> Vec<usize> {
        (0..self.truths.len()).filter(|&video| !self.truths[video].is_empty()).collect()
    }

    /// The random window that `draw` (a number unique within the epoch) takes from `video` in `epoch`.
    ///
    /// # Errors
    ///
    /// The video cannot be decoded.
    pub fn training_sample(&self, video: usize, epoch: usize, draw: usize) -> Result<Sample, VideoError> {
        let mut rng = Rng::new(self.seed, Stream::Window, epoch as u64, draw as u64);
        let timeline = &self.timelines[video];
        let mut window = self.truncation.draw(timeline, &self.truths[video], &mut |low, high| rng.integer(low, high));
        window.frames = self.shown.plan(window.frames, timeline.decoded);
        let mut augment = Rng::new(self.seed, Stream::Augment, epoch as u64, draw as u64);
        let frames = self.store.window(video, &window.frames, &self.transform, &mut augment)?;
        Ok(Sample { frames, window })
    }

    /// Windows that cover one video.
    pub fn test_windows(&self, video: usize) -> Vec<Window> {
        let timeline = &self.timelines[video];
        let mut windows = self.sliding.cut(timeline, None);
        windows.iter_mut().for_each(|window| window.frames = self.shown.plan(window.frames, timeline.decoded));
        windows
    }

    /// A window as it is.
    ///
    /// # Errors
    ///
    /// The video cannot be decoded.
    pub fn test_sample(&self, window: Window) -> Result<Sample, VideoError> {
        let mut unused = Rng::new(self.seed, Stream::Augment, 0, 0);
        let frames = self.store.window(window.video, &window.frames, &self.transform, &mut unused)?;
        Ok(Sample { frames, window })
    }
}
