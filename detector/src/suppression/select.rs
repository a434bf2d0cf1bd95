//! The competition: pick the best, let it weaken what overlaps it, pick the next.

use super::places::{Places, Ties};
use super::timeline::{BLOCK, Timeline};
use crate::segment::Segment;

/// Added to every length, as in the reference: two segments without length then overlap by a number.
const TINY: f32 = 1e-6;

/// Score of a segment that is out. Arithmetic cannot bring it back, and it wins no comparison.
pub(super) const GONE: f32 = f32::NAN;

/// What ends a segment's chances, and who goes first.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// Segments below this score are out, except the first winner.
    pub(super) least: f32,
    /// Winners to stop at: later ones change nothing before them.
    pub(super) most: usize,
    /// Among equal scores.
    pub(super) ties: Ties,
}

/// A winner.
pub(super) struct Kept {
    /// Its place in the caller's slice.
    pub(super) at: usize,
    /// What was left of its score when it won.
    pub(super) score: f32,
}

/// The winners among the `members` of `segments`, which must be finite. `weaken` is given a winner's length and answers
/// what becomes of another segment's score at a given overlap.
pub(super) fn select<W: Fn(f32, f32) -> f32>(
    segments: &[Segment],
    members: &[usize],
    rule: Rule,
    weaken: impl Fn(f32) -> W,
) -> Vec<Kept> {
    let mut timeline = Timeline::new(segments, members);
    let mut places = Places::new(members.len(), rule.ties);
    let mut best: Vec<f32> = timeline.score.iter().map(best_of).collect();
    let mut kept: Vec<Kept> = Vec::with_capacity(members.len().min(rule.most));
    let mut gone = Vec::new();
    while kept.len() < rule.most {
        let Some(winner) = first(&timeline, &best, &places) else { break };
        let at = members[winner];
        let (block, lane) = (timeline.slot[winner] / BLOCK, timeline.slot[winner] % BLOCK);
        kept.push(Kept { at, score: timeline.score[block][lane] });
        places.win(winner);
        timeline.score[block][lane] = GONE;
        best[block] = best_of(&timeline.score[block]);

        // After the first winner nothing below the bound is in, so that later only what is touched needs a look.
        let everywhere = kept.len() == 1;
        let Segment { start, end, .. } = segments[at];
        let length = end - start + TINY;
        let weaken = weaken(length);
        for (other, best) in best.iter_mut().enumerate() {
            let touched = timeline.touches(other, start, end);
            if *best == f32::NEG_INFINITY || !(touched || everywhere) {
                continue;
            }
            let before = timeline.score[other];
            if touched {
                weaken_block(&mut timeline, other, [start, end, length], &weaken);
            }
            drop_below(&mut timeline, other, &before, rule.least, &mut gone);
            *best = best_of(&timeline.score[other]);
        }
        places.drop_out(&gone, |member| timeline.score.as_flattened()[timeline.slot[member]].is_nan());
        gone.clear();
    }
    kept
}

/// The best score of a block; minus infinity where all are out.
fn best_of(scores: &[f32; BLOCK]) -> f32 {
    scores.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The member with the best score of all; of equals, the one whose place comes first.
fn first(timeline: &Timeline, best: &[f32], places: &Places) -> Option<usize> {
    let most = best.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let leaders = best.iter().zip(&timeline.score).zip(&timeline.member).filter(|((best, _), _)| **best == most);
    leaders
        .flat_map(|((_, scores), members)| scores.iter().zip(members))
        .filter(|&(&score, _)| score == most)
        .map(|(_, &member)| member)
        .min_by_key(|&member| places.of(member))
}

/// Weakens one block. A plain loop without branches: this is where the time goes.
fn weaken_block(
    timeline: &mut Timeline,
    block: usize,
    [start, end, length]: [f32; 3],
    weaken: &impl Fn(f32, f32) -> f32,
) {
    let (starts, ends, scores) = (&timeline.start[block], &timeline.end[block], &mut timeline.score[block]);
    for lane in 0..BLOCK {
        let shared = (ends[lane].min(end) - starts[lane].max(start)).max(0.0);
        // `max` also turns the NaN of a length beyond f32 into no overlap.
        let overlap = (shared / (length + (ends[lane] - starts[lane] + TINY) - shared)).max(0.0);
        scores[lane] = weaken(scores[lane], overlap);
    }
}

/// Puts out of one block what is below the bound, and adds to `gone` who was in `before` and is out now.
fn drop_below(timeline: &mut Timeline, block: usize, before: &[f32; BLOCK], least: f32, gone: &mut Vec<usize>) {
    let scores = &mut timeline.score[block];
    for lane in 0..BLOCK {
        if scores[lane] < least {
            scores[lane] = GONE;
        }
        if scores[lane].is_nan() && !before[lane].is_nan() {
            gone.push(timeline.member[block][lane]);
        }
    }
}
