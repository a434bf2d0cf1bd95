//! What outside classifiers say of whole videos, read from their files, for [`Fusion`](adatad_detector::external::Fusion).
//!
//! | file | fusion it comes with |
//! | --- | --- |
//! | `{"results": {video: [score per class]}, "class": [names]}` (CUHK) | product, best 2 |
//! | the same, also with `classes` (InternVideo, InternVideo2) | root |
//! | the same, with the scores one list deeper (TCANet for HACS) | double softmax |
//! | `.npy`, `[videos, 101]`, a row for each test video of THUMOS-14 (UntrimmedNet) | product |
//!
//! Classes are put in the order of the data set; one that the data set does not have is left out, and one that the file
//! does not have is an error, as it could never be found.

mod npy;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adatad_data::classes::ClassList;
use serde::Deserialize;

/// Classes of THUMOS-14's detection among the 101 of its classification: the column, counted from 1, and the name
/// (OpenTAD `UntrimmedNetTHUMOSClassifier`).
const THUMOS: [(usize, &str); 20] = [
    (7, "BaseballPitch"),
    (9, "BasketballDunk"),
    (12, "Billiards"),
    (21, "CleanAndJerk"),
    (22, "CliffDiving"),
    (23, "CricketBowling"),
    (24, "CricketShot"),
    (26, "Diving"),
    (31, "FrisbeeCatch"),
    (33, "GolfSwing"),
    (36, "HammerThrow"),
    (40, "HighJump"),
    (45, "JavelinThrow"),
    (51, "LongJump"),
    (68, "PoleVault"),
    (79, "Shotput"),
    (85, "SoccerPenalty"),
    (92, "TennisSwing"),
    (93, "ThrowDiscus"),
    (97, "VolleyballSpiking"),
];

/// Scores of whole videos, in the order of a data set's classes.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoScores {
    path: PathBuf,
    videos: Videos,
}

#[derive(Debug, Clone, PartialEq)]
enum Videos {
    Named(BTreeMap<String, Vec<f64>>),
    /// The row of a video is the number at the end of its name, counted from 1.
    Numbered(Vec<Vec<f64>>),
}

/// Why scores of whole videos cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VideoScoresError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A class of the data set is not in the file.
    #[error("{}: has no class `{label}`{}", path.display(), meant(.nearest))]
    NoClass {
        /// The file.
        path: PathBuf,
        /// The class.
        label: String,
        /// The one of the file that was probably meant.
        nearest: Option<String>,
    },
    /// A video is not in the file.
    #[error("{}: has no scores for the video `{video}`", path.display())]
    NoVideo {
        /// The file.
        path: PathBuf,
        /// The video.
        video: String,
    },
}

fn meant(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|label| format!("; the nearest is `{label}`")).unwrap_or_default()
}

#[derive(Deserialize)]
struct File {
    results: BTreeMap<String, Scores>,
    #[serde(alias = "classes")]
    class: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Scores {
    Flat(Vec<f64>),
    Nested(Vec<Vec<f64>>),
}

impl VideoScores {
    /// Reads a file of any of the layouts above.
    ///
    /// # Errors
    ///
    /// It cannot be read, is of no such layout, or lacks a class.
    pub fn load(path: impl AsRef<Path>, classes: &ClassList) -> Result<Self, VideoScoresError> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|source| VideoScoresError::Read { path: path.into(), source })?;
        let file = |message: String| VideoScoresError::File { path: path.into(), message };
        if bytes.starts_with(npy::MAGIC) {
            let rows = npy::read(&bytes).map_err(|error| file(error.to_string()))?;
            let names: Vec<&str> = THUMOS.iter().map(|(_, name)| *name).collect();
            let order = order(path, classes, &names)?;
            let pick = |row: &Vec<f64>| {
                let column = |&at: &usize| row.get(THUMOS[at].0 - 1).copied();
                order.iter().map(column).collect::<Option<Vec<f64>>>()
            };
            let rows = rows.iter().map(pick).collect::<Option<Vec<_>>>();
            let rows = rows.ok_or_else(|| file("has fewer than the 101 columns of THUMOS-14's classes".into()))?;
            return Ok(Self { path: path.into(), videos: Videos::Numbered(rows) });
        }
        let File { results, class } = serde_json::from_slice(&bytes).map_err(|error| file(error.to_string()))?;
        let names: Vec<&str> = class.iter().map(String::as_str).collect();
        let order = order(path, classes, &names)?;
        let mut videos = BTreeMap::new();
        for (video, scores) in results {
            let scores = match scores {
                Scores::Flat(scores) => scores,
                // One list per crop or model; OpenTAD takes the first.
                Scores::Nested(lists) => lists.into_iter().next().unwrap_or_default(),
            };
            if scores.len() != class.len() {
                return Err(file(format!("`{video}` has {} scores for {} classes", scores.len(), class.len())));
            }
            videos.insert(video, order.iter().map(|&at| scores[at]).collect());
        }
        Ok(Self { path: path.into(), videos: Videos::Named(videos) })
    }

    /// The scores of one video, a number per class of the data set.
    ///
    /// # Errors
    ///
    /// The file has none.
    pub fn of(&self, video: &str) -> Result<&[f64], VideoScoresError> {
        let found = match &self.videos {
            Videos::Named(videos) => videos.get(video).or_else(|| videos.get(video.strip_prefix("v_")?)),
            Videos::Numbered(rows) => number(video).and_then(|number| rows.get(number.checked_sub(1)?)),
        };
        let lacks = || VideoScoresError::NoVideo { path: self.path.clone(), video: video.to_owned() };
        found.map(Vec::as_slice).ok_or_else(lacks)
    }
}

