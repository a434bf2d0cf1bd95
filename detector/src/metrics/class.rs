//! One class: its annotations per video, in an order that finds overlaps fast, and its detections, best first.

use std::collections::HashMap;

use crate::segment::tiou;

/// Annotations whose ends both lie within this, in seconds, are one (OpenTAD `remove_duplicate_annotations`).
const SAME: f64 = 1e-3;

/// Whether a span has a length to be overlapped.
pub(super) fn has_length(span: [f64; 2]) -> bool {
    span[1] - span[0] > 0.0 && (span[1] - span[0]).is_finite()
}

/// Everything about one class.
#[derive(Debug, Clone, Default)]
pub(super) struct Class<'a> {
    /// How many annotations there are, in all videos.
    pub(super) truths: usize,
    /// Detections, best first.
    pub(super) detections: Vec<Ranked>,
    /// Videos with annotations of this class.
    pub(super) videos: Vec<Truths>,
    /// Where a video stands in `videos`.
    places: HashMap<&'a str, usize>,
}

/// A detection.
#[derive(Debug, Clone)]
pub(super) struct Ranked {
    /// Its video, if that has annotations of the class.
    pub(super) video: Option<usize>,
    /// Start and end, in seconds.
    pub(super) span: [f64; 2],
    score: f64,
}

impl<'a> Class<'a> {
    /// Adds an annotation, unless it repeats an earlier one.
    pub(super) fn add(&mut self, video: &'a str, span: [f64; 2]) -> bool {
        let place = *self.places.entry(video).or_insert(self.videos.len());
        if place == self.videos.len() {
            self.videos.push(Truths::default());
        }
        let added = self.videos[place].add(self.truths, span);
        self.truths += usize::from(added);
        added
    }

    /// Adds a detection.
    pub(super) fn detect(&mut self, video: &str, span: [f64; 2], score: f64) {
        // A wrong detection behind all others changes no metric, so one without a score need not be kept.
        if !score.is_nan() {
            self.detections.push(Ranked { video: self.places.get(video).copied(), span, score });
        }
    }

    /// To be called when everything is in.
    pub(super) fn sort(&mut self) {
        self.videos.iter_mut().for_each(Truths::sort);
        self.detections.reverse();
        // By comparison and not by `total_cmp`, for which -0 lies below 0. No score is NaN.
        self.detections.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap_or(std::cmp::Ordering::Equal));
    }
}

/// The annotations of one class in one video.
#[derive(Debug, Clone, Default)]
pub(super) struct Truths {
    /// Each with its number within the class; by start, once sorted.
    spans: Vec<(usize, [f64; 2])>,
    /// The latest end so far, for each of `spans`.
    reach: Vec<f64>,
    /// Spans by start and end in steps of `2 * SAME`: whatever is the same lies in the same step or one next to it.
    near: HashMap<[i64; 2], Vec<[f64; 2]>>,
}

impl Truths {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Number within the class and overlap of all that `span` overlaps at all.
    pub(super) fn overlapping(&self, span: [f64; 2]) -> impl Iterator<Item = (usize, f64)> {
        let first = self.reach.partition_point(|&reach| reach <= span[0]);
        let last = self.spans.partition_point(|(_, truth)| truth[0] < span[1]);
        // Reversed spans may put the last before the first, which makes an empty range.
        let overlaps = move |at: usize| (self.spans[at].0, tiou(span, self.spans[at].1));
        (first..last).map(overlaps).filter(|&(_, overlap)| overlap > 0.0)
    }

    fn add(&mut self, number: usize, span: [f64; 2]) -> bool {
        let same = |other: &[f64; 2]| (span[0] - other[0]).abs() <= SAME && (span[1] - other[1]).abs() <= SAME;
        let steps = span.map(|time| (time / (2.0 * SAME)).floor() as i64);
        let [starts, ends] = steps.map(|step| step.saturating_sub(1)..=step.saturating_add(1));
        let around = starts.flat_map(|start| ends.clone().map(move |end| [start, end]));
        if around.filter_map(|steps| self.near.get(&steps)).flatten().any(same) {
            return false;
        }
        self.near.entry(steps).or_default().push(span);
        self.spans.push((number, span));
        true
    }

    fn sort(&mut self) {
        self.near = HashMap::new();
        self.spans.sort_by(|(_, a), (_, b)| a[0].total_cmp(&b[0]));
        let latest = self.spans.iter().scan(f64::NEG_INFINITY, |latest, (_, span)| {
            *latest = latest.max(span[1]);
            Some(*latest)
        });
        self.reach = latest.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn annotations_a_thousandth_apart_are_one() {
        let mut class = Class::default();
        assert!(class.add("v", [10.0, 20.0]));
        assert!(!class.add("v", [10.0009, 19.9991]));
        assert!(class.add("v", [10.0011, 20.0]));
        assert!(class.add("w", [10.0, 20.0]), "another video");
        assert_eq!(class.truths, 3);
    }

    proptest! {
        #[test]
        fn no_overlap_is_missed(
            truths in prop::collection::vec((0.0..50.0, 0.01..20.0), 0..30),
            span in (-5.0..60.0, -5.0..20.0),
        ) {
            let mut class = Class::default();
            let spans: Vec<_> = truths.iter().map(|&(start, length)| [start, start + length]).collect();
            let spans: Vec<_> = spans.into_iter().filter(|&span| class.add("v", span)).collect();
            class.sort();
            let span = [span.0, span.0 + span.1];
            let mut found: Vec<_> = class.videos.iter().flat_map(|truths| truths.overlapping(span)).collect();
            found.sort_by_key(|&(number, _)| number);
            let all = spans.iter().enumerate().map(|(number, &truth)| (number, tiou(span, truth)));
            prop_assert_eq!(found, all.filter(|&(_, overlap)| overlap > 0.0).collect::<Vec<_>>());
        }
    }
}
