//! `detect --follow` and `detect -`: what is found in a stream is told as soon as nothing to come can change it.

use std::io::{Read, stdin};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adatad::results::CSV_HEAD;
use adatad::stream::{Feed, Seen, Settling};
use adatad_data::video::live::{Follow, LiveVideo};
use adatad_detector::segment::Detection;
use anyhow::{Context, bail};

use super::super::{Ending, say, tell};
use super::Work;
use super::format::{Format, VideoResult, line};

/// Detects in standard input (`-`), or in a file that grows until it has not for `patience`.
pub(super) fn follow(work: &Work<'_>, path: &Path, patience: Option<Duration>) -> anyhow::Result<Ending> {
    let Some(sight) = work.detector.sight() else {
        bail!("this run's model looks at whole videos, snippets or stored features; it cannot follow a stream")
    };
    let is_stdin = path.as_os_str() == "-";
    let name = if is_stdin { "stdin".to_owned() } else { work.detector.name_of(path) };
    let source: Box<dyn Read + Send> = match patience.filter(|_| !is_stdin) {
        Some(patience) => {
            let follow = Follow::open(path, patience, Arc::clone(&work.stop.flag));
            Box::new(follow.with_context(|| path.display().to_string())?)
        }
        None => Box::new(stdin()),
    };
    let mut live = LiveVideo::open(source, path, &work.detector.open_options().ffmpeg)?;
    let fps = live.fps();
    let mut settling = Settling::new(work.detector.suppression().clone(), work.thresholds.clone());
    let mut teller = Teller { work, name: &name, kept: Vec::new() };
    teller.head();
    let feed = Feed::Live(&mut live);
    let seen = work.detector.in_stream(&sight, feed, &name, None, &work.stop.flag, |found| {
        settling.add(found.detections);
        teller.tell(settling.settled(found.next));
        ControlFlow::Continue(())
    })?;
    let mut rest = settling.rest();
    rest.sort_by(|a, b| a.start.total_cmp(&b.start));
    let Seen { duration, windows, frames, .. } = seen;
    // Windows before the end did not know where it is.
    rest.iter_mut().for_each(|d| (d.start, d.end) = (d.start.min(duration), d.end.min(duration)));
    teller.tell(rest);
    teller.end(fps)?;
    tell(&format!("{name}: {duration:.1} s in {windows} windows"));
    Ok(match frames {
        Some(_) => Ending::Done,
        None => Ending::Stopped(work.stop.code()),
    })
}

/// Tells at once in formats of lines, and in the end in others.
struct Teller<'a> {
    work: &'a Work<'a>,
    name: &'a str,
    kept: Vec<Detection>,
}

impl Teller<'_> {
    fn head(&self) {
        match self.work.format {
            Format::Csv => say(CSV_HEAD),
            Format::Vtt => say("WEBVTT"),
            Format::Text | Format::Json | Format::Labelstudio => {}
        }
    }

    fn tell(&mut self, found: Vec<Detection>) {
        let classes = self.work.detector.classes();
        match self.work.format {
            Format::Text => found.iter().for_each(|detection| say(&line(detection, classes))),
            Format::Csv | Format::Vtt if found.is_empty() => {}
            Format::Csv | Format::Vtt => {
                let video = VideoResult { name: self.name.to_owned(), fps: None, found };
                match self.work.format.text(&[video], classes) {
                    // Without the head, which has been told.
                    Ok(text) => say(text.split_once('\n').map_or("", |(_, rows)| rows).trim_end()),
                    Err(error) => tell(&error.to_string()),
                }
            }
            Format::Json | Format::Labelstudio => self.kept.extend(found),
        }
    }

    fn end(self, fps: f64) -> anyhow::Result<()> {
        if matches!(self.work.format, Format::Json | Format::Labelstudio) {
            let video = VideoResult { name: self.name.to_owned(), fps: Some(fps), found: self.kept };
            say(self.work.format.text(&[video], self.work.detector.classes())?.trim_end());
        }
        Ok(())
    }
}
