//! Writing test and demonstration videos: RGB pictures in, H.264 in MP4 out, with no system dependency.
//!
//! The encoder is set to its fastest tools (no look-ahead, no B-frames, constant quantiser): one picture goes in,
//! one access unit comes out, so memory does not grow with the length of the video.
//! The same pictures give the same bytes.

use std::io::BufWriter;
use std::path::Path;

use rusty_h264_encoder::{Encoder, EncoderConfig, Preset};

use super::Picture;
use super::colour::{Matrix, Planes};
use super::error::{Problem, VideoError};
use super::mp4::{MAX_FRAMES, MAX_SIDE};
use super::mux::{Format, Muxer};

/// Highest frame rate; beyond it the time scale of the file would not fit 32 bits for long videos.
const MAX_FPS: u32 = 1000;

/// How a video is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// Width in pixels, even.
    pub width: usize,
    /// Height in pixels, even.
    pub height: usize,
    /// Frames per second.
    pub fps: u32,
    /// Every how many frames a key frame stands, from which reading can start.
    pub keyframe_interval: usize,
    /// Quantiser, 0 (finest) to 51; 26 gives about 40 dB on natural pictures.
    pub qp: u8,
}

impl WriteOptions {
    fn check(&self, frames: usize) -> Result<(), Problem> {
        let refuse = |what: String| Err(Problem::Request(what));
        let side = 2..=MAX_SIDE;
        if !side.contains(&self.width) || !side.contains(&self.height) || self.width % 2 + self.height % 2 != 0 {
            return refuse(format!("width and height must be even, 2 to {MAX_SIDE}: {}x{}", self.width, self.height));
        }
        if !(1..=MAX_FPS).contains(&self.fps) {
            return refuse(format!("frames per second must be 1 to {MAX_FPS}: {}", self.fps));
        }
        if !(1..=MAX_FRAMES).contains(&frames) {
            return refuse(format!("a video must have 1 to {MAX_FRAMES} frames: {frames}"));
        }
        if !(1..=MAX_FRAMES).contains(&self.keyframe_interval) {
            return refuse(format!("the keyframe interval must be 1 to {MAX_FRAMES}: {}", self.keyframe_interval));
        }
        if self.qp > 51 {
            return refuse(format!("qp must be 0 to 51: {}", self.qp));
        }
        Ok(())
    }

    fn encoder(&self) -> Result<Encoder, Problem> {
        let mut config = EncoderConfig::baseline(self.width, self.height);
        config.preset = Preset::Fast;
        config.gop_size = self.keyframe_interval as u32;
        config.framerate = self.fps as f32;
        config.qp = self.qp;
        Encoder::new(config).map_err(|error| Problem::Encoder(error.to_string()))
    }
}

/// Encodes `frames` pictures as H.264 in an MP4 file.
///
/// `frame(index, picture)` fills in picture `index`; the picture comes with the right size and the content of the
/// one before (black at first). The file appears under its name only when complete, and replaces what was there.
pub fn write_mp4(
    path: &Path,
    options: &WriteOptions,
    frames: usize,
    frame: impl FnMut(usize, &mut Picture),
) -> Result<(), VideoError> {
    write(path, options, frames, frame).map_err(|problem| problem.of(path))
}

fn write(
    path: &Path,
    options: &WriteOptions,
    frames: usize,
    mut frame: impl FnMut(usize, &mut Picture),
) -> Result<(), Problem> {
    options.check(frames)?;
    let (width, height) = (options.width, options.height);
    let matrix = Matrix::usual(height);
    let format = Format { width: width as u16, height: height as u16, fps: options.fps, matrix };
    let mut encoder = options.encoder()?;
    let mut muxer = Muxer::new(BufWriter::new(sibling(path)?), format)?;

    let mut picture = Picture::black(width, height);
    let mut planes = Planes::new(width, height);
    for index in 0..frames {
        frame(index, &mut picture);
        if (picture.width, picture.height, picture.rgb.len()) != (width, height, width * height * 3) {
            return Err(Problem::Request(format!("picture {index} is not {width}x{height}")));
        }
        planes.fill(&picture, matrix);
        let unit = encoder.encode_planes(&planes.view()).map_err(|error| Problem::Encoder(error.to_string()))?;
        muxer.add(&unit)?;
    }

    let file = muxer.finish()?.into_inner().map_err(|error| error.into_error())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// A temporary file in the folder of `path`, so that the final renaming stays on one file system.
fn sibling(path: &Path) -> Result<tempfile::NamedTempFile, Problem> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".video-").suffix(".part");
    // A temporary file is private by default; a video is an ordinary file, as the umask of the user wants it.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    Ok(builder.tempfile_in(folder)?)
}
