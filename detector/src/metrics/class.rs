//! One class: its annotations per video, and its detections, best first.

use std::collections::HashMap;

use super::Counting;
use super::spans::Spans;

/// Annotations whose ends both lie within this, in seconds, are one (OpenTAD `remove_duplicate_annotations`).
const SAME: f64 = 1e-3;

/// Whether an annotation counts, whatever else is annotated.
pub(super) fn counts(span: [f64; 2], counting: Counting) -> bool {
    let length = span[1] - span[0];
    length.is_finite() && (length > 0.0 || (length == 0.0 && counting == Counting::Every))
}

/// Everything about one class. A video's number is its place in [`Evaluation::names`](super::Evaluation).
#[derive(Debug, Clone, Default)]
pub(crate) struct Class {
    /// How many annotations there are, in all videos.
    pub(crate) truths: usize,
    /// Detections, best first.
    pub(crate) detections: Vec<Ranked>,
    /// Videos with annotations of this class.
    pub(crate) videos: Vec<Truths>,
    /// Where a video stands in `videos`.
    places: HashMap<usize, usize>,
}

/// A detection.
#[derive(Debug, Clone)]
pub(crate) struct Ranked {
    /// Number of its video.
    pub(crate) home: usize,
    /// Place of its video in [`Class::videos`], if that has annotations of the class.
    pub(crate) video: Option<usize>,
    /// Start and end, in seconds.
    pub(crate) span: [f64; 2],
    pub(crate) score: f64,
}

impl Class {
    /// Adds an annotation, unless it repeats an earlier one and such do not count.
    pub(super) fn add(&mut self, home: usize, span: [f64; 2], counting: Counting) -> bool {
        let place = *self.places.entry(home).or_insert(self.videos.len());
        if place == self.videos.len() {
            self.videos.push(Truths { home, ..Truths::default() });
        }
        let added = self.videos[place].add(self.truths, span, counting);
        self.truths += usize::from(added);
        added
    }

    /// Adds a detection.
    pub(super) fn detect(&mut self, home: usize, span: [f64; 2], score: f64) {
        // A wrong detection behind all others changes no metric, so one without a score need not be kept.
        if !score.is_nan() {
            self.detections.push(Ranked { home, video: self.places.get(&home).copied(), span, score });
        }
    }

    /// To be called when everything is in.
    pub(super) fn sort(&mut self) {
        self.videos.iter_mut().for_each(Truths::sort);
        self.detections.reverse();
        // By comparison and not by `total_cmp`, for which -0 lies below 0. No score is NaN.
        self.detections.sort_by(|a, b| b.score.partial_cmp(&a.score).unwrap_or(std::cmp::Ordering::Equal));
    }

    /// For each threshold, the detections that are right, by rank (from 0), each with the annotation that it takes.
    ///
    /// Best first, every detection takes the annotation that it overlaps most and that is still free.
    pub(crate) fn matches(&self, thresholds: &[f64]) -> Vec<Vec<(usize, usize)>> {
        let mut taken = vec![vec![false; self.truths]; thresholds.len()];
        let mut matches = vec![Vec::new(); thresholds.len()];
        let least = thresholds.iter().copied().fold(f64::INFINITY, f64::min);
        let mut candidates: Vec<(usize, f64)> = Vec::new();
        for (rank, detection) in self.detections.iter().enumerate() {
            let Some(video) = detection.video else { continue };
            candidates.clear();
            let overlapping = self.videos[video].spans.overlapping(detection.span);
            candidates.extend(overlapping.filter(|&(_, overlap)| overlap >= least));
            candidates.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(b.0.cmp(&a.0)));
            for ((threshold, taken), matches) in thresholds.iter().zip(&mut taken).zip(&mut matches) {
                let mut enough = candidates.iter().take_while(|(_, overlap)| overlap >= threshold);
                if let Some(&(truth, _)) = enough.find(|&&(truth, _)| !taken[truth]) {
                    taken[truth] = true;
                    matches.push((rank, truth));
                }
            }
        }
        matches
    }
}

/// The annotations of one class in one video.
#[derive(Debug, Clone, Default)]
pub(crate) struct Truths {
    /// Number of the video.
    pub(crate) home: usize,
    /// Each with its number within the class.
    pub(crate) spans: Spans,
    /// Spans by start and end in steps of `2 * SAME`: whatever is the same lies in the same step or one next to it.
    near: HashMap<[i64; 2], Vec<[f64; 2]>>,
}

impl Truths {
    fn add(&mut self, number: usize, span: [f64; 2], counting: Counting) -> bool {
        if counting == Counting::Distinct && self.repeats(span) {
            return false;
        }
        self.spans.push(number, span);
        true
    }

    /// Whether a span was there already; if not, it is from now on.
    fn repeats(&mut self, span: [f64; 2]) -> bool {
        let same = |other: &[f64; 2]| (span[0] - other[0]).abs() <= SAME && (span[1] - other[1]).abs() <= SAME;
        let steps = span.map(|time| (time / (2.0 * SAME)).floor() as i64);
        let [starts, ends] = steps.map(|step| step.saturating_sub(1)..=step.saturating_add(1));
        let around = starts.flat_map(|start| ends.clone().map(move |end| [start, end]));
        if around.filter_map(|steps| self.near.get(&steps)).flatten().any(same) {
            return true;
        }
        self.near.entry(steps).or_default().push(span);
        false
    }

    fn sort(&mut self) {
        self.near = HashMap::new();
        self.spans.sort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_a_thousandth_apart_are_one() {
        let mut class = Class::default();
        let mut add = |home, span| class.add(home, span, Counting::Distinct);
        assert!(add(0, [10.0, 20.0]));
        assert!(!add(0, [10.0009, 19.9991]));
        assert!(add(0, [10.0011, 20.0]));
        assert!(add(1, [10.0, 20.0]), "another video");
        assert_eq!(class.truths, 3);
    }

    #[test]
    fn where_every_annotation_counts_repetitions_do_too() {
        let mut class = Class::default();
        assert!(class.add(0, [10.0, 20.0], Counting::Every));
        assert!(class.add(0, [10.0, 20.0], Counting::Every));
        assert!(counts([3.0, 3.0], Counting::Every) && !counts([3.0, 3.0], Counting::Distinct));
        assert!(!counts([4.0, 3.0], Counting::Every) && !counts([f64::NAN, 3.0], Counting::Every));
    }
}
