//! The report of a finished run: curves from its log, scores, and what was found in each test video.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use adatad_data::annotation::VideoEntry;
use adatad_data::classes::ClassList;
use adatad_data::video::{OpenOptions, Video, VideoError};
use serde_json::Value;

use crate::analysis;
use crate::evaluate::Evaluated;
use crate::report::{
    Chart, ClassScore, Report, ReportError, ScoreTable, ScoredSpan, Series, Span, Table, Thumbnail, VideoTimeline,
};

/// Pictures of each video.
const THUMBNAILS: usize = 8;

/// What a report is made from.
#[derive(Debug)]
pub struct Summary<'a> {
    /// Heading.
    pub title: String,
    /// Name and value.
    pub facts: Vec<(String, String)>,
    /// Sentences a reader should not miss.
    pub notes: Vec<String>,
    /// The run's `metrics.jsonl`.
    pub log: &'a Path,
    /// The classes.
    pub classes: &'a ClassList,
    /// The test subset.
    pub videos: &'a [VideoEntry],
    /// Where video `i` of it is, for pictures; none without videos.
    pub pictures: Option<&'a [std::path::PathBuf]>,
    /// What was found in it.
    pub evaluated: &'a Evaluated,
    /// The resolved configuration.
    pub config: String,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum SummaryError {
    /// A video cannot be opened for its pictures.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// The page.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The log.
    #[error("{}: {source}", path.display())]
    Log {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Summary<'_> {
    /// The page.
    ///
    /// # Errors
    ///
    /// See [`SummaryError`].
    pub fn to_html(&self) -> Result<String, SummaryError> {
        // A log that went elsewhere (a device, a pipe) may never end; the report then has no curves.
        let log = match self.log.is_file() {
            true => std::fs::read_to_string(self.log)
                .map_err(|source| SummaryError::Log { path: self.log.into(), source })?,
            false => String::new(),
        };
        let log: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let report = Report {
            title: self.title.clone(),
            facts: self.facts.clone(),
            notes: self.notes.clone(),
            curves: curves(&log),
            scores: Some(self.scores()),
            analysis: analysis::charts(&self.evaluated.calibration),
            tables: left_out(&log)
                .into_iter()
                .chain(analysis::tables(&self.evaluated.diagnosis, &self.evaluated.calibration))
                .collect(),
            classes: self.classes.labels().to_vec(),
            videos: (0..self.videos.len()).map(|i| self.timeline(i)).collect::<Result<_, _>>()?,
            config: self.config.clone(),
        };
        Ok(report.to_html()?)
    }

    fn scores(&self) -> ScoreTable {
        let map = &self.evaluated.map;
        let class = |c: &adatad_detector::metrics::ClassAveragePrecision| ClassScore {
            name: c.name.clone(),
            truths: c.truths,
            values: c.values.clone(),
            average: c.average,
        };
        ScoreTable {
            thresholds: map.thresholds.clone(),
            values: map.values.clone(),
            average: map.average,
            classes: map.per_class.iter().map(class).collect(),
        }
    }

    fn timeline(&self, index: usize) -> Result<VideoTimeline, VideoError> {
        let entry = &self.videos[index];
        let truth = entry.actions.iter().filter_map(|action| {
            let class = self.classes.index(&action.label).ok()?;
            Some(Span { start: action.start, end: action.end, class })
        });
        let predictions = self.evaluated.detections[index].iter().map(|d| ScoredSpan {
            start: d.start,
            end: d.end,
            class: d.label,
            score: d.score,
        });
        Ok(VideoTimeline {
            name: entry.name.clone(),
            duration: entry.duration,
            truth: truth.collect(),
            predictions: predictions.collect(),
            thumbnails: self.pictures.map_or(Ok(Vec::new()), |paths| thumbnails(&paths[index], entry))?,
        })
    }
}

/// Pictures at the middles of equal parts of the video.
fn thumbnails(path: &Path, entry: &VideoEntry) -> Result<Vec<Thumbnail>, VideoError> {
    // What is borne was decided when the video was scored.
    let (damage_limit, fps, duration) = (100.0, entry.fps, Some(entry.duration));
    let video = Video::open_with(path, &OpenOptions { damage_limit, fps, duration, ..OpenOptions::default() })?;
    let frames = video.info().frames;
    let wanted: Vec<usize> = (0..THUMBNAILS).map(|i| (2 * i + 1) * frames / (2 * THUMBNAILS)).collect();
    let mut thumbnails = Vec::with_capacity(wanted.len());
    video.read(&wanted, |position, picture| {
        thumbnails.push(Thumbnail {
            seconds: video.times()[wanted[position]],
            width: picture.width as u32,
            height: picture.height as u32,
            rgb: picture.rgb.clone(),
        });
        ControlFlow::Continue(())
    })?;
    Ok(thumbnails)
}

/// Losses, rate and gradient norm over the steps of the log, averaged to a few hundred points.
fn curves(log: &[Value]) -> Vec<Chart> {
    const POINTS: usize = 300;
    let steps: Vec<&Value> = log.iter().filter(|value| value["kind"] == "step").collect();
    let group = steps.len().div_ceil(POINTS).max(1);
    let series = |name: &str, key: &str| {
        let points = steps.chunks(group).map(|part| {
            let mean = |key: &str| part.iter().filter_map(|v| v[key].as_f64()).sum::<f64>() / part.len() as f64;
            (mean("step"), mean(key))
        });
        Series { name: name.into(), points: points.collect() }
    };
    let chart = |title: &str, series: Vec<Series>| Chart { title: title.into(), x_label: "step".into(), series };
    let mut losses = vec![series("total", "loss"), series("classes", "cls_loss"), series("segments", "reg_loss")];
    if steps.iter().any(|step| step["frame_loss"] != 0.0) {
        losses.push(series("frames", "frame_loss"));
    }
    vec![
        chart("Loss", losses),
        chart("Learning rate", vec![series("detector", "rate")]),
        chart("Gradient norm", vec![series("before clipping", "grad_norm")]),
    ]
}

/// What training went on without, as its log tells: windows that could not be read, steps that moved nothing.
fn left_out(log: &[Value]) -> Option<Table> {
    // By what and why: how often, and the first step.
    let mut reasons: BTreeMap<(&str, String), (usize, u64)> = BTreeMap::new();
    for line in log {
        let what = match line["kind"].as_str() {
            Some("skipped-window") => "window",
            Some("skipped-step") => "step",
            _ => continue,
        };
        let reason = line["reason"].as_str().unwrap_or_default();
        // What comes after the semicolon is what was done about it that time.
        let reason = reason.split_once(';').map_or(reason, |(reason, _)| reason).to_owned();
        let step = line["step"].as_u64().unwrap_or_default();
        reasons.entry((what, reason)).or_insert((0, step)).0 += 1;
    }
    let row = |((what, reason), (count, step)): ((&str, String), (usize, u64))| {
        vec![what.to_owned(), reason, count.to_string(), step.to_string()]
    };
    (!reasons.is_empty()).then(|| Table {
        title: "Left out while training".into(),
        note:
            "Windows that could not be read are not replaced by others; a step that is left out changes nothing. A few \
               steps beyond f16 are how mixed precision finds its scale."
                .into(),
        head: ["What", "Why", "How often", "First at step"].map(str::to_owned).to_vec(),
        rows: reasons.into_iter().map(row).collect(),
    })
}

/// Mean recall of the best detections, a line for each multiple.
pub fn recall_lines(recall: &adatad_detector::metrics::MeanRecall) -> Vec<String> {
    let line = |(k, multiple): (usize, &usize)| {
        let values: Vec<f64> = recall.values.iter().map(|values| values[k]).collect();
        let cells: String = values.iter().map(|value| format!("{:>7.1}", 100.0 * value)).collect();
        let average = values.iter().sum::<f64>() / values.len().max(1) as f64;
        format!("recall of the best {multiple}x{cells}{:>9.1}", 100.0 * average)
    };
    recall.multiples.iter().enumerate().map(line).collect()
}

/// Mean average precision per threshold and class as lines of text.
pub fn score_lines(map: &adatad_detector::metrics::MeanAveragePrecision) -> Vec<String> {
    let widest = map.per_class.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).max(7);
    let row = |name: &str, count: &str, values: &[f64], average: f64| {
        let cells: String = values.iter().map(|v| format!("{:>7.1}", 100.0 * v)).collect();
        format!("{name:<widest$} {count:>6}{cells}{:>9.1}", 100.0 * average)
    };
    let header: String = map.thresholds.iter().map(|t| format!("{t:>7.2}")).collect();
    let mut lines = vec![format!("{:<widest$} {:>6}{header}{:>9}", "tIoU", "truths", "average")];
    let classes: BTreeMap<&str, _> = map.per_class.iter().map(|c| (c.name.as_str(), c)).collect();
    lines.extend(classes.values().map(|c| row(&c.name, &c.truths.to_string(), &c.values, c.average)));
    lines.push(row("mAP", &map.truths.to_string(), &map.values, map.average));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_left_out_is_counted_by_its_reason() {
        let overflow = |step: u64, factor: u64| {
            let reason = format!("a gradient is beyond f16; the loss is scaled by {factor} from here on");
            json!({ "kind": "skipped-step", "step": step, "reason": reason })
        };
        let log = [
            json!({ "kind": "step", "step": 1, "loss": 1.0 }),
            overflow(3, 32_768),
            json!({ "kind": "skipped-window", "step": 4, "reason": "v.mp4: cannot be read" }),
            overflow(5, 16_384),
        ];
        let table = left_out(&log).unwrap();
        assert_eq!(
            table.rows,
            [["step", "a gradient is beyond f16", "2", "3"], ["window", "v.mp4: cannot be read", "1", "4"]]
        );
        assert_eq!(left_out(&log[..1]), None);
    }
}
