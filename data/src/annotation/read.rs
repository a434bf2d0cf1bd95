//! From the bytes of an annotation file to videos that are not yet checked.
//!
//! The file is streamed through visitors, never held as a tree of JSON values: such a tree takes twenty times the
//! memory of the file, and its maps would silently keep only the last of two videos of the same name.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::problem::{AnnotationError, Fault, Problems};
use super::values::{action, number, text};
use super::{Action, VideoEntry};
use crate::json;
use crate::nearest::nearest;

/// A video as it stands in the file. What is absent or of the wrong type is `None`, and has been reported.
pub(crate) struct RawVideo {
    pub(crate) name: String,
    pub(crate) subset: Option<String>,
    pub(crate) duration: Option<f64>,
    pub(crate) frames: Option<f64>,
    pub(crate) fps: Option<f64>,
    /// In the order of the file; the faulty ones leave a hole so that an index still means what it means in the file.
    pub(crate) actions: Vec<Option<Action>>,
}

impl From<VideoEntry> for RawVideo {
    fn from(video: VideoEntry) -> Self {
        Self {
            name: video.name,
            subset: Some(video.subset),
            duration: Some(video.duration),
            frames: video.frames.map(|frames| frames as f64),
            fps: video.fps,
            actions: video.actions.into_iter().map(Some).collect(),
        }
    }
}

/// The videos of a file in its order; duplicates still among them.
pub(super) fn read(path: &Path, problems: &mut Problems) -> Result<Vec<RawVideo>, AnnotationError> {
    let bytes =
        crate::atomic::read(path).map_err(|source| AnnotationError::Read { path: path.to_path_buf(), source })?;
    let mut keys = Vec::new();
    match json::parse(&bytes, Top { problems, keys: &mut keys }) {
        Ok(Some(videos)) => Ok(videos),
        Ok(None) => Err(AnnotationError::NoDatabase {
            path: path.to_path_buf(),
            nearest: nearest("database", keys.iter().map(String::as_str)).map(String::from),
            found: keys,
        }),
        Err(json::Syntax { line, column, message }) => {
            Err(AnnotationError::Json { path: path.to_path_buf(), line, column, message })
        }
    }
}

/// Unknown keys remembered of an object, to find the one that was meant by a missing one.
const KEYS_TOLD: usize = 10;

/// The outermost object.
struct Top<'a> {
    problems: &'a mut Problems,
    keys: &'a mut Vec<String>,
}

impl<'de> DeserializeSeed<'de> for Top<'_> {
    type Value = Option<Vec<RawVideo>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = Option<Vec<RawVideo>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with a `database`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut videos: Option<Vec<RawVideo>> = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "database" {
                if videos.is_some() {
                    self.problems.add_to_file(Fault::DuplicateField { field: key });
                }
                let more = map.next_value_seed(Database { problems: self.problems })?;
                videos.get_or_insert_default().extend(more);
            } else {
                map.next_value::<IgnoredAny>()?;
                if self.keys.len() < KEYS_TOLD {
                    self.keys.push(key);
                }
            }
        }
        Ok(videos)
    }
}

struct Database<'a> {
    problems: &'a mut Problems,
}

impl<'de> DeserializeSeed<'de> for Database<'_> {
    type Value = Vec<RawVideo>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Database<'_> {
    type Value = Vec<RawVideo>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("for `database` an object of videos by name")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut videos = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            videos.push(map.next_value_seed(Video { name, problems: self.problems })?);
        }
        Ok(videos)
    }
}

struct Video<'a> {
    name: String,
    problems: &'a mut Problems,
}

impl<'de> DeserializeSeed<'de> for Video<'_> {
    type Value = RawVideo;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Video<'_> {
    type Value = RawVideo;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for video {:?} an object with its `subset`, `duration` and `annotations`", self.name)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { name, problems } = self;
        let mut video = RawVideo { name, subset: None, duration: None, frames: None, fps: None, actions: Vec::new() };
        let mut keys: Vec<String> = Vec::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "subset" => video.subset = text(map.next_value()?, "subset", &video.name, None, problems),
                "duration" => video.duration = number(map.next_value()?, "duration", &video.name, problems),
                "frame" => video.frames = number(map.next_value()?, "frame", &video.name, problems),
                "fps" => video.fps = number(map.next_value()?, "fps", &video.name, problems),
                "annotations" => {
                    let first = video.actions.len();
                    let more = map.next_value_seed(Actions { video: &video.name, first, problems })?;
                    video.actions.extend(more);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
            let known = ["subset", "duration", "frame", "fps", "annotations"].contains(&key.as_str());
            if known && keys.contains(&key) {
                problems.add(&video.name, None, Fault::DuplicateField { field: key });
            } else if keys.len() < KEYS_TOLD || known {
                keys.push(key);
            }
        }
        for field in ["subset", "duration"] {
            if !keys.iter().any(|key| key == field) {
                let nearest = nearest(field, keys.iter().map(String::as_str)).map(String::from);
                problems.add(&video.name, None, Fault::MissingField { field, nearest });
            }
        }
        Ok(video)
    }
}

struct Actions<'a> {
    video: &'a str,
    first: usize,
    problems: &'a mut Problems,
}

impl<'de> DeserializeSeed<'de> for Actions<'_> {
    type Value = Vec<Option<Action>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Actions<'_> {
    type Value = Vec<Option<Action>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "for `annotations` of video {:?} a list", self.video)
    }

    /// `null`: test sets have nothing to tell.
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut actions = Vec::new();
        while let Some(value) = list.next_element::<Value>()? {
            actions.push(action(value, self.video, self.first + actions.len(), self.problems));
        }
        Ok(actions)
    }
}
