//! What the windows of a run show: frames of videos, or stored features.

use std::path::{Path, PathBuf};

use adatad_adapter::Representation;
use adatad_backbone::VitConfig;
use adatad_data::annotation::VideoEntry;
use adatad_data::features::{FeatureError, FeatureStore, Layout, Standard, feature_path};
use adatad_data::frames::{FrameStore, StoreOptions, StoreReport, VideoFile};
use adatad_data::library::Library;
use adatad_data::random::Rng;
use adatad_data::transform::{Crop, Transform};
use adatad_data::video::{OpenOptions, VideoError};
use adatad_data::window::{FramePlan, Padding, Timeline, Window, WindowError};

use crate::config::{CropKind, FeatureInput, Input, RunConfig, VideoInput, WindowConfig};
use crate::cover::{grid, padding};

/// A file that cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A video.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// A file of features.
    #[error(transparent)]
    Features(#[from] FeatureError),
}

/// What a window shows.
#[derive(Debug, Clone, PartialEq)]
pub enum Shown {
    /// `[3, frames, size, size]`, bytes.
    Frames(Vec<u8>),
    /// `[window_size, channels]`.
    Features(Vec<f32>),
}

/// One window as the model takes it.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What it shows.
    pub shown: Shown,
    /// The window.
    pub window: Window,
}

/// What windows are cut to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Random windows, varied.
    Training,
    /// Windows that cover the video, as they are.
    Testing,
}

/// How the files of a run are read.
#[derive(Debug, Clone)]
pub enum Reading {
    /// Frames.
    Videos {
        /// How frames are kept.
        options: StoreOptions,
        /// How frames are made ready.
        transform: Transform,
        /// Which frames a window shows.
        clips: Clips,
        /// Frames a second, where the run file says.
        fps: Option<f64>,
        /// What files are called before a video's name.
        prefix: String,
    },
    /// Features.
    Features {
        /// What is in the files.
        layout: Layout,
        /// How channels are brought to one scale, where they are.
        standard: Option<Standard>,
        /// Frames a second, where the run file says.
        fps: Option<f64>,
        /// Memory for what is read, in bytes.
        memory: usize,
        /// How far windows are padded.
        padding: Padding,
    },
}

/// The frames that a window shows, as its representation has it.
#[derive(Debug, Clone, Copy)]
pub struct Clips {
    representation: Representation,
    interval: usize,
    frame_stride: usize,
}

impl Clips {
    fn new(config: &RunConfig) -> Self {
        let WindowConfig { representation, snippet_interval: interval, .. } = config.window;
        // Frames of a whole video stand anywhere in it: the grid's are one apart then.
        Self { representation, interval, frame_stride: grid(config).frame_stride() }
    }

    /// Every shown frame's number is a multiple of this.
    fn stride(self) -> usize {
        match self.representation {
            Representation::Frames => self.frame_stride,
            Representation::Snippets => 1,
        }
    }

    /// Whether each grid step has a clip of its own.
    pub fn are_snippets(self) -> bool {
        self.representation == Representation::Snippets
    }

    /// The frames of a window of a video with `decoded` frames.
    fn plan(self, frames: FramePlan, decoded: usize) -> FramePlan {
        let snippets = match self.representation {
            Representation::Frames => None,
            Representation::Snippets => frames.snippets(VitConfig::CLIP_FRAMES, self.interval, decoded),
        };
        snippets.unwrap_or(frames)
    }
}

fn train_transform(videos: &VideoInput) -> Transform {
    let augment = &videos.augment;
    let crop = match augment.crop {
        CropKind::Centre => Crop::Centre,
        CropKind::Random => Crop::Random,
        CropKind::Resized => Crop::Resized,
    };
    Transform {
        size: videos.crop,
        short_side: videos.short_side,
        crop,
        flip: augment.flip,
        brightness: augment.brightness,
        contrast: augment.contrast,
        saturation: augment.saturation,
        hue: augment.hue,
        image_operations: augment.image_operations,
    }
}

