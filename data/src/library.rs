//! The files of video in a folder, and folders of pictures in it, found by the names of their videos.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::formats::is_video;
use crate::video::holds_pictures;

/// Videos of one folder. A folder in it is a video if it holds pictures, and is otherwise not looked into.
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
            let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
            if path.is_dir() {
                if holds_pictures(&path) {
                    files.entry(name).or_default().push(path);
                }
            } else if let Some((stem, _)) =
                name.rsplit_once('.').filter(|(stem, _)| is_video(&name) && !stem.is_empty())
            {
                files.entry(stem.to_owned()).or_default().push(path);
            }
        }
        files.values_mut().for_each(|paths| paths.sort());
        Ok(Self { files })
    }

    /// The same, its videos named without what all their files are called before the name. Others are not among them.
    pub fn without_prefix(self, prefix: &str) -> Self {
        let named = |(name, paths): (String, Vec<PathBuf>)| Some((name.strip_prefix(prefix)?.to_owned(), paths));
        Self { files: self.files.into_iter().filter_map(named).collect() }
    }

    /// The files of a video: none, one, or several that differ in their ending.
    pub fn find(&self, name: &str) -> &[PathBuf] {
        self.files.get(name).map(Vec::as_slice).unwrap_or_default()
    }

    /// The file of a video that is taken where one is needed: that ending in `.mp4`, if there are several. None that is
    /// there: where it would be looked for first, so that a message can name it.
    pub fn path(&self, folder: &Path, name: &str) -> PathBuf {
        let plain = folder.join(format!("{name}.mp4"));
        match self.find(name) {
            [] => plain,
            several if several.contains(&plain) => plain,
            [first, ..] => first.clone(),
        }
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

    #[test]
    fn a_folder_of_pictures_is_a_video_and_another_folder_is_not() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["walk.v1/img_1.JPG", "notes/a.txt"] {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let library = Library::open(folder.path()).unwrap();
        assert_eq!(library.names().collect::<Vec<_>>(), ["walk.v1"]);
        assert_eq!(library.path(folder.path(), "walk.v1"), folder.path().join("walk.v1"));
    }

    #[test]
    fn a_prefix_of_all_files_is_no_part_of_a_name() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["v_a.mp4", "b.mp4"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let library = Library::open(folder.path()).unwrap().without_prefix("v_");
        assert_eq!(library.names().collect::<Vec<_>>(), ["a"]);
        assert_eq!(library.find("a"), [folder.path().join("v_a.mp4")]);
    }

    #[test]
    fn of_several_files_the_mp4_is_taken_and_a_missing_one_is_named_so() {
        let folder = tempfile::tempdir().unwrap();
        for file in ["a.avi", "a.mp4", "b.mkv"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        let library = Library::open(folder.path()).unwrap();
        let taken = ["a", "b", "c"].map(|name| library.path(folder.path(), name));
        assert_eq!(taken, ["a.mp4", "b.mkv", "c.mp4"].map(|name| folder.path().join(name)));
    }
}
