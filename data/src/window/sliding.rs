//! Windows that slide over a video: testing, and videos of any length (`SlidingWindowDataset` of OpenTAD).

use super::{Grid, Timeline, Timing, Truth, Window, WindowError};

/// How windows slide.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SlidingConfig {
    /// The grid.
    pub grid: Grid,
    /// Share of a window that the next one sees again: 0.25 for validation loss, 0.5 for testing (THUMOS-14).
    pub overlap: f64,
    /// Share of an action that must lie in the window for it to be taught there, exclusive (`ioa_thresh`: 0.75); what
    /// lies outside is cut off. `None` (OpenTAD: -1) teaches every action in every window, uncut.
    pub completeness: Option<f64>,
    /// Show the end of every video, and no window twice.
    ///
    /// OpenTAD takes `cells / stride` windows, so that with an overlap below 0.5 the end of a video may be seen by
    /// none, and the last window comes twice when `cells` is a multiple of the stride. Off: exactly as there.
    pub cover_tail: bool,
}

/// Cuts videos into sliding windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sliding {
    config: SlidingConfig,
    stride: usize,
}

impl SlidingConfig {
    /// Checks the numbers.
    pub fn build(self) -> Result<Sliding, WindowError> {
        self.grid.check()?;
        if !(0.0..1.0).contains(&self.overlap) {
            return Err(WindowError::Fraction {
                name: "overlap",
                value: self.overlap,
                range: "at least 0 and less than 1",
            });
        }
        if let Some(value) = self.completeness.filter(|share| !(0.0..1.0).contains(share)) {
            let range = "at least 0 and less than 1, or absent";
            return Err(WindowError::Fraction { name: "completeness", value, range });
        }
        let window_size = self.grid.window_size;
        match (window_size as f64 * (1.0 - self.overlap)) as usize {
            0 => {
                let most = 1.0 - 1.0 / window_size as f64;
                Err(WindowError::Overlap { window_size, overlap: self.overlap, most })
            }
            stride => Ok(Sliding { config: self, stride }),
        }
    }
}

impl Sliding {
    /// Its grid.
    pub fn grid(&self) -> &Grid {
        &self.config.grid
    }

    /// Cells from the start of one window to that of the next.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// First and last cell, both included, of each window over a video of so many cells.
    pub fn positions(&self, cells: usize) -> Vec<(usize, usize)> {
        let size = self.config.grid.window_size;
        let tail = (cells.saturating_sub(size), cells - 1);
        if self.config.cover_tail {
            let whole = (0..).step_by(self.stride).take_while(|start| start + size < cells);
            return whole.map(|start| (start, start + size - 1)).chain([tail]).collect();
        }
        let mut positions = Vec::new();
        for start in (0..(cells / self.stride).max(1)).map(|window| window * self.stride) {
            if start + size > cells {
                positions.push(tail);
                break;
            }
            positions.push((start, start + size - 1));
        }
        positions
    }

    /// The windows of a video. `truth` is in frames.
    ///
    /// Without `truth` (testing) all windows are kept; with it, only those in which something is taught. Windows that
    /// lie wholly past the last frame that can be decoded are left out, with a warning.
    pub fn cut(&self, timeline: &Timeline, truth: Option<&[Truth]>) -> Vec<Window> {
        let grid = &self.config.grid;
        let snippet_stride = grid.snippet_stride();
        let mut windows = Vec::new();
        for (first, last) in self.positions(grid.cells(timeline.frames)) {
            let Some(window) = self.window(timeline, first, last) else {
                tracing::warn!(
                    video = timeline.name,
                    annotated = timeline.frames,
                    decoded = timeline.decoded,
                    "the video is shorter than its annotation says: a window is left out"
                );
                continue;
            };
            let truth = truth.map(|truth| self.seen(truth, first * snippet_stride, last * snippet_stride));
            if truth.as_ref().is_some_and(|truth| truth.is_empty()) {
                continue;
            }
            windows.push(Window { truth: truth.unwrap_or_default(), ..window });
        }
        windows
    }

    /// The window of the cells from `first` to `last`, both included; none where all of them lie past the last frame that
    /// can be decoded.
    pub fn window(&self, timeline: &Timeline, first: usize, last: usize) -> Option<Window> {
        let grid = &self.config.grid;
        let (frames, mask_valid) = grid.frames(first, last, timeline.decoded)?;
        Some(Window {
            video: timeline.video,
            name: timeline.name.clone(),
            frames,
            window_size: grid.window_size,
            mask_valid,
            timing: Timing::Stretch {
                fps: timeline.fps,
                snippet_stride: grid.snippet_stride(),
                window_start_frame: first * grid.snippet_stride(),
                offset_frames: grid.offset_frames,
                duration: timeline.duration,
            },
            truth: Vec::new(),
        })
    }

