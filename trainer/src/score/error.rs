//! Why nothing can be scored.

use std::path::{Path, PathBuf};

/// Why a file cannot be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoreError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A file is no JSON, or not of the right shape.
    #[error("{}: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// A row of a table is wrong.
    #[error("{}: line {line}: {message}", path.display())]
    Row {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A table lacks something.
    #[error("{}: no column for {what}; it has {found}", path.display())]
    NoColumn {
        /// The file.
        path: PathBuf,
        /// What is lacking.
        what: &'static str,
        /// The columns it has.
        found: String,
    },
    /// No detections anywhere.
    #[error("{}: no `results` and no list of detections; its keys are [{}]", path.display(), .found.join(", "))]
    NoResults {
        /// The file.
        path: PathBuf,
        /// What it has instead.
        found: Vec<String>,
    },
    /// No annotated video anywhere.
    #[error("{}: no video with `annotations`, neither under `database` nor on top", path.display())]
    NoTruth {
        /// The file.
        path: PathBuf,
    },
    /// A subset is asked for where there is none.
    #[error(
        "{}: no video has a subset, so there is no `{wanted}`; a table with a `video` and a `subset` column can be \
         given with --video-info",
        path.display()
    )]
    NoSubsets {
        /// The annotations.
        path: PathBuf,
        /// The subset asked for.
        wanted: String,
    },
    /// The subset is not there.
    #[error("{}: no video of subset `{wanted}`, only of [{}]{}", path.display(), .known.join(", "), meant(.nearest))]
    UnknownSubset {
        /// The annotations.
        path: PathBuf,
        /// The subset asked for.
        wanted: String,
        /// The one that was probably meant.
        nearest: Option<String>,
        /// Those that there are.
        known: Vec<String>,
    },
    /// No subset has more of the predicted videos than any other.
    #[error("{}: has the subsets [{}], and the predictions do not tell which; choose with --subset", path.display(), .known.join(", "))]
    WhichSubset {
        /// The annotations.
        path: PathBuf,
        /// Those that there are.
        known: Vec<String>,
    },
    /// Names of classes here, verbs and nouns there.
    #[error(
        "{} and {} name classes in different ways: one has a `label`, the other a verb and a noun",
        predictions.display(), truth.display()
    )]
    Unlike {
        /// The detections.
        predictions: PathBuf,
        /// The annotations.
        truth: PathBuf,
    },
}

impl ScoreError {
    pub(super) fn json(path: &Path, error: &serde_json::Error) -> Self {
        Self::Json { path: path.into(), message: error.to_string() }
    }
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|word| format!("; did you mean `{word}`?")).unwrap_or_default()
}
