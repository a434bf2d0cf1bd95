//! Mean average precision: the area under precision over recall, per class and threshold.
//!
//! Precision is first made to never fall towards the left, then summed over every step of recall (VOC 2010 and later,
//! not the eleven points of VOC 2007). Source: OpenTAD `compute_average_precision_detection`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::class::Class;
use super::{Evaluation, mean};

/// Mean average precision with what is needed to judge it. All values are fractions of 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeanAveragePrecision {
    /// Temporal intersection over union from which a detection is right.
    pub thresholds: Vec<f64>,
    /// Mean over the classes, for each threshold.
    pub values: Vec<f64>,
    /// Mean over the thresholds.
    pub average: f64,
    /// The classes that are annotated, by name.
    pub per_class: Vec<ClassAveragePrecision>,
    /// Videos that were given annotations, if only an empty list of them.
    pub videos: usize,
    /// Annotations that count.
    pub truths: usize,
    /// Annotations that do not (see [`Counting`](super::Counting)): without length, or repeated.
    pub skipped_truths: usize,
    /// Detections, those with unknown labels included.
    pub detections: usize,
    /// How many detections have a label that no annotation has, by label.
    pub unknown_labels: BTreeMap<String, usize>,
}

/// Average precision of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassAveragePrecision {
    /// Name of the class.
    pub name: String,
    /// Annotations that count.
    pub truths: usize,
    /// One for each threshold.
    pub values: Vec<f64>,
    /// Mean over the thresholds.
    pub average: f64,
}

pub(super) fn evaluate(evaluation: &Evaluation, thresholds: &[f64]) -> MeanAveragePrecision {
    let per_class = evaluation.classes.iter().map(|(&name, class)| {
        let values = of_class(class, thresholds);
        let average = mean(values.iter().copied());
        ClassAveragePrecision { name: name.to_owned(), truths: class.truths, values, average }
    });
    let per_class: Vec<_> = per_class.collect();
    let at = |threshold: usize| mean(per_class.iter().map(|class| class.values[threshold]));
    let values: Vec<_> = (0..thresholds.len()).map(at).collect();
    MeanAveragePrecision {
        thresholds: thresholds.to_vec(),
        average: mean(values.iter().copied()),
        values,
        per_class,
        videos: evaluation.videos,
        truths: evaluation.truths,
        skipped_truths: evaluation.skipped_truths,
        detections: evaluation.detections,
        unknown_labels: evaluation.unknown_labels.clone(),
    }
}

fn of_class(class: &Class, thresholds: &[f64]) -> Vec<f64> {
    let ranks = |matches: Vec<(usize, usize)>| matches.into_iter().map(|(rank, _)| rank).collect::<Vec<_>>();
    class.matches(thresholds).into_iter().map(|matches| area(&ranks(matches), class.truths)).collect()
}

/// The area, given the ranks (from 0) of the detections that are right.
///
/// Recall grows by the same amount at each of them and nowhere else, so the area is a mean of precisions.
fn area(hits: &[usize], truths: usize) -> f64 {
    let (mut best, mut sum) = (0.0_f64, 0.0);
    for (before, &rank) in hits.iter().enumerate().rev() {
        best = best.max((before + 1) as f64 / (rank + 1) as f64);
        sum += best;
    }
    sum / truths as f64
}

#[cfg(test)]
mod tests {
    use super::area;

    #[test]
    fn precision_never_falls_towards_the_left() {
        // Right at ranks 2, 3 and 4 (from 1): precisions 1/2, 2/3, 3/4, all raised to 3/4.
        assert_eq!(area(&[1, 2, 3], 4), 3.0 * 0.75 / 4.0);
    }
}