    /// What is taught in a window, in grid steps. The window ends, for this, where its last cell starts.
    fn seen(&self, truth: &[Truth], start_frame: usize, end_frame: usize) -> Vec<Truth> {
        let steps = |truth: &Truth| self.config.grid.steps(truth, start_frame);
        let Some(completeness) = self.config.completeness else {
            return truth.iter().map(steps).collect();
        };
        let cut = truth.iter().filter_map(|truth| {
            let inside = Truth {
                start: truth.start.max(start_frame as f64),
                end: truth.end.min(end_frame as f64),
                class: truth.class,
            };
            // An action without length is 0 / 0 of itself, which is more than no share, and so left out.
            let share = (inside.end - inside.start) / (truth.end - truth.start);
            (share > completeness).then_some(inside)
        });
        cut.map(|inside| steps(&inside)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn positions(window_size: usize, overlap: f64, cover_tail: bool, cells: usize) -> Vec<(usize, usize)> {
        let grid = Grid { window_size, feature_stride: 4, sample_stride: 1, scale_factor: 1, offset_frames: 0 };
        let config = SlidingConfig { grid, overlap, completeness: None, cover_tail };
        config.build().unwrap().positions(cells)
    }

    #[test]
    fn the_tail_is_lost_in_the_reference_and_covered_here() {
        assert_eq!(positions(768, 0.25, false, 1151), [(0, 767)]);
        assert_eq!(positions(768, 0.25, true, 1151), [(0, 767), (383, 1150)]);
        assert_eq!(positions(10, 0.0, false, 25), [(0, 9), (10, 19)]);
        assert_eq!(positions(10, 0.0, true, 25), [(0, 9), (10, 19), (15, 24)]);
    }

    #[test]
    fn the_last_window_comes_twice_in_the_reference_and_once_here() {
        assert_eq!(positions(768, 0.5, false, 768), [(0, 767), (0, 767)]);
        assert_eq!(positions(768, 0.5, true, 768), [(0, 767)]);
        assert_eq!(positions(768, 0.5, false, 1152), [(0, 767), (384, 1151), (384, 1151)]);
        assert_eq!(positions(768, 0.5, true, 1152), [(0, 767), (384, 1151)]);
    }

    #[test]
    fn a_short_video_is_one_window() {
        for cover_tail in [false, true] {
            assert_eq!(positions(768, 0.5, cover_tail, 1), [(0, 0)]);
            assert_eq!(positions(768, 0.5, cover_tail, 25), [(0, 24)]);
        }
    }

    #[test]
    fn an_action_is_taught_where_more_than_its_share_lies_in_the_window() {
        let grid = Grid { window_size: 11, feature_stride: 1, sample_stride: 1, scale_factor: 1, offset_frames: 0 };
        let config = SlidingConfig { grid, overlap: 0.0, completeness: Some(0.75), cover_tail: false };
        let line = Timeline { video: 0, name: "v".into(), frames: 11, decoded: 11, fps: 1.0, duration: 11.0 };
        let taught = |start, end| {
            let truth = [Truth { start, end, class: 0 }];
            config.build().unwrap().cut(&line, Some(&truth)).first().map(|window| window.truth[0].end)
        };
        assert_eq!(taught(7.0, 11.0), None, "exactly three quarters are not more than them");
        assert_eq!(taught(6.0, 11.0), Some(10.0), "the window ends where its last cell starts");
        assert_eq!(taught(5.0, 5.0), None, "what has no length has no share");
    }

    #[test]
    fn impossible_numbers_are_refused() {
        let grid = Grid { window_size: 4, feature_stride: 4, sample_stride: 1, scale_factor: 1, offset_frames: 0 };
        let config = SlidingConfig { grid, overlap: 0.9, completeness: None, cover_tail: true };
        let text = "windows of 4 cells that overlap by 0.9 would not move; overlap at most 0.75";
        assert_eq!(config.build().unwrap_err().to_string(), text);
        for overlap in [1.0, -0.1, f64::NAN] {
            assert!(matches!(SlidingConfig { overlap, ..config }.build(), Err(WindowError::Fraction { .. })));
        }
        let config = SlidingConfig { overlap: 0.0, completeness: Some(1.5), ..config };
        assert!(matches!(config.build(), Err(WindowError::Fraction { name: "completeness", .. })));
    }

    #[test]
    fn windows_past_the_last_decodable_frame_are_left_out() {
        let grid = Grid { window_size: 10, feature_stride: 1, sample_stride: 1, scale_factor: 1, offset_frames: 0 };
        let sliding = SlidingConfig { grid, overlap: 0.0, completeness: None, cover_tail: true }.build().unwrap();
        let line = Timeline { video: 0, name: "v".into(), frames: 30, decoded: 15, fps: 1.0, duration: 30.0 };
        let windows = sliding.cut(&line, None);
        assert_eq!(windows.iter().map(|window| window.mask_valid).collect::<Vec<_>>(), [10, 5]);
    }
}
