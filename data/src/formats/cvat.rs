//! CVAT for video 1.1: XML with tracks; and frame tags, as CVAT for images exports them.
//!
//! Frames count from 0, those of the video also where only every n-th was labelled. A track is a segment from the first
//! frame in which it is seen to the frame in which it is `outside` (or one past its last); one that comes back is
//! several. Tags of neighbouring frames are one segment. CVAT does not store the frame rate, so it must be told.

use std::collections::BTreeMap;

use super::error::{ContentError, Fault};
use super::xml::{Element, Node, Nodes, escaped};
use super::{Gather, LabelledVideo, Labels, ReadOptions};
use crate::annotation::Action;

/// What is known while reading.
#[derive(Default)]
struct Document {
    /// The video of each task; a single one has the empty id.
    sources: BTreeMap<String, String>,
    /// Frames from one labelled frame to the next.
    step: u64,
    tracks: Vec<Track>,
    /// Frames of each label in each task.
    tags: BTreeMap<(String, String), Vec<u64>>,
}

struct Track {
    task: String,
    label: String,
    /// Frame, and whether the track is not seen in it.
    keys: Vec<(u64, bool)>,
}

pub(super) fn parse(text: &str, options: &ReadOptions) -> Result<Labels, ContentError> {
    let document = read(text)?;
    let mut gather = Gather::default();
    let mut names = BTreeMap::new();
    for (task, source) in &document.sources {
        names.insert(task.as_str(), gather.media(source).map_err(Fault::whole)?.name.clone());
    }
    if names.is_empty() {
        names.insert("", gather.video(options.name).name.clone());
    }
    let tracks = document.tracks.iter().flat_map(|track| {
        seen(&track.keys, document.step).into_iter().map(|span| (track.task.as_str(), track.label.as_str(), span))
    });
    let tags = document.tags.iter().flat_map(|((task, label), frames)| {
        runs(frames, document.step).into_iter().map(|span| (task.as_str(), label.as_str(), span))
    });
    for (task, label, (start, end)) in tracks.chain(tags) {
        let fps = options.fps.ok_or_else(|| Fault::NoRate.whole())?;
        let alone = if names.len() == 1 { names.values().next() } else { None };
        let name = names.get(task).or(alone);
        let name = name.ok_or_else(|| Fault::Dangling { field: "task_id", name: task.to_owned() }.whole())?;
        let (start, end) = (start as f64 / fps, end as f64 / fps);
        gather.video(name).actions.push(Action { label: label.to_owned(), start, end });
    }
    gather.videos_mut().for_each(|video| video.fps = options.fps);
    Ok(gather.finish())
}

fn read(text: &str) -> Result<Document, ContentError> {
    let mut nodes = Nodes::new(text);
    let mut document = Document { step: 1, ..Document::default() };
    let mut path: Vec<String> = Vec::new();
    let (mut task, mut image, mut value, mut found) = (String::new(), None, String::new(), false);
    while let Some(node) = nodes.next_node()? {
        match node {
            Node::Open(element) => {
                match element.name() {
                    "annotations" => found = true,
                    "task" => task.clear(),
                    "track" => document.tracks.push(Track {
                        task: element.get("task_id")?.unwrap_or_default(),
                        label: element.need("label")?,
                        keys: Vec::new(),
                    }),
                    "image" => image = Some((element.get("task_id")?.unwrap_or_default(), frame(&element, "id")?)),
                    "tag" => {
                        let (task, at) = match &image {
                            Some((task, at)) => (task.clone(), *at),
                            None => (element.get("task_id")?.unwrap_or_default(), frame(&element, "frame")?),
                        };
                        document.tags.entry((task, element.need("label")?)).or_default().push(at);
                    }
                    // A shape of a track: box, polygon, points and more.
                    _ if path.last().is_some_and(|parent| parent == "track") => {
                        let key = (frame(&element, "frame")?, element.get("outside")?.as_deref() == Some("1"));
                        if let Some(track) = document.tracks.last_mut() {
                            track.keys.push(key);
                        }
                    }
                    _ => {}
                }
                value.clear();
                path.push(element.name().to_owned());
            }
            Node::Text(text) => {
                // Only the short values of the head are of use.
                if value.len() + text.len() < 4096 {
                    value += &text;
                }
            }
            Node::Close(name) => {
                path.pop();
                let parent = path.last().map(String::as_str);
                match (name.as_str(), parent) {
                    ("id", Some("task" | "job")) => task = value.trim().to_owned(),
                    ("source", Some("task" | "job" | "meta")) => {
                        document.sources.insert(task.clone(), value.trim().to_owned());
                    }
                    ("frame_filter", _) => document.step = step(value.trim()),
                    ("image", _) => image = None,
                    _ => {}
                }
                value.clear();
            }
        }
    }
    match found {
        true => Ok(document),
        false => Err(Fault::Syntax("no `annotations`: not a file of CVAT".into()).whole()),
    }
}

