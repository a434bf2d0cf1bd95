//! What was found, as text of some format.

use adatad_data::annotation::Action;
use adatad_data::classes::ClassList;
use adatad_data::formats::{self, LabelledVideo, Written};
use adatad_detector::segment::Detection;
use anyhow::Context;
use serde_json::Value;

use adatad::results;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// A line each: start and end in seconds, class, score
    Text,
    /// The ActivityNet results layout
    Json,
    /// A header and a row each, as `data import csv` takes it
    Csv,
    /// WebVTT, for players; one video
    Vtt,
    /// Tasks of Label Studio with timeline labels
    Labelstudio,
}

/// What was found in one video, best first.
#[derive(Debug)]
pub(crate) struct VideoResult {
    pub(crate) name: String,
    /// Frames a second, where known.
    pub(crate) fps: Option<f64>,
    pub(crate) found: Vec<Detection>,
}

impl Format {
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Format::Text => "txt",
            Format::Json | Format::Labelstudio => "json",
            Format::Csv => "csv",
            Format::Vtt => "vtt",
        }
    }

    /// The text of a file with these videos.
    pub(crate) fn text(self, videos: &[VideoResult], classes: &ClassList) -> anyhow::Result<String> {
        match self {
            Format::Json => Ok(format!("{}\n", activitynet(videos, classes))),
            Format::Csv => Ok(results::csv(rows(videos), classes)),
            Format::Text => Ok(videos.iter().map(|video| lines(video, classes)).collect()),
            Format::Vtt => self.labels(formats::Format::WebVtt, videos, classes),
            Format::Labelstudio => self.labels(formats::Format::LabelStudio, videos, classes),
        }
    }

    fn labels(self, format: formats::Format, videos: &[VideoResult], classes: &ClassList) -> anyhow::Result<String> {
        let labelled: Vec<LabelledVideo> = videos.iter().map(|video| labelled(video, classes)).collect();
        match format.text(&labelled, None)? {
            Written::One(text) => Ok(text),
            Written::PerVideo(files) => match <[_; 1]>::try_from(files) {
                Ok([(_, text)]) => Ok(text),
                Err(_) => None.context("this format has a file for each video: give --out DIR"),
            },
        }
    }
}

/// The ActivityNet results layout.
pub(crate) fn activitynet(videos: &[VideoResult], classes: &ClassList) -> Value {
    results::activitynet(rows(videos), classes)
}

fn rows(videos: &[VideoResult]) -> impl Iterator<Item = (&str, &[Detection])> {
    videos.iter().map(|video| (video.name.as_str(), video.found.as_slice()))
}

/// A line of text for a detection.
pub(crate) fn line(d: &Detection, classes: &ClassList) -> String {
    let label = classes.label(d.label).unwrap_or_default();
    format!("{:>9.2} {:>9.2}  {label:<16} {:.3}", d.start, d.end, d.score)
}

fn lines(video: &VideoResult, classes: &ClassList) -> String {
    let mut found: Vec<&Detection> = video.found.iter().collect();
    found.sort_by(|a, b| a.start.total_cmp(&b.start));
    let head = format!("{}: {} segments\n", video.name, found.len());
    found.into_iter().fold(head, |text, detection| text + &line(detection, classes) + "\n")
}

/// Detections as draft labels, in order of time.
fn labelled(video: &VideoResult, classes: &ClassList) -> LabelledVideo {
    let action = |d: &Detection| Action {
        label: classes.label(d.label).unwrap_or_default().to_owned(),
        start: d.start,
        end: d.end,
    };
    let mut actions: Vec<Action> = video.found.iter().map(action).collect();
    actions.sort_by(|a, b| a.start.total_cmp(&b.start));
    LabelledVideo { name: video.name.clone(), fps: video.fps, actions, ..LabelledVideo::default() }
}
