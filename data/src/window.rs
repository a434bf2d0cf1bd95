//! Windows: which frames of a video are seen at once, and what happens in them.
//!
//! A video is laid on a *grid*: one cell every `snippet_stride` frames, each cell a time step of the detector. A window
//! is a run of `window_size` cells, and shows `scale_factor` frames for each. Four ways lead from videos to windows:
//!
//! | way | for | module |
//! | --- | --- | --- |
//! | [`Sliding`] | testing, and videos of any length | `sliding` |
//! | [`Truncation`] | training: a random piece of the video | `truncation` |
//! | [`Resize`] | short videos: the whole video, whatever its length | `resize` |
//! | [`Whole`] | features of recordings: all of it, at its own length | `whole` |
//!
//! A data set is a `Vec<Window>`; nothing here opens a video. Times come in three units, always named: seconds, frames
//! (of the video), and grid steps (cells from the start of the window, with fractions). Rules and numbers are those of
//! OpenTAD (`datasets/base.py`, `datasets/thumos.py`, `datasets/anet.py`, `transforms/loading.py`,
//! `transforms/end_to_end.py`) unless marked.

mod arriving;
mod frames;
pub mod reference;
mod resize;
mod sliding;
mod timeline;
mod truncation;
mod whole;

pub use arriving::Arriving;
pub use frames::{FramePlan, Grid};
pub use resize::Resize;
pub use sliding::{Sliding, SlidingConfig};
pub use timeline::{Conversion, Timeline, TruthRule};
pub use truncation::{Truncation, TruncationConfig};
pub use whole::Whole;

use crate::classes::UnknownLabel;

/// An action as the model is taught it. The unit of its times is that of whoever holds it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    /// When it starts.
    pub start: f64,
    /// When it ends.
    pub end: f64,
    /// Its class.
    pub class: usize,
}

/// A run of frames seen at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// Index of the video in the list the windows were made from.
    pub video: usize,
    /// Name of the video.
    pub name: String,
    /// The frames to read.
    pub frames: FramePlan,
    /// Grid cells of the window, padding included: the time steps of the detector.
    pub window_size: usize,
    /// How many cells from the first on are of the video; the rest repeats its last frame. At least 1.
    pub mask_valid: usize,
    /// What a grid step is in seconds.
    pub timing: Timing,
    /// What happens, in grid steps; empty in test windows.
    pub truth: Vec<Truth>,
}

impl Window {
    /// One flag a cell: is it of the video?
    pub fn mask(&self) -> impl Iterator<Item = bool> {
        let valid = self.mask_valid;
        (0..self.window_size).map(move |cell| cell < valid)
    }

    /// Without padding that changes nothing: the same predictions for less arithmetic. For windows that show one frame for
    /// each step.
    pub fn shortened(mut self, padding: Padding) -> Self {
        self.window_size = self.window_size.min(padding.steps(self.mask_valid));
        if let FramePlan::Strided { length, .. } = &mut self.frames {
            *length = self.window_size;
        }
        self
    }
}

/// How far a window is padded for a pyramid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Padding {
    /// Steps from point to point of the pyramid's coarsest level.
    pub unit: usize,
    /// Steps to pad to at least.
    pub least: usize,
}

impl Padding {
    /// Steps of a window of `valid` steps of video: to the next whole unit, and for a unit more. Then there is padding at
    /// the end of every level, and whoever sees no further than its first step cannot tell how much more there is.
    fn steps(self, valid: usize) -> usize {
        ((valid.div_ceil(self.unit) + 1) * self.unit).max(self.least)
    }
}

/// How grid steps of one window become seconds of its video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Timing {
    /// The window is a stretch of the video.
    Stretch {
        /// Frames a second.
        fps: f64,
        /// Frames between the starts of two cells.
        snippet_stride: usize,
        /// Frame at which the first cell starts.
        window_start_frame: usize,
        /// Frames from the start of a cell to its centre; 0 when the model is trained end to end.
        offset_frames: usize,
        /// Length of the video, in seconds.
        duration: f64,
    },
    /// The window is the whole video (OpenTAD marks it by fps = -1).
    Whole {
        /// Cells the video was resized to.
        resize_length: usize,
        /// Length of the video, in seconds.
        duration: f64,
    },
}

impl Timing {
    /// Length of the video, in seconds.
    pub fn duration(&self) -> f64 {
        match *self {
            Timing::Stretch { duration, .. } | Timing::Whole { duration, .. } => duration,
        }
    }

    /// Seconds from one grid step to the next.
    pub fn step_seconds(&self) -> f64 {
        match *self {
            Timing::Stretch { fps, snippet_stride, .. } => snippet_stride as f64 / fps,
            Timing::Whole { resize_length, duration } => duration / resize_length as f64,
        }
    }

