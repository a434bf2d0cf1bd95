//! The map of proposals: every duration at every start.
//!
//! Axis names: `d` durations, `t` starts. Cell `(d, t)` is the segment from `t` to `t + d + 1`, in grid steps.
//! Source: OpenTAD `DenseProposalMap`.

/// A map of `durations` rows and `steps` columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProposalMap {
    /// Durations, from 1 up (`d`).
    pub durations: usize,
    /// Grid steps of a window (`t`).
    pub steps: usize,
}

impl ProposalMap {
    /// Cells, those included that reach beyond the window.
    pub fn cells(&self) -> usize {
        self.durations * self.steps
    }

    /// Start and end of a cell, in grid steps; none where it reaches beyond the window.
    pub fn segment(&self, duration: usize, start: usize) -> Option<[usize; 2]> {
        let end = start + duration + 1;
        (end <= self.steps).then_some([start, end])
    }

    /// Cells within the window, row by row, each with its segment: what the losses talk about.
    pub fn valid(&self) -> impl Iterator<Item = (usize, [usize; 2])> + use<> {
        let map = *self;
        let cells = (0..map.durations).flat_map(move |d| (0..map.steps).map(move |t| (d, t)));
        cells.filter_map(move |(d, t)| Some((d * map.steps + t, map.segment(d, t)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_holds_every_segment_once() {
        let map = ProposalMap { durations: 3, steps: 3 };
        let found: Vec<_> = map.valid().collect();
        assert_eq!(found, [(0, [0, 1]), (1, [1, 2]), (2, [2, 3]), (3, [0, 2]), (4, [1, 3]), (6, [0, 3])]);
    }
}
