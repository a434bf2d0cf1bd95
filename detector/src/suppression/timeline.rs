//! Segments in the order of their starts, cut into blocks that know the span they cover.
//!
//! Most segments of a video do not overlap. With the span of a block at hand, whole blocks that cannot be touched are
//! passed over, and the arithmetic inside a block runs over plain arrays, which the compiler turns into vector code.

use std::ops::Range;

use crate::segment::Segment;

/// Segments per block: small enough to pass many blocks over, large enough for vector arithmetic.
pub(super) const BLOCK: usize = 32;

/// Score of a segment that is out. Arithmetic cannot bring it back, and it wins no comparison.
pub(super) const GONE: f32 = f32::NAN;

/// Segments as one array per quantity, sorted by start, filled up to whole blocks with nothing.
pub(super) struct Timeline {
    pub(super) start: Vec<[f32; BLOCK]>,
    pub(super) end: Vec<[f32; BLOCK]>,
    pub(super) score: Vec<[f32; BLOCK]>,
    /// Which of the members this is.
    pub(super) member: Vec<[usize; BLOCK]>,
    /// From the first start to the last end of each block.
    pub(super) span: Vec<[f32; 2]>,
    /// Where each member went: block and lane in one number.
    pub(super) slot: Vec<usize>,
}

impl Timeline {
    /// The `members` of `segments`; all of them must be finite.
    pub(super) fn new(segments: &[Segment], members: &[usize]) -> Self {
        let start = |&member: &usize| segments[members[member]].start;
        let mut order: Vec<_> = (0..members.len()).collect();
        order.sort_unstable_by(|a, b| start(a).total_cmp(&start(b)).then(a.cmp(b)));

        let mut timeline = Self::empty(members.len(), members.len());
        for (slot, &member) in order.iter().enumerate() {
            timeline.put(slot, member, &segments[members[member]]);
        }
        timeline
    }

    fn empty(len: usize, members: usize) -> Self {
        let blocks = len.div_ceil(BLOCK);
        Self {
            // A filler has no length, so that nothing overlaps it, and is out from the beginning.
            start: vec![[0.0; BLOCK]; blocks],
            end: vec![[0.0; BLOCK]; blocks],
            score: vec![[GONE; BLOCK]; blocks],
            member: vec![[usize::MAX; BLOCK]; blocks],
            span: vec![[f32::INFINITY, f32::NEG_INFINITY]; blocks],
            slot: vec![usize::MAX; members],
        }
    }

    fn put(&mut self, slot: usize, member: usize, segment: &Segment) {
        let (block, lane) = (slot / BLOCK, slot % BLOCK);
        self.start[block][lane] = segment.start;
        self.end[block][lane] = segment.end;
        self.score[block][lane] = segment.score;
        self.member[block][lane] = member;
        self.slot[member] = slot;
        let [first, last] = self.span[block];
        self.span[block] = [first.min(segment.start), last.max(segment.end)];
    }

    /// The same without those that are out.
    pub(super) fn closed_up(&self, segments: &[Segment], members: &[usize]) -> Self {
        let still = |&(&score, _): &(&f32, &usize)| !score.is_nan();
        let scores = || self.score.as_flattened().iter().zip(self.member.as_flattened()).filter(still);
        let mut closed = Self::empty(scores().count(), members.len());
        for (slot, (&score, &member)) in scores().enumerate() {
            closed.put(slot, member, &Segment { score, ..segments[members[member]] });
        }
        closed
    }

    /// What is left of a member's score.
    pub(super) fn score_of(&self, member: usize) -> f32 {
        self.score.as_flattened().get(self.slot[member]).copied().unwrap_or(GONE)
    }

    /// Takes a member out.
    pub(super) fn take_out(&mut self, member: usize) {
        self.score.as_flattened_mut()[self.slot[member]] = GONE;
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.span.len()
    }

    /// The blocks with all segments that start from `low` to `high`.
    pub(super) fn starting(&self, low: f32, high: f32) -> Range<usize> {
        let before = self.span.partition_point(|&[first, _]| first < low);
        // The block in front may begin earlier and reach into it.
        before.saturating_sub(1)..self.span.partition_point(|&[first, _]| first <= high)
    }

    /// Whether anything in the block can overlap `start..end`.
    pub(super) fn touches(&self, block: usize, start: f32, end: f32) -> bool {
        let [first, last] = self.span[block];
        first < end && start < last
    }
}
