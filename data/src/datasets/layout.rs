//! Files that published data sets come in, other than [`crate::formats::Format::ActivityNet`], which reads those of
//! THUMOS-14 (ActionFormer's, OpenTAD's, G-TAD's), MultiTHUMOS, HACS, FineAction and Ego4D.
//!
//! | layout | files | times are |
//! | --- | --- | --- |
//! | AFSD (THUMOS-14) | `*_Annotation*.csv`, `*_video_info.csv` | seconds |
//! | BSN (ActivityNet-1.3) | `anet_anno_action.json`, `video_info_new.csv` | seconds |
//! | EPIC-Kitchens-100 | annotations, video info and classes, all CSV | clocks |
//! | the same as C2 has it | segments, video lengths and classes, all CSV | frames at 30 a second |
//! | Charades (super-events) | one JSON | seconds |
//! | PKU-MMD | JSON lists | frames |
//!
//! Tables are told apart by the names of their columns, so that their order does not matter.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::epic;
use crate::annotation::Action;
use crate::formats::database::{Note, frames};
use crate::formats::error::{ContentError, Fault};
use crate::formats::table::{Header, Rows, cell, number};
use crate::formats::{FormatError, Gather, Labels, bytes, utf8};
use crate::json::{self, EachEntry, EachItem, Number};

/// How a data set's files are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// THUMOS-14 as AFSD has it.
    Afsd,
    /// ActivityNet-1.3 as BSN and BMN have it.
    Bsn,
    /// The verbs of EPIC-Kitchens-100.
    EpicVerb,
    /// The nouns of EPIC-Kitchens-100.
    EpicNoun,
    /// Charades as the super-events have it; class 7 is the label `c007`.
    Charades,
    /// PKU-MMD.
    PkuMmd,
}

/// What the files do not say themselves.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LayoutOptions<'a> {
    /// Subset of videos whose subset is not told.
    pub subset: Option<&'a str>,
    /// Frames a second that frame numbers were counted at, where that is not told either.
    pub fps: Option<f64>,
}

impl Layout {
    /// Reads its files.
    ///
    /// # Errors
    ///
    /// A file cannot be read, is of another layout, or one is lacking.
    pub fn read(self, paths: &[PathBuf], options: &LayoutOptions) -> Result<Labels, FormatError> {
        let mut labels = match self {
            Layout::Afsd => afsd(paths)?,
            Layout::Bsn => bsn(paths)?,
            Layout::EpicVerb => epic::read(paths, epic::Part::Verb, options.fps)?,
            Layout::EpicNoun => epic::read(paths, epic::Part::Noun, options.fps)?,
            Layout::Charades => each_file(paths, "Charades", charades)?,
            Layout::PkuMmd => each_file(paths, "PKU-MMD", pku_mmd)?,
        };
        for video in &mut labels.videos {
            video.subset = video.subset.take().or(options.subset.map(str::to_owned));
        }
        Ok(labels)
    }
}

fn each_file(
    paths: &[PathBuf],
    layout: &'static str,
    parse: impl Fn(&[u8], &mut Gather) -> Result<(), ContentError>,
) -> Result<Labels, FormatError> {
    let mut gather = Gather::default();
    for path in paths {
        parse(&bytes(path)?, &mut gather).map_err(|error| FormatError::Content { path: path.clone(), error })?;
    }
    match paths {
        [] => Err(FormatError::Files { layout, needed: "its JSON file", given: Vec::new() }),
        _ => Ok(gather.finish()),
    }
}

/// Gives every table to `read`, with its columns.
pub(super) fn tables(
    paths: &[PathBuf],
    mut read: impl FnMut(&Header, &mut Rows) -> Result<(), ContentError>,
) -> Result<(), FormatError> {
    for path in paths {
        table(path, &bytes(path)?, &mut read)?;
    }
    Ok(())
}

fn table(
    path: &Path,
    bytes: &[u8],
    read: &mut impl FnMut(&Header, &mut Rows) -> Result<(), ContentError>,
) -> Result<(), FormatError> {
    let mut parse = || {
        let mut rows = Rows::new(utf8(bytes)?);
        let Some(first) = rows.next_row()? else { return Err(Fault::Syntax("an empty table".into()).whole()) };
        read(&Header::new(&first), &mut rows)
    };
    parse().map_err(|error| FormatError::Content { path: path.to_path_buf(), error })
}

/// A table that is none of those wanted.
pub(super) fn unknown_table(wanted: &str) -> ContentError {
    Fault::Syntax(format!("the names of its columns are not those of {wanted}")).line(1)
}