    /// Grid steps to seconds, kept inside the video (`utils/post_processing.py`).
    pub fn seconds(&self, grid: f64) -> f64 {
        let (seconds, duration) = match *self {
            Timing::Stretch { fps, snippet_stride, window_start_frame, offset_frames, duration } => {
                let frames = grid * snippet_stride as f64 + (window_start_frame + offset_frames) as f64;
                (frames / fps, duration)
            }
            Timing::Whole { resize_length, duration } => (grid / resize_length as f64 * duration, duration),
        };
        seconds.clamp(0.0, duration)
    }
}

/// Why no windows can be made.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum WindowError {
    /// A length or stride is 0.
    #[error("{name} is 0; it must be at least 1")]
    Zero {
        /// Which one.
        name: &'static str,
    },
    /// Frames cannot be spaced evenly.
    #[error("scale_factor is {scale_factor}, which does not divide a snippet_stride of {snippet_stride}{}", near(*.below, .above))]
    ScaleFactor {
        /// Frames for each grid cell.
        scale_factor: usize,
        /// Frames between the starts of two cells.
        snippet_stride: usize,
        /// The nearest smaller one that does.
        below: usize,
        /// The nearest larger one that does, if any.
        above: Option<usize>,
    },
    /// A fraction is out of its range.
    #[error("{name} is {value}; it must be {range}")]
    Fraction {
        /// Which one.
        name: &'static str,
        /// Its value.
        value: f64,
        /// What it may be.
        range: &'static str,
    },
    /// Windows that overlap so far that none ever moves on.
    #[error("windows of {window_size} cells that overlap by {overlap} would not move; overlap at most {most}")]
    Overlap {
        /// Cells of a window.
        window_size: usize,
        /// Share of a window that the next one sees again.
        overlap: f64,
        /// The largest overlap that moves by a cell.
        most: f64,
    },
    /// Nobody says how many frames the video has.
    #[error("video `{name}`: its number of frames is unknown; add `frame` to its annotation, or set the fps")]
    UnknownLength {
        /// The video.
        name: String,
    },
    /// A video too short to hold a frame.
    #[error("video `{name}` has no frame ({duration} s at {fps} fps)")]
    NoFrames {
        /// The video.
        name: String,
        /// Its length in seconds.
        duration: f64,
        /// Frames a second.
        fps: f64,
    },
    /// An action of a class the model does not know.
    #[error("video `{name}`: {unknown}")]
    Label {
        /// The video.
        name: String,
        /// The label.
        unknown: UnknownLabel,
    },
}

fn near(below: usize, above: &Option<usize>) -> String {
    let above = above.map(|above| format!(" and {above}")).unwrap_or_default();
    format!("; the nearest that do: {below}{above}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grid_steps_become_seconds_inside_the_video() {
        let timing = Timing::Stretch {
            fps: 30.0,
            snippet_stride: 4,
            window_start_frame: 1200,
            offset_frames: 8,
            duration: 50.0,
        };
        assert_eq!(timing.seconds(73.0), 50.0);
        assert_eq!(timing.seconds(10.0), (40.0 + 1208.0) / 30.0);
        assert_eq!(timing.seconds(-400.0), 0.0);
        assert_eq!(timing.step_seconds(), 4.0 / 30.0);
        let whole = Timing::Whole { resize_length: 192, duration: 12.0 };
        assert_eq!(whole.step_seconds(), 0.0625);
        assert_eq!([whole.seconds(96.0), whole.seconds(-1.0), whole.seconds(200.0)], [6.0, 0.0, 12.0]);
    }

    #[test]
    fn a_shortened_window_has_padding_at_every_level_of_the_pyramid() {
        let window = |mask_valid| Window {
            video: 0,
            name: "v".into(),
            frames: FramePlan::Strided { first: 0, step: 25, count: mask_valid, length: 1280 },
            window_size: 1280,
            mask_valid,
            timing: Timing::Whole { resize_length: 1280, duration: 640.0 },
            truth: Vec::new(),
        };
        for valid in 1..=1280usize {
            let short = window(valid).shortened(Padding { unit: 32, least: 32 });
            assert_eq!(short.frames.len(), short.window_size);
            let padding = |level: usize| (short.window_size >> level) - valid.div_ceil(1 << level);
            assert!(valid > 1248 || (0..6).all(|level| padding(level) >= 1), "{valid}");
        }
        assert_eq!(
            [1, 32, 33, 1248, 1249, 1280].map(|v| window(v).shortened(Padding { unit: 32, least: 32 }).window_size),
            [64, 64, 96, 1280, 1280, 1280]
        );
    }
}
