//! Stored features instead of frames: one `.npy` file for each video, `[steps, channels]`.
//!
//! Two kinds of file, told apart by [`Layout::signal_window`]: features, of which every row is a time step of the
//! detector; and raw signals (of motion sensors, say), of which `signal_window` rows in a row make one time step, side
//! by side: `[steps, window * channels]`. Windows of time steps are those of [`window`](crate::window), with one step
//! for each cell.
//!
//! Rules are those of OpenTAD's `LoadFeats` for `.npy` files, and of the original ActionFormer's data sets for where a
//! step lies in time.

mod error;
mod header;
mod npy;
mod standard;
mod store;

pub use error::{FeatureError, FeatureFault};
pub(crate) use npy::NpyFile;
pub use npy::Rows;
pub use standard::{Standard, StandardError};
pub use store::FeatureStore;

use std::path::{Path, PathBuf};

/// What is in the files of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Numbers in each row of a file.
    pub channels: usize,
    /// Frames of the recording from one time step to the next.
    pub feature_stride: usize,
    /// Frames from the start of a time step to its centre.
    pub offset_frames: usize,
    /// Rows that make one time step, where the files hold raw signals: then a row is a frame.
    pub signal_window: Option<usize>,
}

impl Layout {
    /// Numbers in a time step.
    pub fn step_channels(&self) -> usize {
        self.channels * self.signal_window.unwrap_or(1)
    }

    /// Time steps in a file of so many rows; 0 if it is too short for one.
    pub fn steps(&self, rows: usize) -> usize {
        match self.signal_window {
            None => rows,
            Some(window) => rows.checked_sub(window).map_or(0, |last| last / self.feature_stride + 1),
        }
    }

    /// Frames of a recording of which nothing is known but its file's number of rows.
    pub fn frames(&self, rows: usize) -> usize {
        match self.signal_window {
            Some(_) => rows,
            None => (rows - 1) * self.feature_stride + self.feature_stride.max(2 * self.offset_frames),
        }
    }

    /// Opens a file and reads its shape.
    fn open(&self, path: &Path) -> Result<(NpyFile, usize), FeatureError> {
        let file = NpyFile::open(path, self.channels)?;
        let [rows, _] = file.shape;
        match self.steps(rows) {
            0 => {
                let window = self.signal_window.unwrap_or(1);
                Err(FeatureError::at(path, FeatureFault::Short { rows, window }))
            }
            _ => Ok((file, rows)),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It is no file of such features: see [`FeatureFault`].
    pub fn read(&self, path: &Path) -> Result<Rows, FeatureError> {
        self.open(path)?.0.rows(path)
    }
}

/// Where the features of a video of this name are.
pub fn feature_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.npy"))
}
