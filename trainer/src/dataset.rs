//! One subset of a run's videos: windows to learn from, windows to detect in.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use adatad_data::annotation::{AnnotationError, Annotations, VideoEntry};
use adatad_data::classes::{ClassError, ClassList, ListFault};
use adatad_data::features::Standard;
use adatad_data::frames::{StoreReport, VideoFile};
use adatad_data::random::{Rng, Stream};
use adatad_data::window::{Grid, Timeline, Truth, TruthRule, Window, WindowError};

use crate::config::{Input, RunConfig, VideoListError};
use crate::cover::{Cover, Training, grid};
use crate::source::{Purpose, Reading, Sample, Source, SourceError, paths};

/// How many times more or fewer time steps than expected a file may have: rounding and clip lengths make no more.
const MISFIT: usize = 2;

/// Why a subset cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The annotations.
    #[error(transparent)]
    Annotations(#[from] AnnotationError),
    /// A video, or its features.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The windows.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Features of another length than their video.
    #[error(
        "video `{name}`: its features have {steps} steps, but {frames} frames are {expected} steps of \
         window.feature-stride = {feature_stride}"
    )]
    Length {
        /// The video.
        name: String,
        /// Time steps of its features.
        steps: usize,
        /// Frames, as annotated.
        frames: usize,
        /// Time steps of so many frames.
        expected: usize,
        /// Frames from one step to the next.
        feature_stride: usize,
    },
    /// A list of videos to leave out.
    #[error(transparent)]
    Blocked(#[from] VideoListError),
    /// All of them are left out.
    #[error("subset `{subset}`: data.blocked-videos names every video of it")]
    AllBlocked {
        /// The subset.
        subset: String,
    },
    /// Nothing to learn.
    #[error("subset `{subset}` has no action that can be learned")]
    NothingToLearn {
        /// The subset.
        subset: String,
    },
}

/// Classes that cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum ClassesError {
    /// The list of the run file.
    #[error("data.class-list: {0}")]
    List(#[from] ClassError),
    /// The labels of the annotations.
    #[error("the labels of {}: {fault}", path.display())]
    Labels {
        /// The annotations.
        path: PathBuf,
        /// What is wrong.
        fault: ListFault,
    },
}

/// Videos of one subset with their clocks and truths.
#[derive(Debug)]
pub struct Dataset {
    entries: Vec<VideoEntry>,
    timelines: Vec<Timeline>,
    truths: Vec<Vec<Truth>>,
    source: Source,
    standard: Option<Standard>,
    grid: Grid,
    training: Training,
    cover: Cover,
    counting: Counting,
    seed: u64,
}

/// What is counted when a subset is scored.
#[derive(Debug, Clone, Default)]
pub struct Counting {
    /// Videos that are not.
    pub blocked: BTreeSet<String>,
    /// Labels that are not.
    pub ignored: BTreeSet<String>,
    /// Recall of the best `k * x` detections, where asked.
    pub top_k: Vec<usize>,
}

/// The classes of a run, in the order of their indices.
///
/// # Errors
///
/// The run's list cannot be used, or the annotations have no label that could be a class.
pub fn classes(config: &RunConfig, root: &Path, annotations: &Annotations) -> Result<ClassList, ClassesError> {
    if let Some(list) = &config.data.class_list {
        return Ok(ClassList::load(root.join(list))?);
    }
    let ignored: Vec<&str> = config.data.ignored_labels.iter().map(String::as_str).collect();
    let path = || root.join(&config.data.annotations);
    ClassList::from_annotations(annotations, &ignored).map_err(|fault| ClassesError::Labels { path: path(), fault })
}