impl Reading {
    /// That of a run. `standard` is of its training subset; none while that is still to be read.
    pub fn new(config: &RunConfig, purpose: Purpose, standard: Option<Standard>) -> Self {
        match &config.input {
            Input::Videos(videos) => {
                let transform = match purpose {
                    Purpose::Training => train_transform(videos),
                    Purpose::Testing => Transform::testing(videos.crop),
                };
                let clips = Clips::new(config);
                let options = StoreOptions {
                    open: OpenOptions { damage_limit: videos.damage_limit, fps: videos.fps, ..OpenOptions::default() },
                    stride: clips.stride(),
                    short_side: transform.short_side,
                    memory: videos.cache_mib << 20,
                    shuffle: videos.shuffle_frames.then_some(config.seed),
                };
                Reading::Videos { options, transform, clips, fps: videos.fps, prefix: videos.prefix.clone() }
            }
            Input::Features(features) => Reading::Features {
                layout: features.layout(config.window.feature_stride),
                standard,
                fps: features.fps,
                memory: features.cache_mib << 20,
                padding: padding(config),
            },
        }
    }

    /// The same for a file of which a window is shown once: nothing is kept, nothing is shuffled.
    pub fn once(mut self) -> Self {
        match &mut self {
            Reading::Videos { options, fps, .. } => (options.memory, options.shuffle, *fps) = (0, None, None),
            // A recording is read once for all its windows, and that is all the memory it takes.
            Reading::Features { memory, .. } => *memory = usize::MAX,
        }
        self
    }

    /// The name of the video in a file: without what all files are called before it.
    pub fn name_of(&self, path: &Path) -> String {
        let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
        let prefix = match self {
            Reading::Videos { prefix, .. } => prefix.as_str(),
            Reading::Features { .. } => "",
        };
        stem.strip_prefix(prefix).unwrap_or(&stem).to_owned()
    }

    /// Opens files; what is in them is read by [`Source::fill`] or when it is shown.
    ///
    /// # Errors
    ///
    /// The first file that cannot be used.
    pub fn open(self, files: Vec<VideoFile>) -> Result<Source, SourceError> {
        match self {
            Reading::Videos { options, transform, clips, fps, .. } => {
                Ok(Source::Videos { store: FrameStore::open(&files, options)?, transform, clips, fps })
            }
            Reading::Features { layout, standard, fps, memory, padding } => {
                let paths = files.into_iter().map(|file| file.path).collect();
                let mut store = FeatureStore::open(paths, layout)?;
                if let Some(standard) = standard {
                    store.standardise(standard);
                }
                Ok(Source::Features { store, fps, memory, padding })
            }
        }
    }
}

/// Opened files.
#[derive(Debug)]
pub enum Source {
    /// Videos.
    Videos {
        /// Their frames.
        store: FrameStore,
        /// How frames are made ready.
        transform: Transform,
        /// Which frames a window shows.
        clips: Clips,
        /// Frames a second, where the run file says.
        fps: Option<f64>,
    },
    /// Features.
    Features {
        /// Their numbers.
        store: FeatureStore,
        /// Frames a second, where the run file says.
        fps: Option<f64>,
        /// Memory for what is read, in bytes.
        memory: usize,
        /// How far windows are padded.
        padding: Padding,
    },
}

impl Source {
    /// The clock of the `video`-th file, which annotations tell of.
    ///
    /// # Errors
    ///
    /// Its length is unknown, or it has none.
    pub fn timeline(&self, video: usize, entry: &VideoEntry) -> Result<Timeline, WindowError> {
        match self {
            Source::Videos { store, fps, .. } => {
                Timeline::new(video, entry, *fps, Some(store.video(video).info().frames))
            }
            Source::Features { store, fps, .. } => {
                let timeline = Timeline::new(video, entry, *fps, None)?;
                Ok(Timeline { decoded: last_centre(store, video), ..timeline })
            }
        }
    }

