//! What is wrong with a file of labels, where, and what to do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::json::Syntax;
use crate::nearest::{nearest, suggestion};

/// Why a file of labels cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
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
    /// The content of the file.
    #[error("{}: {error}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: ContentError,
    },
    /// Labels that the format cannot hold.
    #[error(transparent)]
    Labels(#[from] ContentError),
    /// Not the files that the layout consists of.
    #[error("{layout} needs {needed}{}", listed(.given))]
    Files {
        /// The layout.
        layout: &'static str,
        /// What it is read from.
        needed: &'static str,
        /// What was given.
        given: Vec<PathBuf>,
    },
}

fn listed(given: &[PathBuf]) -> String {
    let names: Vec<_> = given.iter().map(|path| path.display().to_string()).collect();
    if names.is_empty() { String::new() } else { format!("; given are {}", names.join(", ")) }
}

/// Something wrong at one place of a file of labels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{place}{fault}")]
pub struct ContentError {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Fault,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The file as a whole.
    Whole,
    /// A line, counted from 1.
    Line(usize),
    /// A line and a column, counted from 1.
    Column(usize, usize),
    /// A part with a name, such as a video.
    Named(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Whole => Ok(()),
            Place::Line(line) => write!(f, "line {line}: "),
            Place::Column(line, column) => write!(f, "line {line}, column {column}: "),
            Place::Named(name) => write!(f, "{name:?}: "),
        }
    }
}

/// What can be wrong with a file of labels.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    /// Bytes that are no text.
    #[error("not UTF-8 text; save the file as UTF-8")]
    NotText,
    /// Not of the format at all.
    #[error("{0}")]
    Syntax(String),
    /// A field, column or element is not there.
    #[error("no `{field}`, only [{}]{}", .found.join(", "), suggestion(.nearest))]
    Missing {
        /// What is wanted.
        field: &'static str,
        /// The first of what is there instead.
        found: Vec<String>,
        /// The one of them that was probably meant.
        nearest: Option<String>,
    },
    /// A value of the wrong kind.
    #[error("`{field}` is {found:?}; it must be {wanted}")]
    Value {
        /// Its name.
        field: &'static str,
        /// The value, or its beginning.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// Times are frame numbers of an unknown clock.
    #[error("times are frame numbers, and the file does not say how many frames a second has; give --fps")]
    NoRate,
    /// Two frame rates.
    #[error(
        "the labels were made at {labels} frames a second, {other} says {given}; with a wrong rate every label moves"
    )]
    RateDiffers {
        /// The rate the file tells of.
        labels: f64,
        /// Who says something else.
        other: &'static str,
        /// What.
        given: f64,
    },
    /// A video that cannot be told from the file.
    #[error("{0} does not say which video it is about")]
    NoVideo(&'static str),
    /// Several layers of labels, none of which is the obvious one.
    #[error("labels stand in several {layers}: [{}]; choose one with --layer", .names.join(", "))]
    Layers {
        /// What the format calls them.
        layers: &'static str,
        /// Their names.
        names: Vec<String>,
    },
    /// No layer of this name.
    #[error("no layer `{name}`, only [{}]{}", .names.join(", "), suggestion(.nearest))]
    NoLayer {
        /// The name asked for.
        name: String,
        /// Those that are there.
        names: Vec<String>,
        /// The one that was probably meant.
        nearest: Option<String>,
    },
    /// A start without a stop.
    #[error("`{label}` starts at {at} s and never stops")]
    Unpaired {
        /// The label.
        label: String,
        /// Seconds.
        at: f64,
    },
    /// Several files of video on one clock, of unknown lengths.
    #[error(
        "the observation joins {count} video files on one clock, and the length of each is not told; use the .boris project"
    )]
    JoinedVideos {
        /// How many.
        count: usize,
    },
    /// Something of a name that nothing has.
    #[error("`{field}` is {name:?}, which the file does not have")]
    Dangling {
        /// The field that names it.
        field: &'static str,
        /// The name.
        name: String,
    },
    /// A label or name that the format cannot hold.
    #[error("{text:?} cannot be written as {format}: {reason}")]
    Unwritable {
        /// The label or name.
        text: String,
        /// The format.
        format: &'static str,
        /// Why not.
        reason: &'static str,
    },
}

/// The most of a wrong value that is told.
const MOST_TOLD: usize = 40;

impl Fault {
    /// Of the whole file.
    pub(crate) fn whole(self) -> ContentError {
        ContentError { place: Place::Whole, fault: self }
    }

    /// Of a line, counted from 1.
    pub(crate) fn line(self, line: usize) -> ContentError {
        ContentError { place: Place::Line(line), fault: self }
    }

    /// Of a part with a name.
    pub(crate) fn named(self, name: &str) -> ContentError {
        ContentError { place: Place::Named(shortened(name)), fault: self }
    }

    pub(crate) fn value(field: &'static str, found: &str, wanted: &'static str) -> Self {
        Fault::Value { field, found: shortened(found), wanted }
    }

    pub(crate) fn missing<'a>(field: &'static str, found: impl IntoIterator<Item = &'a str>) -> Self {
        let found: Vec<String> = found.into_iter().take(20).map(shortened).collect();
        let nearest = nearest(field, found.iter().map(String::as_str)).map(String::from);
        Fault::Missing { field, found, nearest }
    }
}

impl From<Syntax> for ContentError {
    fn from(Syntax { line, column, message }: Syntax) -> Self {
        ContentError { place: Place::Column(line, column), fault: Fault::Syntax(message) }
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MOST_TOLD) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
