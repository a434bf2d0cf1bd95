//! The grid, and which frames of the video its cells show.

use super::{Truth, WindowError};

/// How cells and frames lie on a video. The words are those of OpenTAD's configs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Cells of a window.
    pub window_size: usize,
    /// Frames between two features of the original feature extraction.
    pub feature_stride: usize,
    /// Which of those features are used: every how many-th.
    pub sample_stride: usize,
    /// Frames shown for each cell.
    pub scale_factor: usize,
    /// Frames from the start of a cell to its centre; 0 when the model is trained end to end.
    pub offset_frames: usize,
}

impl Grid {
    /// Frames between the starts of two cells.
    pub fn snippet_stride(&self) -> usize {
        self.feature_stride * self.sample_stride
    }

    /// Frames between two frames that are shown.
    pub fn frame_stride(&self) -> usize {
        self.snippet_stride() / self.scale_factor
    }

    /// Frames shown in a window.
    pub fn window_frames(&self) -> usize {
        self.window_size * self.scale_factor
    }

    /// Cells that a video of so many frames needs.
    pub fn cells(&self, frames: usize) -> usize {
        frames.div_ceil(self.snippet_stride())
    }

    /// Times in frames of the video to grid steps of the window that starts at `window_start_frame`.
    pub fn steps(&self, truth: &Truth, window_start_frame: usize) -> Truth {
        let step = |frames: f64| {
            (frames - window_start_frame as f64 - self.offset_frames as f64) / self.snippet_stride() as f64
        };
        Truth { start: step(truth.start), end: step(truth.end), class: truth.class }
    }

    /// Frames of the cells from `first` to `last`, both included, of a video with `decoded` frames; nothing when all
    /// of these cells lie past its end. The second value is the number of valid cells.
    pub fn frames(&self, first: usize, last: usize, decoded: usize) -> Option<(FramePlan, usize)> {
        let (start, end) = (first * self.scale_factor, (last + 1) * self.scale_factor);
        let candidates = decoded.div_ceil(self.frame_stride());
        let count = end.min(candidates).checked_sub(start).filter(|&count| count > 0)?;
        Some(self.strided(start, count))
    }

    /// The plan that shows `count` frames from the `start`-th candidate on, and the number of valid cells.
    pub(super) fn strided(&self, start: usize, count: usize) -> (FramePlan, usize) {
        let (step, length) = (self.frame_stride(), self.window_frames());
        // Differs from OpenTAD: a video shorter than a cell has one valid cell, where OpenTAD masks it all.
        let valid = (count / self.scale_factor).clamp(1, self.window_size);
        (FramePlan::Strided { first: start * step, step, count, length }, valid)
    }

    pub(super) fn check(&self) -> Result<(), WindowError> {
        let lengths = [
            ("window_size", self.window_size),
            ("feature_stride", self.feature_stride),
            ("sample_stride", self.sample_stride),
            ("scale_factor", self.scale_factor),
        ];
        if let Some((name, _)) = lengths.into_iter().find(|(_, value)| *value == 0) {
            return Err(WindowError::Zero { name });
        }
        let (scale_factor, snippet_stride) = (self.scale_factor, self.snippet_stride());
        if snippet_stride.is_multiple_of(scale_factor) {
            return Ok(());
        }
        let divides = |factor: &usize| snippet_stride.is_multiple_of(*factor);
        Err(WindowError::ScaleFactor {
            scale_factor,
            snippet_stride,
            below: (1..scale_factor.min(snippet_stride + 1)).rev().find(divides).unwrap_or(1),
            above: (scale_factor..=snippet_stride).find(divides),
        })
    }
}

/// Which frames of a video a window shows, computed instead of stored: a window may show thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FramePlan {
    /// `count` frames, `step` apart, then the last of them again until there are `length`.
    Strided {
        /// Index of the first frame.
        first: usize,
        /// Frames from one to the next.
        step: usize,
        /// How many different frames there are; at least 1.
        count: usize,
        /// How many frames are shown.
        length: usize,
    },
    /// A clip of its own around each of `count` places, `step` apart, then the last clip again until there are `length`:
    /// the older, costlier way (OpenTAD `LoadSnippetFrames`).
    Snippets {
        /// The first place.
        first: usize,
        /// Frames from one place to the next.
        step: usize,
        /// How many different places there are; at least 1.
        count: usize,
        /// How many clips are shown.
        length: usize,
        /// Frames of a clip, half of them before its place.
        clip: usize,
        /// Frames from one frame of a clip to the next.
        interval: usize,
        /// Frames of the video; what would lie outside shows its first or last frame.
        total: usize,
    },
    /// `length` frames spread evenly over a video of `total`; some stand twice when it has fewer.
    Spread {
        /// Frames of the video.
        total: usize,
        /// How many frames are shown.
        length: usize,
    },
}