    /// The clock of the `video`-th file, of which only the file is known. None where not even its rate is.
    ///
    /// # Errors
    ///
    /// It has no frames.
    pub fn own_timeline(&self, video: usize, name: String) -> Result<Option<Timeline>, WindowError> {
        match self {
            Source::Videos { store, .. } => {
                let info = store.video(video).info();
                let (frames, duration) = (info.frames, info.duration);
                if frames == 0 || duration <= 0.0 {
                    return Err(WindowError::NoFrames { name, duration, fps: info.fps });
                }
                let fps = frames as f64 / duration;
                Ok(Some(Timeline { video, name, frames, decoded: frames, fps, duration }))
            }
            Source::Features { store, fps, .. } => Ok(fps.map(|fps| {
                let frames = store.layout().frames(store.rows(video));
                let decoded = last_centre(store, video);
                Timeline { video, name, frames, decoded, fps, duration: frames as f64 / fps }
            })),
        }
    }

    /// Reads what memory holds; `progress(done, total)` counts videos.
    ///
    /// # Errors
    ///
    /// A file cannot be used.
    pub fn fill(&mut self, progress: impl Fn(usize, usize) + Sync) -> Result<(), SourceError> {
        match self {
            Source::Videos { store, .. } => {
                let StoreReport { damaged, filled, .. } = store.fill(progress)?;
                if damaged > 0 {
                    tracing::warn!("{damaged} frames are damaged; {filled} of them were replaced by the frame before");
                }
            }
            Source::Features { store, memory, .. } => store.fill(*memory)?,
        }
        Ok(())
    }

    /// What reading of videos did so far; nothing of features.
    pub fn report(&self) -> Option<StoreReport> {
        match self {
            Source::Videos { store, .. } => Some(store.report()),
            Source::Features { .. } => None,
        }
    }

    /// Brings the channels of features to one scale over all files, and says how.
    ///
    /// # Errors
    ///
    /// A file cannot be read.
    pub fn standardise(&mut self) -> Result<Option<Standard>, SourceError> {
        let Source::Features { store, .. } = self else { return Ok(None) };
        let standard = store.standard()?;
        store.standardise(standard.clone());
        Ok(Some(standard))
    }

    /// A window with the frames that it shows, or with no more padding than the model can see.
    pub fn fitted(&self, window: Window, timeline: &Timeline) -> Window {
        match self {
            Source::Videos { clips, .. } => Window { frames: clips.plan(window.frames, timeline.decoded), ..window },
            Source::Features { padding, .. } => window.shortened(*padding),
        }
    }

    /// A window as the model takes it. `rng` draws what is varied in training.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn show(&self, window: Window, rng: &mut Rng) -> Result<Sample, SourceError> {
        let Window { video, frames, mask_valid, window_size, .. } = &window;
        let shown = match self {
            Source::Videos { store, transform, .. } => Shown::Frames(store.window(*video, frames, transform, rng)?),
            Source::Features { store, .. } => {
                Shown::Features(store.window(*video, frames, *mask_valid, *window_size)?)
            }
        };
        Ok(Sample { shown, window })
    }
}

/// Frames that windows are laid over, so that there are as many cells as time steps.
fn last_centre(store: &FeatureStore, video: usize) -> usize {
    (store.steps(video) - 1) * store.layout().feature_stride + 1
}

/// Where the files of a run's videos are.
pub fn paths<'a>(config: &RunConfig, root: &Path, names: impl Iterator<Item = &'a str>) -> Vec<PathBuf> {
    match &config.input {
        Input::Videos(VideoInput { videos, prefix, .. }) => {
            let folder = root.join(videos);
            // Of a folder that cannot be listed, a file that cannot be opened tells.
            let library = Library::open(&folder).unwrap_or_default();
            names.map(|name| library.path(&folder, &format!("{prefix}{name}"))).collect()
        }
        Input::Features(FeatureInput { folder, .. }) => {
            let folder = root.join(folder);
            names.map(|name| feature_path(&folder, name)).collect()
        }
    }
}
