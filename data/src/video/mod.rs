//! Reading video, and writing H.264 in MP4.
//!
//! [`Video::open`] finds out what something is and which reader reads it; [`Video::read`] hands out wanted frames.
//! Frames are counted in the order of showing, from 0; their times are in seconds, as the file gives them: a frame rate is
//! never assumed. [`write_mp4`] makes test and demonstration videos.
//!
//! | reader | reads | needs |
//! | --- | --- | --- |
//! | [`H264Video`] | H.264 in MP4 and MOV | nothing |
//! | [`FrameFolder`] | folders of pictures | nothing |
//! | [`FfmpegVideo`] | everything else | the programs `ffmpeg` and `ffprobe` |
//!
//! All of them decode forwards only, count damaged frames, and give the same colours for the same numbers. What is
//! damaged, cut short or no video is an error that says what to do. No input may panic.
//!
//! | file | concept |
//! | --- | --- |
//! | `reader`, `options` | what all readers do, and how |
//! | `container` | what kind of file something is |
//! | `h264`, `bytes`, `mp4`, `track`, `tables`, `fragment` | MP4 and MOV: the index of the file |
//! | `timeline`, `orientation`, `colour` | when, which way up, and in which colours frames are shown |
//! | `stream`, `decode`, `read` | H.264: from bytes to pictures |
//! | `folder`, `ffmpeg` | the other readers |
//! | `live` | video that is still coming |
//! | `mux`, `write` | from pictures to bytes |

mod bytes;
mod colour;
mod container;
mod decode;
mod error;
mod ffmpeg;
mod folder;
mod fragment;
mod h264;
pub mod live;
mod mp4;
mod mux;
mod options;
mod orientation;
mod read;
mod reader;
mod stream;
mod tables;
mod timeline;
mod track;
mod write;

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use colour::{Colour, Matrix};
pub use error::{Problem, VideoError};
pub use ffmpeg::{DEADLINE, Ffmpeg, FfmpegVideo};
pub(crate) use folder::holds_pictures;
pub use folder::{FrameFolder, RATE_FILE};
pub use h264::H264Video;
pub use mp4::{MAX_BOXES, MAX_FRAMES, MAX_INDEX, MAX_PIXELS, MAX_SIDE};
pub use options::{DAMAGE_LIMIT, OpenOptions};
pub use reader::{Each, Reader};
pub use write::{WriteOptions, write_mp4};

use container::{Container, HEAD, MP4};

/// A picture in RGB, 8 bits each.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Picture {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Red, green and blue of each pixel, row by row from the top left: `width * height * 3` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// A black picture of this size in pixels.
    pub fn black(width: usize, height: usize) -> Self {
        Self { width, height, rgb: vec![0; width * height * 3] }
    }
}

/// Which reader reads a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReaderKind {
    /// H.264 in MP4 or MOV, by this crate.
    H264,
    /// A folder of pictures.
    Frames,
    /// The programs `ffprobe` and `ffmpeg`.
    Ffmpeg,
}

/// What a video says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoInfo {
    /// What reads it.
    pub reader: ReaderKind,
    /// Width in pixels as shown: cropped and turned.
    pub width: usize,
    /// Height in pixels as shown: cropped and turned.
    pub height: usize,
    /// Frames that are shown.
    pub frames: usize,
    /// Mean rate of the shown frames per second, from their times; 0 for a single frame of unknown duration.
    pub fps: f64,
    /// When the last frame has been shown, in seconds; the times of all frames lie before it.
    pub duration: f64,
    /// The codec: of H.264 as RFC 6381 names it, such as `avc1.64001f`; otherwise as ffmpeg does, such as `vp9`.
    pub codec: String,
    /// Clockwise turn from the stored to the shown picture, in degrees: 0, 90, 180 or 270. Turns of pictures in folders
    /// are not told here.
    pub rotation: u32,
    /// Width and height of a pixel, relative to each other. Pictures are handed out as they are stored, as by the readers
    /// of the reference implementation; `(1, 1)` is the rule.
    pub pixel_aspect: (u32, u32),
    /// Frames from which decoding can start.
    pub keyframes: usize,
    /// How the stored numbers mean colours.
    pub colour: Colour,
}

/// What a read did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadReport {
    /// Frames decoded without fault, wanted or needed for wanted ones.
    pub decoded: usize,
    /// Frames that are missing or failed to decode. Those after them, up to the next key frame, may carry traces of the damage.
    pub damaged: usize,
    /// Wanted frames among the damaged, in whose place the wanted frame before was handed out again.
    pub filled: usize,
}

