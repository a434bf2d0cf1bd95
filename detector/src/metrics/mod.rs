//! How well detections agree with the annotations: mean average precision and recall.
//!
//! The numbers are those of the ActivityNet evaluation in OpenTAD's form (`evaluations/mAP.py`), which THUMOS-14,
//! ActivityNet-1.3 and most others are published with. An [`Evaluation`] sorts everything by class once; each metric
//! then takes one pass for all its thresholds.
//!
//! - Which annotations count is a choice, see [`Counting`].
//! - A detection in a video that has no annotations is wrong, not ignored: pass only videos that were meant.
//! - A detection whose label no annotation has is counted by name and otherwise ignored. So the mean is over the
//!   classes that are annotated.
//! - Of equal scores the later detection goes first, of equally good annotations the later one: a stable sort read
//!   backwards. Differs from OpenTAD, which reads an unstable sort backwards.
//! - Spans that are empty, reversed or not numbers overlap nothing, so such detections are wrong. A score that is no
//!   number comes last and is wrong as well. Differs from OpenTAD, where either counts as a hit.

mod average_precision;
pub(crate) mod class;
mod epic;
mod proposals;
mod recall;
pub(crate) mod spans;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

pub use average_precision::{ClassAveragePrecision, MeanAveragePrecision};
pub use epic::{EpicDetection, EpicScores, EpicTruth, epic};
pub use proposals::{ProposalRecall, proposal_recall};
pub use recall::{ClassRecall, MeanRecall};

use class::Class;

/// Which annotations count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counting {
    /// Those that have a length and repeat none before them (same class, both ends within 1e-3 s): OpenTAD's way.
    #[default]
    Distinct,
    /// All but those that are reversed or not finite: the way of the official ActivityNet toolkit. A detection without
    /// length finds an annotation without length at the same place. Differs from the toolkit, where it finds one at
    /// any place (0 / 0 is no smaller than a threshold).
    Every,
}

/// An annotated action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledTruth<'a> {
    /// Begin, in seconds.
    pub start: f64,
    /// End, in seconds.
    pub end: f64,
    /// Name of the class.
    pub label: &'a str,
}

/// A detected action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelledDetection<'a> {
    /// Begin, in seconds.
    pub start: f64,
    /// End, in seconds.
    pub end: f64,
    /// Name of the class.
    pub label: &'a str,
    /// Confidence; only its order counts.
    pub score: f64,
}

/// Annotations and detections of a set of videos, sorted by class.
#[derive(Debug, Clone)]
pub struct Evaluation<'a> {
    pub(crate) classes: BTreeMap<&'a str, Class>,
    /// Names of all videos, those without annotations included.
    pub(crate) names: Vec<&'a str>,
    videos: usize,
    truths: usize,
    skipped_truths: usize,
    detections: usize,
    unknown_labels: BTreeMap<String, usize>,
}

impl<'a> Evaluation<'a> {
    /// Takes the videos of one subset, each with its name. Nothing of the `blocked` videos is counted.
    ///
    /// A video that comes several times is one video. Annotations are counted as OpenTAD does.
    pub fn new(
        truth: &[(&'a str, Vec<LabelledTruth<'a>>)],
        detections: &[(&'a str, Vec<LabelledDetection<'a>>)],
        blocked: &BTreeSet<&str>,
    ) -> Self {
        Self::counting(Counting::Distinct, truth, detections, blocked)
    }

    /// The same with a choice of which annotations count.
    pub fn counting(
        counting: Counting,
        truth: &[(&'a str, Vec<LabelledTruth<'a>>)],
        detections: &[(&'a str, Vec<LabelledDetection<'a>>)],
        blocked: &BTreeSet<&str>,
    ) -> Self {
        let (mut names, mut numbers) = (Vec::new(), HashMap::new());
        let mut home = |video: &'a str| {
            *numbers.entry(video).or_insert_with(|| {
                names.push(video);
                names.len() - 1
            })
        };
        let mut classes: BTreeMap<&str, Class> = BTreeMap::new();
        let (mut videos, mut truths, mut skipped_truths) = (BTreeSet::new(), 0, 0);
        for (video, annotations) in truth.iter().filter(|(video, _)| !blocked.contains(video)) {
            let home = home(video);
            videos.insert(*video);
            for annotation in annotations {
                let span = [annotation.start, annotation.end];
                // Asked before the class is made, because a class of nothing but empty spans is none.
                let added = class::counts(span, counting)
                    && classes.entry(annotation.label).or_default().add(home, span, counting);
                *(if added { &mut truths } else { &mut skipped_truths }) += 1;
            }
        }

