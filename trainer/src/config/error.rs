//! What is wrong with a run file, where, and the nearest right thing.

use std::path::{Path, PathBuf};

/// A run file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, an unknown or missing key, or a value of the wrong type.
    #[error("{}, line {line}: {message}", origin.display())]
    Syntax {
        /// The file.
        origin: PathBuf,
        /// Where, from 1.
        line: usize,
        /// What.
        message: String,
    },
    /// A value that does not fit.
    #[error("{}: {reason}", origin.display())]
    Invalid {
        /// The file.
        origin: PathBuf,
        /// What does not fit, and what would.
        reason: String,
    },
    /// An override that cannot be applied.
    #[error("--set {given}: {message}")]
    Override {
        /// As given.
        given: String,
        /// What is wrong with it.
        message: String,
    },
}

impl ConfigError {
    pub(super) fn syntax(origin: &Path, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span().map_or(0, |span| span.start);
        let line = text[..at.min(text.len())].matches('\n').count() + 1;
        Self::Syntax { origin: origin.into(), line, message: with_nearest(error.message()) }
    }
}

/// Serde lists the keys it expected; the nearest one is named too.
pub(super) fn with_nearest(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let unknown = message.starts_with("unknown field") || message.starts_with("unknown variant");
    match quoted.split_first().filter(|(_, expected)| unknown && !expected.is_empty()) {
        Some((given, expected)) => match nearest(given, expected.iter().copied()) {
            Some(near) => format!("{message}; the nearest is `{near}`"),
            None => message.to_owned(),
        },
        None => message.to_owned(),
    }
}

/// The most similar of `names`.
pub(crate) fn nearest<'a>(given: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let similarity = |name: &str| strsim::jaro_winkler(given, name);
    names.max_by(|a, b| similarity(a).total_cmp(&similarity(b)))
}
