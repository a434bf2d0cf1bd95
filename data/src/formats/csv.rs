//! CSV: `label,start,end` of one video, `video,label,start,end` of many, and TRACE's `labelId,timestamp,endTimestamp`.
//!
//! Columns are found by their names; others may stand beside them. Times are seconds or clocks (`00:01:02.5`).

use super::error::{ContentError, Fault};
use super::table::{Header, Row, Rows, cell, quoted, time};
use super::{Gather, LabelledVideo, Labels, ReadOptions, video_name};
use crate::annotation::Action;

/// Names of the columns of one video.
pub(super) type Columns = [&'static str; 3];

pub(super) const OURS: Columns = ["label", "start", "end"];
pub(super) const TRACE: Columns = ["labelId", "timestamp", "endTimestamp"];

pub(super) fn parse(text: &str, options: &ReadOptions) -> Result<Labels, ContentError> {
    let mut rows = Rows::new(text);
    let Some(first) = rows.next_row()? else {
        return Err(Fault::missing("label", []).whole());
    };
    let header = Header::new(&first);
    let columns = if header.has(&TRACE) { TRACE } else { OURS };
    let place = |name| header.place(name).map_err(|fault| fault.line(first.line));
    let (label, start, end) = (place(columns[0])?, place(columns[1])?, place(columns[2])?);
    let video = header.find(&["video"]);
    let subset = header.find(&["subset"]);

    let mut gather = Gather::default();
    if video.is_none() {
        gather.video(options.name); // also without a single action
    }
    while let Some(row) = rows.next_row()? {
        let name = match video {
            Some(video) => video_name(cell(&row, video, "video")?.trim()),
            None => options.name,
        };
        if name.is_empty() {
            return Err(Fault::NoVideo("the row").line(row.line));
        }
        let action = action(&row, label, start, end, columns)?;
        let video = gather.video(name);
        if let Some(subset) = subset.and_then(|subset| row.value(subset)).filter(|subset| !subset.is_empty()) {
            video.subset = Some(subset.trim().to_owned());
        }
        video.actions.push(action);
    }
    Ok(gather.finish())
}

fn action(row: &Row, label: usize, start: usize, end: usize, columns: Columns) -> Result<Action, ContentError> {
    let [named, from, to] = columns;
    let label = cell(row, label, named)?.to_owned();
    Ok(Action { label, start: time(row, start, from)?, end: time(row, end, to)? })
}

/// All videos in one table. A video without actions has no row, and so is not in it.
pub(super) fn many(videos: &[LabelledVideo]) -> String {
    let mut text = String::from("video,label,start,end\n");
    for video in videos {
        for Action { label, start, end } in &video.actions {
            text += &format!("{},{},{start},{end}\n", quoted(&video.name), quoted(label));
        }
    }
    text
}

/// The table of one video.
pub(super) fn one(video: &LabelledVideo, columns: Columns) -> String {
    let mut text = columns.join(",") + "\n";
    for Action { label, start, end } in &video.actions {
        text += &format!("{},{start},{end}\n", quoted(label));
    }
    text
}
