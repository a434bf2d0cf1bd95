//! EPIC-Kitchens-100: its own tables, with times as clocks, and those of its detection challenge (C2), with times in
//! frames of videos that were brought to 30 frames a second.

use std::collections::HashMap;
use std::path::PathBuf;

use super::layout::{tables, unknown_table};
use crate::annotation::Action;
use crate::formats::error::{ContentError, Fault};
use crate::formats::table::{Header, Row, Rows, cell, number, time};
use crate::formats::{FormatError, Gather, Labels};

/// The rate of the videos that C2 counts frames in.
const C2_RATE: f64 = 30.0;

/// What is a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Verb,
    Noun,
}

impl Part {
    /// How many classes there are: the files of both look alike, and must not be mixed up.
    fn classes(self) -> usize {
        match self {
            Part::Verb => 97,
            Part::Noun => 300,
        }
    }

    /// Columns of the class in the two tables of segments.
    fn columns(self) -> (&'static str, &'static str) {
        match self {
            Part::Verb => ("verb_class", "verb"),
            Part::Noun => ("noun_class", "noun"),
        }
    }
}

/// A segment whose label is still a number.
struct Segment {
    video: String,
    class: usize,
    start: f64,
    end: f64,
}

#[derive(Default)]
struct Read {
    classes: Vec<String>,
    segments: Vec<Segment>,
    /// Length in seconds, frames, and rate of each video.
    videos: HashMap<String, (f64, Option<usize>, f64)>,
    /// Frames of each video of C2.
    lengths: Vec<(String, f64)>,
}

pub(super) fn read(paths: &[PathBuf], part: Part, fps: Option<f64>) -> Result<Labels, FormatError> {
    let rate = fps.unwrap_or(C2_RATE);
    let mut read = Read::default();
    tables(paths, |header, rows| match () {
        () if header.has(&["video_id", "start_timestamp", "stop_timestamp"]) => clocks(header, rows, part, &mut read),
        () if header.has(&["video", "start", "stop", "verb", "noun"]) => challenge(header, rows, part, rate, &mut read),
        () if header.has(&["video_id", "duration", "fps"]) => videos(header, rows, &mut read),
        () if header.has(&["video", "frames"]) => lengths(header, rows, &mut read),
        () if header.has(&["id", "key"]) => classes(header, rows, part, &mut read),
        () => Err(unknown_table("EPIC-Kitchens-100")),
    })?;
    if read.segments.is_empty() || read.classes.is_empty() {
        let needed = "a table of segments, one of classes (id, key), and one of videos (video_id, duration, fps, or \
                      video, frames)";
        return Err(FormatError::Files { layout: "EPIC-Kitchens-100", needed, given: paths.to_vec() });
    }
    let mut gather = Gather::default();
    let Read { classes, segments, videos, lengths } = read;
    let lengths: HashMap<String, f64> = lengths.into_iter().collect();
    for Segment { video, class, start, end } in segments {
        let here = gather.video(&video);
        if here.actions.is_empty() {
            if let Some((duration, frames, fps)) = videos.get(&video) {
                (here.duration, here.frames, here.fps) = (Some(*duration), *frames, Some(*fps));
            }
            if let Some(frames) = lengths.get(&video) {
                here.duration = here.duration.or(Some(frames / rate));
                (here.frames, here.fps) = (Some(*frames as usize), Some(rate));
            }
        }
        let label = classes.get(class).cloned();
        let label =
            label.ok_or_else(|| Fault::value("class", &class.to_string(), "one of the classes").named(&video))?;
        here.actions.push(Action { label, start, end });
    }
    Ok(Labels { classes: Some(classes), ..gather.finish() })
}

fn place(header: &Header, name: &'static str) -> Result<usize, ContentError> {
    header.place(name).map_err(|fault| fault.line(1))
}

fn class(row: &Row, column: usize, field: &'static str) -> Result<usize, ContentError> {
    let text = cell(row, column, field)?;
    let class = text.trim().parse().ok();
    class.ok_or_else(|| Fault::value(field, text, "the number of a class").line(row.line))
}

fn clocks(header: &Header, rows: &mut Rows, part: Part, read: &mut Read) -> Result<(), ContentError> {
    let (named, _) = part.columns();
    let (video, label) = (place(header, "video_id")?, place(header, named)?);
    let (start, end) = (place(header, "start_timestamp")?, place(header, "stop_timestamp")?);
    while let Some(row) = rows.next_row()? {
        read.segments.push(Segment {
            video: cell(&row, video, "video_id")?.trim().to_owned(),
            class: class(&row, label, named)?,
            start: time(&row, start, "start_timestamp")?,
            end: time(&row, end, "stop_timestamp")?,
        });
    }
    Ok(())
}

fn challenge(header: &Header, rows: &mut Rows, part: Part, rate: f64, read: &mut Read) -> Result<(), ContentError> {
    let (_, named) = part.columns();
    let (video, label) = (place(header, "video")?, place(header, named)?);
    let (start, end) = (place(header, "start")?, place(header, "stop")?);
    while let Some(row) = rows.next_row()? {
        read.segments.push(Segment {
            video: cell(&row, video, "video")?.trim().to_owned(),
            class: class(&row, label, named)?,
            start: number(&row, start, "start")? / rate,
            end: number(&row, end, "stop")? / rate,
        });
    }
    Ok(())
}

fn videos(header: &Header, rows: &mut Rows, read: &mut Read) -> Result<(), ContentError> {
    let (video, duration, rate) = (place(header, "video_id")?, place(header, "duration")?, place(header, "fps")?);
    while let Some(row) = rows.next_row()? {
        let known = (number(&row, duration, "duration")?, None, number(&row, rate, "fps")?);
        read.videos.insert(cell(&row, video, "video_id")?.trim().to_owned(), known);
    }
    Ok(())
}

fn lengths(header: &Header, rows: &mut Rows, read: &mut Read) -> Result<(), ContentError> {
    let (video, frames) = (place(header, "video")?, place(header, "frames")?);
    while let Some(row) = rows.next_row()? {
        let count = number(&row, frames, "frames")?;
        read.lengths.push((cell(&row, video, "video")?.trim().to_owned(), count.max(0.0)));
    }
    Ok(())
}

fn classes(header: &Header, rows: &mut Rows, part: Part, read: &mut Read) -> Result<(), ContentError> {
    let (id, key) = (place(header, "id")?, place(header, "key")?);
    while let Some(row) = rows.next_row()? {
        if class(&row, id, "id")? != read.classes.len() {
            let wanted = "the number after the one before, from 0 on";
            return Err(Fault::value("id", cell(&row, id, "id")?, wanted).line(row.line));
        }
        read.classes.push(cell(&row, key, "key")?.trim().to_owned());
    }
    let (found, wanted) = (read.classes.len(), part.classes());
    match found == wanted {
        true => Ok(()),
        false => Err(Fault::Syntax(format!("{found} classes, but there are {wanted} of this part")).whole()),
    }
}