impl FramePlan {
    /// How many frames are shown, padding included.
    #[expect(clippy::len_without_is_empty, reason = "a window shows at least one frame")]
    pub fn len(&self) -> usize {
        match *self {
            FramePlan::Strided { length, .. } | FramePlan::Spread { length, .. } => length,
            FramePlan::Snippets { length, clip, .. } => length * clip,
        }
    }

    /// The frame of the video that is shown at this place.
    pub fn index(&self, place: usize) -> usize {
        match *self {
            FramePlan::Strided { first, step, count, .. } => first + place.min(count - 1) * step,
            FramePlan::Snippets { first, step, count, clip, interval, total, .. } => {
                let centre = first + (place / clip).min(count - 1) * step;
                let frame = centre + place % clip * interval;
                frame.saturating_sub(clip / 2 * interval).min(total - 1)
            }
            FramePlan::Spread { total, length } => {
                let step = total as f64 / length as f64;
                let centre = place as f64 * step + step / 2.0 - 0.5;
                // numpy rounds halves to the even neighbour
                centre.clamp(0.0, (total - 1) as f64).round_ties_even() as usize
            }
        }
    }

    /// A clip of `clip` frames, `interval` apart, around each frame of this plan, in a video of `total` frames. Only of a
    /// strided plan: frames spread over a whole video have no neighbours of their own.
    pub fn snippets(self, clip: usize, interval: usize, total: usize) -> Option<Self> {
        match self {
            FramePlan::Strided { first, step, count, length } => {
                Some(FramePlan::Snippets { first, step, count, length, clip, interval, total })
            }
            FramePlan::Spread { .. } | FramePlan::Snippets { .. } => None,
        }
    }

    /// All frames in the order they are shown; never decreasing, but from snippet to snippet.
    pub fn indices(&self) -> impl ExactSizeIterator<Item = usize> + use<> {
        let plan = *self;
        (0..plan.len()).map(move |place| plan.index(place))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRID: Grid = Grid { window_size: 4, feature_stride: 4, sample_stride: 1, scale_factor: 2, offset_frames: 0 };

    #[test]
    fn a_window_past_the_end_repeats_its_last_frame() {
        let (plan, valid) = GRID.frames(1, 4, 13).unwrap();
        assert_eq!(plan.indices().collect::<Vec<_>>(), [4, 6, 8, 10, 12, 12, 12, 12]);
        assert_eq!(valid, 2, "the half cell at the end is masked");
    }

    #[test]
    fn cells_that_the_file_does_not_have_show_nothing() {
        assert_eq!(GRID.frames(4, 7, 16), None);
        assert_eq!(GRID.frames(9, 12, 16), None);
    }

    #[test]
    fn a_video_of_one_frame_has_one_valid_cell() {
        let (plan, valid) = GRID.frames(0, 0, 1).unwrap();
        assert_eq!((plan.indices().collect::<Vec<_>>(), valid), (vec![0; 8], 1));
    }

    #[test]
    fn spread_frames_round_halves_to_even() {
        let plan = FramePlan::Spread { total: 8, length: 4 }; // centres 0.5, 2.5, 4.5, 6.5
        assert_eq!(plan.indices().collect::<Vec<_>>(), [0, 2, 4, 6]);
        let plan = FramePlan::Spread { total: 2, length: 5 };
        assert_eq!(plan.indices().collect::<Vec<_>>(), [0, 0, 0, 1, 1]);
    }

    #[test]
    fn snippets_stand_around_their_place_and_stay_inside_the_video() {
        let plan = FramePlan::Strided { first: 4, step: 8, count: 2, length: 3 }.snippets(4, 2, 15).unwrap();
        // Around 4, around 12, and the last again.
        assert_eq!(plan.indices().collect::<Vec<_>>(), [0, 2, 4, 6, 8, 10, 12, 14, 8, 10, 12, 14]);
        let plan = FramePlan::Strided { first: 0, step: 8, count: 1, length: 1 }.snippets(4, 2, 3).unwrap();
        assert_eq!(plan.indices().collect::<Vec<_>>(), [0, 0, 0, 2]);
        assert_eq!(plan.snippets(4, 2, 3), None);
    }

    #[test]
    fn a_grid_that_cannot_be_laid_names_the_nearest_that_can() {
        let error = Grid { scale_factor: 3, ..GRID }.check().unwrap_err();
        let text = "scale_factor is 3, which does not divide a snippet_stride of 4; the nearest that do: 2 and 4";
        assert_eq!(error.to_string(), text);
        let error = Grid { scale_factor: 9, ..GRID }.check().unwrap_err();
        assert!(error.to_string().ends_with("the nearest that do: 4"), "{error}");
        assert_eq!(Grid { window_size: 0, ..GRID }.check(), Err(WindowError::Zero { name: "window_size" }));
    }
}
