//! Detection in frames that come one after another: recordings of hours, standard input, files that grow.
//!
//! A thread decodes and makes windows, the model takes them as they come. No frame is decoded twice, and what is in memory
//! does not depend on how long the source is: the frames of a window and a half, and a few windows on their way.

mod settling;
mod strip;

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use adatad_data::transform::Transform;
use adatad_data::video::live::LiveVideo;
use adatad_data::video::{Picture, ReadReport, Video, VideoError};
use adatad_data::window::{Sliding, Timeline};
use adatad_detector::segment::Detection;

pub use settling::Settling;

use crate::detect::{DetectError, Detector};
use crate::source::{Sample, SourceError};
use strip::Strip;

/// Windows on their way from decoding to the model.
const ON_THE_WAY: usize = 1;

/// Where frames come from.
pub enum Feed<'a> {
    /// A file that is all there.
    File(&'a Video),
    /// A stream.
    Live(&'a mut LiveVideo),
}

/// How a model sees streams: only one that slides over frames of videos can.
#[derive(Debug, Clone, Copy)]
pub struct Sight {
    /// Its windows.
    pub sliding: Sliding,
    /// What is done to a frame.
    pub transform: Transform,
}

/// What one window found.
#[derive(Debug)]
pub struct Found {
    /// First cell of the window: what its place is called.
    pub window: usize,
    /// Segments in seconds.
    pub detections: Vec<Detection>,
    /// Where the next window starts, in seconds.
    pub next: f64,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Frames of the source, where it was seen to its end.
    pub frames: Option<usize>,
    /// Length in seconds of what was seen.
    pub duration: f64,
    /// Windows.
    pub windows: usize,
    /// What reading did; nothing of streams.
    pub report: ReadReport,
}

/// What the decoding thread came to.
struct Decoded {
    /// All frames, or those up to a stop.
    frames: usize,
    whole: bool,
    report: ReadReport,
}

impl Detector {
    /// Detects in `feed`, window by window, beginning after the window whose first cell is `last`. `each` hears of every
    /// window and may end it.
    ///
    /// # Errors
    ///
    /// The source cannot be decoded, or the video lacks classes from outside.
    pub fn in_stream(
        &self,
        sight: &Sight,
        feed: Feed<'_>,
        name: &str,
        last: Option<usize>,
        stop: &AtomicBool,
        mut each: impl FnMut(Found) -> ControlFlow<()>,
    ) -> Result<Seen, DetectError> {
        let timeline = timeline(&feed, name)?;
        let Timeline { fps, duration, .. } = timeline;
        let strip = Strip::new(sight.sliding, sight.transform, timeline, last);
        let step = |cells: usize| (cells * sight.sliding.grid().snippet_stride()) as f64 / fps;
        thread::scope(|scope| {
            let (send, receive) = sync_channel(ON_THE_WAY);
            let named = thread::Builder::new().name("frames".into());
            let decoding = named.spawn_scoped(scope, move || decode(feed, strip, stop, &send));
            let decoding = decoding.map_err(DetectError::Thread)?;
            let mut windows = 0;
            let mut ended = Ok(());
            for (window, sample) in &receive {
                let detections = match self.window(sample) {
                    Ok(detections) => detections,
                    Err(error) => {
                        ended = Err(error);
                        break;
                    }
                };
                windows += 1;
                let next = step(window + sight.sliding.stride());
                if each(Found { window, detections, next }).is_break() {
                    break;
                }
            }
            // The decoder stops when nobody takes its windows.
            drop(receive);
            let decoded = match decoding.join() {
                Ok(decoded) => decoded.map_err(SourceError::Video)?,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            ended?;
            let Decoded { frames, whole, report } = decoded;
            let duration = if duration.is_finite() { duration } else { frames as f64 / fps };
            Ok(Seen { frames: whole.then_some(frames), duration, windows, report })
        })
    }
}

/// The clock of a source. Of a stream, the end is not known.
fn timeline(feed: &Feed<'_>, name: &str) -> Result<Timeline, DetectError> {
    let (frames, fps, duration) = match feed {
        Feed::File(video) => {
            let info = video.info();
            (info.frames, info.frames as f64 / info.duration, info.duration)
        }
        Feed::Live(live) => (0, live.fps(), f64::INFINITY),
    };
    if !(fps > 0.0 && fps.is_finite()) {
        return Err(DetectError::UnknownRate { name: name.into() });
    }
    Ok(Timeline { video: 0, name: name.into(), frames, decoded: frames, fps, duration })
}

/// Decodes and hands on windows until the end, a stop, or nobody takes them.
fn decode(
    feed: Feed<'_>,
    mut strip: Strip,
    stop: &AtomicBool,
    send: &SyncSender<(usize, Sample)>,
) -> Result<Decoded, VideoError> {
    let go_on = || !stop.load(Ordering::Relaxed);
    let mut taken = true;
    let mut push = |strip: &mut Strip, picture: &Picture| {
        if let Some(window) = strip.push(picture) {
            taken = send.send(window).is_ok();
        }
        if taken && go_on() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    let (first, stride) = (strip.first_frame(), strip.frame_stride());
    let (frames, whole, report) = match feed {
        Feed::File(video) => {
            let frames = video.info().frames;
            let wanted: Vec<usize> = (first..frames).step_by(stride).collect();
            let mut whole = true;
            let report = video.read(&wanted, |_, picture| {
                let go_on = push(&mut strip, picture);
                whole = go_on.is_continue();
                go_on
            })?;
            (frames, whole, report)
        }
        Feed::Live(live) => {
            let (mut picture, mut frames, mut whole) = (Picture::default(), 0, true);
            while whole && live.next(&mut picture)? {
                if frames >= first && frames.is_multiple_of(stride) {
                    whole = push(&mut strip, &picture).is_continue();
                }
                frames += 1;
            }
            (frames, whole, ReadReport::default())
        }
    };
    if whole && let Some(window) = strip.end(frames) {
        // Nobody may be there to take it: the consumer has had enough.
        let _gone = send.send(window);
    }
    Ok(Decoded { frames, whole, report })
}
