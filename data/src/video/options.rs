//! How files of video are opened and read.

use super::ffmpeg::Ffmpeg;

/// Of the frames of one read, how many in a hundred may be damaged before the read as a whole fails.
///
/// One lost frame in a window of 768 does not change what happens in it; more than that is a broken file.
pub const DAMAGE_LIMIT: f64 = 1.0;

/// How files of video are opened and read.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Damaged frames of one read that are borne, in percent of its frames.
    pub damage_limit: f64,
    /// Frames a second of a folder of pictures that does not say it itself; files know their times.
    pub fps: Option<f64>,
    /// Length in seconds of such a folder, from labels; used where nobody says how many frames a second it has.
    pub duration: Option<f64>,
    /// The programs that read what this crate does not read itself.
    pub ffmpeg: Ffmpeg,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { damage_limit: DAMAGE_LIMIT, fps: None, duration: None, ffmpeg: Ffmpeg::default() }
    }
}