impl Dataset {
    /// Opens the videos of `subset`, or their features, and reads as many as memory holds. `standard` is what was learned
    /// from the training subset; in training it is learned here.
    ///
    /// # Errors
    ///
    /// No such subset, unreadable files, unknown labels, nothing to learn.
    pub fn open(
        config: &RunConfig,
        root: &Path,
        annotations: &Annotations,
        classes: &ClassList,
        subset: Subset<'_>,
        progress: impl Fn(usize, usize) + Sync,
    ) -> Result<Self, DatasetError> {
        let Subset { name, purpose, standard } = subset;
        let blocked = config.data.blocked_videos.names(root)?;
        let chosen = annotations.subset(name)?.into_iter().filter(|entry| !blocked.contains(&entry.name));
        let entries: Vec<VideoEntry> = chosen.cloned().collect();
        if entries.is_empty() {
            return Err(DatasetError::AllBlocked { subset: name.into() });
        }
        let (grid, training) = (grid(config), Training::new(config)?);
        let paths = paths(config, root, entries.iter().map(|entry| entry.name.as_str()));
        let files = paths.into_iter().zip(&entries);
        let files =
            files.map(|(path, entry)| VideoFile { path, fps: entry.fps, duration: Some(entry.duration) }).collect();
        let mut source = Reading::new(config, purpose, standard.clone()).open(files)?;
        let rule = TruthRule {
            conversion: config.data.time_conversion,
            filter_gt: config.data.filter_gt,
            ignored: config.data.ignored_labels.clone(),
        };
        let mut timelines = Vec::with_capacity(entries.len());
        let mut truths = Vec::with_capacity(entries.len());
        for (video, entry) in entries.iter().enumerate() {
            let timeline = source.timeline(video, entry)?;
            check_length(&timeline, &grid, &config.input)?;
            let mut truth = match training {
                Training::Piece(_) => rule.in_frames(entry, &timeline, &grid, classes)?,
                Training::Whole(_) => rule.in_seconds(entry, classes)?,
            };
            if config.data.class_agnostic {
                truth.iter_mut().for_each(|truth| truth.class = 0);
            }
            truths.push(truth);
            timelines.push(timeline);
        }
        if purpose == Purpose::Training && truths.iter().all(Vec::is_empty) {
            return Err(DatasetError::NothingToLearn { subset: name.into() });
        }
        source.fill(progress)?;
        let learned = matches!(&config.input, Input::Features(f) if f.standardise) && purpose == Purpose::Training;
        let standard = if learned { source.standardise()? } else { standard };
        Ok(Self {
            entries,
            timelines,
            truths,
            source,
            standard,
            grid,
            training,
            cover: Cover::new(config, config.window.cover_tail)?,
            counting: Counting {
                blocked: config.evaluation.blocked_videos.names(root)?,
                ignored: config.data.ignored_labels.iter().cloned().collect(),
                top_k: config.evaluation.top_k.clone(),
            },
            seed: config.seed,
        })
    }

    /// The videos, by name.
    pub fn videos(&self) -> &[VideoEntry] {
        &self.entries
    }

    /// What is counted when it is scored.
    pub fn counting(&self) -> &Counting {
        &self.counting
    }

    /// What reading its videos did so far; nothing of features.
    pub fn reading(&self) -> Option<StoreReport> {
        self.source.report()
    }

    /// The grid windows lie on.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// How the channels of features are brought to one scale, where they are.
    pub fn standard(&self) -> Option<&Standard> {
        self.standard.as_ref()
    }

    /// Videos that can teach something (the reference drops the others from training).
    pub fn teachers(&self) -> Vec<usize> {
        (0..self.truths.len()).filter(|&video| !self.truths[video].is_empty()).collect()
    }

    /// The random window that `draw` (a number unique within the epoch) takes from `video` in `epoch`.
    ///
    /// # Errors
    ///
    /// The video cannot be read.
    pub fn training_sample(&self, video: usize, epoch: usize, draw: usize) -> Result<Sample, SourceError> {
        let mut rng = Rng::new(self.seed, Stream::Window, epoch as u64, draw as u64);
        let (timeline, truth) = (&self.timelines[video], &self.truths[video]);
        let window = match &self.training {
            Training::Piece(truncation) => truncation.draw(timeline, truth, &mut |low, high| rng.integer(low, high)),
            Training::Whole(resize) => resize.window(timeline, truth),
        };
        let mut augment = Rng::new(self.seed, Stream::Augment, epoch as u64, draw as u64);
        self.source.show(self.source.fitted(window, timeline), &mut augment)
    }

    /// Windows that cover one video.
    pub fn test_windows(&self, video: usize) -> Vec<Window> {
        let timeline = &self.timelines[video];
        let windows = self.cover.windows(timeline).into_iter();
        windows.map(|window| self.source.fitted(window, timeline)).collect()
    }

    /// A window as it is.
    ///
    /// # Errors
    ///
    /// The video cannot be read.
    pub fn test_sample(&self, window: Window) -> Result<Sample, SourceError> {
        self.source.show(window, &mut Rng::new(self.seed, Stream::Augment, 0, 0))
    }
}

/// Which videos, and what for.
#[derive(Debug, Clone)]
pub struct Subset<'a> {
    /// Its name in the annotations.
    pub name: &'a str,
    /// What windows are cut to.
    pub purpose: Purpose,
    /// How the channels of features are brought to one scale, as learned from the training subset.
    pub standard: Option<Standard>,
}

/// Features that tell of another length than the annotations were made at another rate, or belong to another video.
fn check_length(timeline: &Timeline, grid: &Grid, input: &Input) -> Result<(), DatasetError> {
    let Input::Features(_) = input else { return Ok(()) };
    let (steps, expected) = (grid.cells(timeline.decoded), grid.cells(timeline.frames));
    if steps <= MISFIT * expected && expected <= MISFIT * (steps + 1) {
        return Ok(());
    }
    let (name, frames, feature_stride) = (timeline.name.clone(), timeline.frames, grid.feature_stride);
    Err(DatasetError::Length { name, steps, frames, expected, feature_stride })
}
