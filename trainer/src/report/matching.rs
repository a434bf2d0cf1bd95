//! Which labels were found, which were missed, and which detections are false.
//!
//! One rule, simple enough to say in the legend: the detections that score at least [`COUNTED_FROM`] choose in order of
//! score; each takes the label of its class that it overlaps most, if the overlap is at least [`ENOUGH`] and no better
//! detection took it. (The mean average precision of the same page counts all detections at several overlaps.)

use super::{ScoredSpan, Span, VideoTimeline};

/// Score from which a detection counts as said.
pub(super) const COUNTED_FROM: f64 = 0.3;

/// Temporal intersection over union from which a label counts as found.
pub(super) const ENOUGH: f64 = 0.5;

/// What became of the labels and detections of one video.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Per label: nothing found it.
    pub(super) missed: Vec<bool>,
    /// Per detection: it counts and found nothing.
    pub(super) wrong: Vec<bool>,
    /// Labels and detections whose times or score are no numbers; they are neither drawn nor counted.
    pub(super) unusable: usize,
    pub(super) tally: Tally,
}

/// How many of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    pub(super) truths: usize,
    pub(super) found: usize,
    pub(super) missed: usize,
    pub(super) wrong: usize,
}

impl Tally {
    pub(super) fn add(self, other: Self) -> Self {
        Self {
            truths: self.truths + other.truths,
            found: self.found + other.found,
            missed: self.missed + other.missed,
            wrong: self.wrong + other.wrong,
        }
    }
}

impl Span {
    pub(super) fn is_usable(&self) -> bool {
        self.start.is_finite() && self.end.is_finite() && self.start <= self.end
    }
}

impl ScoredSpan {
    pub(super) fn is_usable(&self) -> bool {
        self.score.is_finite() && self.span().is_usable()
    }

    fn span(&self) -> Span {
        Span { start: self.start, end: self.end, class: self.class }
    }
}

impl Outcome {
    pub(super) fn of(video: &VideoTimeline) -> Self {
        let mut missed: Vec<_> = video.truth.iter().map(Span::is_usable).collect();
        let mut wrong = vec![false; video.predictions.len()];
        for i in by_score(video) {
            let said = &video.predictions[i];
            if said.score < COUNTED_FROM {
                break;
            }
            let open = (0..missed.len()).filter(|&t| missed[t] && video.truth[t].class == said.class);
            let overlaps = open.map(|t| (t, overlap(&video.truth[t], &said.span())));
            let best = overlaps.filter(|(_, o)| *o >= ENOUGH).max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
            match best {
                Some((t, _)) => missed[t] = false,
                None => wrong[i] = true,
            }
        }
        let count = |flags: &[bool]| flags.iter().filter(|&&flag| flag).count();
        let truths = video.truth.iter().filter(|t| t.is_usable()).count();
        let usable = truths + video.predictions.iter().filter(|p| p.is_usable()).count();
        let tally = Tally { truths, found: truths - count(&missed), missed: count(&missed), wrong: count(&wrong) };
        Self { unusable: video.truth.len() + video.predictions.len() - usable, missed, wrong, tally }
    }
}

/// The usable detections from the surest down; of equals the one given first.
pub(super) fn by_score(video: &VideoTimeline) -> Vec<usize> {
    let scored = &video.predictions;
    let mut order: Vec<_> = (0..scored.len()).filter(|&i| scored[i].is_usable()).collect();
    order.sort_by(|&a, &b| scored[b].score.total_cmp(&scored[a].score));
    order
}

/// Temporal intersection over union.
fn overlap(a: &Span, b: &Span) -> f64 {
    let shared = (a.end.min(b.end) - a.start.max(b.start)).max(0.0);
    let either = (a.end - a.start) + (b.end - b.start) - shared;
    if either > 0.0 { shared / either } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(truth: &[(f64, f64)], predictions: &[(f64, f64, f64)]) -> Outcome {
        Outcome::of(&VideoTimeline {
            truth: truth.iter().map(|&(start, end)| Span { start, end, class: 0 }).collect(),
            predictions: predictions
                .iter()
                .map(|&(start, end, score)| ScoredSpan { start, end, class: 0, score })
                .collect(),
            ..VideoTimeline::default()
        })
    }

    #[test]
    fn a_label_is_found_once_and_by_the_surest() {
        let outcome = outcome(&[(0.0, 10.0)], &[(0.0, 10.0, 0.5), (0.0, 9.0, 0.9)]);
        assert_eq!((outcome.missed, outcome.wrong), (vec![false], vec![true, false]));
    }

    #[test]
    fn a_detection_takes_the_label_that_it_overlaps_most() {
        let outcome = outcome(&[(0.0, 10.0), (1.0, 11.0)], &[(1.0, 11.0, 0.9), (0.0, 10.0, 0.8)]);
        assert_eq!(outcome.tally, Tally { truths: 2, found: 2, missed: 0, wrong: 0 });
    }

    #[test]
    fn an_unsure_detection_neither_finds_nor_errs() {
        let outcome = outcome(&[(0.0, 10.0)], &[(0.0, 10.0, 0.29), (50.0, 60.0, 0.29)]);
        assert_eq!((outcome.missed, outcome.wrong), (vec![true], vec![false, false]));
    }

    #[test]
    fn half_an_overlap_is_enough_and_less_is_not() {
        assert_eq!(outcome(&[(0.0, 10.0)], &[(0.0, 5.0, 1.0)]).tally.found, 1);
        assert_eq!(outcome(&[(0.0, 10.0)], &[(0.0, 4.9, 1.0)]).tally.found, 0);
    }

    #[test]
    fn another_class_finds_nothing() {
        let video = VideoTimeline {
            truth: vec![Span { start: 0.0, end: 1.0, class: 0 }],
            predictions: vec![ScoredSpan { start: 0.0, end: 1.0, class: 1, score: 0.9 }],
            ..VideoTimeline::default()
        };
        assert_eq!(Outcome::of(&video).tally, Tally { truths: 1, found: 0, missed: 1, wrong: 1 });
    }

    #[test]
    fn spans_without_numbers_are_counted_apart() {
        let outcome = outcome(&[(f64::NAN, 1.0), (3.0, 2.0)], &[(0.0, 1.0, f64::NAN), (0.0, f64::INFINITY, 0.9)]);
        assert_eq!((outcome.unusable, outcome.tally), (4, Tally::default()));
    }
}
