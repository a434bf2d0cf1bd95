//! Voting: a kept segment moves to the mean of the proposals around it, each weighted by its score.
//!
//! Source: OpenTAD `seg_voting` (box voting in object detection, Gidaris and Komodakis 2015). Overlap is taken here
//! without the 1e-6 of the competition, and weights are the scores before anything was lowered.

use std::collections::BTreeSet;

use super::select::{larger, smaller};
use super::timeline::{BLOCK, Timeline};
use crate::segment::Segment;

/// Sums kept side by side, so that no addition waits for the one before it.
const RUNS: usize = 8;

/// Moves every segment of `kept` by the votes of `all`.
pub(super) fn vote<'a>(kept: impl IntoIterator<Item = &'a mut Segment>, all: &[Segment], threshold: f32) {
    let voters: Vec<_> = (0..all.len()).filter(|&at| all[at].is_finite()).collect();
    let timeline = Timeline::new(all, &voters);
    for segment in kept {
        let [weight, start, end] = poll(&timeline, segment, threshold);
        let [start, end] = [segment.start + start / weight, segment.end + end / weight];
        // Without weight there is no mean: the segment stays. Differs from OpenTAD, which answers NaN.
        if weight > 0.0 && start.is_finite() && end.is_finite() {
            [segment.start, segment.end] = [start, end];
        }
    }
}

/// Moves every segment of `kept` by the votes of those of `all` that have its class.
pub(super) fn vote_by_class(kept: &mut [Segment], all: &[Segment], threshold: f32) {
    let classes: BTreeSet<usize> = kept.iter().map(|segment| segment.label).collect();
    for class in classes {
        let voters: Vec<Segment> = all.iter().copied().filter(|segment| segment.label == class).collect();
        vote(kept.iter_mut().filter(|segment| segment.label == class), &voters, threshold);
    }
}

/// Sums over the voters: of their weights, and of how far they pull the start and the end, times their weights.
fn poll(timeline: &Timeline, segment: &Segment, threshold: f32) -> [f32; 3] {
    let (start, end, length) = (segment.start, segment.end, segment.end - segment.start);
    let mut sums = [[0.0; RUNS]; 3];
    // A start further away than this cannot reach the threshold: too little is shared, or too much is not. A twentieth
    // of the length and a thousandth more than rounding can move it.
    let slack = 0.05 * length + 1e-3;
    let (before, after) = (length * (1.0 / threshold - 1.0) + slack, length * (1.0 - threshold) + slack);
    for block in timeline.starting(start - before, start + after) {
        if !timeline.touches(block, start, end) {
            continue;
        }
        let (starts, ends, scores) = (&timeline.start[block], &timeline.end[block], &timeline.score[block]);
        let mut weights = [0.0; BLOCK];
        for lane in 0..BLOCK {
            let shared = larger(smaller(ends[lane], end) - larger(starts[lane], start), 0.0);
            let votes = shared / (length + (ends[lane] - starts[lane]) - shared) >= threshold;
            // The score or 0, by its bits: a choice between them would be compiled into a jump.
            weights[lane] = f32::from_bits(scores[lane].to_bits() & u32::from(votes).wrapping_neg());
        }
        let [weight, pull_start, pull_end] = &mut sums;
        for lane in 0..BLOCK {
            weight[lane % RUNS] += weights[lane];
            pull_start[lane % RUNS] += weights[lane] * (starts[lane] - start);
            pull_end[lane % RUNS] += weights[lane] * (ends[lane] - end);
        }
    }
    sums.map(|runs| runs.iter().sum())
}
