//! A random piece of a video: training (`random_trunc` of OpenTAD).

use super::{Grid, Timeline, Timing, Truth, Window, WindowError};

/// Pieces that are tried before one without any action is taken.
const TRIALS: usize = 200;

/// How pieces are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruncationConfig {
    /// The grid.
    pub grid: Grid,
    /// Shortest and longest piece of a video that would fit in the window, as shares of it: (0.9, 1.0).
    pub crop_ratio: (f64, f64),
    /// Share of an action that must lie in the piece for it to be taught (`trunc_thresh`: 0.75 for THUMOS-14, 0.5 for
    /// Charades, 0.3 for EPIC-Kitchens and Ego4D).
    pub trunc_thresh: f64,
}

/// Draws training windows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truncation {
    config: TruncationConfig,
}

impl TruncationConfig {
    /// Checks the numbers.
    pub fn build(self) -> Result<Truncation, WindowError> {
        self.grid.check()?;
        let (low, high) = self.crop_ratio;
        for (name, value) in [("crop_ratio", low), ("crop_ratio", high), ("trunc_thresh", self.trunc_thresh)] {
            if !(value > 0.0 && value <= 1.0) {
                return Err(WindowError::Fraction { name, value, range: "more than 0 and at most 1" });
            }
        }
        if low > high {
            let range = "at most the second value of crop_ratio";
            return Err(WindowError::Fraction { name: "crop_ratio", value: low, range });
        }
        Ok(Truncation { config: self })
    }
}

impl Truncation {
    /// Draws a window of a video. `truth` is in frames; `draw` gives a whole number from the first to the second of its
    /// arguments, both included.
    ///
    /// As in OpenTAD, `truth` of the window is empty when no piece with an action was found.
    pub fn draw(&self, timeline: &Timeline, truth: &[Truth], draw: &mut impl FnMut(usize, usize) -> usize) -> Window {
        let grid = &self.config.grid;
        let scale = grid.scale_factor as f64;
        // Pieces are chosen among the frames that can be shown, `scale_factor` to a cell.
        let mut truth: Vec<Truth> = truth.iter().map(|truth| scaled(&grid.steps(truth, 0), scale)).collect();
        let frames = timeline.decoded.div_ceil(grid.frame_stride());
        let count = if frames <= grid.window_frames() { self.shorter(frames, draw) } else { grid.window_frames() };
        let mut start = 0;
        if count < frames {
            (start, truth) = self.piece(frames, count, &truth, draw);
        }
        let (plan, mask_valid) = grid.strided(start, count);
        Window {
            video: timeline.video,
            name: timeline.name.clone(),
            frames: plan,
            window_size: grid.window_size,
            mask_valid,
            timing: Timing::Stretch {
                fps: timeline.fps,
                snippet_stride: grid.snippet_stride(),
                window_start_frame: start * grid.frame_stride(),
                offset_frames: grid.offset_frames,
                duration: timeline.duration,
            },
            truth: truth.iter().map(|truth| scaled(truth, 1.0 / scale)).collect(),
        }
    }

    /// How many frames to keep of a video that fits in the window.
    fn shorter(&self, frames: usize, draw: &mut impl FnMut(usize, usize) -> usize) -> usize {
        // Python rounds halves to the even neighbour.
        let share = |ratio: f64| (ratio * frames as f64).round_ties_even() as usize;
        let (low, high) = self.config.crop_ratio;
        let low = share(low).max(1);
        draw(low, share(high).min(frames).max(low))
    }

    /// Where a piece of `count` frames starts that shows an action, and what is taught in it.
    fn piece(
        &self,
        frames: usize,
        count: usize,
        truth: &[Truth],
        draw: &mut impl FnMut(usize, usize) -> usize,
    ) -> (usize, Vec<Truth>) {
        let mut last = (0, Vec::new());
        for _ in 0..TRIALS {
            let start = draw(0, frames - count);
            last = (start, self.seen(start as f64, (start + count) as f64, truth));
            if !last.1.is_empty() {
                break;
            }
        }
        last
    }

    fn seen(&self, start: f64, end: f64, truth: &[Truth]) -> Vec<Truth> {
        let inside = truth.iter().filter_map(|truth| {
            let inside = (truth.end.min(end) - truth.start.max(start)).max(0.0);
            // An action without length is 0 / 0 of itself, which is at least no share, and so never taught.
            (inside / (truth.end - truth.start).abs() >= self.config.trunc_thresh).then(|| Truth {
                start: truth.start.max(start) - start,
                end: truth.end.min(end) - start,
                class: truth.class,
            })
        });
        inside.collect()
    }
}

fn scaled(truth: &Truth, factor: f64) -> Truth {
    Truth { start: truth.start * factor, end: truth.end * factor, class: truth.class }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { window_size: 10, feature_stride: 4, sample_stride: 1, scale_factor: 2, offset_frames: 0 };

    fn truncation() -> Truncation {
        TruncationConfig { grid: GRID, crop_ratio: (0.9, 1.0), trunc_thresh: 0.75 }.build().unwrap()
    }

    fn line(decoded: usize) -> Timeline {
        Timeline { video: 0, name: "v".into(), frames: decoded, decoded, fps: 30.0, duration: decoded as f64 / 30.0 }
    }

    #[test]
    fn a_video_without_actions_is_tried_two_hundred_times() {
        let mut draws = 0;
        let window = truncation().draw(&line(1000), &[], &mut |low, high| {
            draws += 1;
            assert_eq!((low, high), (0, 500 - 20));
            draws
        });
        assert_eq!(draws, TRIALS);
        assert_eq!((window.truth.len(), window.frames.index(0)), (0, TRIALS * 2));
    }

    #[test]
    fn a_piece_knows_where_it_lies_in_the_video() {
        let action = Truth { start: 420.0, end: 440.0, class: 3 };
        let window = truncation().draw(&line(1000), &[action], &mut |_, _| 201);
        assert_eq!(window.frames.index(0), 402);
        let seconds = window.timing.seconds(window.truth[0].start);
        assert!((seconds - 420.0 / 30.0).abs() < 1e-9, "{seconds}");
    }

    #[test]
    fn an_action_is_taught_when_at_least_its_share_lies_in_the_piece() {
        let taught = |end: f64| {
            let action = Truth { start: 0.0, end, class: 0 };
            truncation().draw(&line(1000), &[action], &mut |_, _| 0).truth.first().map(|truth| truth.end)
        };
        // the piece shows frames 0..40, its ten cells
        assert_eq!(taught(160.0 / 3.0), Some(10.0), "exactly three quarters");
        assert_eq!(taught(54.0), None);
        assert_eq!(taught(0.0), None, "what has no length has no share");
    }

    #[test]
    fn a_window_of_one_frame_can_be_drawn() {
        let window = truncation().draw(&line(1), &[], &mut |low, high| {
            assert_eq!((low, high), (1, 1));
            1
        });
        assert_eq!((window.mask_valid, window.frames.indices().max()), (1, Some(0)));
    }

    #[test]
    fn shares_outside_their_range_are_refused() {
        let build = |crop_ratio, trunc_thresh| TruncationConfig { grid: GRID, crop_ratio, trunc_thresh }.build();
        assert!(build((0.9, 1.0), 1.5).is_err());
        assert!(build((0.9, f64::NAN), 0.5).is_err());
        assert!(build((1.0, 0.9), 0.5).unwrap_err().to_string().contains("at most the second"));
    }
}
