//! Class scores of whole videos, made by a classifier elsewhere: what a detector without classes is given its classes by.
//!
//! A table of UntrimmedNet for THUMOS-14 (`.npy`), or a JSON file `{"results": {"VIDEO": [SCORE, ...]}, "class": ["NAME", ...]}` with one score per name; `classes` instead of
//! `class`, and a list in a list instead of a list of scores, are understood, too. Source: OpenTAD
//! `post_processing/classifier.py`, whose three JSON forms these are.

mod untrimmed_net;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::classes::{ClassList, UnknownLabel};
use crate::features::FeatureError;
use crate::nearest::{nearest, suggestion};

/// Scores of every video, in the order of a run's classes.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoScores {
    path: PathBuf,
    scores: BTreeMap<String, Vec<f32>>,
}

/// Class scores that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VideoScoresError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The table cannot be read.
    #[error(transparent)]
    Table(#[from] FeatureError),
    /// The file does not have the form described above.
    #[error("{}: {source}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A class name twice.
    #[error("{}: the class `{name}` stands there twice", path.display())]
    Twice {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A class of the run that the file does not know.
    #[error("{}: has no scores of a class: {unknown}", path.display())]
    Class {
        /// The file.
        path: PathBuf,
        /// The class, and what it might be called there.
        unknown: UnknownLabel,
    },
    /// Another number of scores than of names.
    #[error("{}: `{video}` has {found} scores, but there are {expected} classes", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// The video.
        video: String,
        /// Its scores.
        found: usize,
        /// Names of classes in the file.
        expected: usize,
    },
    /// A video without scores.
    #[error("{}: has no scores of the video `{video}`{}", path.display(), suggestion(.nearest))]
    Video {
        /// The file.
        path: PathBuf,
        /// The video.
        video: String,
        /// The video that was probably meant.
        nearest: Option<String>,
    },
}

#[derive(Deserialize)]
struct File {
    results: BTreeMap<String, Row>,
    #[serde(alias = "classes")]
    class: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Row {
    Scores(Vec<f32>),
    Wrapped([Vec<f32>; 1]),
}

impl VideoScores {
    /// Reads a file, for the classes of a run.
    ///
    /// # Errors
    ///
    /// The file is not readable, or not what it has to be; a class of the run is missing in it.
    pub fn read(path: &Path, classes: &ClassList) -> Result<Self, VideoScoresError> {
        if path.extension().is_some_and(|extension| extension == "npy") {
            return untrimmed_net::read(path, classes);
        }
        let bytes = std::fs::read(path).map_err(|source| VideoScoresError::Read { path: path.into(), source })?;
        let form = |source| VideoScoresError::Form { path: path.into(), source };
        let File { results, class: names } = serde_json::from_slice(&bytes).map_err(form)?;
        let order = order(path, classes, &names)?;
        let in_order = |(video, row): (String, Row)| {
            let (Row::Scores(scores) | Row::Wrapped([scores])) = row;
            match scores.len() == names.len() {
                true => Ok((video, order.iter().map(|&place| scores[place]).collect())),
                false => {
                    let (found, expected) = (scores.len(), names.len());
                    Err(VideoScoresError::Count { path: path.into(), video, found, expected })
                }
            }
        };
        Ok(Self { path: path.into(), scores: results.into_iter().map(in_order).collect::<Result<_, _>>()? })
    }

    /// Scores of a video, one per class of the run. ActivityNet's annotations put `v_` before the names in these files.
    ///
    /// # Errors
    ///
    /// The file has none of this video.
    pub fn of(&self, video: &str) -> Result<&[f32], VideoScoresError> {
        let found = self.scores.get(video).or_else(|| self.scores.get(video.strip_prefix("v_")?));
        found.map(Vec::as_slice).ok_or_else(|| VideoScoresError::Video {
            path: self.path.clone(),
            video: video.to_owned(),
            nearest: nearest(video, self.scores.keys().map(String::as_str)).map(str::to_owned),
        })
    }
}

/// Where each class of the run stands in the file.
fn order(path: &Path, classes: &ClassList, names: &[impl AsRef<str>]) -> Result<Vec<usize>, VideoScoresError> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (place, name) in names.iter().enumerate() {
        if places.insert(name.as_ref(), place).is_some() {
            return Err(VideoScoresError::Twice { path: path.into(), name: name.as_ref().to_owned() });
        }
    }
    let place = |label: &String| {
        places.get(label.as_str()).copied().ok_or_else(|| VideoScoresError::Class {
            path: path.into(),
            unknown: UnknownLabel {
                label: label.clone(),
                nearest: nearest(label, names.iter().map(AsRef::as_ref)).map(str::to_owned),
                known: names.len(),
            },
        })
    };
    classes.labels().iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<VideoScores, VideoScoresError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let classes = ClassList::new(["dive".to_owned(), "jump".to_owned()]).unwrap();
        VideoScores::read(file.path(), &classes)
    }

    #[test]
    fn scores_come_in_the_order_of_the_run_whatever_the_form() {
        for text in [
            r#"{"results": {"v": [0.5, 0.25, 0.125]}, "class": ["jump", "swim", "dive"]}"#,
            r#"{"results": {"v": [[0.5, 0.25, 0.125]]}, "classes": ["jump", "swim", "dive"], "version": 1}"#,
        ] {
            assert_eq!(read(text).unwrap().of("v").unwrap(), [0.125, 0.5]);
        }
    }

    #[test]
    fn names_of_activitynet_are_found_with_and_without_their_prefix() {
        let scores = read(r#"{"results": {"v": [1, 2]}, "class": ["dive", "jump"]}"#).unwrap();
        assert_eq!(scores.of("v_v").unwrap(), scores.of("v").unwrap());
    }

    #[test]
    fn a_table_of_thumos_is_read_by_the_number_of_the_video() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.npy");
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 101), }";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend_from_slice(&(header.len() as u16 + 1).to_le_bytes());
        bytes.extend_from_slice(format!("{header}\n").as_bytes());
        (0..202u16).for_each(|value| bytes.extend_from_slice(&f32::from(value).to_le_bytes()));
        std::fs::write(&path, bytes).unwrap();
        let classes = ClassList::new(["Billiards".to_owned(), "BaseballPitch".to_owned()]).unwrap();
        let scores = VideoScores::read(&path, &classes).unwrap();
        assert_eq!(scores.of("video_test_0000001").unwrap(), [11.0, 6.0]);
        assert_eq!(scores.of("video_test_0000002").unwrap(), [112.0, 107.0]);
        assert!(scores.of("video_test_0000003").is_err());
        let unknown = ClassList::new(["Biliards".to_owned()]).unwrap();
        assert!(VideoScores::read(&path, &unknown).unwrap_err().to_string().contains("Billiards"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = |text: &str| read(text).unwrap_err().to_string();
        assert!(message(r#"{"results": {}, "class": ["jump", "dove"]}"#).contains("did you mean `dove`?"));
        let short = r#"{"results": {"v": [0.5]}, "class": ["jump", "dive"]}"#;
        assert!(message(short).contains("`v` has 1 scores, but there are 2 classes"));
        assert!(message(r#"{"results": {}, "class": ["dive", "jump", "dive"]}"#).contains("`dive` stands there twice"));
        let scores = read(r#"{"results": {"video_7": [1, 2]}, "class": ["dive", "jump"]}"#).unwrap();
        assert!(scores.of("vidoe_7").unwrap_err().to_string().contains("did you mean `video_7`?"));
    }
}
