//! Classes from outside, for a detector that says none: a file of video-level scores, and how they are fused.

use std::path::PathBuf;

use adatad_data::classes::ClassList;
use adatad_data::video_scores::{VideoScores, VideoScoresError};
use adatad_detector::classifier::VideoClasses;
use adatad_detector::segment::Segment;
use serde::{Deserialize, Serialize};

/// Where the scores are, and what is made of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClassifierConfig {
    /// Class scores of every video; see [`VideoScores`]. Relative paths start at the run file's folder.
    pub scores: PathBuf,
    /// How they become detections.
    pub fusion: VideoClasses,
}

/// Scores in the order of a run's classes.
#[derive(Debug, Clone)]
pub struct Classifier {
    scores: VideoScores,
    fusion: VideoClasses,
}

impl Classifier {
    /// Reads the scores.
    ///
    /// # Errors
    ///
    /// See [`VideoScores::read`].
    pub fn load(config: &ClassifierConfig, classes: &ClassList) -> Result<Self, VideoScoresError> {
        Ok(Self { scores: VideoScores::read(&config.scores, classes)?, fusion: config.fusion.clone() })
    }

    /// Every proposal of a video for each of its likeliest classes.
    ///
    /// # Errors
    ///
    /// The video has no scores.
    pub fn fuse(&self, video: &str, proposals: &[Segment]) -> Result<Vec<Segment>, VideoScoresError> {
        Ok(self.fusion.fuse(proposals, self.scores.of(video)?))
    }
}
