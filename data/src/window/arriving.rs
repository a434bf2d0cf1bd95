//! The windows of [`Sliding`] while frames are still arriving: how many will come is not known.

use super::Sliding;

/// Says which window is complete, as cells arrive one after another.
///
/// Once all have arrived, the windows are those of [`Sliding::positions`] with the tail covered.
#[derive(Debug, Clone, Copy)]
pub struct Arriving {
    size: usize,
    stride: usize,
    /// First cell of the next window.
    next: usize,
    /// First cell of the last window.
    last: Option<usize>,
}

impl Arriving {
    /// From the beginning, or after the window whose first cell is `last`.
    pub fn new(sliding: &Sliding, last: Option<usize>) -> Self {
        let stride = sliding.stride();
        Self { size: sliding.grid().window_size, stride, next: last.map_or(0, |last| last + stride), last }
    }

    /// First cell that may still be needed: the window of the tail may begin right after the start of the last one.
    pub fn needed(&self) -> usize {
        self.last.map_or(0, |last| last + 1)
    }

    /// First cell of the next window.
    pub fn next(&self) -> usize {
        self.next
    }

    /// First and last cell of the next window, once all its cells are among the first `cells`.
    pub fn complete(&mut self, cells: usize) -> Option<(usize, usize)> {
        let first = self.next;
        if first + self.size > cells {
            return None;
        }
        self.last = Some(first);
        self.next += self.stride;
        Some((first, first + self.size - 1))
    }

    /// First and last cell of the window that shows the end of a video of `cells`, unless it was complete before.
    pub fn tail(&self, cells: usize) -> Option<(usize, usize)> {
        let first = cells.saturating_sub(self.size);
        let last = cells.checked_sub(1)?;
        // A window that was seen already ends there, too.
        let seen = self.last.is_some_and(|seen| seen + self.size == cells);
        (!seen).then_some((first, last))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Grid, SlidingConfig};
    use super::*;

    fn sliding(window_size: usize, overlap: f64) -> Sliding {
        let grid = Grid { window_size, feature_stride: 4, sample_stride: 1, scale_factor: 1, offset_frames: 0 };
        SlidingConfig { grid, overlap, completeness: None, cover_tail: true }.build().unwrap()
    }

    #[test]
    fn in_the_end_the_windows_are_those_of_a_video_whose_length_was_known() {
        for overlap in [0.0, 0.25, 0.5, 0.75] {
            let sliding = sliding(8, overlap);
            for cells in 1..60 {
                let mut arriving = Arriving::new(&sliding, None);
                let mut windows = Vec::new();
                for arrived in 1..=cells {
                    let kept = arriving.needed();
                    if let Some(window) = arriving.complete(arrived) {
                        assert!(window.0 >= kept, "cells before {kept} have been let go");
                        windows.push(window);
                    }
                }
                if let Some(tail) = arriving.tail(cells) {
                    assert!(tail.0 >= arriving.needed(), "{tail:?} of {cells}");
                    windows.push(tail);
                }
                assert_eq!(windows, sliding.positions(cells), "{cells} cells, overlap {overlap}");
            }
        }
    }

    #[test]
    fn what_is_gone_on_with_has_the_windows_that_were_missing() {
        let sliding = sliding(8, 0.5);
        let mut arriving = Arriving::new(&sliding, Some(4));
        let windows: Vec<_> = (1..=30).filter_map(|cells| arriving.complete(cells)).collect();
        assert_eq!(windows, [(8, 15), (12, 19), (16, 23), (20, 27)]);
        assert_eq!(arriving.tail(30), Some((22, 29)));
        assert_eq!(arriving.tail(28), None);
    }
}
