//! The competition: pick the best, let it weaken what overlaps it, pick the next.

use super::places::{Places, Ties};
use super::timeline::{BLOCK, GONE, Timeline};
use crate::segment::Segment;

/// Added to every length, as in the reference: two segments without length then overlap by a number.
const TINY: f32 = 1e-6;

/// Score that is below every bound.
pub(super) const LOST: f32 = f32::NEG_INFINITY;

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
    let (mut gone, mut out) = (Vec::new(), 0);
    while kept.len() < rule.most {
        let most = best.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        if most == 0.0 && rule.ties == Ties::Swaps && !timeline.score.as_flattened().iter().any(|&score| score < 0.0) {
            // Nothing weakens a zero, so the rest comes as it stands.
            let rest = places.rest().iter().filter(|&&member| !timeline.score_of(member).is_nan());
            kept.extend(rest.take(rule.most - kept.len()).map(|&member| Kept { at: members[member], score: 0.0 }));
            break;
        }
        let Some(winner) = first(&timeline, &best, most, &places) else { break };
        let at = members[winner];
        kept.push(Kept { at, score: timeline.score_of(winner) });
        timeline.take_out(winner);
        places.win(winner);
        out += 1;

        // After the first winner nothing below the bound is in, so that later only what is touched needs a look.
        let everywhere = kept.len() == 1;
        let Segment { start, end, .. } = segments[at];
        let length = end - start + TINY;
        let weaken = weaken(length);
        let home = timeline.slot[winner] / BLOCK;
        for (block, best) in best.iter_mut().enumerate() {
            let touched = timeline.touches(block, start, end);
            if *best == f32::NEG_INFINITY || !(touched || everywhere || block == home) {
                continue;
            }
            let (starts, ends, scores) = (&timeline.start[block], &timeline.end[block], &mut timeline.score[block]);
            if touched {
                weaken_block(starts, ends, scores, [start, end, length], &weaken);
            }
            if scores.iter().fold(false, |low, &score| low | (score < rule.least)) {
                for (score, &member) in scores.iter_mut().zip(&timeline.member[block]) {
                    if *score < rule.least {
                        *score = GONE;
                        gone.push(member);
                    }
                }
            }
            *best = best_of(scores);
        }
        if !gone.is_empty() {
            places.drop_out(&gone, |member| timeline.score_of(member).is_nan());
            out += gone.len();
            gone.clear();
        }
        // Holes cost as much as segments.
        if out * 4 > timeline.blocks() * BLOCK {
            timeline = timeline.closed_up(segments, members);
            best = timeline.score.iter().map(best_of).collect();
            out = 0;
        }
    }
    kept
}

/// The best score of a block; minus infinity where all are out.
fn best_of(scores: &[f32; BLOCK]) -> f32 {
    // Eight runs side by side, so that no comparison waits for the one before it.
    let mut best = [f32::NEG_INFINITY; 8];
    for run in scores.chunks_exact(8) {
        for (best, &score) in best.iter_mut().zip(run) {
            *best = if score > *best { score } else { *best };
        }
    }
    best.into_iter().fold(f32::NEG_INFINITY, f32::max)
}

/// The member with the score `most`; of several, the one whose place comes first.
fn first(timeline: &Timeline, best: &[f32], most: f32, places: &Places) -> Option<usize> {
    let mut first = None;
    for (block, _) in best.iter().enumerate().filter(|&(_, &best)| best == most) {
        for (&score, &member) in timeline.score[block].iter().zip(&timeline.member[block]) {
            if score == most && first.is_none_or(|(place, _)| places.of(member) < place) {
                first = Some((places.of(member), member));
            }
        }
    }
    first.map(|(_, member)| member)
}

/// Weakens one block. A plain loop without branches: this is where the time goes.
fn weaken_block(
    starts: &[f32; BLOCK],
    ends: &[f32; BLOCK],
    scores: &mut [f32; BLOCK],
    [start, end, length]: [f32; 3],
    weaken: &impl Fn(f32, f32) -> f32,
) {
    for lane in 0..BLOCK {
        let shared = larger(smaller(ends[lane], end) - larger(starts[lane], start), 0.0);
        // Also turns the NaN of a length beyond f32 into no overlap.
        let overlap = larger(shared / (length + (ends[lane] - starts[lane] + TINY) - shared), 0.0);
        let score = weaken(scores[lane], overlap);
        // Differs from OpenTAD: below the normal numbers, where arithmetic takes a hundred times as long, 0 is near enough.
        scores[lane] = if score.abs() < f32::MIN_POSITIVE { 0.0 } else { score };
    }
}

/// The larger number; the second where the first is none. One instruction, which `f32::max` is not.
#[inline]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

/// The smaller number; the second where the first is none.
#[inline]
pub(super) fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}
