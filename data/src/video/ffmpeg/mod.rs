//! Everything this crate cannot decode itself, through the programs `ffprobe` and `ffmpeg`, if they are installed.
//!
//! `ffprobe` says what is in a file and when its frames are shown; `ffmpeg` decodes and hands over the planes as they were
//! stored, through a pipe. What a plane means (matrix, range, rotation) is decided here, so that colours are those of the
//! other readers. Every frame arrives with its time, by which it is told which one it is: wherever a program starts to
//! decode and whatever it leaves out, no frame can stand in another one's place unnoticed.
//!
//! The programs are trusted, the files are not: no shell, no guessing of the kind of file, no other file and no network
//! (`child` has the rules); nothing is kept that a program can make longer and longer, and one that says nothing for the
//! length of the deadline is stopped.

mod child;
mod log;
mod planes;
mod probe;
mod run;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::container::OtherContainer;
use super::error::Problem;
use super::orientation::Orientation;
use super::reader::{Each, Handout, Reader};
use super::{ReadReport, ReaderKind, VideoInfo, regular_file, same_file};
use planes::Layout;

/// How long a program may say nothing.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Frames further apart than this, in seconds, are not decoded in one go: a program starts anew nearer to the later one.
const JUMP: f64 = 20.0;

/// Where `ffmpeg` and `ffprobe` are, and how long they may take.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    /// The folder they are in; without it they are looked for where the system looks for programs (`PATH`).
    pub folder: Option<PathBuf>,
    /// How long one may say nothing before it is stopped.
    pub deadline: Duration,
    stopped: Arc<AtomicUsize>,
}

impl Default for Ffmpeg {
    fn default() -> Self {
        Self { folder: None, deadline: DEADLINE, stopped: Arc::default() }
    }
}

impl Ffmpeg {
    /// The programs of this folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), ..Self::default() }
    }

    /// How many programs were stopped because they said nothing or too much, by these options and all copies of them.
    pub fn stopped(&self) -> usize {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Where one of the programs is.
    pub fn program(&self, name: &str) -> PathBuf {
        match &self.folder {
            Some(folder) => folder.join(name),
            None => name.into(),
        }
    }
}

/// An opened file that ffmpeg decodes. No program runs between reads.
#[derive(Debug, Clone)]
pub struct FfmpegVideo {
    path: PathBuf,
    file_size: u64,
    container: OtherContainer,
    info: VideoInfo,
    stream: Stream,
    times: Vec<f64>,
    /// The times stand in the file, so that they are the same wherever decoding starts.
    stored: bool,
    damage_limit: f64,
    ffmpeg: Ffmpeg,
}

/// What decoding needs to know of the stream.
#[derive(Debug, Clone)]
struct Stream {
    /// Its number in the file.
    index: usize,
    /// In pixels, as stored.
    size: (usize, usize),
    layout: Layout,
    orientation: Orientation,
    /// What ffprobe calls the start of the file: seeking counts from there.
    file_start: f64,
    /// What is taken from ffprobe's times.
    zero: f64,
}

impl FfmpegVideo {
    /// Asks `ffprobe` what is in a file. `what` says why it is asked, for a person without it.
    pub(super) fn open(
        path: &Path,
        container: OtherContainer,
        what: &str,
        damage_limit: f64,
        ffmpeg: &Ffmpeg,
    ) -> Result<Self, Problem> {
        let (_, file_size) = regular_file(path)?;
        let probe = probe::Probe { path, container, ffmpeg };
        let described = probe.describe().map_err(|problem| match problem {
            Problem::NoFfmpeg { .. } => Problem::NoFfmpeg { what: what.into() },
            problem => problem,
        })?;
        let shown = probe.times(&described)?;
        let zero = match container.starts_anywhere {
            true => shown.times[0],
            false => 0.0,
        };
        let times: Vec<f64> = shown.times.iter().map(|time| time - zero).collect();
        let (width, height) = described.orientation.size_of(described.size);
        let info = VideoInfo {
            reader: ReaderKind::Ffmpeg,
            width,
            height,
            frames: times.len(),
            fps: shown.rate(),
            duration: shown.end - zero,
            codec: described.codec,
            rotation: described.orientation.degrees(),
            pixel_aspect: described.orientation.size_of(described.pixel_aspect),
            keyframes: shown.keyframes,
            colour: described.colour,
        };
        let stream = Stream {
            index: described.index,
            size: described.size,
            layout: described.layout,
            orientation: described.orientation,
            file_start: described.file_start,
            zero,
        };
        Ok(Self {
            path: path.into(),
            file_size,
            container,
            info,
            stream,
            times,
            stored: shown.stored,
            damage_limit,
            ffmpeg: ffmpeg.clone(),
        })
    }

    /// Wanted frames in parts that are decoded in one go.
    fn parts<'a>(&self, wanted: &'a [usize]) -> impl Iterator<Item = &'a [usize]> {
        wanted.chunk_by(|&one, &next| self.times[next] - self.times[one] < JUMP)
    }
}

impl Reader for FfmpegVideo {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn times(&self) -> &[f64] {
        &self.times
    }

    fn read(&self, wanted: &[usize], each: &mut Each) -> Result<ReadReport, Problem> {
        same_file(&self.path, self.file_size)?;
        let mut handout = Handout::new(wanted, self.damage_limit, each);
        for part in self.parts(wanted) {
            let Some(&last) = part.last().filter(|_| handout.next().is_some()) else { break };
            run::read_part(self, last, &mut handout)?;
        }
        handout.finish()
    }
}

/// The input as an argument that is nothing but a file, whatever its name.
fn input(path: &Path) -> OsString {
    let mut input = OsString::from("file:");
    input.push(path);
    input
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_an_option_nor_an_address() {
        for name in ["-i", "concat:a|b", "http://example.org/x", "a\nb", "../x"] {
            assert_eq!(input(Path::new(name)), OsString::from(format!("file:{name}")));
        }
    }
}