        let (mut seen, mut unknown_labels) = (0, BTreeMap::new());
        for (video, detected) in detections.iter().filter(|(video, _)| !blocked.contains(video)) {
            let home = home(video);
            seen += detected.len();
            for detection in detected {
                match classes.get_mut(detection.label) {
                    Some(class) => class.detect(home, [detection.start, detection.end], detection.score),
                    None => *unknown_labels.entry(detection.label.to_owned()).or_default() += 1,
                }
            }
        }
        classes.values_mut().for_each(Class::sort);
        Self { classes, names, videos: videos.len(), truths, skipped_truths, detections: seen, unknown_labels }
    }

    /// Mean average precision at each of the `thresholds` of temporal intersection over union.
    pub fn average_precision(&self, thresholds: &[f64]) -> MeanAveragePrecision {
        average_precision::evaluate(self, thresholds)
    }

    /// Mean recall of the best `multiples[i] * x` detections per video and class, where `x` is how many annotations the
    /// video has of that class (Ego4D's top-kx recall).
    pub fn recall(&self, thresholds: &[f64], multiples: &[usize]) -> MeanRecall {
        recall::evaluate(self, thresholds, multiples)
    }
}

/// Mean average precision of a set of videos: [`Evaluation::average_precision`] with nothing blocked.
pub fn mean_average_precision<'a>(
    truth: &[(&'a str, Vec<LabelledTruth<'a>>)],
    detections: &[(&'a str, Vec<LabelledDetection<'a>>)],
    thresholds: &[f64],
) -> MeanAveragePrecision {
    Evaluation::new(truth, detections, &BTreeSet::new()).average_precision(thresholds)
}

