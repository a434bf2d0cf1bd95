//! What is wrong with the two files, counted and named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use adatad_data::annotation::end_slack;
use adatad_detector::metrics::MeanAveragePrecision;
use serde::Serialize;

use super::chosen::Chosen;
use super::{Row, ScoreSettings, Truth, TruthVideo};

/// Names told of each problem.
const MOST_NAMED: usize = 20;
/// How many times longer than they should be times are that must be of another unit: films have 10 frames a second and
/// more, and no detector is wrong by so much in most of its videos.
const OTHER_UNIT: f64 = 5.0;

/// One kind of fault in one file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// What is wrong.
    pub kind: ProblemKind,
    /// Where.
    pub file: File,
    /// How many rows or videos are, as the message says.
    pub count: usize,
    /// The videos or classes that are, the first 20 of them.
    pub names: Vec<String>,
    /// A sentence.
    pub message: String,
}

/// Which of the two files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum File {
    /// The detections.
    Predictions,
    /// The annotations.
    Truth,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// A time or a score is NaN or infinite.
    NotFinite,
    /// A segment ends before it starts.
    EndBeforeStart,
    /// A class that the annotations do not have.
    UnknownLabel,
    /// A predicted video that is not in the subset.
    VideoWithoutTruth,
    /// Times that are not seconds.
    FramesForSeconds,
    /// A video that comes more than once.
    DuplicateVideo,
    /// A row without segment, class or score.
    MissingField,
}

/// Everything but the labels.
pub(super) fn problems(chosen: &Chosen, settings: &ScoreSettings) -> Vec<Problem> {
    let blocked = |name: &str| settings.blocked.contains(name);
    let predicted: Vec<_> = chosen.predicted().filter(|(name, ..)| !blocked(name)).collect();
    let truths: Vec<_> = chosen.videos().filter(|video| !blocked(&video.name)).collect();

    let mut found = Vec::new();
    let (detections, annotations) = (File::Predictions, File::Truth);
    let by_rows = |of: &dyn Fn(&Row) -> bool| -> Vec<(&str, usize)> {
        predicted.iter().map(|(name, _, rows)| (*name, rows.rows.iter().filter(|row| of(row)).count())).collect()
    };
    let by_truths = |of: &dyn Fn(&Row) -> bool| -> Vec<(&str, usize)> {
        truths.iter().map(|video| (video.name.as_str(), video.rows.rows.iter().filter(|row| of(row)).count())).collect()
    };
    let wrong = "they count as wrong";
    let out = "they are left out";
    found.extend(rows(
        ProblemKind::NotFinite,
        detections,
        &by_rows(&is_no_number),
        "detections have a time or a score that is not finite",
        wrong,
    ));
    found.extend(rows(
        ProblemKind::EndBeforeStart,
        detections,
        &by_rows(&is_reversed),
        "detections end before they start",
        wrong,
    ));
    let incomplete: Vec<_> = predicted.iter().map(|(name, _, rows)| (*name, rows.incomplete)).collect();
    found.extend(rows(
        ProblemKind::MissingField,
        detections,
        &incomplete,
        "detections lack a segment, a class or a score",
        out,
    ));
    found.extend(rows(
        ProblemKind::NotFinite,
        annotations,
        &by_truths(&is_no_number),
        "annotations have a time that is not finite",
        out,
    ));
    found.extend(rows(
        ProblemKind::EndBeforeStart,
        annotations,
        &by_truths(&is_reversed),
        "annotations end before they start",
        out,
    ));
    let incomplete: Vec<_> = truths.iter().map(|video| (video.name.as_str(), video.rows.incomplete)).collect();
    found.extend(rows(
        ProblemKind::MissingField,
        annotations,
        &incomplete,
        "annotations lack a segment or a class",
        out,
    ));
    found.extend(repeated(detections, &chosen.predictions.repeated, "their detections are put together"));
    found.extend(repeated(annotations, &chosen.truth.repeated, "the first of each counts"));
    found.extend(without_truth(chosen, &predicted));
    found.extend(truth_in_frames(&truths));
    found.extend(other_unit(&predicted));
    found
}

fn is_no_number(row: &Row) -> bool {
    !(row.start.is_finite() && row.end.is_finite() && row.score.is_finite())
}

fn is_reversed(row: &Row) -> bool {
    row.start.is_finite() && row.end.is_finite() && row.end < row.start
}

/// A problem of rows, counted by video.
fn rows(kind: ProblemKind, file: File, counts: &[(&str, usize)], what: &str, so: &str) -> Option<Problem> {
    let videos: Vec<&str> = counts.iter().filter(|(_, count)| *count > 0).map(|(name, _)| *name).collect();
    let count: usize = counts.iter().map(|(_, count)| count).sum();
    let message = format!("{count} {what}, in {}; {so}", listed("videos", &videos));
    (count > 0).then(|| Problem { kind, file, count, names: first(&videos), message })
}

fn repeated(file: File, names: &[String], so: &str) -> Option<Problem> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let message = format!("{} come more than once; {so}", listed("videos", &names));
    let kind = ProblemKind::DuplicateVideo;
    (!names.is_empty()).then(|| Problem { kind, file, count: names.len(), names: first(&names), message })
}

type Predicted<'a> = (&'a str, Option<&'a TruthVideo>, &'a super::Rows);

