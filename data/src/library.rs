//! The files of video in a folder, found by the names of their videos.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::formats::is_video;

/// Videos of one folder; folders in it are not looked into.
#[derive(Debug, Clone, Default)]
pub struct Library {
    files: BTreeMap<String, Vec<PathBuf>>,
}

impl Library {
    /// Lists a folder.
    ///
    /// # Errors
    ///
    /// The folder cannot be read.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut files: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).filter(|name| is_video(name));
            if let Some((stem, _)) = name.and_then(|name| name.rsplit_once('.')).filter(|(stem, _)| !stem.is_empty()) {
                files.entry(stem.to_owned()).or_default().push(path);
            }
        }
        files.values_mut().for_each(|paths| paths.sort());
        Ok(Self { files })
    }

    /// The files of a video: none, one, or several that differ in their ending.
    pub fn find(&self, name: &str) -> &[PathBuf] {
        self.files.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The names of all videos, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_video_is_found_by_its_name_whatever_its_ending() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["b.MP4", "a.v2.mov", "notes.txt", "b.avi", "b.wav", ".mp4"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let library = Library::open(folder.path()).unwrap();
        assert_eq!(library.names().collect::<Vec<_>>(), ["a.v2", "b"]);
        assert_eq!(library.find("b").len(), 2);
        assert!(library.find("notes").is_empty());
        assert!(Library::open(&folder.path().join("nowhere")).is_err());
    }
}