fn frame(element: &Element, name: &'static str) -> Result<u64, ContentError> {
    let text = element.need(name)?;
    let number = text.trim().parse::<u32>().ok();
    number.map(u64::from).ok_or_else(|| Fault::value(name, &text, "the number of a frame").line(element.line))
}

/// `step=5` is every fifth frame.
fn step(filter: &str) -> u64 {
    let step = filter.split_once('=').filter(|(name, _)| name.trim() == "step");
    step.and_then(|(_, step)| step.trim().parse::<u32>().ok()).map_or(1, |step| u64::from(step).max(1))
}

/// Stretches in which a track is seen: first frame, and the one after the last.
fn seen(keys: &[(u64, bool)], step: u64) -> Vec<(u64, u64)> {
    let mut keys = keys.to_vec();
    keys.sort_unstable_by_key(|key| key.0);
    let mut spans = Vec::new();
    let mut start = None;
    let mut last = 0;
    for (frame, outside) in keys {
        match (start, outside) {
            (None, false) => start = Some(frame),
            (Some(from), true) => {
                spans.push((from, frame));
                start = None;
            }
            _ => {}
        }
        last = frame;
    }
    spans.extend(start.map(|from| (from, last + step)));
    spans
}

/// Stretches of neighbouring frames.
fn runs(frames: &[u64], step: u64) -> Vec<(u64, u64)> {
    let mut frames = frames.to_vec();
    frames.sort_unstable();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for frame in frames {
        match runs.last_mut() {
            Some((_, end)) if frame <= *end => *end = frame + step,
            _ => runs.push((frame, frame + step)),
        }
    }
    runs
}

/// A track for each action: a box of one pixel in the corner, since an action has no place in the picture.
pub(super) fn text(video: &LabelledVideo, fps: Option<f64>) -> Result<String, ContentError> {
    let fps = video.fps.or(fps).ok_or_else(|| Fault::NoRate.named(&video.name))?;
    let source = escaped(&super::media_name(&video.name, "CVAT")?, "CVAT")?;
    let mut labels: Vec<&str> = video.actions.iter().map(|action| action.label.as_str()).collect();
    labels.sort_unstable();
    labels.dedup();
    let mut head = String::new();
    for label in labels {
        head += &format!("<label><name>{}</name><attributes></attributes></label>", escaped(label, "CVAT")?);
    }
    let mut tracks = String::new();
    for (id, Action { label, start, end }) in video.actions.iter().enumerate() {
        let (first, after) = ((start * fps).round() as u64, (end * fps).round() as u64);
        let after = after.max(first + 1); // a track is seen in one frame at least
        tracks += &format!("  <track id=\"{id}\" label=\"{}\" source=\"manual\">\n", escaped(label, "CVAT")?);
        for (frame, outside) in [(first, 0), (after, 1)] {
            tracks += &format!(
                "    <box frame=\"{frame}\" keyframe=\"1\" outside=\"{outside}\" occluded=\"0\" xtl=\"0.00\" \
                 ytl=\"0.00\" xbr=\"1.00\" ybr=\"1.00\" z_order=\"0\"></box>\n"
            );
        }
        tracks += "  </track>\n";
    }
    let frames = video.frames.map(|frames| format!("<size>{frames}</size>")).unwrap_or_default();
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotations>\n  <version>1.1</version>\n  \
         <meta><task><name>{source}</name>{frames}<mode>interpolation</mode><labels>{head}</labels>\
         <source>{source}</source></task></meta>\n{tracks}</annotations>\n"
    ))
}