fn afsd(paths: &[PathBuf]) -> Result<Labels, FormatError> {
    let mut gather = Gather::default();
    let (mut infos, mut annotations) = (0, 0);
    tables(paths, |header, rows| {
        if header.has(&["video", "count", "fps"]) {
            infos += 1;
            let place = |name| header.place(name).map_err(|fault| fault.line(1));
            let (video, count, fps) = (place("video")?, place("count")?, place("fps")?);
            while let Some(row) = rows.next_row()? {
                let (count, fps) = (number(&row, count, "count")?, number(&row, fps, "fps")?);
                let video = gather.video(cell(&row, video, "video")?.trim());
                video.frames = frames(Some(Number(count))).map_err(|message| Fault::Syntax(message).line(row.line))?;
                video.fps = Some(fps);
                video.duration = Some(count / fps);
            }
            return Ok(());
        }
        if !header.has(&["video", "type", "start", "end"]) {
            return Err(unknown_table("AFSD: video, type, start, end, or video, fps, count"));
        }
        annotations += 1;
        let place = |name| header.place(name).map_err(|fault| fault.line(1));
        let (video, label, start, end) = (place("video")?, place("type")?, place("start")?, place("end")?);
        while let Some(row) = rows.next_row()? {
            let label = cell(&row, label, "type")?.to_owned();
            let (start, end) = (number(&row, start, "start")?, number(&row, end, "end")?);
            gather.video(cell(&row, video, "video")?.trim()).actions.push(Action { label, start, end });
        }
        Ok(())
    })?;
    if infos == 0 || annotations == 0 {
        let needed = "a table of annotations (video, type, start, end) and one of videos (video, fps, count)";
        return Err(FormatError::Files { layout: "AFSD", needed, given: paths.to_vec() });
    }
    Ok(gather.finish())
}

#[derive(Deserialize)]
struct BsnVideo {
    duration_second: Number,
    #[serde(default)]
    duration_frame: Option<Number>,
    #[serde(default)]
    annotations: Vec<Note>,
}

fn bsn(paths: &[PathBuf]) -> Result<Labels, FormatError> {
    let mut gather = Gather::default();
    let mut subsets: HashMap<String, (String, f64)> = HashMap::new();
    let (jsons, csvs): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.iter().cloned().partition(|path| path.extension().is_some_and(|extension| extension == "json"));
    if jsons.is_empty() || csvs.is_empty() {
        let needed = "anet_anno_action.json and video_info_new.csv";
        return Err(FormatError::Files { layout: "BSN", needed, given: paths.to_vec() });
    }
    tables(&csvs, |header, rows| {
        let place = |name| header.place(name).map_err(|fault| fault.line(1));
        let (video, subset, rate) = (place("video")?, place("subset")?, place("rfps")?);
        while let Some(row) = rows.next_row()? {
            let entry = (cell(&row, subset, "subset")?.trim().to_owned(), number(&row, rate, "rfps")?);
            subsets.insert(cell(&row, video, "video")?.trim().to_owned(), entry);
        }
        Ok(())
    })?;
    for path in jsons {
        let each = EachEntry::new(|name: String, video: BsnVideo| {
            let here = gather.video(&name);
            here.duration = Some(video.duration_second.0);
            here.frames = frames(video.duration_frame)?;
            here.actions.extend(video.annotations.into_iter().map(Action::from));
            if let Some((subset, rate)) = subsets.get(&name) {
                here.subset = Some(subset.clone());
                here.fps = Some(*rate);
            }
            Ok(())
        });
        let content = |syntax| FormatError::Content { path: path.clone(), error: ContentError::from(syntax) };
        json::parse(&bytes(&path)?, each).map_err(content)?;
    }
    Ok(gather.finish())
}

#[derive(Deserialize)]
struct CharadesVideo {
    subset: String,
    duration: Number,
    /// Class, start, end.
    actions: Vec<(u32, Number, Number)>,
}

fn charades(text: &[u8], gather: &mut Gather) -> Result<(), ContentError> {
    let each = EachEntry::new(|name: String, video: CharadesVideo| {
        let here = gather.video(&name);
        here.subset = Some(video.subset);
        here.duration = Some(video.duration.0);
        // The names that the data set itself gives its classes.
        let action = |(class, Number(start), Number(end))| Action { label: format!("c{class:03}"), start, end };
        here.actions.extend(video.actions.into_iter().map(action));
        Ok(())
    });
    Ok(json::parse(text, each)?)
}

#[derive(Deserialize)]
struct PkuVideo {
    video_name: String,
    duration: Number,
    frame: Number,
    #[serde(default)]
    annotations: Vec<Note>,
}

fn pku_mmd(text: &[u8], gather: &mut Gather) -> Result<(), ContentError> {
    let each = EachItem::new(|video: PkuVideo| {
        let PkuVideo { video_name, duration: Number(duration), frame, annotations } = video;
        if !(duration > 0.0 && frame.0 > 0.0) {
            return Err(format!("video {video_name:?} has {} frames in {duration} s", frame.0));
        }
        let fps = frame.0 / duration;
        let here = gather.video(&video_name);
        here.duration = Some(duration);
        here.frames = frames(Some(frame))?;
        here.fps = Some(fps);
        let seconds = |note: Note| {
            let Action { label, start, end } = Action::from(note);
            Action { label, start: start / fps, end: end / fps }
        };
        here.actions.extend(annotations.into_iter().map(seconds));
        Ok(())
    });
    Ok(json::parse(text, each)?)
}
