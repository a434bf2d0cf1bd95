//! What was found in a stream, kept as long as later windows may change it.

use adatad_detector::merge::merge;
use adatad_detector::segment::Detection;
use adatad_detector::suppression::Suppression;

use crate::thresholds::Thresholds;

/// Windows after whose end everything is taken as settled, whatever reaches further.
const MOST_WINDOWS: usize = 16;

/// What was found and may still be changed by what windows to come find in the same place.
#[derive(Debug)]
pub struct Settling {
    suppression: Suppression,
    thresholds: Thresholds,
    pending: Vec<Detection>,
    /// Windows since something was settled.
    waited: usize,
}

impl Settling {
    /// Nothing yet.
    ///
    /// `max-segments` of a run is made for videos as long as those it is scored on, and would cut the results of a day to the
    /// best few. Where there is a least score, that alone decides.
    pub fn new(mut suppression: Suppression, thresholds: Thresholds) -> Self {
        if thresholds.are_above_zero() {
            suppression.max_segments = usize::MAX;
        }
        Self { suppression, thresholds, pending: Vec::new(), waited: 0 }
    }

    /// Takes in what a window found. Scores only fall in suppression, and what scores less changes nothing that scores more;
    /// so what lies below the threshold already need not be kept, unless segments vote on each other's times.
    pub fn add(&mut self, found: impl IntoIterator<Item = Detection>) {
        let votes = self.suppression.voting_threshold.is_some();
        let thresholds = &self.thresholds;
        self.pending.extend(found.into_iter().filter(|detection| votes || thresholds.pass(detection)));
        self.waited += 1;
    }

    /// How many detections wait.
    pub fn waiting(&self) -> usize {
        self.pending.len()
    }

    /// What no window from `next` seconds on can change, in order of time; it is not handed out again. Detections that
    /// overlap each other, directly or over others, settle together.
    pub fn settled(&mut self, next: f64) -> Vec<Detection> {
        self.pending.sort_by(|a, b| a.start.total_cmp(&b.start));
        let patient = self.waited < MOST_WINDOWS;
        let (mut settled, mut waiting, mut group) = (Vec::new(), Vec::new(), Vec::<Detection>::new());
        let mut end = f64::NEG_INFINITY;
        let mut close = |group: &mut Vec<Detection>, end: f64| {
            let target = if end < next { &mut settled } else { &mut waiting };
            target.append(group);
        };
        for detection in self.pending.drain(..) {
            if detection.start > end {
                close(&mut group, end);
            }
            end = if group.is_empty() { detection.end } else { end.max(detection.end) };
            group.push(detection);
        }
        close(&mut group, end);
        if !patient {
            let (old, young) = waiting.into_iter().partition(|detection: &Detection| detection.end < next);
            settled.extend::<Vec<_>>(old);
            waiting = young;
        }
        self.pending = waiting;
        if !settled.is_empty() {
            self.waited = 0;
        }
        self.merged(&settled, true)
    }

    /// Everything that is left, best first, as the results of a whole video are.
    pub fn rest(&mut self) -> Vec<Detection> {
        let pending = std::mem::take(&mut self.pending);
        self.merged(&pending, false)
    }

    fn merged(&self, found: &[Detection], by_time: bool) -> Vec<Detection> {
        let mut merged = merge(found, &self.suppression);
        merged.retain(|detection| self.thresholds.pass(detection));
        if by_time {
            merged.sort_by(|a, b| a.start.total_cmp(&b.start));
        }
        merged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatad_data::random::{Rng, Stream};

    fn random(count: usize, seconds: f64, seed: u64) -> Vec<Detection> {
        let mut rng = Rng::new(seed, Stream::Synth, 0, 0);
        let one = |_| {
            let start = rng.uniform(0.0, seconds);
            let (length, score) = (rng.uniform(0.1, 6.0), rng.unit().powi(3));
            Detection { start, end: start + length, label: rng.integer(0, 2), score }
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn what_lies_below_the_threshold_changes_nothing_above_it() {
        for seed in 0..20 {
            let found = random(300, 60.0, seed);
            let thresholds = Thresholds::new(0.2);
            let mut settling = Settling::new(Suppression::thumos(), thresholds.clone());
            settling.add(found.clone());
            assert!(settling.waiting() < 200);
            let mut all = merge(&found, &Suppression::thumos());
            all.retain(|detection| thresholds.pass(detection));
            assert_eq!(settling.rest(), all, "seed {seed}");
        }
    }

    #[test]
    fn a_long_recording_is_not_cut_to_the_best_few_where_there_is_a_least_score() {
        let far_apart =
            |n: usize| Detection { start: n as f64 * 10.0, end: n as f64 * 10.0 + 1.0, label: 0, score: 0.5 };
        let few = Suppression { max_segments: 200, ..Suppression::thumos() };
        let found = |least: f64| {
            let mut settling = Settling::new(few.clone(), Thresholds::new(least));
            settling.add((0..1000).map(far_apart));
            settling.rest().len()
        };
        assert_eq!((found(0.1), found(0.0)), (1000, 200));
    }

    #[test]
    fn settled_bit_by_bit_or_all_at_once_is_the_same() {
        for seed in 0..20 {
            let mut found = random(400, 300.0, seed);
            found.retain(|detection| detection.score >= 0.3);
            found.sort_by(|a, b| a.start.total_cmp(&b.start));
            let thresholds = Thresholds::new(0.3);
            let mut settling = Settling::new(Suppression::thumos(), thresholds.clone());
            let mut settled = Vec::new();
            // A window of ten seconds finds what begins in it.
            for window in 0..31 {
                let (from, to) = (f64::from(window) * 10.0, f64::from(window + 1) * 10.0);
                settling.add(found.iter().copied().filter(|d| (from..to).contains(&d.start)));
                settled.extend(settling.settled(to));
                assert!(settling.waiting() < 40, "{}", settling.waiting());
            }
            settled.extend(settling.rest());
            let mut whole = merge(&found, &Suppression::thumos());
            whole.retain(|detection| thresholds.pass(detection));
            let order = |a: &Detection, b: &Detection| {
                a.start.total_cmp(&b.start).then(a.end.total_cmp(&b.end)).then(a.label.cmp(&b.label))
            };
            settled.sort_by(order);
            whole.sort_by(order);
            assert_eq!(settled, whole, "seed {seed}");
        }
    }

    #[test]
    fn what_hangs_together_for_too_long_is_settled_all_the_same() {
        let mut settling = Settling::new(Suppression::thumos(), Thresholds::new(0.0));
        let mut settled = 0;
        for window in 0..200 {
            let start = f64::from(window);
            settling.add([Detection { start, end: start + 1.5, label: 0, score: 0.9 }]);
            settled += settling.settled(start + 1.0).len();
            assert!(settling.waiting() <= MOST_WINDOWS + 2, "{}", settling.waiting());
        }
        assert!(settled > 150);
    }
}
