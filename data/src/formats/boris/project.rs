//! Projects of BORIS: JSON.
//!
//! The events of an observation are on one clock, on which its videos stand one after another. A state that goes on from
//! one video into the next gives a segment in each. Of videos that are watched side by side (players), the first counts.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use super::super::error::{ContentError, Fault};
use super::super::{Gather, LabelledVideo, Labels, media_name};
use super::{MODIFIER, Open, POINT};
use crate::annotation::Action;
use crate::json::{self, EachEntry, Number, Perhaps, Text, Under};

#[derive(Deserialize)]
struct Setup {
    #[serde(default)]
    behaviors_conf: BTreeMap<String, Behaviour>,
}

#[derive(Deserialize)]
struct Behaviour {
    code: Text,
    #[serde(rename = "type")]
    kind: Text,
}

#[derive(Deserialize)]
struct Observation {
    /// Files of each player; a list of nothing in an observation without video.
    #[serde(default)]
    file: Perhaps<BTreeMap<String, Vec<Text>>>,
    #[serde(default)]
    events: Vec<Event>,
    #[serde(default, rename = "time offset")]
    offset: Option<Number>,
    #[serde(default)]
    media_info: Perhaps<MediaInfo>,
}

#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
struct MediaInfo {
    #[serde(default)]
    length: HashMap<String, Number>,
    #[serde(default)]
    fps: HashMap<String, Number>,
}

/// Time, subject, behaviour, modifiers; more may follow.
struct Event {
    time: f64,
    subject: String,
    code: String,
    modifiers: String,
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Event;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an event: [time, subject, behaviour, modifiers, ...]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Event, A::Error> {
                let short = |at| serde::de::Error::invalid_length(at, &"an event of at least 3 values");
                let Number(time) = list.next_element()?.ok_or_else(|| short(0))?;
                let Text(subject) = list.next_element()?.ok_or_else(|| short(1))?;
                let Text(code) = list.next_element()?.ok_or_else(|| short(2))?;
                let Text(modifiers) = list.next_element()?.unwrap_or_default();
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Event { time, subject, code, modifiers })
            }
        }
        json.deserialize_seq(List)
    }
}

/// A video on the clock of its observation.
struct Placed<'a> {
    path: &'a str,
    from: f64,
    /// Nothing when its length is not told; then it is the only one.
    length: Option<f64>,
    fps: Option<f64>,
}

pub(super) fn parse(text: &[u8]) -> Result<Labels, ContentError> {
    let setup: Setup = json::parse_as(text)?;
    let kinds = setup.behaviors_conf.into_values().map(|behaviour| (behaviour.code.0, behaviour.kind.0));
    let kinds: HashMap<String, String> = kinds.collect();
    let mut gather = Gather::default();
    let each = EachEntry::new(|id: String, observation: Observation| {
        observe(&id, observation, &kinds, &mut gather).map_err(|fault| format!("observation {id:?}: {fault}"))
    });
    match json::parse(text, Under { key: "observations", seed: each })? {
        (Some(()), _) => Ok(gather.finish()),
        (None, others) => Err(Fault::missing("observations", others.iter().map(String::as_str)).whole()),
    }
}

fn observe(
    id: &str,
    observation: Observation,
    kinds: &HashMap<String, String>,
    gather: &mut Gather,
) -> Result<(), Fault> {
    let players = observation.file.0.unwrap_or_default();
    let mut filled = players.into_values().filter(|files| !files.is_empty());
    let Some(files) = filled.next() else {
        gather.leave("observation without video", || id.to_owned());
        return Ok(());
    };
    filled.for_each(|_| gather.leave("player beside the first of its observation", || id.to_owned()));
    let info = observation.media_info.0.unwrap_or_default();
    let placed = place(&files, &info)?;
    for Placed { path, length, fps, .. } in &placed {
        let video = gather.media(path)?;
        video.duration = video.duration.or(*length);
        video.fps = video.fps.or(*fps);
    }
    let offset = observation.offset.map_or(0.0, |offset| offset.0);
    let mut events = observation.events;
    events.sort_by(|a, b| a.time.total_cmp(&b.time));
    let mut open = Open::default();
    for Event { time, subject, code, modifiers } in events {
        let kind = kinds.get(&code).ok_or_else(|| Fault::Dangling { field: "behaviour", name: code.clone() })?;
        if !modifiers.is_empty() && modifiers != "None" {
            gather.leave(MODIFIER, || format!("observation {id:?}, {time} s"));
        }
        if !kind.to_ascii_lowercase().starts_with("state") {
            gather.leave(POINT, || format!("observation {id:?}, {time} s"));
            continue;
        }
        let at = time - offset;
        if let Some(start) = open.toggle((subject, code.clone(), modifiers), at) {
            for (path, start, end) in spans(&placed, start, at) {
                gather.media(path)?.actions.push(Action { label: code.clone(), start, end });
            }
        }
    }
    open.done()
}

