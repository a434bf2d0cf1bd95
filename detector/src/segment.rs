//! Stretches of time with a class and a score: what suppression, merging and the metrics talk about.
//!
//! Two types, because the two halves of the way compute differently. The network and the suppression work in f32, like
//! the reference, so that near ties fall the same way. Files and metrics hold f64, because a time rounded to two
//! decimals must print as two decimals and compare as the reference compares it.

/// What the network proposes: f32, in grid units before the clock and in seconds after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Where the action begins.
    pub start: f32,
    /// Where it ends; not before `start` in anything sensible, but nothing here relies on it.
    pub end: f32,
    /// Index of the class.
    pub label: usize,
    /// Confidence, from 0 to 1.
    pub score: f32,
}

impl Segment {
    /// Whether every number is one that can be computed with.
    pub fn is_finite(&self) -> bool {
        self.start.is_finite() && self.end.is_finite() && self.score.is_finite()
    }
}

/// A result as it is written to a file: seconds and score, rounded (see [`merge`](crate::merge)).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Begin, in seconds.
    pub start: f64,
    /// End, in seconds.
    pub end: f64,
    /// Index of the class.
    pub label: usize,
    /// Confidence, from 0 to 1.
    pub score: f64,
}

/// Temporal intersection over union of two spans `[start, end]`, from 0 to 1.
///
/// Spans without length, reversed spans and spans that are not numbers overlap nothing.
/// Source: OpenTAD `evaluations/mAP.py`, which also takes a union below 1e-8 s for 1e-8 s.
pub fn tiou(a: [f64; 2], b: [f64; 2]) -> f64 {
    let shared = (a[1].min(b[1]) - a[0].max(b[0])).max(0.0);
    let union = (a[1] - a[0]) + (b[1] - b[0]) - shared;
    if union.is_finite() { shared / union.max(1e-8) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn half_of_the_union_is_one_half() {
        assert_eq!(tiou([10.0, 20.0], [12.0, 26.0]), 0.5);
    }

    #[test]
    fn what_is_empty_reversed_or_not_a_number_overlaps_nothing() {
        for odd in [[3.0, 3.0], [5.0, 2.0], [f64::NAN, 4.0], [f64::NEG_INFINITY, f64::INFINITY], [f64::MIN, f64::MAX]] {
            assert_eq!(tiou(odd, [1.0, 6.0]), 0.0, "{odd:?}");
            assert_eq!(tiou([1.0, 6.0], odd), 0.0, "{odd:?}");
            assert_eq!(tiou(odd, odd), 0.0, "{odd:?}");
        }
    }

    proptest! {
        #[test]
        fn overlap_is_symmetric_and_at_most_one(a in any::<[f64; 2]>(), b in any::<[f64; 2]>()) {
            prop_assert_eq!(tiou(a, b), tiou(b, a));
            prop_assert!((0.0..=1.0).contains(&tiou(a, b)));
        }

        #[test]
        fn only_the_same_span_overlaps_wholly(start in -50.0..50.0, length in 0.01..50.0, by in 0.001..1.0) {
            let span = [start, start + length];
            prop_assert_eq!(tiou(span, span), 1.0);
            prop_assert!(tiou(span, [start + by, start + length]) < 1.0);
        }
    }
}
