//! How windows of a run are taken from a video: in training, and to see all of it.

use adatad_data::window::{
    Grid, Padding, Resize, Sliding, SlidingConfig, Timeline, Truncation, TruncationConfig, Whole, Window, WindowError,
};

use crate::config::{Input, RunConfig};

/// Shortest and longest piece of a video that fits in a window, as shares of it (OpenTAD `crop_ratio`).
const CROP_RATIO: (f64, f64) = (0.9, 1.0);

/// How training windows are taken from a video.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Training {
    /// A random piece.
    Piece(Truncation),
    /// All of it.
    Whole(Resize),
}

impl Training {
    pub(crate) fn new(config: &RunConfig) -> Result<Self, WindowError> {
        Ok(match resize(config)? {
            Some(resize) => Training::Whole(resize),
            None => {
                let trunc_thresh = config.window.truncation_threshold;
                Training::Piece(TruncationConfig { grid: grid(config), crop_ratio: CROP_RATIO, trunc_thresh }.build()?)
            }
        })
    }
}

/// How whole videos become windows, where they do.
fn resize(config: &RunConfig) -> Result<Option<Resize>, WindowError> {
    let window = &config.window;
    window.resize.then(|| Resize::new(window.size, window.scale_factor)).transpose()
}

/// The grid of a run.
pub fn grid(config: &RunConfig) -> Grid {
    let window = &config.window;
    Grid {
        window_size: window.size,
        // Frames of a whole video have no fixed distance.
        feature_stride: if window.resize { window.scale_factor } else { window.feature_stride },
        sample_stride: 1,
        scale_factor: window.scale_factor,
        offset_frames: match &config.input {
            Input::Videos(_) => 0,
            Input::Features(features) => features.offset_frames,
        },
    }
}

/// How far windows of stored features are padded.
pub fn padding(config: &RunConfig) -> Padding {
    Padding { unit: config.detector.coarsest_stride(), least: config.least_steps() }
}

/// How windows cover a video in detection.
#[derive(Debug, Clone, Copy)]
pub enum Cover {
    /// Windows of one length.
    Sliding(Sliding),
    /// One window, as long as the recording.
    Whole(Whole),
    /// One window of fixed length, the video's frames spread over it.
    Resize(Resize),
}

impl Cover {
    /// That of a run. With `cover_tail` the end of a video is always seen, and no window twice.
    ///
    /// # Errors
    ///
    /// Windows of such a length, or overlap, cannot be made.
    pub fn new(config: &RunConfig, cover_tail: bool) -> Result<Self, WindowError> {
        if let Some(resize) = resize(config)? {
            return Ok(Cover::Resize(resize));
        }
        let grid = grid(config);
        Ok(match config.window.overlap {
            Some(overlap) => Cover::Sliding(SlidingConfig { grid, overlap, completeness: None, cover_tail }.build()?),
            None => Cover::Whole(Whole::new(grid, padding(config))?),
        })
    }

    /// Whether a window is all there is of a video.
    pub fn is_whole(&self) -> bool {
        match self {
            Cover::Sliding(_) => false,
            Cover::Whole(_) | Cover::Resize(_) => true,
        }
    }

    /// The windows of a video.
    pub fn windows(&self, timeline: &Timeline) -> Vec<Window> {
        match self {
            Cover::Sliding(sliding) => sliding.cut(timeline, None),
            Cover::Whole(whole) => vec![whole.window(timeline)],
            Cover::Resize(resize) => vec![resize.window(timeline, &[])],
        }
    }
}
