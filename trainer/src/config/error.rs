//! What is wrong with a run file, where, and the nearest right thing.

use std::path::{Path, PathBuf};
use std::str::Utf8Error;

use super::{keys, locate};

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
    #[error("{}{}: {reason}", origin.display(), line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Invalid {
        /// The file.
        origin: PathBuf,
        /// Where, from 1; none where the key is not in the file, or was overridden.
        line: Option<usize>,
        /// What does not fit, and what would.
        reason: String,
    },
    /// Far more than a run file.
    #[error("{}: larger than {} MiB, which no run file is", path.display(), most >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read, in bytes.
        most: u64,
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
        let span = error.span().unwrap_or(0..0);
        let message = match (error.message(), text.get(span.clone())) {
            ("duplicate key", Some(name)) => format!("duplicate key `{name}`"),
            (message, _) => with_nearest(message),
        };
        let key = locate::key_at(text, span.start);
        // Inside a table whose `kind` says what else is in it, errors have lost their places.
        let lost = key.as_ref().is_none_or(|key| keys::find(key).is_none()) && !message.starts_with("missing field");
        let found = if lost { keys::culprit(text, error.message()) } else { None };
        let line = found.as_ref().and_then(|key| locate::line_of(text, key));
        let message = match found.or(key) {
            Some(key) => keys::explain(&key, &message),
            None => message,
        };
        Self::Syntax { origin: origin.into(), line: line.unwrap_or_else(|| locate::line(text, span.start)), message }
    }

    pub(super) fn not_text(path: &Path, bytes: &[u8], error: &Utf8Error) -> Self {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        Self::Syntax { origin: path.into(), line, message: "not UTF-8 text".into() }
    }

    /// Says where the key is that the reason names, unless an override has set it.
    pub(super) fn invalid(origin: &Path, text: &str, overrides: &[String], reason: String) -> Self {
        let key = keys::named_in(&reason);
        let set = |key: &str| overrides.iter().any(|given| given.split('=').next().map(str::trim) == Some(key));
        let line = key.filter(|key| !set(key)).and_then(|key| locate::line_of(text, key));
        Self::Invalid { origin: origin.into(), line, reason }
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