/// The mean; 0 of nothing, so that no report has to print NaN.
fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1);
    values.sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(start: f64, end: f64, label: &str) -> LabelledTruth<'_> {
        LabelledTruth { start, end, label }
    }

    fn detection(start: f64, end: f64, label: &str, score: f64) -> LabelledDetection<'_> {
        LabelledDetection { start, end, label, score }
    }

    #[test]
    fn a_wrong_detection_above_a_right_one_halves_the_precision() {
        let truth = [("v", vec![truth(0.0, 10.0, "run")])];
        let found = [("v", vec![detection(50.0, 60.0, "run", 0.9), detection(0.0, 10.0, "run", 0.8)])];
        assert_eq!(mean_average_precision(&truth, &found, &[0.5]).values, [0.5]);
    }

    #[test]
    fn an_action_is_found_once() {
        let truth = [("v", vec![truth(0.0, 10.0, "run"), truth(20.0, 30.0, "run")])];
        let twice = vec![detection(0.0, 10.0, "run", 0.9), detection(0.0, 10.0, "run", 0.8)];
        assert_eq!(mean_average_precision(&truth, &[("v", twice)], &[0.5]).values, [0.5]);
    }

    #[test]
    fn a_taken_action_leaves_the_next_best_overlap() {
        let truth = [("v", vec![truth(0.0, 10.0, "run"), truth(1.0, 11.0, "run")])];
        let twice = vec![detection(0.0, 10.0, "run", 0.9), detection(0.0, 10.0, "run", 0.8)];
        let result = mean_average_precision(&truth, &[("v", twice)], &[0.8, 0.9]);
        assert_eq!(result.values, [1.0, 0.5]);
    }

    #[test]
    fn a_class_that_is_never_detected_counts_as_zero() {
        let truth = [("v", vec![truth(0.0, 10.0, "run"), truth(0.0, 10.0, "hop")])];
        let result = mean_average_precision(&truth, &[("v", vec![detection(0.0, 10.0, "run", 0.9)])], &[0.5]);
        assert_eq!(result.average, 0.5);
        assert_eq!(result.per_class[0].name, "hop");
        assert_eq!(result.per_class[0].average, 0.0);
    }

    #[test]
    fn a_detection_in_a_video_without_annotations_is_wrong() {
        let truth = [("v", vec![truth(0.0, 10.0, "run")])];
        let right = vec![detection(0.0, 10.0, "run", 0.5)];
        let elsewhere = [("w", vec![detection(0.0, 10.0, "run", 0.9)]), ("v", right)];
        assert_eq!(mean_average_precision(&truth, &elsewhere, &[0.5]).average, 0.5);
        let evaluation = Evaluation::new(&truth, &elsewhere, &BTreeSet::from(["w"]));
        assert_eq!(evaluation.average_precision(&[0.5]).average, 1.0, "unless the video is blocked");
    }

    #[test]
    fn labels_that_no_annotation_has_are_counted_by_name() {
        let truth = [("v", vec![truth(0.0, 10.0, "run"), truth(3.0, 3.0, "hop")])];
        let found = ["swim", "hop", "run", "swim"].map(|label| detection(0.0, 10.0, label, 0.9));
        let result = mean_average_precision(&truth, &[("v", found.to_vec())], &[0.5]);
        assert_eq!(result.unknown_labels, BTreeMap::from([("hop".to_owned(), 1), ("swim".to_owned(), 2)]));
        assert_eq!((result.average, result.detections, result.truths, result.skipped_truths), (1.0, 4, 1, 1));
    }

    #[test]
    fn nothing_at_all_is_zero_and_not_nan() {
        let result = mean_average_precision(&[], &[], &[0.5]);
        assert_eq!((result.average, result.values), (0.0, vec![0.0]));
        assert_eq!(mean_average_precision(&[], &[], &[]).average, 0.0);
    }

    #[test]
    fn of_equal_scores_the_later_goes_first() {
        let truth = [("v", vec![truth(0.0, 10.0, "run")])];
        let (right, wrong) = (detection(0.0, 10.0, "run", 0.5), detection(50.0, 60.0, "run", 0.5));
        assert_eq!(mean_average_precision(&truth, &[("v", vec![wrong, right])], &[0.5]).average, 1.0);
        assert_eq!(mean_average_precision(&truth, &[("v", vec![right, wrong])], &[0.5]).average, 1.0 / 2.0);
    }

    #[test]
    fn what_is_no_span_or_has_no_score_is_wrong_and_stops_nothing() {
        let truth = [("v", vec![truth(0.0, 10.0, "run"), truth(f64::NAN, 4.0, "run"), truth(5.0, 2.0, "run")])];
        let odd = vec![
            detection(f64::NAN, 10.0, "run", 0.9),
            detection(10.0, 0.0, "run", 0.9),
            detection(f64::NEG_INFINITY, f64::INFINITY, "run", f64::INFINITY),
            detection(0.0, 10.0, "run", f64::NAN),
            detection(0.0, 10.0, "run", 0.1),
        ];
        let evaluation = Evaluation::new(&truth, &[("v", odd)], &BTreeSet::new());
        assert_eq!(evaluation.average_precision(&[0.5]).values, [0.25], "three above it are wrong");
        assert_eq!(evaluation.recall(&[0.5], &[3, 4]).values, [[0.0, 1.0]]);
    }

    #[test]
    fn recall_looks_at_as_many_detections_as_there_are_actions() {
        let truth = [("v", vec![truth(0.0, 10.0, "run"), truth(20.0, 30.0, "run")]), ("w", vec![])];
        let found = [(0.0, 0.9), (100.0, 0.8), (20.0, 0.7)];
        let found = found.map(|(start, score)| detection(start, start + 10.0, "run", score));
        let result = Evaluation::new(&truth, &[("v", found.to_vec())], &BTreeSet::new()).recall(&[0.5, 0.9], &[1, 2]);
        assert_eq!(result.values, [[0.5, 1.0], [0.5, 1.0]]);
    }
}