fn place<'a>(files: &'a [Text], info: &MediaInfo) -> Result<Vec<Placed<'a>>, Fault> {
    let mut from = 0.0;
    let mut placed = Vec::with_capacity(files.len());
    for Text(path) in files {
        let known = |of: &HashMap<String, Number>| of.get(path).map(|number| number.0).filter(|value| *value > 0.0);
        let (length, fps) = (known(&info.length), known(&info.fps));
        if length.is_none() && files.len() > 1 {
            return Err(Fault::JoinedVideos { count: files.len() });
        }
        placed.push(Placed { path, from, length, fps });
        from += length.unwrap_or_default();
    }
    Ok(placed)
}

/// The parts of a stretch of the observation in each of its videos, on the video's own clock.
fn spans<'a>(placed: &'a [Placed<'a>], start: f64, end: f64) -> Vec<(&'a str, f64, f64)> {
    if let [only] = placed {
        return vec![(only.path, start, end)];
    }
    // What lies before the first or past the last stays with it, to be found by the check.
    let last = placed.len().saturating_sub(1);
    let part = |(index, video): (usize, &'a Placed<'a>)| {
        let length = video.length.unwrap_or_default();
        let low = if index == 0 { f64::NEG_INFINITY } else { 0.0 };
        let high = if index == last { f64::INFINITY } else { length };
        let (from, to) = ((start - video.from).max(low), (end - video.from).min(high));
        let point = start == end && from == to && (from < high);
        (from < to || point).then_some((video.path, from, to))
    };
    placed.iter().enumerate().filter_map(part).collect()
}

/// A project with an observation for each video. A label that overlaps itself is told of several subjects, since a state
/// cannot start twice.
pub(in super::super) fn text(videos: &[LabelledVideo]) -> Result<String, ContentError> {
    let mut codes: Vec<&str> = videos.iter().flat_map(|video| &video.actions).map(|action| &*action.label).collect();
    codes.sort_unstable();
    codes.dedup();
    let behaviours = codes.iter().enumerate().map(|(index, code)| {
        let behaviour = json!({
            "type": "State event", "key": "", "code": code, "description": "", "category": "", "modifiers": {},
            "excluded": "", "coding map": "",
        });
        (index.to_string(), behaviour)
    });
    let behaviours: Map<String, Value> = behaviours.collect();
    let mut observations = Map::new();
    let mut subjects = 1;
    for video in videos {
        let (observation, lanes) = observation(video)?;
        subjects = subjects.max(lanes);
        observations.insert(video.name.clone(), observation);
    }
    let subject = |lane| (usize::to_string(&lane), json!({"key": "", "name": name(lane), "description": ""}));
    let subjects: Map<String, Value> = (1..subjects).map(subject).collect();
    let project = json!({
        "time_format": "s", "project_name": "adatad", "project_date": "2000-01-01T00:00:00", "project_description": "",
        "project_format_version": "7.0", "subjects_conf": subjects, "behavioral_categories": [], "coding_map": {},
        "independent_variables": {}, "converters": {}, "behaviors_conf": behaviours, "observations": observations,
    });
    Ok(project.to_string() + "\n")
}

/// The subject that overlapping segments are told of; the first has no name.
fn name(lane: usize) -> String {
    if lane == 0 { String::new() } else { format!("overlap {lane}") }
}

fn observation(video: &LabelledVideo) -> Result<(Value, usize), ContentError> {
    let file = media_name(&video.name, "BORIS")?;
    let mut actions: Vec<&Action> = video.actions.iter().collect();
    actions.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.end.total_cmp(&b.end)));
    // For each label, when each of its subjects is free again.
    let mut free: HashMap<&str, Vec<f64>> = HashMap::new();
    let mut events = Vec::with_capacity(2 * actions.len());
    let mut most = 1;
    for Action { label, start, end } in actions {
        if label.is_empty() {
            let reason = "a behaviour has a name";
            return Err(Fault::Unwritable { text: label.clone(), format: "BORIS", reason }.named(&video.name));
        }
        let lanes = free.entry(label).or_default();
        let lane = lanes.iter().position(|free| free <= start).unwrap_or(lanes.len());
        if lane == lanes.len() {
            lanes.push(*end);
        }
        lanes[lane] = *end;
        most = most.max(lanes.len());
        events.push((*start, lane, label));
        events.push((*end, lane, label));
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0));
    let events: Vec<_> = events.iter().map(|(time, lane, label)| json!([time, name(*lane), label, "", ""])).collect();
    let mut info = json!({"length": {}, "fps": {}, "hasVideo": {&file: true}, "hasAudio": {&file: false}});
    for (key, value) in [("length", video.duration), ("fps", video.fps)] {
        if let Some(value) = value {
            info[key][&file] = json!(value);
        }
    }
    let observation = json!({
        "file": {"1": [file], "2": []}, "type": "MEDIA", "date": "2000-01-01T00:00:00", "description": "",
        "time offset": 0.0, "events": events, "independent_variables": {}, "visualize_spectrogram": false,
        "close_behaviors_between_videos": false, "media_info": info,
    });
    Ok((observation, most))
}
