//! UntrimmedNet's scores for THUMOS-14: a table of 101 columns, a row for each test video.

use std::collections::BTreeMap;
use std::path::Path;

use super::{VideoScores, VideoScoresError};
use crate::classes::ClassList;
use crate::features::NpyFile;

/// Columns of the table: the classes of THUMOS-14's classification.
const COLUMNS: usize = 101;

/// Classes of its detection among them: the column, counted from 1, and the name (OpenTAD
/// `UntrimmedNetTHUMOSClassifier`).
const CLASSES: [(usize, &str); 20] = [
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

/// Reads the table; row `n` is that of `video_test_n`, counted from 1.
pub(super) fn read(path: &Path, classes: &ClassList) -> Result<VideoScores, VideoScoresError> {
    let names = CLASSES.map(|(_, name)| name);
    let order = super::order(path, classes, &names)?;
    let rows = NpyFile::open(path, COLUMNS)?.rows(path)?;
    let of_video = |(at, row): (usize, &[f32])| {
        let scores = order.iter().map(|&place| row[CLASSES[place].0 - 1]).collect();
        (format!("video_test_{:07}", at + 1), scores)
    };
    let scores: BTreeMap<_, _> = rows.values.chunks_exact(COLUMNS).enumerate().map(of_video).collect();
    Ok(VideoScores { path: path.into(), scores })
}
