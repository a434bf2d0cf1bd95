//! Average recall of proposals: how many actions are covered, whatever their class, by how many proposals per video.
//!
//! A video gets proposals in proportion to how many there are of it, so that `n` is their mean over the videos and not
//! the same number in each. Recall is averaged over the thresholds (AR@n); AUC is the area under it up to the largest
//! `n`, as a fraction of 1. Source: OpenTAD `evaluations/recall.py`, after the ActivityNet toolkit.
//!
//! - Videos without an annotation that counts are left out, but their proposals count where shares are computed.
//! - Of equal scores the later proposal goes first, as in average precision. Differs from OpenTAD, where an unstable
//!   sort decides.

use std::collections::BTreeSet;

use serde::Serialize;

use super::spans::Spans;
use super::{Counting, Evaluation, LabelledDetection, LabelledTruth, mean};

/// Recall of proposals. All values are fractions of 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProposalRecall {
    /// Temporal intersection over union from which an action is covered.
    pub thresholds: Vec<f64>,
    /// For each threshold, recall with 1, 2, .. proposals per video on average.
    pub recall: Vec<Vec<f64>>,
    /// AR@1, AR@2, ..: the mean over the thresholds.
    pub average: Vec<f64>,
    /// Area under the average from 1 to the largest number of proposals, divided by that number.
    pub auc: f64,
    /// Annotations that count.
    pub truths: usize,
    /// Proposals, those in videos without annotations included.
    pub proposals: usize,
}

impl ProposalRecall {
    /// AR@n; nothing for an `n` beyond what was asked for.
    pub fn at(&self, n: usize) -> Option<f64> {
        self.average.get(n.checked_sub(1)?).copied()
    }
}

/// Recall with 1 to `most` proposals per video on average. Labels are not looked at.
pub fn proposal_recall<'a>(
    counting: Counting,
    truth: &[(&'a str, Vec<LabelledTruth<'a>>)],
    proposals: &[(&'a str, Vec<LabelledDetection<'a>>)],
    blocked: &BTreeSet<&str>,
    thresholds: &[f64],
    most: usize,
) -> ProposalRecall {
    let evaluation = Evaluation::counting(counting, truth, proposals, blocked);
    let mut videos = vec![Video::default(); evaluation.names.len()];
    for truths in evaluation.classes.values().flat_map(|class| &class.videos) {
        let video = &mut videos[truths.home];
        for (_, span) in truths.spans.unordered() {
            video.truths.push(video.truths.len(), span);
        }
    }
    let homes: std::collections::HashMap<_, _> =
        evaluation.names.iter().enumerate().map(|(home, &name)| (name, home)).collect();
    for (name, found) in proposals.iter().filter(|(name, _)| !blocked.contains(name)) {
        videos[homes[name]].proposals.extend(found.iter().map(|p| ([p.start, p.end], p.score)));
    }
    let all: usize = videos.iter().map(|video| video.proposals.len()).sum();
    videos.retain(|video| video.truths.len() > 0);

    let share = most as f64 * videos.len() as f64 / all as f64;
    let mut taken = 0;
    for video in &mut videos {
        let count = video.proposals.len();
        video.sort();
        video.proposals.truncate((count as f64 * share) as usize);
        taken += video.proposals.len();
    }
    // How many proposals of its video an action must be given until it is covered, for each threshold.
    let needed: Vec<Vec<Vec<usize>>> = videos.iter().map(|video| video.needed(thresholds)).collect();
    let truths: usize = videos.iter().map(|video| video.truths.len()).sum();
    let recall_of = |threshold: usize, n: usize| {
        let covered = videos.iter().zip(&needed).map(|(video, needed)| {
            // As the reference computes it: whether a quotient falls just below a whole number is part of the result.
            let part = n as f64 / most as f64 * (most as f64 * videos.len() as f64 / taken as f64);
            let given = (video.proposals.len() as f64 * part) as usize;
            needed[threshold].iter().filter(|&&needed| needed <= given).count()
        });
        covered.sum::<usize>() as f64 / truths.max(1) as f64
    };
    let recall: Vec<Vec<f64>> =
        (0..thresholds.len()).map(|threshold| (1..=most).map(|n| recall_of(threshold, n)).collect()).collect();
    let average: Vec<f64> = (0..most).map(|n| mean(recall.iter().map(|row| row[n]))).collect();
    let area: f64 = average.windows(2).map(|pair| (pair[0] + pair[1]) / 2.0).sum();
    ProposalRecall {
        thresholds: thresholds.to_vec(),
        recall,
        average,
        auc: area / most.max(1) as f64,
        truths,
        proposals: all,
    }
}