/// An opened video. It holds no open file: thousands may be kept.
#[derive(Debug, Clone)]
pub struct Video {
    path: PathBuf,
    source: Source,
}

/// What reads it.
#[derive(Debug, Clone)]
enum Source {
    H264(H264Video),
    Frames(FrameFolder),
    Ffmpeg(FfmpegVideo),
}

impl Video {
    /// Opens a file of video or a folder of pictures, with the usual options.
    pub fn open(path: &Path) -> Result<Video, VideoError> {
        Self::open_with(path, &OpenOptions::default())
    }

    /// Opens a file of video or a folder of pictures: finds out by its content what it is, and reads its index.
    pub fn open_with(path: &Path, options: &OpenOptions) -> Result<Video, VideoError> {
        let source = open(path, options).map_err(|problem| problem.of(path))?;
        Ok(Video { path: path.to_path_buf(), source })
    }

    fn reader(&self) -> &dyn Reader {
        match &self.source {
            Source::H264(video) => video,
            Source::Frames(video) => video,
            Source::Ffmpeg(video) => video,
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it says about itself.
    pub fn info(&self) -> &VideoInfo {
        self.reader().info()
    }

    /// When each frame is shown, in seconds, ascending.
    pub fn times(&self) -> &[f64] {
        self.reader().times()
    }

    /// The frame shown nearest to a time in seconds; the earlier one of two as near.
    pub fn frame_at(&self, seconds: f64) -> usize {
        reader::nearest(self.times(), seconds)
    }

    /// Decodes frames and hands them out in order: `each(position, picture)` for every entry of `wanted`.
    ///
    /// `wanted` holds frame numbers in ascending order; one may stand there many times and is decoded once.
    /// `each` may stop the read with [`ControlFlow::Break`].
    ///
    /// A frame that cannot be decoded is counted in the report; if it was wanted, the wanted frame before it takes
    /// its place, and that is counted too. Above [`OpenOptions::damage_limit`] the read is an error, as it is when the
    /// very first wanted frame is lost.
    pub fn read(
        &self,
        wanted: &[usize],
        mut each: impl FnMut(usize, &Picture) -> ControlFlow<()>,
    ) -> Result<ReadReport, VideoError> {
        let reader = self.reader();
        let read = reader::check_request(wanted, reader.times().len()).and_then(|()| reader.read(wanted, &mut each));
        read.map_err(|problem| problem.of(&self.path))
    }
}

fn open(path: &Path, options: &OpenOptions) -> Result<Source, Problem> {
    let OpenOptions { damage_limit, ffmpeg, .. } = options;
    if damage_limit.is_nan() || *damage_limit < 0.0 {
        return Err(Problem::Request(format!("a limit of {damage_limit} % damaged frames is none")));
    }
    if path.is_dir() {
        return FrameFolder::open(path, options).map(Source::Frames);
    }
    let (mut file, size) = regular_file(path)?;
    if size == 0 {
        return Err(Problem::Empty);
    }
    let mut head = Vec::new();
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let with_ffmpeg =
        |container, what: String| FfmpegVideo::open(path, container, &what, *damage_limit, ffmpeg).map(Source::Ffmpeg);
    match Container::of(&head)? {
        Container::Other(other) => with_ffmpeg(other, format!("{} video", other.name)),
        Container::Mp4 => match H264Video::open(path, *damage_limit) {
            Ok(video) => Ok(Source::H264(video)),
            Err(Problem::Codec(codec)) => with_ffmpeg(MP4, format!("codec {codec}")),
            Err(Problem::Feature(feature)) => with_ffmpeg(MP4, feature),
            Err(problem) => Err(problem),
        },
    }
}

/// Opens a file and says how long it is. A pipe or a device would never end, so it is refused unopened.
fn regular_file(path: &Path) -> Result<(File, u64), Problem> {
    let metadata = std::fs::metadata(path)?;
    if !metadata.is_file() {
        return Err(Problem::NotAFile);
    }
    Ok((File::open(path)?, metadata.len()))
}

/// The file again, if it is as long as it was.
fn same_file(path: &Path, size: u64) -> Result<File, Problem> {
    match regular_file(path)? {
        (file, now) if now == size => Ok(file),
        _ => Err(Problem::Request("the file changed after it was opened".into())),
    }
}
