//! What goes wrong, and where: the three analyses of DETAD (Alwassel, Caba Heilbron, Escorcia and Ghanem, "Diagnosing
//! Error in Temporal Action Detectors", ECCV 2018) as plain data.
//!
//! - *False-positive profile*: of the best detections of each class, `G` at a time, where `G` is how many actions the
//!   class has, which are right and what is wrong with the others; and what mean average precision would be without
//!   each kind of error.
//! - *Sensitivity*: mean average precision of short and long actions, of those that fill little or much of their video,
//!   of those that come seldom or often in it.
//! - *False negatives*: which of them are never found.
//!
//! Classes have very different numbers of actions, and precision depends on that number. *Normalised* average precision
//! takes every class for one with as many actions as classes have on average, so that bins can be compared.
//!
//! Differs from DETAD: an action that two classes share is of the detection's own class, if that is one of them (there,
//! the first in the file); in a bin, what a detection finds is judged at each threshold by itself (there, a detection
//! that finds an action of another bin at any threshold counts at none); the mean number of actions per class is not
//! rounded down; an action that is longer than its video is in the last bin (there, it is left out).

mod bins;
mod calibration;
mod false_positive;
mod normalised;
mod sensitivity;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use bins::Bins;
pub use calibration::{Band, Calibration, Operating, calibrate};
pub use false_positive::{Gain, Group, Outcome, Shares};
pub use sensitivity::Bin;

use crate::metrics::Evaluation;

/// What is wrong with a set of detections. All values are fractions of 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Temporal intersection over union from which a detection is right; all else is averaged over them.
    pub thresholds: Vec<f64>,
    /// Mean average precision of all detections.
    pub map: f64,
    /// The same, normalised.
    pub normalised_map: f64,
    /// Actions per class: what normalisation takes every class to have.
    pub truths_per_class: f64,
    /// The best `G` detections of every class, the second best `G`, and so on: "1G" to "10G".
    pub profile: Vec<Group>,
    /// What removing each kind of error would gain.
    pub gains: Vec<Gain>,
    /// Share of actions that are never found with a normalised precision above 0.05.
    pub false_negative_rate: f64,
    /// By length of the action, in seconds.
    pub length: Vec<Bin>,
    /// By the part of its video that an action fills; empty where no video's duration is known.
    pub coverage: Vec<Bin>,
    /// By how many actions of the class the video has.
    pub count: Vec<Bin>,
}

/// Diagnoses what an [`Evaluation`] was made from.
///
/// `durations` are those of the videos, in seconds; a video that is not there has no coverage.
pub fn diagnose(
    evaluation: &Evaluation,
    durations: &BTreeMap<&str, f64>,
    thresholds: &[f64],
    bins: &Bins,
) -> Diagnosis {
    let classes = evaluation.classes.len().max(1) as f64;
    let truths: usize = evaluation.classes.values().map(|class| class.truths).sum();
    let truths_per_class = truths as f64 / classes;
    let matches: Vec<_> = evaluation.classes.values().map(|class| class.matches(thresholds)).collect();

    let mean = |instances: &dyn Fn(usize) -> f64| {
        let areas = evaluation.classes.values().zip(&matches).flat_map(|(class, matches)| {
            matches.iter().map(|matches| normalised::area(matches, class.truths, instances(class.truths)))
        });
        areas.sum::<f64>() / (classes * thresholds.len().max(1) as f64)
    };
    let map = mean(&|truths| truths as f64);
    let normalised_map = mean(&|_| truths_per_class);

    let (profile, gains) = false_positive::analyse(evaluation, &matches, thresholds, truths_per_class);
    let sensitivity = sensitivity::analyse(evaluation, &matches, durations, bins, truths_per_class);
    Diagnosis {
        thresholds: thresholds.to_vec(),
        map,
        normalised_map,
        truths_per_class,
        profile,
        gains,
        false_negative_rate: sensitivity.false_negative_rate,
        length: sensitivity.length,
        coverage: sensitivity.coverage,
        count: sensitivity.count,
    }
}

/// For each class and threshold, the detections that are right, by rank, each with the action that it finds.
type Matches = Vec<Vec<Vec<(usize, usize)>>>;

#[cfg(test)]
mod tests;
