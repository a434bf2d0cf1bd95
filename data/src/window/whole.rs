//! The whole recording in one window, at its own length: features of recordings (the original ActionFormer).

use super::{FramePlan, Grid, Padding, Timeline, Timing, Window, WindowError};

/// Makes one window of each recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole {
    grid: Grid,
    padding: Padding,
}

impl Whole {
    /// Windows on this grid.
    pub fn new(grid: Grid, padding: Padding) -> Result<Self, WindowError> {
        grid.check()?;
        match padding.unit {
            0 => Err(WindowError::Zero { name: "unit" }),
            _ => Ok(Self { grid, padding }),
        }
    }

    /// The window, for testing: every step of the recording, then padding. Shows one frame for each step.
    pub fn window(&self, timeline: &Timeline) -> Window {
        let step = self.grid.snippet_stride();
        let count = self.grid.cells(timeline.decoded);
        let window_size = self.padding.steps(count);
        Window {
            video: timeline.video,
            name: timeline.name.clone(),
            frames: FramePlan::Strided { first: 0, step, count, length: window_size },
            window_size,
            mask_valid: count,
            timing: Timing::Stretch {
                fps: timeline.fps,
                snippet_stride: step,
                window_start_frame: 0,
                offset_frames: self.grid.offset_frames,
                duration: timeline.duration,
            },
            truth: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_is_one_window_however_long_it_is() {
        let grid = Grid { window_size: 64, feature_stride: 25, sample_stride: 1, scale_factor: 1, offset_frames: 25 };
        let line = |steps: usize| Timeline {
            video: 3,
            name: "v".into(),
            frames: steps * 25 + 40,
            decoded: (steps - 1) * 25 + 1,
            fps: 50.0,
            duration: 700.0,
        };
        let window = Whole::new(grid, Padding { unit: 8, least: 8 }).unwrap().window(&line(1282));
        assert_eq!((window.mask_valid, window.window_size), (1282, 1296));
        assert_eq!(window.frames.indices().max(), Some(1281 * 25));
        assert_eq!(window.timing.seconds(10.0), (250.0 + 25.0) / 50.0);
        assert_eq!(Whole::new(grid, Padding { unit: 8, least: 8 }).unwrap().window(&line(1)).window_size, 16);
        assert!(Whole::new(grid, Padding { unit: 0, least: 8 }).is_err());
    }
}
