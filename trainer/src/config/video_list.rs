//! Names of videos, in the run file or in a file of their own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Names of videos.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum VideoList {
    /// These.
    Names(Vec<String>),
    /// Those of a file: a JSON list, or one name a line. Relative paths start at the run file's folder.
    File(PathBuf),
}

/// A list of videos that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum VideoListError {
    /// The file cannot be read, or is no text.
    #[error("{}: a list of videos: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It begins like JSON, and is no list of names.
    #[error("{}: no JSON list of names: {source}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
}

impl Default for VideoList {
    fn default() -> Self {
        Self::Names(Vec::new())
    }
}

impl VideoList {
    /// Whether it names no video, whatever files hold.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Names(names) if names.is_empty())
    }

    /// The file, where there is one.
    pub fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::Names(_) => None,
            Self::File(path) => Some(path),
        }
    }

    /// The names. Relative paths start at `root`.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn names(&self, root: &Path) -> Result<BTreeSet<String>, VideoListError> {
        let path = match self {
            Self::Names(names) => return Ok(names.iter().cloned().collect()),
            Self::File(path) => root.join(path),
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(VideoListError::Read { path, source }),
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.starts_with('[') {
            return serde_json::from_str(text).map_err(|source| VideoListError::Form { path, source });
        }
        Ok(text.lines().map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_one_name_a_line_or_is_a_json_list() {
        let folder = tempfile::tempdir().unwrap();
        let names = |text: &str| {
            std::fs::write(folder.path().join("list"), text).unwrap();
            VideoList::File("list".into()).names(folder.path()).map(Vec::from_iter)
        };
        assert_eq!(names("b\r\n\n a \n").unwrap(), ["a", "b"]);
        assert_eq!(names("\u{feff}[\"b\", \"a\"]").unwrap(), ["a", "b"]);
        assert!(names("").unwrap().is_empty());
        assert!(names("[1, 2]").unwrap_err().to_string().contains("no JSON list of names"));
        let missing = VideoList::File("nowhere".into()).names(folder.path()).unwrap_err().to_string();
        assert!(missing.contains("nowhere"), "{missing}");
    }
}
