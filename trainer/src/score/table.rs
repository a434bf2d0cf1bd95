//! Annotations, subsets and durations from tables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::csv::Table;
use super::labels::Labels;
use super::rows::{Row, Rows};
use super::truth::{Truth, TruthVideo};
use super::{ScoreError, file};

/// The table that BSN and BMN keep beside their annotations of ActivityNet, which say no subset.
pub(super) const VIDEO_INFO: &str = "video_info_new.csv";

const VIDEO: [&str; 4] = ["video_id", "video", "video-name", "video_name"];

/// Annotations from a table: EPIC-Kitchens' own, or any with a class, a start and an end in seconds.
pub(super) fn truth(path: &Path, bytes: &[u8]) -> Result<(Vec<TruthVideo>, Labels), ScoreError> {
    let table = Table::parse(&text(path, bytes)?);
    let lacks = |what: &'static str| ScoreError::NoColumn { path: path.into(), what, found: table.header().join(", ") };
    let need = |names: &[&str], what| table.column(names).ok_or_else(|| lacks(what));
    let video = need(&VIDEO, "the video (`video_id` or `video`)")?;
    let pair = table.column(&["verb_class"]).zip(table.column(&["noun_class"]));
    let name = match pair {
        Some(_) => None,
        None => Some(need(&["label", "type", "class"], "the class (`label`, or `verb_class` and `noun_class`)")?),
    };
    let start = need(&["start_timestamp", "start", "t-start", "t-init"], "the start in seconds (`start`)")?;
    let end = need(&["stop_timestamp", "end", "t-end"], "the end in seconds (`end`)")?;

    let (mut videos, mut places, mut labels) = (Vec::<TruthVideo>::new(), HashMap::new(), Labels::default());
    for (line, fields) in &table.rows {
        let bad = |what: &str| ScoreError::Row { path: path.into(), line: *line, message: what.to_owned() };
        let field = |at: usize| fields.get(at).map(|field| field.trim()).ok_or_else(|| bad("too few columns"));
        let class = |at: usize| field(at)?.parse().map_err(|_no_number| bad("a class that is no number"));
        let time = |at: usize| Ok::<_, ScoreError>(seconds(field(at)?).unwrap_or(f64::NAN));
        let label = match (pair, name) {
            (Some((verb, noun)), _) => {
                let (verb, noun) = (class(verb)?, class(noun)?);
                labels.number(None, Some([verb, noun, verb, noun]))
            }
            (None, Some(name)) => labels.number(Some(field(name)?), None),
            (None, None) => return Err(lacks("the class")),
        };
        let row = Row { start: time(start)?, end: time(end)?, score: 1.0, label };
        let name = field(video)?.to_owned();
        let place = *places.entry(name.clone()).or_insert(videos.len());
        if place == videos.len() {
            videos.push(TruthVideo { name, ..TruthVideo::default() });
        }
        let Rows { rows, .. } = &mut videos[place].rows;
        rows.push(row);
    }
    Ok((videos, labels))
}

/// Seconds from `12.5` or `00:01:02.50`.
fn seconds(text: &str) -> Option<f64> {
    text.split(':').try_fold(0.0, |sum, part| Some(sum * 60.0 + part.parse::<f64>().ok()?))
}

impl Truth {
    /// Takes subsets and missing durations from a table with a row per video.
    ///
    /// # Errors
    ///
    /// The table cannot be read, or names no video or subset.
    pub fn with_video_info(&mut self, path: &Path) -> Result<(), ScoreError> {
        let table = Table::parse(&text(path, &file::read(path)?)?);
        let lacks = |what| ScoreError::NoColumn { path: path.into(), what, found: table.header().join(", ") };
        let video = table.column(&VIDEO).ok_or_else(|| lacks("the video (`video`)"))?;
        let subset = table.column(&["subset"]).ok_or_else(|| lacks("the subset (`subset`)"))?;
        let duration = table.column(&["seconds", "duration"]);
        let rows: HashMap<&str, &Vec<String>> =
            table.rows.iter().filter_map(|(_, row)| Some((row.get(video)?.as_str(), row))).collect();
        for video in &mut self.videos {
            let Some(row) = rows.get(video.name.as_str()) else { continue };
            video.subset = row.get(subset).cloned();
            let told = duration.and_then(|at| row.get(at)?.parse::<f64>().ok());
            video.duration = video.duration.or(told).filter(|duration| *duration > 0.0);
        }
        Ok(())
    }

    /// Where the subsets stand, if not in the file: a table of the usual name beside it.
    pub fn video_info_beside(&self) -> Option<PathBuf> {
        let beside = self.path.with_file_name(VIDEO_INFO);
        (self.videos.iter().all(|video| video.subset.is_none()) && beside.is_file()).then_some(beside)
    }
}

fn text(path: &Path, bytes: &[u8]) -> Result<String, ScoreError> {
    let line =
        |error: &std::str::Utf8Error| 1 + bytes.iter().take(error.valid_up_to()).filter(|&&byte| byte == b'\n').count();
    let not_text = |error: std::str::Utf8Error| ScoreError::Row {
        path: path.into(),
        line: line(&error),
        message: "neither JSON nor a table: no UTF-8 text".into(),
    };
    std::str::from_utf8(bytes).map(str::to_owned).map_err(not_text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_may_be_written_with_colons() {
        assert_eq!(seconds("00:01:02.50"), Some(62.5));
        assert_eq!(seconds("12.5"), Some(12.5));
        assert_eq!(seconds("soon"), None);
    }
}
