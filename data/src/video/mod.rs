//! Reading and writing H.264 video in MP4 and MOV files, in Rust alone.
//!
//! [`Video::open`] reads the index of a file (nothing else), [`Video::read`] decodes wanted frames, and
//! [`write_mp4`] makes test and demonstration videos. Frames are counted in the order of showing, from 0; their
//! times are in seconds, as the container's tables and edit list give them: a frame rate is never assumed.
//!
//! A file that is damaged, cut short or of another kind is an error that says what to do. No input may panic.
//!
//! | file | concept |
//! | --- | --- |
//! | `bytes`, `mp4`, `track`, `tables`, `fragment` | the index of the file |
//! | `timeline`, `orientation`, `colour` | when, which way up, and in which colours frames are shown |
//! | `stream`, `decode`, `read` | from bytes to pictures |
//! | `mux`, `write` | from pictures to bytes |

mod bytes;
mod colour;
mod decode;
mod error;
mod fragment;
mod mp4;
mod mux;
mod orientation;
mod read;
mod stream;
mod tables;
mod timeline;
mod track;
mod write;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use colour::{Colour, Matrix};
pub use error::{Problem, VideoError};
pub use mp4::{MAX_BOXES, MAX_FRAMES, MAX_INDEX, MAX_PIXELS, MAX_SIDE};
pub use read::DAMAGE_LIMIT_PERCENT;
pub use write::{WriteOptions, write_mp4};

use orientation::Orientation;
use stream::Stream;
use timeline::Timeline;
use track::Sample;

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

/// What a file of video says about itself.
#[derive(Debug, Clone, PartialEq)]
pub struct VideoInfo {
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
    /// The codec as RFC 6381 names it, such as `avc1.64001f`.
    pub codec: String,
    /// Clockwise turn from the stored to the shown picture, in degrees: 0, 90, 180 or 270.
    pub rotation: u32,
    /// Frames from which decoding can start.
    pub keyframes: usize,
    /// How the stored numbers mean colours.
    pub colour: Colour,
}

/// What a read did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadReport {
    /// Frames decoded, wanted or needed for wanted ones.
    pub decoded: usize,
    /// Frames that failed to decode. Those after them, up to the next key frame, may carry traces of the damage.
    pub damaged: usize,
    /// Wanted frames among the damaged, in whose place the wanted frame before was handed out again.
    pub filled: usize,
}

/// An opened file of video. It holds the index, but no open file: thousands may be kept.
#[derive(Debug, Clone)]
pub struct Video {
    path: PathBuf,
    file_size: u64,
    info: VideoInfo,
    samples: Vec<Sample>,
    timeline: Timeline,
    stream: Stream,
    orientation: Orientation,
}

impl Video {
    /// Reads the index of an MP4 or MOV file with H.264 video.
    pub fn open(path: &Path) -> Result<Video, VideoError> {
        Self::open_file(path).map_err(|problem| problem.of(path))
    }

    fn open_file(path: &Path) -> Result<Video, Problem> {
        let (mut file, file_size) = regular_file(path)?;
        if file_size == 0 {
            return Err(Problem::Empty);
        }
        let index = mp4::read_index(&mut file, file_size)?;
        let timeline = Timeline::new(&index)?;
        let track = index.track;
        let stream = Stream::new(&track.avcc, track.size, track.colour, || first_sample(&mut file, &track.samples))?;

        let (width, height) = track.orientation.size(stream.width, stream.height);
        let info = VideoInfo {
            width,
            height,
            frames: timeline.times().len(),
            fps: timeline.rate(),
            duration: timeline.end(),
            codec: stream.codec.clone(),
            rotation: track.orientation.degrees(),
            keyframes: timeline.sync_count(),
            colour: stream.colour,
        };
        let (samples, orientation) = (track.samples, track.orientation);
        Ok(Video { path: path.to_path_buf(), file_size, info, samples, timeline, stream, orientation })
    }

    /// What the file says about itself.
    pub fn info(&self) -> &VideoInfo {
        &self.info
    }

    /// When each frame is shown, in seconds, ascending.
    pub fn times(&self) -> &[f64] {
        self.timeline.times()
    }

    /// The frame shown nearest to a time in seconds; the earlier one of two as near.
    pub fn frame_at(&self, seconds: f64) -> usize {
        self.timeline.nearest(seconds)
    }

    /// Decodes frames and hands them out in order: `each(position, picture)` for every entry of `wanted`.
    ///
    /// `wanted` holds frame numbers in ascending order; one may stand there many times and is decoded once.
    /// `each` may stop the read with [`ControlFlow::Break`]. Decoding starts at the last key frame that serves the
    /// first wanted frame, leaves out what no wanted frame needs, and jumps over stretches of which none is wanted.
    ///
    /// A frame that cannot be decoded is counted in the report; if it was wanted, the wanted frame before it takes
    /// its place, and that is counted too. Above [`DAMAGE_LIMIT_PERCENT`] the read is an error, as it is when the
    /// very first wanted frame is lost.
    pub fn read(
        &self,
        wanted: &[usize],
        each: impl FnMut(usize, &Picture) -> ControlFlow<()>,
    ) -> Result<ReadReport, VideoError> {
        let source = read::Source {
            samples: &self.samples,
            timeline: &self.timeline,
            stream: &self.stream,
            orientation: self.orientation,
        };
        let run = || {
            let (file, size) = regular_file(&self.path)?;
            if size != self.file_size {
                return Err(Problem::Request("the file changed after it was opened".into()));
            }
            read::read(&source, file, wanted, each)
        };
        run().map_err(|problem| problem.of(&self.path))
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

fn first_sample(file: &mut File, samples: &[Sample]) -> Result<Vec<u8>, Problem> {
    let Some(sample) = samples.first() else { return Err(Problem::NoFrames) };
    let mut bytes = vec![0; sample.size as usize];
    file.seek(SeekFrom::Start(sample.offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
