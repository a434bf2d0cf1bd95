//! Segments in the order of their starts, cut into blocks that know the span they cover.
//!
//! Most segments of a video do not overlap. With the span of a block at hand, whole blocks that cannot be touched are
//! passed over, and the arithmetic inside a block runs over plain arrays, which the compiler turns into vector code.

use crate::segment::Segment;

/// Segments per block: small enough to pass many blocks over, large enough for vector arithmetic.
pub(super) const BLOCK: usize = 32;

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

        let blocks = members.len().div_ceil(BLOCK);
        let mut timeline = Self {
            // A filler lies nowhere, so that nothing overlaps it, and has no score that could win.
            start: vec![[f32::INFINITY; BLOCK]; blocks],
            end: vec![[f32::NEG_INFINITY; BLOCK]; blocks],
            score: vec![[f32::NAN; BLOCK]; blocks],
            member: vec![[usize::MAX; BLOCK]; blocks],
            span: vec![[f32::INFINITY, f32::NEG_INFINITY]; blocks],
            slot: vec![0; members.len()],
        };
        for (slot, &member) in order.iter().enumerate() {
            let (block, lane, segment) = (slot / BLOCK, slot % BLOCK, &segments[members[member]]);
            timeline.start[block][lane] = segment.start;
            timeline.end[block][lane] = segment.end;
            timeline.score[block][lane] = segment.score;
            timeline.member[block][lane] = member;
            timeline.slot[member] = slot;
            let [first, last] = timeline.span[block];
            timeline.span[block] = [first.min(segment.start), last.max(segment.end)];
        }
        timeline
    }

    /// How many blocks there are.
    pub(super) fn blocks(&self) -> usize {
        self.span.len()
    }

    /// Whether anything in the block can overlap `start..end`.
    pub(super) fn touches(&self, block: usize, start: f32, end: f32) -> bool {
        let [first, last] = self.span[block];
        first < end && start < last
    }
}
