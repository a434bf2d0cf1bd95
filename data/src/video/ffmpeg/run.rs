//! One run of `ffmpeg`: frames from near the first that is wanted to the last one.

use std::ffi::OsString;
use std::io::{self, Read};

use super::child::Running;
use super::log::{Log, Said, Told};
use super::planes::Converter;
use super::probe::guards;
use super::{FfmpegVideo, input};
use crate::video::Picture;
use crate::video::error::Problem;
use crate::video::reader::{Handout, nearest};

/// A program starts in the middle of a file only if that spares more than so many seconds of it.
const WORTH_SEEKING: f64 = 5.0;

/// Seconds that times may differ by rounding: ffmpeg's unit of time may be another than ffprobe's.
const SAME_TIME: f64 = 1e-4;

/// An option that ffmpeg has since version 5.1.
const OPTION: &str = "fps_mode";

/// Frames that ffmpeg may give beyond those that ffprobe listed, before it is stopped.
const SPARE_FRAMES: usize = 100;

/// How a run is tried.
#[derive(Clone, Copy)]
struct Attempt {
    /// Start before this time of the file, in seconds, and not at its beginning.
    from: Option<f64>,
    /// In the words of ffmpeg 5.0 and older.
    old: bool,
}

/// How a run ended.
enum Ended {
    Done,
    /// It started in the middle, and too late: the wanted frame had passed. Nothing has been handed out.
    TooLate,
}

/// Decodes the wanted frames up to `last`, in one run if all goes well.
pub(super) fn read_part(video: &FfmpegVideo, last: usize, handout: &mut Handout) -> Result<(), Problem> {
    let Some(first) = handout.next() else { return Ok(()) };
    let spared = video.times[first] - video.times[0];
    let mut attempt = Attempt { from: None, old: false };
    if video.stored && spared > WORTH_SEEKING {
        attempt.from = Some(video.times[first] + video.stream.zero - video.stream.file_start);
    }
    loop {
        match run(video, last, attempt, handout) {
            Ok(Ended::Done) => return Ok(()),
            // Some files have no index, or one that is wrong.
            Ok(Ended::TooLate) => attempt.from = None,
            Err(Problem::Program { words, .. }) if !attempt.old && words.contains(OPTION) => attempt.old = true,
            Err(problem) => return Err(problem),
        }
    }
}

fn arguments(video: &FfmpegVideo, attempt: Attempt) -> Vec<OsString> {
    let stream = &video.stream;
    let mut all: Vec<String> =
        ["-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+info"].map(String::from).into();
    all.extend(guards(video.container));
    // Times as they are; pictures as they are, of the very size that is told; all of them, from the key frame on.
    all.extend(["-copyts", "-noautorotate", "-flags", "+unaligned", "-noaccurate_seek"].map(String::from));
    if let Some(from) = attempt.from {
        all.extend(["-ss".into(), format!("{from:.6}")]);
    }
    let mut all: Vec<OsString> = all.into_iter().map(OsString::from).collect();
    all.extend(["-i".into(), input(&video.path)]);
    let map = format!("0:{}", stream.index);
    let modern: &[&str] = &["-fps_mode", "passthrough", "-vf", "showinfo=checksum=0"];
    let old: &[&str] = &["-vsync", "passthrough", "-vf", "showinfo"];
    let output = ["-map", &map, "-f", "rawvideo", "-c:v", "rawvideo", "-pix_fmt", stream.layout.name()];
    all.extend(output.iter().chain(if attempt.old { old } else { modern }).map(OsString::from));
    all.push("pipe:1".into());
    all
}

fn run(video: &FfmpegVideo, last: usize, attempt: Attempt, handout: &mut Handout) -> Result<Ended, Problem> {
    let size = video.stream.size;
    let bytes = video.stream.layout.bytes(size);
    let arguments = arguments(video, attempt);
    let mut log = Log::default();
    let mut running: Running<Vec<u8>, Said> = Running::start(
        &video.ffmpeg,
        "ffmpeg",
        arguments.iter().map(OsString::as_os_str),
        move |stdout| frame(stdout, bytes),
        move |line| log.line(line),
    )?;
    let mut converter = Converter::new(video.stream.layout.clone(), size, video.info.colour);
    let mut spare = Picture::default();
    let mut first = true;
    let mut before = None;
    let mut left = video.times.len() + SPARE_FRAMES;
    while let Some(wanted) = handout.next().filter(|&wanted| wanted <= last) {
        let Some(frame) = running.next()? else { break };
        if left == 0 {
            return Err(running.refuse(Problem::Limit("what ffmpeg gives".into(), "the listed frames".into())));
        }
        left -= 1;
        let Some((told, damaged)) = told(&mut running)? else {
            return Err(running.failure("it tells nothing of its frames".into()));
        };
        if told.size.is_some_and(|found| found != size) {
            return Err(Problem::Feature("a change of the picture size within the video".into()));
        }
        // Without a time it follows the one before, as in ffprobe's list.
        let time = match told.time {
            Some(time) => time - video.stream.zero,
            None => before.and_then(|before: usize| video.times.get(before + 1).copied()).ok_or(Problem::NoTimes)?,
        };
        if std::mem::take(&mut first) && time > video.times[wanted] + SAME_TIME && attempt.from.is_some() {
            return Ok(Ended::TooLate);
        }
        handout.came(!damaged, || "ffmpeg calls a frame corrupt".into());
        let came = nearest(&video.times, time);
        before = Some(came);
        if (video.times[came] - time).abs() > SAME_TIME || came < wanted {
            continue;
        }
        // Those between did not come, and come no more.
        while let Some(wanted) = handout.next().filter(|&wanted| wanted < came.min(last + 1)) {
            handout.lose(|| format!("frame {wanted} did not come from ffmpeg"))?;
        }
        if handout.next() == Some(came) {
            let picture = converter.convert(&frame, std::mem::take(&mut spare));
            spare = handout.give(video.stream.orientation.apply(picture));
        }
    }
    let Some(wanted) = handout.next().filter(|&wanted| wanted <= last) else { return Ok(Ended::Done) };
    // The program came to its end too soon.
    let nothing = first;
    match running.finish() {
        Err(Problem::Program { words, .. }) if nothing && attempt.from.is_some() && !words.contains(OPTION) => {
            return Ok(Ended::TooLate);
        }
        Ok(()) if nothing && attempt.from.is_some() => return Ok(Ended::TooLate),
        end => end?,
    }
    let mut lost = Some(wanted);
    while let Some(wanted) = lost {
        handout.lose(|| format!("frame {wanted} did not come from ffmpeg"))?;
        lost = handout.next().filter(|&wanted| wanted <= last);
    }
    Ok(Ended::Done)
}

/// What is told of the next frame, and whether it is damaged.
fn told(running: &mut Running<Vec<u8>, Said>) -> Result<Option<(Told, bool)>, Problem> {
    let mut damaged = false;
    while let Some(said) = running.next_said()? {
        match said {
            Said::Frame(told) => return Ok(Some((told, damaged))),
            Said::Damaged => damaged = true,
        }
    }
    Ok(None)
}

/// The bytes of one frame; none at the end, and a frame that is cut short is none.
fn frame(from: &mut impl Read, bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut frame = Vec::with_capacity(bytes);
    from.by_ref().take(bytes as u64).read_to_end(&mut frame)?;
    Ok((frame.len() == bytes).then_some(frame))
}
