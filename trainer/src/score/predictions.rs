//! Files of detections: the ActivityNet results layout, of anyone's making.
//!
//! `{"results": {video: [{"segment": [start, end], "label", "score"}]}}` with any keys beside; EPIC-Kitchens' with
//! `verb`, `noun` and `action` in place of the label; or the videos without `results` around them. The file is streamed
//! into rows, never held as a tree of values: a million detections are common.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::ScoreError;
use super::file;
use super::labels::{Label, Labels};
use super::rows::{ReadRows, Rows};

/// A file of detections.
#[derive(Debug)]
pub struct Predictions {
    /// The file.
    pub path: PathBuf,
    /// The detections of each video, in the order of the file.
    pub videos: Vec<(String, Rows)>,
    /// Its classes.
    pub labels: Vec<Label>,
    /// Videos that stand in it more than once; their detections are together.
    pub repeated: Vec<String>,
}

impl Predictions {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no JSON, or holds no results.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ScoreError> {
        let path = path.as_ref();
        let read = file::read_json(path, file::read(path)?, |text| {
            let mut json = serde_json::Deserializer::from_slice(text);
            let top = Top { labels: Labels::default() }.deserialize(&mut json)?;
            json.end()?;
            Ok(top)
        })?;
        let Found { results, bare, other, labels } = read;
        let found = match results {
            Some(results) => results,
            None if bare.is_empty() => return Err(ScoreError::NoResults { path: path.into(), found: other }),
            None => bare,
        };
        let (videos, repeated) = joined(found);
        Ok(Self { path: path.into(), videos, labels: labels.table, repeated })
    }

    /// How many detections there are.
    pub fn len(&self) -> usize {
        self.videos.iter().map(|(_, rows)| rows.rows.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Videos of the same name joined, and the names of those.
fn joined(found: Vec<(String, Rows)>) -> (Vec<(String, Rows)>, Vec<String>) {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(found.len());
    let mut videos: Vec<(String, Rows)> = Vec::with_capacity(found.len());
    let mut repeated: Vec<String> = Vec::new();
    for (name, rows) in found {
        match places.get(&name) {
            Some(&place) => {
                videos[place].1.extend(rows);
                if !repeated.contains(&name) {
                    repeated.push(name);
                }
            }
            None => {
                places.insert(name.clone(), videos.len());
                videos.push((name, rows));
            }
        }
    }
    (videos, repeated)
}

struct Found {
    results: Option<Vec<(String, Rows)>>,
    /// Lists outside of `results`.
    bare: Vec<(String, Rows)>,
    /// Keys of everything else, some of them.
    other: Vec<String>,
    labels: Labels,
}

struct Top {
    labels: Labels,
}

impl<'de> DeserializeSeed<'de> for Top {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Found, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Top {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `results`")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Found, A::Error> {
        let (mut results, mut bare, mut other): (Option<Vec<_>>, Vec<_>, Vec<_>) = (None, Vec::new(), Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            if key == "results" {
                let more = map.next_value_seed(Videos { labels: &mut self.labels })?;
                results.get_or_insert_default().extend(more);
            } else if results.is_some() {
                map.next_value::<IgnoredAny>()?;
            } else {
                match map.next_value_seed(Loose { labels: &mut self.labels })? {
                    Some(rows) => bare.push((key, rows)),
                    None if other.len() < 10 => other.push(key),
                    None => {}
                }
            }
        }
        Ok(Found { results, bare, other, labels: self.labels })
    }
}

/// What stands under `results`.
struct Videos<'a> {
    labels: &'a mut Labels,
}

impl<'de> DeserializeSeed<'de> for Videos<'_> {
    type Value = Vec<(String, Rows)>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Videos<'_> {
    type Value = Vec<(String, Rows)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("for `results` an object of lists by video")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut videos = Vec::new();
        while let Some(name) = map.next_key()? {
            videos.push((name, map.next_value_seed(ReadRows { labels: self.labels, scored: true })?));
        }
        Ok(videos)
    }
}

/// A list of detections, or anything else, which is passed over.
struct Loose<'a> {
    labels: &'a mut Labels,
}

impl<'de> DeserializeSeed<'de> for Loose<'_> {
    type Value = Option<Rows>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Loose<'_> {
    type Value = Option<Rows>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of detections")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        ReadRows { labels: self.labels, scored: true }.visit_seq(list).map(Some)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }
}
