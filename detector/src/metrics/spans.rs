//! Spans of time in an order that finds overlaps fast.

use crate::segment::tiou;

/// Numbered spans; by start, once sorted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spans {
    spans: Vec<(usize, [f64; 2])>,
    /// The latest end so far, for each of `spans`.
    reach: Vec<f64>,
    /// Those without length, with their number; only where they count.
    points: Vec<(usize, f64)>,
}

impl Spans {
    /// Adds a span.
    pub(crate) fn push(&mut self, number: usize, span: [f64; 2]) {
        if span[0] == span[1] {
            self.points.push((number, span[0]));
        } else {
            self.spans.push((number, span));
        }
    }

    /// To be called when everything is in.
    pub(crate) fn sort(&mut self) {
        self.spans.sort_by(|(_, a), (_, b)| a[0].total_cmp(&b[0]));
        let latest = self.spans.iter().scan(f64::NEG_INFINITY, |latest, (_, span)| {
            *latest = latest.max(span[1]);
            Some(*latest)
        });
        self.reach = latest.collect();
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.spans.len() + self.points.len()
    }

    /// All of them with their numbers, in no order that means anything.
    pub(crate) fn unordered(&self) -> impl Iterator<Item = (usize, [f64; 2])> {
        self.spans.iter().copied().chain(self.points.iter().map(|&(number, at)| (number, [at, at])))
    }

    /// Number and overlap of all that `span` overlaps at all. What has no length overlaps its equal, wholly.
    pub(crate) fn overlapping(&self, span: [f64; 2]) -> impl Iterator<Item = (usize, f64)> {
        let first = self.reach.partition_point(|&reach| reach <= span[0]);
        let last = self.spans.partition_point(|(_, truth)| truth[0] < span[1]);
        // Reversed spans may put the last before the first, which makes an empty range.
        let overlaps = move |at: usize| (self.spans[at].0, tiou(span, self.spans[at].1));
        let points = self.points.iter().filter(move |&&(_, at)| [at, at] == span).map(|&(number, _)| (number, 1.0));
        (first..last).map(overlaps).filter(|&(_, overlap)| overlap > 0.0).chain(points)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spans(all: &[[f64; 2]]) -> Spans {
        let mut spans = Spans::default();
        all.iter().enumerate().for_each(|(number, &span)| spans.push(number, span));
        spans.sort();
        spans
    }

    #[test]
    fn a_point_overlaps_its_equal_and_nothing_else() {
        let spans = spans(&[[3.0, 3.0], [2.0, 4.0], [5.0, 5.0]]);
        assert_eq!(spans.overlapping([3.0, 3.0]).collect::<Vec<_>>(), [(0, 1.0)]);
        assert_eq!(spans.overlapping([2.0, 4.0]).collect::<Vec<_>>(), [(1, 1.0)]);
        assert_eq!((spans.len(), spans.unordered().count()), (3, 3));
    }

    proptest! {
        #[test]
        fn no_overlap_is_missed(
            all in prop::collection::vec((0.0..50.0, 0.01..20.0), 0..30),
            span in (-5.0..60.0, -5.0..20.0),
        ) {
            let all: Vec<_> = all.iter().map(|&(start, length)| [start, start + length]).collect();
            let span = [span.0, span.0 + span.1];
            let mut found: Vec<_> = spans(&all).overlapping(span).collect();
            found.sort_by_key(|&(number, _)| number);
            let overlaps = all.iter().enumerate().map(|(number, &truth)| (number, tiou(span, truth)));
            prop_assert_eq!(found, overlaps.filter(|&(_, overlap)| overlap > 0.0).collect::<Vec<_>>());
        }
    }
}