/// Where each class of the data set stands in the file.
fn order(path: &Path, classes: &ClassList, names: &[&str]) -> Result<Vec<usize>, VideoScoresError> {
    let place = |label: &String| {
        names.iter().position(|name| name == label).ok_or_else(|| VideoScoresError::NoClass {
            path: path.into(),
            label: label.clone(),
            nearest: crate::config::nearest(label, names.iter().copied()).map(str::to_owned),
        })
    };
    classes.labels().iter().map(place).collect()
}

/// The number at the end of a name.
fn number(video: &str) -> Option<usize> {
    let digits = video.len() - video.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    video[video.len() - digits..].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(name: &str, content: &[u8], classes: &[&str]) -> Result<VideoScores, VideoScoresError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        VideoScores::load(&path, &ClassList::new(classes.iter().copied()).unwrap())
    }

    #[test]
    fn scores_come_in_the_order_of_the_data_set() {
        let text = br#"{"results": {"a": [0.1, 0.2, 0.7], "b": [[3, 2, 1], [9, 9, 9]]}, "classes": ["x", "y", "z"]}"#;
        let scores = load("scores.json", text, &["z", "x"]).unwrap();
        assert_eq!(scores.of("a").unwrap(), [0.7, 0.1]);
        assert_eq!(scores.of("v_a").unwrap(), [0.7, 0.1], "ActivityNet's names have a prefix in the annotations");
        assert_eq!(scores.of("b").unwrap(), [1.0, 3.0], "of several lists the first");
        let error = scores.of("c").unwrap_err().to_string();
        assert!(error.contains("no scores for the video `c`"), "{error}");
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let text = br#"{"results": {"a": [0.1]}, "class": ["Diving", "Golf"]}"#;
        let error = load("scores.json", text, &["Golf"]).unwrap_err().to_string();
        assert!(error.contains("`a` has 1 scores for 2 classes"), "{error}");
        let error = load("scores.json", text, &["Divin"]).unwrap_err().to_string();
        assert!(error.contains("no class `Divin`; the nearest is `Diving`"), "{error}");
        let error = load("scores.json", b"[]", &["Golf"]).unwrap_err().to_string();
        assert!(error.contains("scores.json: "), "{error}");
    }

    #[test]
    fn a_table_of_thumos_is_read_by_the_number_of_the_video() {
        let columns = 101;
        let values: Vec<f32> = (0..2 * columns).map(|at| at as f32).collect();
        let bytes = npy::tests::file("<f4", &format!("(2, {columns})"), &values);
        let scores = load("scores.npy", &bytes, &["Billiards", "BaseballPitch"]).unwrap();
        assert_eq!(scores.of("video_test_0000001").unwrap(), [11.0, 6.0]);
        assert_eq!(scores.of("video_test_0000002").unwrap(), [112.0, 107.0]);
        assert!(scores.of("video_test_0000003").is_err() && scores.of("video_test_0000000").is_err());
        assert!(scores.of("video").is_err());
        let narrow = npy::tests::file("<f4", "(1, 2)", &[1.0, 2.0]);
        assert!(load("scores.npy", &narrow, &["Billiards"]).unwrap_err().to_string().contains("101 columns"));
    }
}
