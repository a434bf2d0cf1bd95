//! H.264 in MP4 and MOV, read by this crate alone: the usual case, and the one that needs nothing installed.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::Problem;
use super::orientation::Orientation;
use super::reader::{Each, Reader};
use super::stream::Stream;
use super::timeline::Timeline;
use super::track::Sample;
use super::{ReadReport, ReaderKind, VideoInfo, mp4, read, regular_file, same_file};

/// An opened MP4 or MOV file. It holds the index, but no open file: thousands may be kept.
#[derive(Debug, Clone)]
pub struct H264Video {
    path: PathBuf,
    file_size: u64,
    info: VideoInfo,
    samples: Vec<Sample>,
    timeline: Timeline,
    stream: Stream,
    orientation: Orientation,
    damage_limit: f64,
}

impl H264Video {
    /// Reads the index of an MP4 or MOV file with H.264 video, and nothing else.
    pub(super) fn open(path: &Path, damage_limit: f64) -> Result<Self, Problem> {
        let (mut file, file_size) = regular_file(path)?;
        let index = mp4::read_index(&mut file, file_size)?;
        let timeline = Timeline::new(&index)?;
        let track = index.track;
        let stream = Stream::new(&track.avcc, track.size, track.colour, || first_sample(&mut file, &track.samples))?;

        let (width, height) = track.orientation.size(stream.width, stream.height);
        let info = VideoInfo {
            reader: ReaderKind::H264,
            width,
            height,
            frames: timeline.times().len(),
            fps: timeline.rate(),
            duration: timeline.end(),
            codec: stream.codec.clone(),
            rotation: track.orientation.degrees(),
            pixel_aspect: track.orientation.size_of(track.pixel_aspect),
            keyframes: timeline.sync_count(),
            colour: stream.colour,
        };
        let (samples, orientation) = (track.samples, track.orientation);
        Ok(Self { path: path.to_path_buf(), file_size, info, samples, timeline, stream, orientation, damage_limit })
    }
}

impl Reader for H264Video {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn times(&self) -> &[f64] {
        self.timeline.times()
    }

    /// Decoding starts at the last key frame that serves the first wanted frame, leaves out what no wanted frame needs, and
    /// jumps over stretches of which none is wanted.
    fn read(&self, wanted: &[usize], each: &mut Each) -> Result<ReadReport, Problem> {
        let source = read::Source {
            samples: &self.samples,
            timeline: &self.timeline,
            stream: &self.stream,
            orientation: self.orientation,
            damage_limit: self.damage_limit,
        };
        read::read(&source, same_file(&self.path, self.file_size)?, wanted, each)
    }
}

fn first_sample(file: &mut File, samples: &[Sample]) -> Result<Vec<u8>, Problem> {
    let Some(sample) = samples.first() else { return Err(Problem::NoFrames) };
    let mut bytes = vec![0; sample.size as usize];
    file.seek(SeekFrom::Start(sample.offset))?;
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