fn without_truth(chosen: &Chosen, predicted: &[Predicted]) -> Option<Problem> {
    let without: Vec<_> = predicted.iter().filter(|(_, video, _)| video.is_none()).collect();
    let names: Vec<&str> = without.iter().map(|(name, ..)| *name).collect();
    let detections: usize = without.iter().map(|(.., rows)| rows.rows.len()).sum();
    let others = chosen.other_subsets();
    let of = chosen.subset.as_ref().map(|subset| format!(" in subset `{subset}`")).unwrap_or_default();
    let but = match others.is_empty() {
        true => String::new(),
        false => format!(" (some are of {})", others.into_iter().collect::<Vec<_>>().join(", ")),
    };
    let message = format!(
        "{} have no annotations{of}{but}; their {detections} detections count as wrong",
        listed("predicted videos", &names)
    );
    let (kind, file) = (ProblemKind::VideoWithoutTruth, File::Predictions);
    (!names.is_empty()).then(|| Problem { kind, file, count: names.len(), names: first(&names), message })
}

/// Annotations that are not in seconds: half of them and more end after their videos do.
fn truth_in_frames(truths: &[&TruthVideo]) -> Option<Problem> {
    let (mut past, mut all, mut names) = (0, 0, Vec::new());
    for video in truths {
        let Some(duration) = video.duration else { continue };
        let here = video.rows.rows.iter().filter(|row| row.end > duration + end_slack(duration)).count();
        past += here;
        all += video.rows.rows.len();
        if here > 0 {
            names.push(video.name.as_str());
        }
    }
    let message = format!(
        "{past} of {all} annotations end after their videos, in {}; are their times frames instead of seconds?",
        listed("videos", &names)
    );
    let (kind, file) = (ProblemKind::FramesForSeconds, File::Truth);
    (past > 0 && past * 2 >= all).then(|| Problem { kind, file, count: past, names: first(&names), message })
}

/// Detections in another unit than the annotations: by the durations of their videos, or, without durations, in most
/// videos by the annotations themselves.
fn other_unit(predicted: &[Predicted]) -> Option<Problem> {
    let (mut past, mut later, mut earlier, mut all) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for (name, video, rows) in predicted {
        let Some(video) = video else { continue };
        let mut ends: Vec<f64> = rows.rows.iter().map(|row| row.end).filter(|end| end.is_finite()).collect();
        ends.sort_unstable_by(f64::total_cmp);
        let true_end = video.rows.rows.iter().map(|row| row.end).filter(|end| end.is_finite()).fold(0.0, f64::max);
        let Some(&last) = ends.last().filter(|_| true_end > 0.0) else { continue };
        all += 1;
        match video.duration {
            Some(duration) => {
                let after = ends.iter().filter(|end| **end > duration + end_slack(duration)).count();
                if after * 2 >= ends.len() && last > 1.5 * duration {
                    past.push(*name);
                }
            }
            None if ends[ends.len() / 2] >= OTHER_UNIT * true_end => later.push(*name),
            None => {}
        }
        if last * OTHER_UNIT <= true_end {
            earlier.push((*name, last));
        }
    }
    let fractions = earlier.iter().all(|(_, last)| *last <= 1.0);
    let (names, what) = if !past.is_empty() {
        (past, "end after the videos; are their times frames instead of seconds?")
    } else if !later.is_empty() && later.len() * 2 >= all {
        (later, "end long after the last annotated action; are their times frames, and those of the truth seconds?")
    } else if !earlier.is_empty() && earlier.len() == all && (fractions || all >= 5) {
        let names = earlier.into_iter().map(|(name, _)| name).collect();
        (
            names,
            "end long before the last annotated action; are their times seconds or fractions, and those of the truth not?",
        )
    } else {
        return None;
    };
    let message = format!("the detections of {} {what}", listed("videos", &names));
    let (kind, file) = (ProblemKind::FramesForSeconds, File::Predictions);
    Some(Problem { kind, file, count: names.len(), names: first(&names), message })
}

/// Classes of detections that the annotations do not have. Those that only other subsets have are no fault: a note.
pub(super) fn unknown_labels(
    map: &MeanAveragePrecision,
    truth: &Truth,
    predictions: &Path,
    notes: &mut Vec<String>,
) -> Option<Problem> {
    let known: BTreeSet<&str> = truth.labels.iter().filter_map(|label| label.name.as_deref()).collect();
    let (elsewhere, nowhere): (BTreeMap<_, _>, BTreeMap<_, _>) =
        map.unknown_labels.iter().partition(|(label, _)| known.contains(label.as_str()));
    if !elsewhere.is_empty() {
        let count: usize = elsewhere.values().copied().sum();
        notes.push(format!("{count} detections of classes without annotations in this subset are left out"));
    }
    let names: Vec<&str> = nowhere.keys().map(|label| label.as_str()).collect();
    let count: usize = nowhere.values().copied().sum();
    let near = names.first().and_then(|name| crate::config::nearest(name, known.iter().copied()));
    let near = near.map(|near| format!(" (the nearest to the first is `{near}`)")).unwrap_or_default();
    let message = format!(
        "{count} detections of {} that {} has and the annotations have not{near}; they are left out",
        listed("classes", &names),
        predictions.file_name().unwrap_or_default().to_string_lossy(),
    );
    let (kind, file) = (ProblemKind::UnknownLabel, File::Predictions);
    (count > 0).then(|| Problem { kind, file, count, names: first(&names), message })
}

fn first(names: &[&str]) -> Vec<String> {
    names.iter().take(MOST_NAMED).map(|name| (*name).to_owned()).collect()
}

/// `3 videos (a, b, c)`, of many the first few.
fn listed(what: &str, names: &[&str]) -> String {
    const MOST: usize = 5;
    let told: Vec<&str> = names.iter().take(MOST).copied().collect();
    let more = if names.len() > MOST { ", .." } else { "" };
    let what = match names.len() {
        1 => what.strip_suffix("es").filter(|_| what == "classes").or(what.strip_suffix('s')).unwrap_or(what),
        _ => what,
    };
    format!("{} {what} ({}{more})", names.len(), told.join(", "))
}
