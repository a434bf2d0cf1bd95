//! What can be wrong with an annotation file, each fault with where it is, the value, and the nearest right thing.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::nearest::suggestion;

/// Problems kept for a caller to list; the rest is only counted, so that a file of nothing but faults stays affordable.
pub const MOST_KEPT: usize = 1000;

/// Problems written out in an error message.
pub const MOST_SHOWN: usize = 20;

/// Why annotations cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnnotationError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file is not JSON, or not of the right shape.
    #[error("{}: line {line}, column {column}: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in bytes.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The top of the file has no `database`.
    #[error("{}: no `database` at the top, which holds [{}]{}", path.display(), .found.join(", "), suggestion(.nearest))]
    NoDatabase {
        /// The file.
        path: PathBuf,
        /// The keys it has instead.
        found: Vec<String>,
        /// The one of them that was probably meant.
        nearest: Option<String>,
    },
    /// Single values of the file are wrong.
    #[error("{}", list(.path, .problems, *.total))]
    Invalid {
        /// The file; empty for annotations made in memory.
        path: PathBuf,
        /// The first [`MOST_KEPT`] of them.
        problems: Vec<Problem>,
        /// How many there are.
        total: usize,
    },
    /// No video belongs to this subset.
    #[error("{}no video of subset `{name}`, only of [{}]{}", place(.path), .known.join(", "), suggestion(.nearest))]
    UnknownSubset {
        /// The file; empty for annotations made in memory.
        path: PathBuf,
        /// The subset asked for.
        name: String,
        /// The existing one that was probably meant.
        nearest: Option<String>,
        /// Those that exist.
        known: Vec<String>,
    },
}

fn place(path: &std::path::Path) -> String {
    if path.as_os_str().is_empty() { String::new() } else { format!("{}: ", path.display()) }
}

fn list(path: &std::path::Path, problems: &[Problem], total: usize) -> String {
    let mut text = format!("{}{total} problem{}", place(path), if total == 1 { "" } else { "s" });
    if total > MOST_SHOWN {
        text += &format!(" (the first {MOST_SHOWN} of them)");
    }
    for problem in problems.iter().take(MOST_SHOWN) {
        text += &format!("\n  {problem}");
    }
    text
}

/// One thing wrong with one place of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    /// The video, unless it is about the whole file.
    pub video: Option<String>,
    /// Index into the video's `annotations`, counted from 0, unless it is about the whole video.
    pub annotation: Option<usize>,
    /// What is wrong.
    pub fault: Fault,
}

impl Problem {
    /// Where it is: `video "v1", annotations[3]`.
    pub fn place(&self) -> String {
        match (&self.video, self.annotation) {
            (Some(video), Some(index)) => format!("video {video:?}, annotations[{index}]"),
            (Some(video), None) => format!("video {video:?}"),
            (None, _) => "the file".to_string(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.fault)
    }
}

/// A kind of fault. Times are seconds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each fault says what its fields are")]
pub enum Fault {
    #[error("{past} of {actions} actions end after their videos; are their times frames instead of seconds?")]
    FramesForSeconds { past: usize, actions: usize },
    #[error("this name stands more than once; give every video one entry")]
    DuplicateVideo,
    #[error("`{field}` stands more than once; join them into one")]
    DuplicateField { field: String },
    #[error("the name of a video is empty")]
    EmptyName,
    #[error("no `{field}`{}", suggestion(.nearest))]
    MissingField { field: &'static str, nearest: Option<String> },
    #[error("`{field}` is {found}; it must be {wanted}")]
    WrongType { field: &'static str, found: String, wanted: &'static str },
    #[error("`{field}` is {value}; it must be finite and more than 0")]
    NotPositive { field: &'static str, value: f64 },
    #[error("segment [{start}, {end}] is not finite")]
    NotFinite { start: f64, end: f64 },
    #[error("segment [{start}, {end}] starts before the video does; the nearest time is 0")]
    NegativeTime { start: f64, end: f64 },
    #[error("segment [{start}, {end}] ends before it starts; turned round it would be [{end}, {start}]")]
    EndBeforeStart { start: f64, end: f64 },
    #[error("segment [{start}, {end}] ends after the video, which is {duration} s long")]
    PastEnd { start: f64, end: f64, duration: f64 },
    #[error("the label is empty; name the action or remove it")]
    EmptyLabel,
    #[error("segment [{at}, {at}] has no length; training leaves it out")]
    ZeroLength { at: f64 },
    #[error("the same segment and label as annotations[{first}]; it counts once")]
    Repeated { first: usize },
}

impl Fault {
    /// A short name for tables and JSON; these names stay.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::FramesForSeconds { .. } => "frames-for-seconds",
            Fault::DuplicateVideo => "duplicate-video",
            Fault::DuplicateField { .. } => "duplicate-field",
            Fault::EmptyName => "empty-name",
            Fault::MissingField { .. } => "missing-field",
            Fault::WrongType { .. } => "wrong-type",
            Fault::NotPositive { .. } => "not-positive",
            Fault::NotFinite { .. } => "not-finite",
            Fault::NegativeTime { .. } => "negative-time",
            Fault::EndBeforeStart { .. } => "end-before-start",
            Fault::PastEnd { .. } => "past-end",
            Fault::EmptyLabel => "empty-label",
            Fault::ZeroLength { .. } => "zero-length",
            Fault::Repeated { .. } => "repeated",
        }
    }
}

/// Collects problems: all counted, the first [`MOST_KEPT`] kept.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    pub(crate) kept: Vec<Problem>,
    pub(crate) total: usize,
}

impl Problems {
    pub(super) fn add(&mut self, video: &str, annotation: Option<usize>, fault: Fault) {
        self.total += 1;
        if self.kept.len() < MOST_KEPT {
            self.kept.push(Problem { video: Some(video.to_string()), annotation, fault });
        }
    }

    /// About the whole file, and so first in the list.
    pub(super) fn add_to_file(&mut self, fault: Fault) {
        self.total += 1;
        self.kept.insert(0, Problem { video: None, annotation: None, fault });
        self.kept.truncate(MOST_KEPT);
    }
}
