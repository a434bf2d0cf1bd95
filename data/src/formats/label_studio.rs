//! Label Studio: tasks with `TimelineLabels`, exported as JSON (not JSON-MIN), or one annotation as its webhook sends it.
//!
//! A range counts frames from 1, and both of its ends belong to it: frames `start..=end` at `fps` are the seconds
//! `(start - 1) / fps` to `end / fps`. The numbers are counted at the `frameRate` of the labelling setup, whatever the
//! rate of the video; with another rate every label would move. So the rate must be known: from the setup (`frameRate`
//! in `label_config`), from the task (`data.fps`), or told. Where two of them are known they must agree.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::{ContentError, Fault};
use super::xml::{Node, Nodes};
use super::{Gather, LabelledVideo, Labels, ReadOptions, is_media, media_name};
use crate::annotation::Action;
use crate::json::{self, EachItem, Number, Perhaps, Text};

#[derive(Deserialize)]
struct Task {
    #[serde(default)]
    data: Option<Map<String, Value>>,
    #[serde(default)]
    annotations: Option<Vec<Annotation>>,
    /// Of a webhook: the one annotation, its task, its project.
    #[serde(default)]
    annotation: Perhaps<Annotation>,
    #[serde(default)]
    task: Perhaps<Inner>,
    #[serde(default)]
    project: Perhaps<Setup>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Inner {
    #[serde(default)]
    data: Option<Map<String, Value>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Setup {
    #[serde(default)]
    label_config: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Annotation {
    #[serde(default)]
    was_cancelled: bool,
    #[serde(default)]
    result: Vec<Region>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Region {
    #[serde(default, rename = "type")]
    kind: Text,
    #[serde(default)]
    value: Perhaps<Ranges>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Ranges {
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(default)]
    timelinelabels: Vec<Text>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Range {
    start: Number,
    end: Number,
}

pub(super) fn parse(text: &[u8], options: &ReadOptions) -> Result<Labels, ContentError> {
    let mut gather = Gather::default();
    let mut fault = None;
    let parsed = json::parse(
        text,
        EachItem::new(|task: Task| {
            read(task, options, &mut gather).map_err(|found| {
                let message = found.to_string();
                fault = Some(found);
                message
            })
        }),
    );
    parsed.map_err(|syntax| {
        let mut error = ContentError::from(syntax);
        if let Some(fault) = fault.take() {
            error.fault = fault;
        }
        error
    })?;
    Ok(gather.finish())
}

fn read(task: Task, options: &ReadOptions, gather: &mut Gather) -> Result<(), Fault> {
    let data = task.data.or(task.task.0.and_then(|task| task.data)).unwrap_or_default();
    let path = path(&data).ok_or(Fault::NoVideo("the `data` of a task"))?;
    let config = task.project.0.and_then(|project| project.label_config);
    let fps = rate(config.as_deref(), &data, options.fps)?;
    let annotations = match (task.annotations, task.annotation.0) {
        (Some(list), _) => list,
        (None, Some(one)) => vec![one],
        (None, None) => {
            return Err(Fault::Syntax("a task without `annotations`; export as JSON, not as JSON-MIN".into()));
        }
    };
    let name = unprefixed(&path);
    gather.media(name)?.fps = fps;
    let mut kept = annotations.into_iter().filter(|annotation| !annotation.was_cancelled);
    let first = kept.next();
    kept.for_each(|_| gather.leave("annotation beside the first of its task", || name.to_owned()));
    for region in first.into_iter().flat_map(|annotation| annotation.result) {
        let value = region.value.0.filter(|_| region.kind.0 == "timelinelabels");
        let Some(value) = value.filter(|value| !value.timelinelabels.is_empty()) else {
            gather.leave("region that is no labelled stretch of a timeline", || name.to_owned());
            continue;
        };
        let fps = fps.ok_or(Fault::NoRate)?;
        let video = gather.media(name)?;
        for Range { start, end } in &value.ranges {
            let (start, end) = ((start.0 - 1.0) / fps, end.0 / fps);
            let labels = value.timelinelabels.iter();
            video.actions.extend(labels.map(|label| Action { label: label.0.clone(), start, end }));
        }
    }
    Ok(())
}

/// The video of a task: `video`, or the one value that is the path of a video.
fn path(data: &Map<String, Value>) -> Option<String> {
    let texts = || data.iter().filter_map(|(key, value)| value.as_str().map(|text| (key, text)));
    let named = texts().find(|(key, _)| *key == "video");
    let (_, path) = named.or_else(|| texts().find(|(_, text)| is_media(text)))?;
    Some(path.to_owned())
}

/// Uploaded files get eight digits before their name, which is `clip.mp4` in `/data/upload/1/0a1b2c3d-clip.mp4`.
fn unprefixed(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    match name.split_once('-') {
        Some((digits, rest))
            if path.contains("/upload/") && digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            rest
        }
        _ => path,
    }
}

/// The rate that frames are counted at, if anything tells it.
fn rate(config: Option<&str>, data: &Map<String, Value>, told: Option<f64>) -> Result<Option<f64>, Fault> {
    let own = match config.map(setup_rate).transpose()?.flatten() {
        Some(text) => match text.strip_prefix('$') {
            Some(key) => data.get(key).map(|value| rate_value("frameRate", value)).transpose()?,
            None => Some(rate_value("frameRate", &Value::String(text))?),
        },
        None => data.get("fps").map(|value| rate_value("fps", value)).transpose()?,
    };
    match (own, told) {
        (Some(labels), Some(given)) if !super::same_rate(labels, given) => {
            Err(Fault::RateDiffers { labels, other: "--fps", given })
        }
        (own, told) => Ok(own.or(told)),
    }
}

fn rate_value(field: &'static str, value: &Value) -> Result<f64, Fault> {
    let number = value.as_f64().or_else(|| value.as_str()?.trim().parse().ok());
    let number = number.filter(|rate| rate.is_finite() && *rate > 0.0);
    number.ok_or_else(|| Fault::value(field, &value.to_string(), "frames a second"))
}

/// `frameRate` of the `<Video>` in the labelling setup.
fn setup_rate(config: &str) -> Result<Option<String>, Fault> {
    let within = |error: ContentError| Fault::Syntax(format!("label_config: {error}"));
    let mut nodes = Nodes::new(config);
    while let Some(node) = nodes.next_node().map_err(within)? {
        if let Node::Open(element) = node
            && element.name() == "Video"
        {
            return element.get("frameRate").map_err(within);
        }
    }
    Ok(None)
}

/// Tasks with one annotation each; the frame rate stands in `data.fps`, for `frameRate="$fps"` in the setup.
pub(super) fn text(videos: &[LabelledVideo], fps: Option<f64>) -> Result<String, ContentError> {
    let mut tasks = Vec::with_capacity(videos.len());
    for video in videos {
        let file = media_name(&video.name, "Label Studio")?;
        let fps = video.fps.or(fps).ok_or_else(|| Fault::NoRate.named(&video.name))?;
        let region = |(index, Action { label, start, end }): (usize, &Action)| {
            let (start, end) = ((start * fps).round() + 1.0, (end * fps).round());
            json!({
                "id": index.to_string(), "type": "timelinelabels", "origin": "manual",
                "from_name": "videoLabels", "to_name": "video",
                "value": {"ranges": [{"start": start as i64, "end": end as i64}], "timelinelabels": [label]},
            })
        };
        let result: Vec<_> = video.actions.iter().enumerate().map(region).collect();
        tasks.push(json!({"data": {"video": file, "fps": fps}, "annotations": [{"result": result}]}));
    }
    Ok(Value::Array(tasks).to_string() + "\n")
}
