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
    /// A pipe, a device.
    #[error("not a regular file: give the path of a file of video, or of a folder of pictures")]
    NotAFile,
    /// Zero bytes.
    #[error("the file is empty (0 bytes): copy or download it again")]
    Empty,
    /// One picture, of this kind.
    #[error("a single {0} picture is no video: give the folder that holds all frames")]
    SinglePicture(&'static str),
    /// A folder that is no video.
    #[error("the folder holds no pictures (.jpg, .png)")]
    NoPictures,
    /// A folder of pictures, and nobody knows how many are a second.
    #[error(
        "a folder of pictures says nothing of seconds: put a file `fps.txt` into it that holds the frames a second, such \
         as 25, or give the rate with the labels"
    )]
    NoRate,
    /// The file that should tell the rate of a folder of pictures.
    #[error("`fps.txt` holds {0:?}, which is no number of frames a second, such as 25, 29.97 or 30000/1001")]
    RateFile(String),
    /// Names of pictures that contradict each other.
    #[error("{0}: number the pictures of a video one by one")]
    Numbers(String),
    /// Pictures that are not there.
    #[error("{missing} of {frames} pictures are missing, the first is number {first}: copy the folder again")]
    Gaps {
        /// How many.
        missing: u64,
        /// Frames from the first picture to the last.
        frames: u64,
        /// The number of the first that is missing.
        first: u64,
    },
    /// A picture without which the size of a video is not known.
    #[error("a picture cannot be read ({0}): copy the folder again")]
    BadPicture(String),
    /// Pictures of several sizes.
    #[error("{0}: all pictures of a video must have one size")]
    PictureSize(String),
    /// What only ffmpeg reads, without ffmpeg.
    #[error(
        "{what} needs ffmpeg, which is not installed: install it (Debian, Ubuntu: `sudo apt-get install ffmpeg`; macOS: \
         `brew install ffmpeg`; Windows: `winget install ffmpeg`), or convert the file elsewhere with `ffmpeg -i IN -c:v \
         libx264 -pix_fmt yuv420p OUT.mp4`"
    )]
    NoFfmpeg {
        /// What cannot be read.
        what: String,
    },
    /// ffprobe or ffmpeg failed.
    #[error("{program} cannot read the file ({words})")]
    Program {
        /// Which.
        program: &'static str,
        /// What it said last.
        words: String,
    },
    /// ffprobe or ffmpeg hung.
    #[error("{program} said nothing for {seconds} s and was stopped: try `ffmpeg -i IN -c:v libx264 OUT.mp4`")]
    Stuck {
        /// Which.
        program: &'static str,
        /// How long it was waited for.
        seconds: f64,
    },
    /// Frames without presentation times.
    #[error("the file does not say when its frames are shown: give it times with `ffmpeg -i IN -c:v libx264 OUT.mp4`")]
    NoTimes,
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
