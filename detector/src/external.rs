//! Outside classifiers: what a video shows as a whole, fused with where something happens in it.
//!
//! A detector without classes (ActivityNet's and HACS's recipes) finds segments, and a classifier of whole videos says
//! what they are: every segment is copied once for each of the video's best classes. This comes after suppression, and
//! neither is sorted again.
//!
//! Source: OpenTAD `models/utils/post_processing/classifier.py`. Of equal scores the class with the lower index goes
//! first. Differs from OpenTAD, where it depends on the sorting.

use serde::{Deserialize, Serialize};

use crate::segment::Segment;

/// How the score of a segment and that of a class become one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Fusion {
    /// `segment * class` (OpenTAD: CUHK's classifier for ActivityNet, UntrimmedNet for THUMOS-14).
    Product,
    /// `sqrt(segment * class)` (OpenTAD: `StandardClassifier`, as for InternVideo).
    Root {
        /// Whether scores are logits, of which the softmax is meant.
        softmax: bool,
    },
    /// `segment * softmax(class) * 2` (OpenTAD: TCANet's classifier for HACS).
    DoubleSoftmax,
}

impl Fusion {
    /// The segments once for each of the `top` best classes, best class first, with that class and the fused score.
    ///
    /// `scores` has one number per class. A score that is no number is below all others; fewer classes than `top` are
    /// all of them.
    pub fn fuse(self, segments: &[Segment], scores: &[f64], top: usize) -> Vec<Segment> {
        let softened;
        let scores = match self {
            Self::Product | Self::Root { softmax: false } => scores,
            Self::Root { softmax: true } => {
                softened = softmax(scores, 1.0);
                &softened
            }
            Self::DoubleSoftmax => {
                softened = softmax(scores, 2.0);
                &softened
            }
        };
        let order = |score: f64| if score.is_nan() { f64::NEG_INFINITY } else { score };
        let mut classes: Vec<usize> = (0..scores.len()).collect();
        classes.sort_by(|&a, &b| order(scores[b]).total_cmp(&order(scores[a])));
        let fused = |class: usize| {
            segments.iter().map(move |segment| {
                let score = segment.score * scores[class] as f32;
                let score = if matches!(self, Self::Root { .. }) { score.sqrt() } else { score };
                Segment { label: class, score, ..*segment }
            })
        };
        classes.into_iter().take(top).flat_map(fused).collect()
    }
}

/// `scale * softmax(scores)`, safe for large numbers: OpenTAD's overflows from about 710 on.
fn softmax(scores: &[f64], scale: f64) -> Vec<f64> {
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = scores.iter().map(|score| (score - most).exp()).collect();
    let sum: f64 = powers.iter().filter(|power| !power.is_nan()).sum();
    powers.into_iter().map(|power| scale * power / sum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments() -> [Segment; 2] {
        let segment = |start, score| Segment { start, end: start + 1.0, label: 0, score };
        [segment(0.0, 0.5), segment(5.0, 0.25)]
    }

    fn scores(fused: &[Segment]) -> Vec<(usize, f32)> {
        fused.iter().map(|segment| (segment.label, segment.score)).collect()
    }

    #[test]
    fn every_segment_comes_once_for_each_of_the_best_classes() {
        let fused = Fusion::Product.fuse(&segments(), &[0.1, 0.8, 0.4], 2);
        assert_eq!(scores(&fused), [(1, 0.4), (1, 0.2), (2, 0.2), (2, 0.1)]);
        assert_eq!(fused.iter().map(|segment| segment.start).collect::<Vec<_>>(), [0.0, 5.0, 0.0, 5.0]);
    }

    #[test]
    fn the_root_of_the_product_can_be_taken() {
        let fused = Fusion::Root { softmax: false }.fuse(&segments(), &[0.5, 0.04], 1);
        assert_eq!(scores(&fused), [(0, 0.5), (0, 0.125_f32.sqrt())]);
    }

    #[test]
    fn logits_become_shares_however_large() {
        let (first, second) = (1.0 / (1.0 + (-1.0_f64).exp()), 1.0 / (1.0 + 1.0_f64.exp()));
        let fused = Fusion::DoubleSoftmax.fuse(&segments()[..1], &[999.0, 1000.0], 2);
        let wanted = [(1, 0.5 * (2.0 * first) as f32), (0, 0.5 * (2.0 * second) as f32)];
        for (found, wanted) in scores(&fused).into_iter().zip(wanted) {
            assert!(found.0 == wanted.0 && (found.1 - wanted.1).abs() < 1e-6, "{found:?} for {wanted:?}");
        }
        let root = Fusion::Root { softmax: true }.fuse(&segments()[..1], &[999.0, 1000.0], 1);
        assert!((root[0].score - (0.5 * first).sqrt() as f32).abs() < 1e-6);
    }

    #[test]
    fn odd_scores_and_counts_stop_nothing() {
        let fused = Fusion::Product.fuse(&segments(), &[f64::NAN, 0.5, 0.5], 9);
        assert_eq!(fused.len(), 6);
        assert_eq!(scores(&fused)[..3], [(1, 0.25), (1, 0.125), (2, 0.25)], "of equals, the lower index first");
        assert!(fused[4].score.is_nan());
        assert_eq!(Fusion::DoubleSoftmax.fuse(&segments(), &[], 2), []);
        assert_eq!(Fusion::DoubleSoftmax.fuse(&[], &[1.0], 2), []);
    }
}
