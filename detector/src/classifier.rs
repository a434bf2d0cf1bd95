//! Classes from a classifier of whole videos, for detectors that only say where something happens.
//!
//! Every proposal is repeated for the video's likeliest classes, and its score is fused with theirs. Comes after suppression
//! and before rounding. Source: OpenTAD `post_processing/classifier.py`.

use serde::{Deserialize, Serialize};

use crate::segment::Segment;

/// How a video's classes and its proposals become detections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct VideoClasses {
    /// Classes per video, the likeliest. OpenTAD: 2 for THUMOS and ActivityNet.
    pub top_k: usize,
    /// Whether the classifier's numbers are logits of one class among all, and become probabilities first.
    pub softmax: bool,
    /// How two scores become one.
    pub fusion: Fusion,
}

/// How the score of a proposal and that of a class become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fusion {
    /// Their product (OpenTAD: UntrimmedNet on THUMOS, CUHK on ActivityNet).
    Product,
    /// Twice their product (OpenTAD: TCANet on HACS).
    DoubleProduct,
    /// The root of their product (OpenTAD: InternVideo and other files of its standard form).
    Root,
}

impl VideoClasses {
    /// The likeliest classes of a video, best first, each with its score; of equal ones the earlier first. A score that is
    /// not a number is no class.
    ///
    /// `scores` has one number per class.
    pub fn likeliest(&self, scores: &[f32]) -> Vec<(usize, f32)> {
        let scores = if self.softmax { softmax(scores) } else { scores.to_vec() };
        let mut classes: Vec<_> = scores.into_iter().enumerate().filter(|(_, score)| score.is_finite()).collect();
        classes.sort_by(|a, b| b.1.total_cmp(&a.1)); // stable
        classes.truncate(self.top_k);
        classes
    }

    /// All proposals of a video for its likeliest class, then all for the next, and so on.
    pub fn fuse(&self, proposals: &[Segment], scores: &[f32]) -> Vec<Segment> {
        let classes = self.likeliest(scores).into_iter();
        let with_class = |(label, class): (usize, f32)| {
            proposals.iter().map(move |proposal| Segment {
                label,
                score: self.fused(proposal.score, class),
                ..*proposal
            })
        };
        classes.flat_map(with_class).collect()
    }

    fn fused(&self, proposal: f32, class: f32) -> f32 {
        match self.fusion {
            Fusion::Product => proposal * class,
            Fusion::DoubleProduct => proposal * class * 2.0,
            Fusion::Root => (proposal * class).max(0.0).sqrt(),
        }
    }
}

/// Probabilities of classes that exclude each other.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
    let sum: f32 = exponentials.iter().filter(|e| e.is_finite()).sum();
    exponentials.iter().map(|exponential| exponential / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROPOSALS: [Segment; 2] = [
        Segment { start: 1.0, end: 2.0, label: 0, score: 0.5 },
        Segment { start: 3.0, end: 5.0, label: 0, score: 0.25 },
    ];

    fn classes(fusion: Fusion, softmax: bool) -> VideoClasses {
        VideoClasses { top_k: 2, softmax, fusion }
    }

    #[test]
    fn every_proposal_gets_every_likely_class() {
        let found = classes(Fusion::Product, false).fuse(&PROPOSALS, &[0.125, 0.5, 0.25, 0.5]);
        let rows: Vec<_> = found.iter().map(|s| (s.start, s.label, s.score)).collect();
        assert_eq!(rows, [(1.0, 1, 0.25), (3.0, 1, 0.125), (1.0, 3, 0.25), (3.0, 3, 0.125)]);
    }

    #[test]
    fn scores_are_fused_as_asked() {
        let first = |fusion| classes(fusion, false).fuse(&PROPOSALS, &[0.5])[0].score;
        assert_eq!([Fusion::Product, Fusion::DoubleProduct, Fusion::Root].map(first), [0.25, 0.5, 0.5]);
    }

    #[test]
    fn logits_become_probabilities() {
        let found = classes(Fusion::Product, true).likeliest(&[0.0, 3f32.ln(), f32::NAN]);
        assert!(found[0].0 == 1 && (found[0].1 - 0.75).abs() < 1e-6 && found[1].0 == 0, "{found:?}");
        assert_eq!(found.len(), 2);
    }
}
