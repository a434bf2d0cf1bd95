//! EPIC-Kitchens: an action is a verb and a noun, and each of the three is scored by itself.
//!
//! A detection names a verb, a noun and a pair of both, which usually are the same two; all three tasks rank by the one
//! score. Every annotation counts. Source: OpenTAD `evaluations/mAP_epic.py` and the challenge's own evaluator, where
//! an action is the number `verb * 300 + noun`. Here it is the pair, so that no number of nouns is assumed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Counting, Evaluation, LabelledDetection, LabelledTruth, MeanAveragePrecision};

/// An annotated action. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpicTruth {
    /// Begin.
    pub start: f64,
    /// End.
    pub end: f64,
    /// Class of the verb.
    pub verb: u32,
    /// Class of the noun.
    pub noun: u32,
}

/// A detected action. Times in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpicDetection {
    /// Begin.
    pub start: f64,
    /// End.
    pub end: f64,
    /// Class of the verb.
    pub verb: u32,
    /// Class of the noun.
    pub noun: u32,
    /// Verb and noun of the action; files may name another pair than the two by themselves.
    pub action: [u32; 2],
    /// Confidence; only its order counts.
    pub score: f64,
}

/// Scores of the three tasks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EpicScores {
    /// Verbs; a class is named by its number.
    pub verb: MeanAveragePrecision,
    /// Nouns; a class is named by its number.
    pub noun: MeanAveragePrecision,
    /// Both; a class is named `VERB,NOUN`.
    pub action: MeanAveragePrecision,
}

/// What a task calls an action.
type Label = [Option<u32>; 2];

/// Mean average precision of verbs, nouns and actions.
pub fn epic(
    truth: &[(&str, Vec<EpicTruth>)],
    detections: &[(&str, Vec<EpicDetection>)],
    blocked: &BTreeSet<&str>,
    thresholds: &[f64],
) -> EpicScores {
    let score = |of_truth: &dyn Fn(&EpicTruth) -> Label, of_detection: &dyn Fn(&EpicDetection) -> Label| {
        let annotated = truth.iter().flat_map(|(_, rows)| rows).map(of_truth);
        let detected = detections.iter().flat_map(|(_, rows)| rows).map(of_detection);
        let names: BTreeMap<Label, String> = annotated.chain(detected).map(|label| (label, name(label))).collect();
        let truth = truth.iter().map(|&(video, ref rows)| {
            let row = |t: &EpicTruth| LabelledTruth { start: t.start, end: t.end, label: &names[&of_truth(t)] };
            (video, rows.iter().map(row).collect())
        });
        let found = detections.iter().map(|&(video, ref rows)| {
            let row = |d: &EpicDetection| LabelledDetection {
                start: d.start,
                end: d.end,
                label: &names[&of_detection(d)],
                score: d.score,
            };
            (video, rows.iter().map(row).collect())
        });
        let (truth, found): (Vec<_>, Vec<_>) = (truth.collect(), found.collect());
        Evaluation::counting(Counting::Every, &truth, &found, blocked).average_precision(thresholds)
    };
    EpicScores {
        verb: score(&|t| [Some(t.verb), None], &|d| [Some(d.verb), None]),
        noun: score(&|t| [None, Some(t.noun)], &|d| [None, Some(d.noun)]),
        action: score(&|t| [Some(t.verb), Some(t.noun)], &|d| d.action.map(Some)),
    }
}

fn name(label: Label) -> String {
    let parts: Vec<String> = label.iter().flatten().map(ToString::to_string).collect();
    parts.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(start: f64, verb: u32, noun: u32) -> EpicTruth {
        EpicTruth { start, end: start + 2.0, verb, noun }
    }

    fn detection(start: f64, verb: u32, noun: u32, score: f64) -> EpicDetection {
        EpicDetection { start, end: start + 2.0, verb, noun, action: [verb, noun], score }
    }

    #[test]
    fn an_action_is_right_where_verb_and_noun_are() {
        let truth = [("P01_11", vec![truth(0.0, 3, 7), truth(10.0, 3, 8)])];
        let found = [("P01_11", vec![detection(0.0, 3, 7, 0.9), detection(10.0, 3, 9, 0.8)])];
        let scores = epic(&truth, &found, &BTreeSet::new(), &[0.5]);
        assert_eq!(scores.verb.values, [1.0]);
        assert_eq!(scores.noun.values, [0.5], "noun 8 is not found");
        assert_eq!(scores.action.values, [0.5]);
        let names: Vec<_> = scores.action.per_class.iter().map(|class| class.name.as_str()).collect();
        assert_eq!(names, ["3,7", "3,8"]);
    }

    #[test]
    fn a_pair_of_its_own_is_scored_as_the_action() {
        let truth = [("v", vec![truth(0.0, 1, 2)])];
        let found = [("v", vec![EpicDetection { action: [1, 2], ..detection(0.0, 5, 6, 0.9) }])];
        let scores = epic(&truth, &found, &BTreeSet::new(), &[0.5]);
        assert_eq!((scores.verb.average, scores.noun.average, scores.action.average), (0.0, 0.0, 1.0));
        assert_eq!(scores.verb.unknown_labels["5"], 1);
    }

    #[test]
    fn repeated_annotations_count_each_and_blocked_videos_not_at_all() {
        let rows = [("v", vec![truth(0.0, 1, 2), truth(0.0, 1, 2)]), ("w", vec![truth(0.0, 1, 2)])];
        let found = [("v", vec![detection(0.0, 1, 2, 0.9)])];
        let scores = epic(&rows, &found, &BTreeSet::from(["w"]), &[0.5]);
        assert_eq!((scores.action.truths, scores.action.average), (2, 0.5));
    }
}
