//! Video that is still coming: standard input, or a file that grows.
//!
//! Uncompressed frames (YUV4MPEG2) are read as they are. Everything else goes through `ffmpeg`, which gets the bytes on
//! its standard input and gives frames of that kind, at one rate: where the source leaves frames out or sends them at
//! uneven times, frames are repeated or dropped, so that the number of a frame tells its time.

mod follow;
mod y4m;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;

pub use follow::Follow;

use super::error::Problem;
use super::{Ffmpeg, Picture, VideoError};
use y4m::Y4m;

/// Bytes read at a time.
const BUFFER: usize = 1 << 16;

/// Frames of a stream, one after another.
pub struct LiveVideo {
    frames: Y4m<BufReader<Box<dyn Read + Send>>>,
    /// What makes the frames, if it is not the source itself.
    program: Option<Program>,
    name: std::path::PathBuf,
}

/// A running `ffmpeg`; it ends with this.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl LiveVideo {
    /// Opens a stream of bytes; `name` is for messages.
    ///
    /// # Errors
    ///
    /// It is no video, or it needs `ffmpeg` and that is missing or refuses.
    pub fn open(from: impl Read + Send + 'static, name: &Path, ffmpeg: &Ffmpeg) -> Result<Self, VideoError> {
        Self::start(from, ffmpeg)
            .map(|(frames, program)| Self { frames, program, name: name.into() })
            .map_err(|problem| problem.of(name))
    }

    #[expect(clippy::type_complexity, reason = "the fields of the type itself")]
    fn start(
        from: impl Read + Send + 'static,
        ffmpeg: &Ffmpeg,
    ) -> Result<(Y4m<BufReader<Box<dyn Read + Send>>>, Option<Program>), Problem> {
        let from: Box<dyn Read + Send> = Box::new(from);
        let mut from = BufReader::with_capacity(BUFFER, from);
        let head = from.fill_buf()?;
        if head.is_empty() {
            return Err(Problem::Empty);
        }
        if head.starts_with(y4m::SIGNATURE) {
            return Ok((Y4m::new(from)?, None));
        }
        let mut child = spawn(ffmpeg)?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            unreachable!("both are pipes")
        };
        let program = Program(child);
        // It ends with the source, or when the program takes no more; nobody waits for it.
        thread::Builder::new().name("feed".into()).spawn(move || feed(from, stdin))?;
        let stdout: Box<dyn Read + Send> = Box::new(stdout);
        let frames = Y4m::new(BufReader::with_capacity(BUFFER, stdout)).map_err(|problem| match problem {
            Problem::Empty => Problem::Program { program: "ffmpeg", words: "it found no video in the stream".into() },
            problem => problem,
        })?;
        Ok((frames, Some(program)))
    }

    /// Frames a second.
    pub fn fps(&self) -> f64 {
        self.frames.header.fps
    }

    /// Whether `ffmpeg` decodes it.
    pub fn is_decoded_by_ffmpeg(&self) -> bool {
        self.program.is_some()
    }

    /// The next frame into `picture`; false at the end.
    ///
    /// # Errors
    ///
    /// The stream is damaged.
    pub fn next(&mut self, picture: &mut Picture) -> Result<bool, VideoError> {
        self.frames.next(picture).map_err(|problem| problem.of(&self.name))
    }
}

fn spawn(ffmpeg: &Ffmpeg) -> Result<Child, Problem> {
    let mut command = Command::new(ffmpeg.program("ffmpeg"));
    command.args(["-nostdin", "-hide_banner", "-loglevel", "error", "-protocol_whitelist", "pipe", "-i", "pipe:0"]);
    command.args(["-map", "0:v:0", "-an", "-sn", "-dn", "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "pipe:1"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.env_remove("FFREPORT").env_remove("AV_LOG_FORCE_COLOR");
    command.spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::NoFfmpeg { what: "this stream".into() },
        _ => Problem::Program { program: "ffmpeg", words: error.to_string() },
    })
}

fn feed(mut from: impl BufRead, mut to: ChildStdin) {
    loop {
        let Ok(bytes) = from.fill_buf() else { return };
        if bytes.is_empty() || to.write_all(bytes).is_err() {
            return;
        }
        let taken = bytes.len();
        from.consume(taken);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_needs_ffmpeg_says_so_where_there_is_none() {
        let nowhere = Ffmpeg::in_folder("/nowhere");
        let Err(error) = LiveVideo::open(&b"\x1a\x45\xdf\xa3 and so on"[..], Path::new("-"), &nowhere) else {
            panic!("there is no ffmpeg")
        };
        assert!(error.to_string().contains("ffmpeg"), "{error}");
        assert!(LiveVideo::open(io::empty(), Path::new("-"), &nowhere).is_err());
    }

    #[test]
    fn uncompressed_frames_need_no_program() {
        let bytes = b"YUV4MPEG2 W2 H2 F10:1 Cmono\nFRAME\n1234FRAME\n5678";
        let mut live = LiveVideo::open(&bytes[..], Path::new("-"), &Ffmpeg::in_folder("/nowhere")).unwrap();
        assert!(!live.is_decoded_by_ffmpeg());
        let mut picture = Picture::default();
        let frames = std::iter::from_fn(|| live.next(&mut picture).unwrap().then_some(())).count();
        assert_eq!((frames, live.fps()), (2, 10.0));
    }
}
