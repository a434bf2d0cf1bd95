//! The report of a run: one HTML file that a person can read, print, send and keep.
//!
//! The file needs nothing else: no network, no script, pictures and charts inside it. The same [`Report`] gives the
//! same bytes, and the file stays under [`MOST_BYTES`] however many videos there are: `budget` draws less until it fits.
//!
//! This module holds the words of a report, plain data that knows no other part of the system. All text of users goes
//! through the escaping of the template engine; nothing here writes markup by hand.

mod axis;
mod budget;
mod charts;
mod matching;
mod numbers;
mod page;
mod palette;
mod scores;
mod strip;
#[cfg(test)]
mod tests;
mod timeline;

/// No page is larger than this, in bytes, unless its own configuration, facts and names are.
pub const MOST_BYTES: usize = 3_000_000;

/// What a run was, what it learnt, and where it is right and wrong.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Heading of the page.
    pub title: String,
    /// Name and value: seed, device, parameters, wall time, peak memory, digest of the configuration.
    pub facts: Vec<(String, String)>,
    /// Sentences: what is trained and what is frozen, what went wrong on the way.
    pub notes: Vec<String>,
    /// Losses and rates over the run.
    pub curves: Vec<Chart>,
    /// Mean average precision, if the run was evaluated.
    pub scores: Option<ScoreTable>,
    /// Charts of what was evaluated.
    pub analysis: Vec<Chart>,
    /// Tables of what was evaluated.
    pub tables: Vec<Table>,
    /// Names of the classes; the spans of the videos count into this list.
    pub classes: Vec<String>,
    /// Videos in the order in which they are to stand on the page.
    pub videos: Vec<VideoTimeline>,
    /// The resolved configuration (TOML), folded at the end of the page.
    pub config: String,
}

/// Rows of text.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    /// What is shown.
    pub title: String,
    /// A sentence about it.
    pub note: String,
    /// Names of the columns.
    pub head: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<String>>,
}

/// Some quantities over one axis.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chart {
    /// What is shown.
    pub title: String,
    /// What `x` counts, such as "epoch".
    pub x_label: String,
    /// The quantities, drawn in one frame.
    pub series: Vec<Series>,
}

/// One quantity of a chart.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Its name in the legend.
    pub name: String,
    /// `(x, y)` in the order of the line. Points that are not finite are left out and counted.
    pub points: Vec<(f64, f64)>,
}

/// Mean average precision, as fractions of 1. A number that is not finite is shown as a dash.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ScoreTable {
    /// Temporal intersection over union that a detection needs, one for each value.
    pub thresholds: Vec<f64>,
    /// Mean over the classes, per threshold.
    pub values: Vec<f64>,
    /// Mean over the thresholds.
    pub average: f64,
    /// The classes in any order; the page sorts them by name.
    pub classes: Vec<ClassScore>,
}

/// Average precision of one class, as fractions of 1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClassScore {
    /// Name of the class.
    pub name: String,
    /// Labelled instances that were evaluated.
    pub truths: usize,
    /// One per threshold of the table.
    pub values: Vec<f64>,
    /// Mean over the thresholds.
    pub average: f64,
}

/// One video: what is in it, and what was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct VideoTimeline {
    /// Its name.
    pub name: String,
    /// Seconds. Where it is not known (not above 0), the last end of a span stands in.
    pub duration: f64,
    /// The labels.
    pub truth: Vec<Span>,
    /// The detections, in any order.
    pub predictions: Vec<ScoredSpan>,
    /// Pictures in any order; the first few are enough, a strip holds twelve.
    pub thumbnails: Vec<Thumbnail>,
}

/// A labelled stretch of a video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// Index into [`Report::classes`].
    pub class: usize,
}

/// A detected stretch of a video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredSpan {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// Index into [`Report::classes`].
    pub class: usize,
    /// Confidence, from 0 to 1.
    pub score: f64,
}

/// One small picture of a video.
#[derive(Debug, Clone, PartialEq)]
pub struct Thumbnail {
    /// When it is seen.
    pub seconds: f64,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// `height * width * 3` bytes, row by row.
    pub rgb: Vec<u8>,
}

/// Why a report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A span of a class without a name.
    #[error("video {video}: a span has class {class}, but the report names {known} classes")]
    UnknownClass {
        /// The video.
        video: String,
        /// The class of the span.
        class: usize,
        /// How many names there are.
        known: usize,
    },
    /// A thumbnail whose bytes do not fit its size.
    #[error("video {video}: the thumbnail at {seconds} s is {width}x{height} pixels of 3 bytes, but has {bytes} bytes")]
    Thumbnail {
        /// The video.
        video: String,
        /// When the thumbnail is seen.
        seconds: f64,
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Bytes there are.
        bytes: usize,
    },
    /// A strip of thumbnails could not be compressed.
    #[error("video {video}: the thumbnails could not be compressed")]
    Compress {
        /// The video.
        video: String,
        /// Why.
        #[source]
        source: image::ImageError,
    },
    /// The page could not be put together.
    #[error("the page could not be put together")]
    Render(#[from] askama::Error),
}

impl Report {
    /// The whole page.
    pub fn to_html(&self) -> Result<String, ReportError> {
        for video in &self.videos {
            self.check(video)?;
        }
        budget::fit(self)
    }

    /// What the drawing relies on: every class has a name, every thumbnail its pixels.
    fn check(&self, video: &VideoTimeline) -> Result<(), ReportError> {
        let known = self.classes.len();
        let mut classes = video.truth.iter().map(|s| s.class).chain(video.predictions.iter().map(|s| s.class));
        if let Some(class) = classes.find(|&class| class >= known) {
            return Err(ReportError::UnknownClass { video: video.name.clone(), class, known });
        }
        match video.thumbnails.iter().find(|t| !t.is_whole()) {
            None => Ok(()),
            Some(&Thumbnail { seconds, width, height, ref rgb }) => {
                Err(ReportError::Thumbnail { video: video.name.clone(), seconds, width, height, bytes: rgb.len() })
            }
        }
    }
}

impl Thumbnail {
    fn is_whole(&self) -> bool {
        let bytes = u64::from(self.width) * u64::from(self.height) * 3;
        bytes > 0 && bytes == self.rgb.len() as u64 && self.seconds.is_finite()
    }
}
