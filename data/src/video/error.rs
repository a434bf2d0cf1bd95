//! What can be wrong with a file of video, said so that its owner can act.

use std::io;
use std::path::{Path, PathBuf};

/// A problem with one file of video.
#[derive(Debug, thiserror::Error)]
#[error("{problem}: {}", path.display())]
pub struct VideoError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a file of video.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The operating system refused.
    #[error("the file cannot be read or written ({0})")]
    Io(#[from] io::Error),
    /// A folder, a pipe, a device.
    #[error("not a regular file: give the path of an MP4 file")]
    NotAFile,
    /// Zero bytes.
    #[error("the file is empty (0 bytes): copy or download it again")]
    Empty,
    /// A file of some other kind, recognised by its first bytes.
    #[error("{0} files are not supported: convert with `ffmpeg -i IN -c:v libx264 OUT.mp4`")]
    Container(&'static str),
    /// Boxes, or not even that, but no index among them.
    #[error("no moov box: not an MP4, or cut before its index; copy or download it again")]
    NoIndex,
    /// The index contradicts itself or the file.
    #[error(
        "the index of the MP4 is damaged ({0}): copy or download it again, or repair with `ffmpeg -i IN -c copy OUT.mp4`"
    )]
    Index(String),
    /// The file ends before its content does.
    #[error("the file is cut short: it holds {held} of {frames} frames; copy or download it again")]
    Truncated {
        /// Frames whose bytes are all there.
        held: usize,
        /// Frames the index lists.
        frames: usize,
    },
    /// The file ends inside a box of its index.
    #[error("the file is cut short inside its index ({0} box); copy or download it again")]
    CutIndex(String),
    /// Sound only, or an empty movie.
    #[error("no video track in the file")]
    NoVideo,
    /// A video track without frames to show.
    #[error("the video track shows no frames")]
    NoFrames,
    /// A codec this crate cannot decode, by its four-character code.
    #[error("codec {0} is not supported: convert with `ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4`")]
    Codec(String),
    /// H.264, but a feature of it this crate cannot decode.
    #[error("{0} is not supported: convert with `ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4`")]
    Feature(String),
    /// A size that a small file could claim to exhaust the memory.
    #[error("{0} is beyond the limit of {1}")]
    Limit(String, String),
    /// Too many frames failed to decode.
    #[error("{damaged} of {read} frames could not be decoded (first: {reason}): copy or download the file again")]
    Damaged {
        /// Frames that failed to decode.
        damaged: usize,
        /// Frames tried.
        read: usize,
        /// What the decoder said about the first of them.
        reason: String,
    },
    /// The decoder stopped with a panic, which damaged input should never cause.
    #[error("the decoder broke on this file ({0}): convert with `ffmpeg -i IN -c:v libx264 OUT.mp4`")]
    Decoder(String),
    /// The caller asked for frames that are not there, or out of order.
    #[error("{0}")]
    Request(String),
    /// The encoder refused.
    #[error("the video cannot be encoded ({0})")]
    Encoder(String),
}

impl Problem {
    /// The same problem, of this file.
    pub(crate) fn of(self, path: &Path) -> VideoError {
        VideoError { path: path.to_path_buf(), problem: self }
    }

    /// A contradiction in the index.
    pub(crate) fn index(what: impl Into<String>) -> Problem {
        Problem::Index(what.into())
    }
}
