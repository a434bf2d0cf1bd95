//! JSON with a `database`: ActivityNet, OpenTAD, ActionFormer, and what others made of them.
//!
//! ```json
//! {"database": {"video_1": {"subset": "training", "duration": 12.5, "annotations": [{"segment": [1.5, 4.0], "label": "Diving"}]}}}
//! ```
//!
//! Read with more patience than [`crate::annotation`], which reads what training uses: numbers may be texts (G-TAD),
//! subset and duration may be absent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::{ContentError, Fault};
use super::{Gather, LabelledVideo, Labels};
use crate::annotation::Action;
use crate::json::{self, EachEntry, Number, Under};

#[derive(Deserialize)]
struct Video {
    #[serde(default)]
    subset: Option<String>,
    #[serde(default)]
    duration: Option<Number>,
    #[serde(default)]
    frame: Option<Number>,
    #[serde(default)]
    fps: Option<Number>,
    #[serde(default)]
    annotations: Option<Vec<Note>>,
}

/// A labelled segment, in whatever unit the file has.
#[derive(Deserialize)]
pub(crate) struct Note {
    pub(crate) segment: [Number; 2],
    pub(crate) label: String,
    #[serde(default)]
    pub(crate) label_id: Option<u32>,
}

impl From<Note> for Action {
    fn from(Note { segment: [start, end], label, .. }: Note) -> Self {
        Action { label, start: start.0, end: end.0 }
    }
}

/// The number of each label, as far as the file tells.
#[derive(Debug, Default)]
struct Classes {
    labels: BTreeMap<u32, String>,
    unclear: bool,
}

impl Classes {
    fn see(&mut self, id: Option<u32>, label: &str) {
        match id.map(|id| self.labels.get(&id).ok_or(id)) {
            Some(Ok(known)) => self.unclear |= known != label,
            Some(Err(id)) => {
                self.labels.insert(id, label.to_owned());
            }
            None => self.unclear = true,
        }
    }

    /// The labels by number, if every number from 0 on has one, and only one.
    fn in_order(self) -> Option<Vec<String>> {
        let whole = !self.labels.is_empty() && self.labels.keys().copied().eq(0..self.labels.len() as u32);
        (whole && !self.unclear).then(|| self.labels.into_values().collect())
    }
}

/// A count of frames, if it is one.
pub(crate) fn frames(number: Option<Number>) -> Result<Option<usize>, String> {
    let whole = |Number(frames)| match frames {
        frames if frames >= 0.0 && frames <= u32::MAX as f64 => Ok(frames as usize),
        frames => Err(format!("{frames} is no number of frames")),
    };
    number.map(whole).transpose()
}

pub(super) fn parse(text: &[u8]) -> Result<Labels, ContentError> {
    let mut gather = Gather::default();
    let mut classes = Classes::default();
    let each = EachEntry::new(|name: String, video: Video| {
        let here = gather.video(&name);
        if here.subset.is_some() || here.duration.is_some() || !here.actions.is_empty() {
            return Err(format!("video {name:?} stands twice"));
        }
        here.subset = video.subset;
        here.duration = video.duration.map(|number| number.0);
        here.frames = frames(video.frame)?;
        here.fps = video.fps.map(|number| number.0);
        let notes = video.annotations.unwrap_or_default();
        notes.iter().for_each(|note| classes.see(note.label_id, &note.label));
        here.actions = notes.into_iter().map(Action::from).collect();
        Ok(())
    });
    match json::parse(text, Under { key: "database", seed: each })? {
        (Some(()), _) => Ok(Labels { classes: classes.in_order(), ..gather.finish() }),
        (None, others) => Err(Fault::missing("database", others.iter().map(String::as_str)).whole()),
    }
}

#[derive(Serialize)]
struct File<'a, V> {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    database: Entries<'a, V>,
}

/// Videos in their order.
struct Entries<'a, V>(Vec<(&'a str, V)>);

impl<V: Serialize> Serialize for Entries<'_, V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, video)| (name, video)))
    }
}

#[derive(Serialize)]
struct Entry<'a, A> {
    #[serde(skip_serializing_if = "Option::is_none")]
    subset: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fps: Option<f64>,
    annotations: Vec<A>,
}

#[derive(Serialize)]
struct Plain<'a> {
    segment: [f64; 2],
    label: &'a str,
}

#[derive(Serialize)]
struct Numbered<'a> {
    label: &'a str,
    segment: [f64; 2],
    #[serde(rename = "segment(frames)", skip_serializing_if = "Option::is_none")]
    frames: Option<[f64; 2]>,
    label_id: usize,
}

fn entry<'a, A>(video: &'a LabelledVideo, note: impl Fn(&'a Action) -> A) -> (&'a str, Entry<'a, A>) {
    let LabelledVideo { name, subset, duration, frames, fps, actions } = video;
    let annotations = actions.iter().map(note).collect();
    (name, Entry { subset: subset.as_deref(), duration: *duration, frame: *frames, fps: *fps, annotations })
}

fn json(file: &impl Serialize) -> String {
    match serde_json::to_string_pretty(file) {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("labels are plain data: {error}"),
    }
}

/// What [`crate::annotation::Annotations::load`] reads, if it is sound.
pub(super) fn activitynet(videos: &[LabelledVideo]) -> String {
    fn plain(Action { label, start, end }: &Action) -> Plain<'_> {
        Plain { segment: [*start, *end], label }
    }
    let videos = videos.iter().map(|video| entry(video, plain));
    json(&File { version: None, database: Entries(videos.collect()) })
}

/// With the number of each label, in the order of the alphabet, and its times in frames where the rate is known.
pub(super) fn actionformer(videos: &[LabelledVideo]) -> String {
    let labels = videos.iter().flat_map(|video| &video.actions).map(|action| (action.label.as_str(), 0));
    let mut ids: BTreeMap<&str, usize> = labels.collect();
    ids.values_mut().enumerate().for_each(|(id, place)| *place = id);
    let videos = videos.iter().map(|video| {
        entry(video, |action| Numbered {
            label: &action.label,
            segment: [action.start, action.end],
            frames: video.fps.map(|fps| [(action.start * fps).floor(), (action.end * fps).floor()]),
            label_id: ids.get(action.label.as_str()).copied().unwrap_or_default(),
        })
    });
    json(&File { version: Some("adatad"), database: Entries(videos.collect()) })
}
