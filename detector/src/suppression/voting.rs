//! Voting: a kept segment moves to the mean of the proposals around it, each weighted by its score.
//!
//! Source: OpenTAD `seg_voting` (box voting in object detection, Gidaris and Komodakis 2015). Overlap is taken here
//! without the 1e-6 of the competition, and weights are the scores before anything was lowered.

use super::select::{larger, smaller};
use super::timeline::{BLOCK, Timeline};
use crate::segment::Segment;

/// Moves every segment of `kept` by the votes of `all`.
pub(super) fn vote(kept: &mut [Segment], all: &[Segment], threshold: f32) {
    let voters: Vec<_> = (0..all.len()).filter(|&at| all[at].is_finite()).collect();
    let timeline = Timeline::new(all, &voters);
    for segment in kept {
        let [weight, start, end] = poll(&timeline, segment, threshold);
        let mean = [(start / weight) as f32, (end / weight) as f32];
        // Without weight there is no mean: the segment stays. Differs from OpenTAD, which answers NaN.
        if weight > 0.0 && mean.iter().all(|time| time.is_finite()) {
            [segment.start, segment.end] = mean;
        }
    }
}

/// Sums of the weights, of the weighted starts and of the weighted ends.
fn poll(timeline: &Timeline, segment: &Segment, threshold: f32) -> [f64; 3] {
    let (start, end, length) = (segment.start, segment.end, segment.end - segment.start);
    let mut sums = [0.0; 3];
    for block in 0..timeline.blocks() {
        if !timeline.touches(block, start, end) {
            continue;
        }
        let (starts, ends, scores) = (&timeline.start[block], &timeline.end[block], &timeline.score[block]);
        let mut weights = [0.0_f32; BLOCK];
        let mut any = false;
        for lane in 0..BLOCK {
            let shared = larger(smaller(ends[lane], end) - larger(starts[lane], start), 0.0);
            let votes = shared / (length + (ends[lane] - starts[lane]) - shared) >= threshold;
            weights[lane] = if votes { scores[lane] } else { 0.0 };
            any |= votes;
        }
        if any {
            for lane in (0..BLOCK).filter(|&lane| weights[lane] != 0.0) {
                let weight = f64::from(weights[lane]);
                sums[0] += weight;
                sums[1] += weight * f64::from(starts[lane]);
                sums[2] += weight * f64::from(ends[lane]);
            }
        }
    }
    sums
}