/// What is true and what is proposed in one video.
#[derive(Debug, Clone, Default)]
struct Video {
    truths: Spans,
    /// Each with its score.
    proposals: Vec<([f64; 2], f64)>,
}

impl Video {
    fn sort(&mut self) {
        self.truths.sort();
        self.proposals.reverse();
        // A score that is no number comes last, as in average precision.
        let order = |score: f64| if score.is_nan() { f64::NEG_INFINITY } else { score };
        let by_score = |a: f64, b: f64| order(b).partial_cmp(&order(a)).unwrap_or(std::cmp::Ordering::Equal);
        self.proposals.sort_by(|a, b| by_score(a.1, b.1));
    }

    fn needed(&self, thresholds: &[f64]) -> Vec<Vec<usize>> {
        let mut needed = vec![vec![usize::MAX; self.truths.len()]; thresholds.len()];
        for (rank, (span, _)) in self.proposals.iter().enumerate() {
            for (truth, overlap) in self.truths.overlapping(*span) {
                for (threshold, needed) in thresholds.iter().zip(&mut needed) {
                    if overlap >= *threshold {
                        needed[truth] = needed[truth].min(rank + 1);
                    }
                }
            }
        }
        needed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(start: f64) -> LabelledTruth<'static> {
        LabelledTruth { start, end: start + 10.0, label: "run" }
    }

    fn proposal(start: f64, score: f64) -> LabelledDetection<'static> {
        LabelledDetection { start, end: start + 10.0, label: "", score }
    }

    fn recall(
        truth: &[(&'static str, Vec<LabelledTruth<'static>>)],
        found: &[(&'static str, Vec<LabelledDetection<'static>>)],
        most: usize,
    ) -> ProposalRecall {
        proposal_recall(Counting::Distinct, truth, found, &BTreeSet::new(), &[0.5], most)
    }

    #[test]
    fn each_proposal_more_covers_what_it_covers() {
        let truth = [("v", vec![truth(0.0), truth(20.0), truth(40.0), truth(60.0)])];
        let found = [("v", vec![proposal(0.0, 0.9), proposal(99.0, 0.8), proposal(20.0, 0.7), proposal(40.0, 0.6)])];
        let result = recall(&truth, &found, 4);
        assert_eq!(result.average, [0.25, 0.25, 0.5, 0.75]);
        assert_eq!(result.auc, (0.25 + 0.375 + 0.625) / 4.0);
        assert_eq!((result.at(1), result.at(0), result.at(5)), (Some(0.25), None, None));
    }

    #[test]
    fn a_video_with_more_proposals_gets_more_of_them() {
        let truth = [("v", vec![truth(0.0), truth(20.0)]), ("w", vec![truth(0.0)])];
        let three = vec![proposal(0.0, 0.9), proposal(20.0, 0.8), proposal(50.0, 0.7)];
        let result = recall(&truth, &[("v", three), ("w", vec![proposal(0.0, 0.1)])], 2);
        // Of 4 proposals, 1 per video on average is half of each video's: 1 of 3 (rounded down) and 0 of 1.
        assert_eq!(result.average, [1.0 / 3.0, 1.0]);
    }

    #[test]
    fn without_proposals_or_truth_nothing_is_covered() {
        let nothing: [(&str, Vec<LabelledDetection>); 0] = [];
        assert_eq!(recall(&[("v", vec![truth(0.0)])], &nothing, 3).average, [0.0; 3]);
        let result = recall(&[("v", vec![])], &[("v", vec![proposal(0.0, 1.0)])], 3);
        assert_eq!((result.average, result.auc), (vec![0.0; 3], 0.0));
        assert_eq!(recall(&[], &nothing, 0).auc, 0.0);
    }
}
