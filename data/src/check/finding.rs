//! What is wrong, and where.

use std::path::{Path, PathBuf};

use crate::annotation::Fault;
use crate::classes::UnknownLabel;
use crate::nearest::suggestion;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The file: that of the labels, or a video.
    pub file: PathBuf,
    /// The video, unless it is about the whole file.
    pub video: Option<String>,
    /// Index into the video's `annotations`, counted from 0, if it is about one of them.
    pub annotation: Option<usize>,
    /// What.
    pub trouble: Trouble,
}

impl Finding {
    /// Where in the file, as [`crate::annotation::Problem::place`] says it.
    pub fn place(&self) -> String {
        match (&self.video, self.annotation) {
            (Some(video), Some(index)) => format!("video {video:?}, annotations[{index}]"),
            (Some(video), None) => format!("video {video:?}"),
            (None, _) => "the file".to_string(),
        }
    }
}

/// What can be wrong with a data set. Times are seconds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[expect(missing_docs, reason = "the message of each says what its fields are")]
pub enum Trouble {
    #[error(transparent)]
    Labels(Fault),
    #[error("segment [{start}, {end}] overlaps annotations[{other}], which has the same label")]
    Overlap { start: f64, end: f64, other: usize },
    #[error("{times} segments: {unknown}")]
    UnknownLabel { unknown: UnknownLabel, times: usize },
    #[error("`{label}` stands {times} times, `{near}` {often} times; is it the same?")]
    Misspelt { label: String, times: usize, near: String, often: usize },
    #[error("no video of subset `{name}`, only of [{}]{}", .known.join(", "), suggestion(.nearest))]
    UnknownSubset { name: String, known: Vec<String>, nearest: Option<String> },
    #[error("subset `{name}` has {times} videos, `{near}` {often}; is it the same?")]
    MisspeltSubset { name: String, times: usize, near: String, often: usize },
    #[error("no file of this video in the folder{}", suggestion(.nearest))]
    NoVideo { nearest: Option<String> },
    #[error("several files of this video: [{}]; which one is meant?", .files.join(", "))]
    SeveralVideos { files: Vec<String> },
    #[error("nothing is labelled in this video; it stands in no annotations")]
    NoLabels,
    #[error("cannot be opened: {reason}")]
    Unreadable { reason: String },
    #[error("labelled with {labelled} s, the file has {real:.3} s")]
    Duration { labelled: f64, real: f64 },
    #[error("labelled with {labelled} frames a second, the file has {real:.3}")]
    Rate { labelled: f64, real: f64 },
    #[error("labelled with {labelled} frames, the file has {real}")]
    Frames { labelled: f64, real: usize },
    #[error("segment [{start}, {end}] ends after the file, which is {real:.3} s long")]
    PastFile { start: f64, end: f64, real: f64 },
}

impl Trouble {
    /// A short name for tables and JSON; these names stay.
    pub fn kind(&self) -> &'static str {
        match self {
            Trouble::Labels(fault) => fault.kind(),
            Trouble::Overlap { .. } => "overlap",
            Trouble::UnknownLabel { .. } => "unknown-label",
            Trouble::Misspelt { .. } => "misspelt-label",
            Trouble::UnknownSubset { .. } => "unknown-subset",
            Trouble::MisspeltSubset { .. } => "misspelt-subset",
            Trouble::NoVideo { .. } => "no-video",
            Trouble::SeveralVideos { .. } => "several-videos",
            Trouble::NoLabels => "no-labels",
            Trouble::Unreadable { .. } => "unreadable-video",
            Trouble::Duration { .. } => "duration-differs",
            Trouble::Rate { .. } => "rate-differs",
            Trouble::Frames { .. } => "frames-differ",
            Trouble::PastFile { .. } => "past-end",
        }
    }
}

/// Collects findings: all counted, the first few kept.
#[derive(Debug)]
pub(super) struct Findings {
    labels: PathBuf,
    kept: Vec<Finding>,
    total: usize,
}

impl Findings {
    pub(super) fn new(labels: &Path) -> Self {
        Self { labels: labels.to_path_buf(), kept: Vec::new(), total: 0 }
    }

    /// Something about the file of labels.
    pub(super) fn add(&mut self, video: Option<String>, annotation: Option<usize>, trouble: Trouble) {
        self.total += 1;
        self.keep(video, annotation, trouble);
    }

    /// Something about a file of video.
    pub(super) fn add_file(&mut self, file: &Path, video: &str, trouble: Trouble) {
        self.total += 1;
        if self.kept.len() < super::MOST {
            let video = Some(video.to_owned());
            self.kept.push(Finding { file: file.to_path_buf(), video, annotation: None, trouble });
        }
    }

    /// Problems that are told elsewhere.
    pub(super) fn count(&mut self, more: usize) {
        self.total += more;
    }

    /// Keeps what has been counted.
    pub(super) fn keep(&mut self, video: Option<String>, annotation: Option<usize>, trouble: Trouble) {
        // Of the whole file first, whatever was found before it: it may explain all the rest.
        if self.kept.len() < super::MOST || video.is_none() {
            self.kept.push(Finding { file: self.labels.clone(), video, annotation, trouble });
        }
    }

    /// The kept ones in the order of their places, and how many there are in all.
    pub(super) fn finish(mut self) -> (Vec<Finding>, usize) {
        self.kept.sort_by(|a, b| (&a.video, a.annotation).cmp(&(&b.video, b.annotation)));
        self.kept.truncate(super::MOST);
        (self.kept, self.total)
    }
}
