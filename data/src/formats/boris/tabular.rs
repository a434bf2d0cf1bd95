//! Tables that BORIS exports, between commas or tabs. Columns are found by name; their names changed with the versions.

use std::collections::BTreeMap;

use super::super::error::{ContentError, Fault};
use super::super::table::{Header, Row, Rows, cell, time};
use super::super::{Gather, Labels};
use super::{MODIFIER, Open, POINT};
use crate::annotation::Action;

const MEDIA: [&str; 3] = ["Media file", "Media file path", "Media file name"];
const LENGTH: [&str; 2] = ["Total length", "Media duration (s)"];
const RATE: [&str; 2] = ["FPS", "FPS (frame/s)"];
const STATUS: [&str; 2] = ["Status", "Behavior type"];
const OFFSET: &str = "Time offset (s)";

/// Where things stand in a row.
struct Columns {
    observation: Option<usize>,
    media: usize,
    length: Option<usize>,
    rate: Option<usize>,
    offset: Option<usize>,
    subject: Option<usize>,
    behaviour: usize,
    modifiers: Option<usize>,
    times: Times,
}

enum Times {
    /// Start and stop in one row; the type of the behaviour.
    Aggregated { start: usize, stop: usize, kind: Option<usize> },
    /// One of them; which one.
    Tabular { time: usize, status: usize },
}

pub(super) fn parse(text: &str) -> Result<Labels, ContentError> {
    let mut rows = Rows::new(text);
    let mut preamble = Preamble::default();
    let (columns, line) = loop {
        let Some(row) = rows.next_row()? else {
            let wanted = "no row of column names with `Behavior` and `Start (s)`, or `Behavior` and `Time`";
            return Err(Fault::Syntax(format!("{wanted}; export with the names of the columns")).whole());
        };
        if let Some(columns) = columns(&Header::new(&row)).map_err(|fault| fault.line(row.line))? {
            break (columns, row.line);
        }
        preamble.read(&row)?;
    };
    let mut table =
        Table { columns, preamble, gather: Gather::default(), open: BTreeMap::new(), media: BTreeMap::new() };
    while let Some(row) = rows.next_row()? {
        table.row(&row)?;
    }
    table.finish(line)
}

fn columns(header: &Header) -> Result<Option<Columns>, Fault> {
    let Some(behaviour) = header.find(&["Behavior"]) else { return Ok(None) };
    let pair = header.find(&["Start (s)"]).zip(header.find(&["Stop (s)"]));
    let times = match (pair, header.find(&["Time"]).zip(header.find(&STATUS))) {
        (Some((start, stop)), _) => Times::Aggregated { start, stop, kind: header.find(&["Behavior type"]) },
        (None, Some((time, status))) => Times::Tabular { time, status },
        (None, None) => return Ok(None),
    };
    let media = header.find(&MEDIA).map_or_else(|| header.place(MEDIA[0]), Ok)?;
    Ok(Some(Columns {
        observation: header.find(&["Observation id"]),
        media,
        length: header.find(&LENGTH),
        rate: header.find(&RATE),
        offset: header.find(&[OFFSET]),
        subject: header.find(&["Subject"]),
        behaviour,
        modifiers: header.find(&["Modifiers", "Modifier"]),
        times,
    }))
}

/// What stands above the names of the columns.
#[derive(Default)]
struct Preamble {
    observation: String,
    offset: f64,
}

impl Preamble {
    fn read(&mut self, row: &Row) -> Result<(), ContentError> {
        match row.value(0) {
            Some("Observation id") => self.observation = row.value(1).unwrap_or_default().to_owned(),
            Some(OFFSET) => self.offset = time(row, 1, OFFSET)?,
            _ => {}
        }
        Ok(())
    }
}

struct Table {
    columns: Columns,
    preamble: Preamble,
    gather: Gather,
    /// States of each observation that have started.
    open: BTreeMap<String, Open>,
    /// The video of each observation.
    media: BTreeMap<String, String>,
}

impl Table {
    fn row(&mut self, row: &Row) -> Result<(), ContentError> {
        let columns = &self.columns;
        let text = |column: Option<usize>| column.and_then(|column| row.value(column)).unwrap_or_default().trim();
        let observation = columns.observation.map_or(self.preamble.observation.as_str(), |at| text(Some(at)));
        let media = cell(row, columns.media, "Media file")?.trim();
        if media.is_empty() || media == "NA" || media == "LIVE" {
            self.gather.leave("event of an observation without video", || format!("line {}", row.line));
            return Ok(());
        }
        let label = cell(row, columns.behaviour, "Behavior")?.trim().to_owned();
        let (subject, modifiers) = (text(columns.subject), text(columns.modifiers));
        let offset = match columns.offset {
            Some(column) if !text(Some(column)).is_empty() => time(row, column, OFFSET)?,
            _ => self.preamble.offset,
        };
        match self.media.get(observation) {
            Some(known) if known != media => return Err(Fault::JoinedVideos { count: 2 }.line(row.line)),
            Some(_) => {}
            None => {
                self.media.insert(observation.to_owned(), media.to_owned());
            }
        }
        if !modifiers.is_empty() {
            self.gather.leave(MODIFIER, || format!("line {}", row.line));
        }
        let span = match columns.times {
            Times::Aggregated { kind, .. } if text(kind).eq_ignore_ascii_case("POINT") => None,
            Times::Aggregated { start, stop, .. } => {
                Some((time(row, start, "Start (s)")?, time(row, stop, "Stop (s)")?))
            }
            Times::Tabular { time: at, status } => {
                let at = time(row, at, "Time")?;
                let status = cell(row, status, "Status")?.trim();
                if status.eq_ignore_ascii_case("POINT") {
                    None
                } else {
                    let key = (subject.to_owned(), label.clone(), modifiers.to_owned());
                    let started = self.open.entry(observation.to_owned()).or_default().toggle(key, at);
                    match (started, status.to_ascii_uppercase().as_str()) {
                        (None, "START") => return Ok(()),
                        (Some(start), "STOP") => Some((start, at)),
                        (Some(at), "START") => return Err(Fault::Unpaired { label, at }.line(row.line)),
                        (None, "STOP") => {
                            return Err(Fault::Syntax(format!("`{label}` stops, but has not started")).line(row.line));
                        }
                        _ => {
                            let wanted = "START, STOP or POINT";
                            return Err(Fault::value("Status", status, wanted).line(row.line));
                        }
                    }
                }
            }
        };
        let Some((start, end)) = span else {
            self.gather.leave(POINT, || format!("line {}", row.line));
            return Ok(());
        };
        let known = |column: Option<usize>| text(column).parse().ok().filter(|value: &f64| *value > 0.0);
        let (duration, fps) = (known(columns.length), known(columns.rate));
        let video = self.gather.media(media).map_err(|fault| fault.line(row.line))?;
        video.duration = video.duration.or(duration);
        video.fps = video.fps.or(fps);
        video.actions.push(Action { label, start: start - offset, end: end - offset });
        Ok(())
    }

    fn finish(self, line: usize) -> Result<Labels, ContentError> {
        for open in self.open.into_values() {
            open.done().map_err(|fault| fault.line(line))?;
        }
        Ok(self.gather.finish())
    }
}
