//! Everything that is wrong with a data set, found before training: `data check`.
//!
//! | looked at | found |
//! | --- | --- |
//! | the file of labels | what [`crate::annotation`] refuses; no length, told twice, overlaps with the same label |
//! | labels and subsets | unknown ones, and those that look like slips of the key |
//! | videos | not there, unreadable, of another length or rate than told; segments past their end; without labels |
//!
//! Nothing is decoded: the index of a file of video tells its length and rate.

mod files;
mod finding;
mod fix;
mod segments;
mod spelling;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

pub use finding::{Finding, Trouble};
pub use fix::{Change, Fixed};

use crate::annotation::{AnnotationError, Annotations, MOST_KEPT, Problem, RawVideo};
use crate::classes::{ClassList, UnknownLabel};
use crate::library::Library;
use crate::nearest::nearest;
use files::Videos;
use finding::Findings;
use spelling::Names;

/// What labels are held against.
#[derive(Debug, Clone, Copy, Default)]
pub struct CheckOptions<'a> {
    /// Folder of the videos; without it, only labels are checked.
    pub videos: Option<&'a Path>,
    /// What their files are called before a video's name.
    pub prefix: &'a str,
    /// The classes that labels may name; without it, any.
    pub classes: Option<&'a ClassList>,
    /// Subsets that will be asked for.
    pub subsets: &'a [String],
}

/// Videos and segments with one name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Count {
    /// Videos.
    pub videos: usize,
    /// Segments.
    pub segments: usize,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Videos in the file of labels.
    pub videos: usize,
    /// Segments in it.
    pub segments: usize,
    /// Files of video that were opened.
    pub opened: usize,
    /// The first [`MOST_KEPT`] problems.
    pub problems: Vec<Finding>,
    /// How many there are.
    pub total: usize,
    /// How often each subset occurs.
    pub subsets: BTreeMap<String, Count>,
    /// How often each label occurs, and in how many videos.
    pub classes: BTreeMap<String, Count>,
}

/// Why a data set cannot be checked at all.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The file of labels cannot be read, or is of another kind.
    #[error(transparent)]
    Annotations(#[from] AnnotationError),
    /// The folder of videos.
    #[error("cannot read folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// A checked data set.
#[derive(Debug)]
pub struct Checked<'a> {
    path: &'a Path,
    videos: Option<Videos>,
    /// Labels that were probably meant to be others.
    meant: BTreeMap<String, String>,
    report: Report,
}

impl<'a> Checked<'a> {
    /// Checks a file of annotations, and the videos they belong to.
    ///
    /// # Errors
    ///
    /// The file or the folder cannot be read; faults of what they hold are no errors but findings.
    pub fn new(path: &'a Path, options: CheckOptions<'a>) -> Result<Self, CheckError> {
        let (raw, problems) = Annotations::raw(path)?;
        let mut found = Findings::new(path);
        let mut report = counts(&raw);
        for video in &raw {
            segments::look(video, &mut found);
        }
        let meant = labels(&report.classes, options.classes, &raw, &mut found);
        subsets(&report.subsets, options.subsets, &mut found);
        let videos = match options.videos {
            Some(folder) => {
                let failed = |source| CheckError::Folder { path: folder.to_path_buf(), source };
                let library = Library::open(folder).map_err(failed)?.without_prefix(options.prefix);
                let videos = Videos::open(&library, &raw);
                videos.compare(&raw, folder, &mut found);
                report.opened = videos.opened();
                Some(videos)
            }
            None => None,
        };
        let problems = Annotations::faults(raw, problems);
        found.count(problems.total);
        for Problem { video, annotation, fault } in problems.kept {
            found.keep(video, annotation, Trouble::Labels(fault));
        }
        (report.problems, report.total) = found.finish();
        Ok(Self { path, videos, meant, report })
    }

    /// What was found.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// The same labels without what can be mended, and what was changed.
    ///
    /// # Errors
    ///
    /// The file can no longer be read.
    pub fn fix(&self) -> Result<Fixed, CheckError> {
        let (raw, _) = Annotations::raw(self.path)?;
        Ok(fix::fix(raw, self.videos.as_ref(), &self.meant, &self.report.problems))
    }
}

fn counts(raw: &[RawVideo]) -> Report {
    let mut report = Report { videos: raw.len(), ..Report::default() };
    for video in raw {
        let actions = || video.actions.iter().flatten();
        report.segments += video.actions.len();
        if let Some(subset) = &video.subset {
            let count = report.subsets.entry(subset.clone()).or_default();
            count.videos += 1;
            count.segments += video.actions.len();
        }
        for label in actions().map(|action| action.label.as_str()).collect::<BTreeSet<_>>() {
            report.classes.entry(label.to_owned()).or_default().videos += 1;
        }
        for action in actions() {
            if let Some(count) = report.classes.get_mut(&action.label) {
                count.segments += 1;
            }
        }
    }
    report
}

/// Finds labels that are unknown or look like slips; says what they probably mean.
fn labels(
    counted: &BTreeMap<String, Count>,
    classes: Option<&ClassList>,
    raw: &[RawVideo],
    found: &mut Findings,
) -> BTreeMap<String, String> {
    let names = Names::new(counted.iter().map(|(label, count)| (label.as_str(), count.segments)));
    let mut troubled = BTreeMap::new();
    let mut meant = BTreeMap::new();
    for (label, count) in counted {
        let times = count.segments;
        let trouble = match classes {
            Some(classes) if classes.contains(label) => continue,
            Some(classes) if troubled.len() >= MOST => {
                // Only counted, so that nobody looks for the nearest class of ten thousand labels.
                let unknown = UnknownLabel { label: label.clone(), nearest: None, known: classes.len() };
                Trouble::UnknownLabel { unknown, times }
            }
            Some(classes) => match classes.index(label) {
                Ok(_) => continue,
                Err(unknown) => {
                    let sure = unknown.nearest.clone().filter(|near| spelling::slip(label, near));
                    meant.extend(sure.map(|near| (label.clone(), near)));
                    Trouble::UnknownLabel { unknown, times }
                }
            },
            None => match names.meant(label, times) {
                None => continue,
                Some((near, often)) => {
                    meant.insert(label.clone(), near.to_owned());
                    Trouble::Misspelt { label: label.clone(), times, near: near.to_owned(), often }
                }
            },
        };
        troubled.insert(label.as_str(), trouble);
    }
    // Each is told where it stands first.
    for video in raw {
        for (place, action) in video.actions.iter().enumerate() {
            if let Some(trouble) = action.as_ref().and_then(|action| troubled.remove(action.label.as_str())) {
                found.add(Some(video.name.clone()), Some(place), trouble);
            }
        }
    }
    meant
}

fn subsets(counted: &BTreeMap<String, Count>, wanted: &[String], found: &mut Findings) {
    let known = || counted.keys().map(String::as_str);
    for name in wanted.iter().filter(|name| !counted.contains_key(*name)) {
        let nearest = nearest(name, known()).map(String::from);
        let known = known().map(String::from).take(20).collect();
        found.add(None, None, Trouble::UnknownSubset { name: name.clone(), known, nearest });
    }
    let names = Names::new(counted.iter().map(|(name, count)| (name.as_str(), count.videos)));
    for (name, count) in counted {
        if let Some((near, often)) = names.meant(name, count.videos) {
            let (name, near) = (name.clone(), near.to_owned());
            found.add(None, None, Trouble::MisspeltSubset { name, times: count.videos, near, often });
        }
    }
}

/// How many problems are kept, of a video or in all; the others are counted.
pub(crate) const MOST: usize = MOST_KEPT;
