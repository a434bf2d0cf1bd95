//! Annotation files in the layout of ActivityNet and OpenTAD: which action happens when, in which video.
//!
//! ```json
//! {"database": {"video_1": {"subset": "training", "duration": 12.5, "frame": 300,
//!     "annotations": [{"segment": [1.5, 4.0], "label": "Diving"}]}}}
//! ```
//!
//! All times are seconds from the start of the video. [`Annotations`] only ever holds sound entries: a file is checked
//! as a whole, and every fault found in it is reported at once, because labels are usually mended by hand and one
//! fault a run would be a slow way to mend them. What cannot be wrong in itself but will be left out of training
//! (actions without length, actions told twice) is kept and listed by [`Annotations::notes`].
//!
//! Differs from OpenTAD: names of subsets must be equal, where OpenTAD's data sets accept a part of the name.

mod check;
mod problem;
mod read;
mod values;
mod write;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use check::end_slack;
pub use problem::{AnnotationError, Fault, MOST_KEPT, MOST_SHOWN, Problem};

use crate::nearest::nearest;
pub(crate) use problem::Problems;
pub(crate) use read::RawVideo;

/// Something happens from `start` to `end`.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// What happens: the name of a class.
    pub label: String,
    /// Seconds from the start of the video.
    pub start: f64,
    /// Seconds from the start of the video; at or after `start`.
    pub end: f64,
}

/// What an annotation file says of one video.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoEntry {
    /// Name of the video, by which its file is found; unique.
    pub name: String,
    /// Split the video belongs to, such as `training`.
    pub subset: String,
    /// Length in seconds.
    pub duration: f64,
    /// Number of frames (key `frame`).
    pub frames: Option<usize>,
    /// Frames a second (key `fps`).
    pub fps: Option<f64>,
    /// The actions in the order of the file.
    pub actions: Vec<Action>,
}

/// A sound annotation file: videos sorted by name, every one and every action in it free of [`Fault`]s.
#[derive(Debug, Clone)]
pub struct Annotations {
    videos: Vec<VideoEntry>,
    origin: PathBuf,
}

/// What could be read of a faulty file.
#[derive(Debug)]
pub struct Salvage {
    /// The videos and actions without fault.
    pub annotations: Annotations,
    /// What is wrong with the rest: the first [`MOST_KEPT`] problems.
    pub problems: Vec<Problem>,
    /// How many problems there are in all.
    pub total: usize,
}

impl Annotations {
    /// Annotations made in memory, held to the same rules as those of a file.
    pub fn new(videos: Vec<VideoEntry>) -> Result<Self, AnnotationError> {
        let raw = videos.into_iter().map(RawVideo::from).collect();
        Self::sound(check::check(raw, Problems::default()), Path::new(""))
    }

    /// Reads a file, or says everything that is wrong with it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, AnnotationError> {
        let path = path.as_ref();
        let mut problems = Problems::default();
        let videos = read::read(path, &mut problems)?;
        Self::sound(check::check(videos, problems), path)
    }

    /// Reads the sound part of a file and lists what is wrong with the rest.
    ///
    /// Still an error when nothing can be told apart: no such file, no JSON, no `database`.
    pub fn salvage(path: impl AsRef<Path>) -> Result<Salvage, AnnotationError> {
        let path = path.as_ref();
        let mut problems = Problems::default();
        let videos = read::read(path, &mut problems)?;
        let (videos, problems) = check::check(videos, problems);
        let annotations = Self { videos, origin: path.to_path_buf() };
        Ok(Salvage { annotations, problems: problems.kept, total: problems.total })
    }

    /// What stands in a file, faults and all.
    pub(crate) fn raw(path: &Path) -> Result<(Vec<RawVideo>, Problems), AnnotationError> {
        let mut problems = Problems::default();
        Ok((read::read(path, &mut problems)?, problems))
    }

    /// The faults of what stands in a file, added to those found when it was read.
    pub(crate) fn faults(videos: Vec<RawVideo>, problems: Problems) -> Problems {
        check::check(videos, problems).1
    }

    fn sound((videos, problems): (Vec<VideoEntry>, Problems), path: &Path) -> Result<Self, AnnotationError> {
        let origin = path.to_path_buf();
        match problems.total {
            0 => Ok(Self { videos, origin }),
            total => Err(AnnotationError::Invalid { path: origin, problems: problems.kept, total }),
        }
    }

    /// Every video, sorted by name.
    pub fn videos(&self) -> &[VideoEntry] {
        &self.videos
    }

    /// The video of this name.
    pub fn video(&self, name: &str) -> Option<&VideoEntry> {
        let place = self.videos.binary_search_by(|video| video.name.as_str().cmp(name)).ok()?;
        self.videos.get(place)
    }

    /// The names of the subsets, sorted.
    pub fn subsets(&self) -> Vec<&str> {
        let names: BTreeSet<_> = self.videos.iter().map(|video| video.subset.as_str()).collect();
        names.into_iter().collect()
    }

    /// The videos of one subset, sorted by name; never empty.
    pub fn subset(&self, name: &str) -> Result<Vec<&VideoEntry>, AnnotationError> {
        let found: Vec<_> = self.videos.iter().filter(|video| video.subset == name).collect();
        if !found.is_empty() {
            return Ok(found);
        }
        let known = self.subsets();
        Err(AnnotationError::UnknownSubset {
            path: self.origin.clone(),
            name: name.to_string(),
            nearest: nearest(name, known.iter().copied()).map(String::from),
            known: known.into_iter().map(String::from).collect(),
        })
    }

    /// Every label that occurs, sorted.
    pub fn labels(&self) -> Vec<&str> {
        let actions = self.videos.iter().flat_map(|video| &video.actions);
        let labels: BTreeSet<_> = actions.map(|action| action.label.as_str()).collect();
        labels.into_iter().collect()
    }

    /// What is allowed but will be left out of training: actions without length, actions told twice.
    pub fn notes(&self) -> Vec<Problem> {
        self.videos.iter().flat_map(check::notes).collect()
    }

    /// Writes the annotations as JSON, whole or not at all; [`Annotations::load`] gives the same videos back.
    ///
    /// Keys this crate does not know, which a loaded file may have had, are not written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), AnnotationError> {
        write::write(self, path.as_ref())
    }
}

#[cfg(test)]
mod tests;
