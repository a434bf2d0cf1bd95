//! How far a score can be believed, and which score to ask for so that so many of the detections are right.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::Evaluation;

/// Bands of scores.
const BANDS: usize = 10;

/// What scores mean on a set of videos. All values are fractions of 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Temporal intersection over union from which a detection is right.
    pub tiou: f64,
    /// Share of detections that are right, by score.
    pub bands: Vec<Band>,
    /// Distance of score from share, over all detections: 0 where every score says how often it is right.
    pub error: f64,
    /// For each wanted precision, what to ask for.
    pub operating: Vec<Operating>,
    /// The same for each class by itself, for one of them.
    pub per_class: BTreeMap<String, Operating>,
}

/// Detections whose scores lie in one tenth of the range.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// Mean score.
    pub score: f64,
    /// Share that is right.
    pub precision: f64,
    /// How many detections there are.
    pub detections: usize,
}

/// A score to ask for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Operating {
    /// Precision that is wanted.
    pub wanted: f64,
    /// Least score with which all that score as much or more are right that often; none where even the best is not.
    pub score: Option<f64>,
    /// Precision that it gives.
    pub precision: f64,
    /// Share of the actions that are found with it.
    pub recall: f64,
}

/// What the scores of `evaluation` mean at one threshold of overlap, and which score gives each `wanted` precision.
///
/// For each class by itself it is told for the precision `of_class`.
pub fn calibrate(evaluation: &Evaluation, tiou: f64, wanted: &[f64], of_class: f64) -> Calibration {
    let mut all: Vec<(f64, bool)> = Vec::new();
    let mut per_class = BTreeMap::new();
    let mut truths = 0;
    for (name, class) in &evaluation.classes {
        let mut right = vec![false; class.detections.len()];
        class.matches(&[tiou])[0].iter().for_each(|&(rank, _)| right[rank] = true);
        let scored: Vec<(f64, bool)> = class.detections.iter().map(|d| d.score).zip(right).collect();
        truths += class.truths;
        per_class.insert((*name).to_owned(), operating(&scored, class.truths, of_class));
        all.extend(scored);
    }
    all.sort_by(|a, b| b.0.total_cmp(&a.0));
    let bands = bands(&all);
    let count = all.len().max(1) as f64;
    let error = bands.iter().map(|band| (band.score - band.precision).abs() * band.detections as f64).sum::<f64>();
    let operating = wanted.iter().map(|&wanted| operating(&all, truths, wanted)).collect();
    Calibration { tiou, bands, error: error / count, operating, per_class }
}

fn bands(all: &[(f64, bool)]) -> Vec<Band> {
    let mut sums = [(0.0, 0, 0); BANDS];
    for (score, right) in all {
        let (sum, rights, count) = &mut sums[((score * BANDS as f64) as usize).min(BANDS - 1)];
        *sum += score;
        *rights += usize::from(*right);
        *count += 1;
    }
    let band = |&(sum, rights, count): &(f64, usize, usize)| Band {
        score: sum / count as f64,
        precision: rights as f64 / count as f64,
        detections: count,
    };
    sums.iter().filter(|(_, _, count)| *count > 0).map(band).collect()
}

/// `scored` is sorted, best first. Equal scores cannot be told apart by a threshold, so they count together.
fn operating(scored: &[(f64, bool)], truths: usize, wanted: f64) -> Operating {
    let mut best = Operating { wanted, score: None, precision: 0.0, recall: 0.0 };
    let mut rights = 0;
    for (rank, (score, right)) in scored.iter().enumerate() {
        rights += usize::from(*right);
        let last_of_its_score = scored.get(rank + 1).is_none_or(|(next, _)| next < score);
        let precision = rights as f64 / (rank + 1) as f64;
        if last_of_its_score && precision >= wanted {
            best = Operating { wanted, score: Some(*score), precision, recall: rights as f64 / truths.max(1) as f64 };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::metrics::{LabelledDetection, LabelledTruth};

    /// Actions at every tenth second; detections with a score each, right where they lie on one.
    fn evaluated(scored: &[(f64, bool)]) -> Calibration {
        let truth: Vec<_> = (0..10)
            .map(|n| LabelledTruth { start: f64::from(n) * 10.0, end: f64::from(n) * 10.0 + 5.0, label: "a" })
            .collect();
        let found: Vec<_> = scored
            .iter()
            .enumerate()
            .map(|(n, &(score, right))| {
                let start = n as f64 * 10.0 + if right { 0.0 } else { 500.0 };
                LabelledDetection { start, end: start + 5.0, label: "a", score }
            })
            .collect();
        let (truth, found) = ([("v", truth)], [("v", found)]);
        calibrate(&Evaluation::new(&truth, &found, &BTreeSet::new()), 0.5, &[0.5, 0.9], 0.9)
    }

    #[test]
    fn the_threshold_is_the_least_that_gives_the_precision() {
        let scored = [(0.9, true), (0.8, true), (0.7, false), (0.6, true), (0.5, false), (0.4, false), (0.3, true)];
        let found = evaluated(&scored);
        let [half, most] = found.operating[..] else { panic!() };
        assert_eq!((half.score, half.precision, half.recall), (Some(0.3), 4.0 / 7.0, 0.4));
        assert_eq!((most.score, most.precision, most.recall), (Some(0.8), 1.0, 0.2));
        assert_eq!(found.per_class["a"], most);
    }

    #[test]
    fn equal_scores_count_together_and_what_is_never_right_has_no_threshold() {
        let found = evaluated(&[(0.5, true), (0.5, false), (0.5, false)]);
        assert!(found.operating.iter().all(|operating| operating.score.is_none()), "{:?}", found.operating);
        assert_eq!(evaluated(&[]).operating[0].score, None);
        assert_eq!(evaluated(&[]).error, 0.0);
    }

    #[test]
    fn a_score_that_says_how_often_it_is_right_has_no_error() {
        let scored = [(0.75, true), (0.75, true), (0.75, true), (0.75, false)];
        let found = evaluated(&scored);
        assert_eq!(found.bands, [Band { score: 0.75, precision: 0.75, detections: 4 }]);
        assert!(found.error < 1e-12);
        assert!((evaluated(&[(0.95, false), (0.05, true)]).error - 0.95).abs() < 1e-12);
    }
}
