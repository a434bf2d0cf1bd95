//! Files of annotations, of anyone's making.
//!
//! - OpenTAD, ActionFormer, ActivityNet: `{"database": {video: {"subset", "duration", "annotations": [..]}}}`;
//! - the same videos without `database` around them (mmaction2; BSN and BMN, with `duration_second`, and subsets in a
//!   table beside the file), or as a list of objects with a `video_name`;
//! - Charades: `"actions": [[class, start, end]]`;
//! - tables: EPIC-Kitchens' own, and any with columns for video, start, end and class.
//!
//! Unlike [`Annotations`](adatad_data::annotation::Annotations), which refuses a faulty file, this takes what is there:
//! a truth one cannot mend must still be scored against, and its faults are reported with the result.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::labels::{Label, Labels};
use super::rows::{ReadRows, Rows};
use super::values::{Number, Text};
use super::{ScoreError, file, table};

/// A file of annotations.
#[derive(Debug)]
pub struct Truth {
    /// The file.
    pub path: PathBuf,
    /// Its videos, in the order of the file.
    pub videos: Vec<TruthVideo>,
    /// Its classes.
    pub labels: Vec<Label>,
    /// Videos that stand in it more than once; of each, the first counts.
    pub repeated: Vec<String>,
}

/// What is true of one video.
#[derive(Debug, Default)]
pub struct TruthVideo {
    /// Its name.
    pub name: String,
    /// Its split.
    pub subset: Option<String>,
    /// Its length in seconds.
    pub duration: Option<f64>,
    /// Its actions.
    pub rows: Rows,
}

impl Truth {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// It cannot be read, is of no layout listed above, or holds no video.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ScoreError> {
        let path = path.as_ref();
        let bytes = file::read(path)?;
        let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace() && !b"\xEF\xBB\xBF".contains(byte));
        let (videos, labels) = match first {
            Some(b'{' | b'[') | None => file::read_json(path, bytes, |text| {
                let mut json = serde_json::Deserializer::from_slice(text);
                let mut labels = Labels::default();
                let videos = Videos { labels: &mut labels, top: true }.deserialize(&mut json)?;
                json.end()?;
                Ok((videos, labels))
            })?,
            Some(_) => table::truth(path, &bytes)?,
        };
        if videos.is_empty() {
            return Err(ScoreError::NoTruth { path: path.into() });
        }
        let (mut seen, mut repeated) = (HashMap::with_capacity(videos.len()), Vec::new());
        let mut first_of = |video: &TruthVideo| {
            let times = seen.entry(video.name.clone()).or_insert(0_usize);
            *times += 1;
            if *times == 2 {
                repeated.push(video.name.clone());
            }
            *times == 1
        };
        let videos = videos.into_iter().filter(|video| first_of(video)).collect();
        Ok(Self { path: path.into(), videos, labels: labels.table, repeated })
    }

    /// The subsets with how many videos each has, in the order of the file.
    pub fn subsets(&self) -> Vec<(&str, usize)> {
        let mut subsets: Vec<(&str, usize)> = Vec::new();
        for subset in self.videos.iter().filter_map(|video| video.subset.as_deref()) {
            match subsets.iter_mut().find(|(name, _)| *name == subset) {
                Some((_, count)) => *count += 1,
                None => subsets.push((subset, 1)),
            }
        }
        subsets
    }
}

/// The videos of a file: an object by name, or a list. On top, they may stand one step down.
struct Videos<'a> {
    labels: &'a mut Labels,
    top: bool,
}

impl<'de> DeserializeSeed<'de> for Videos<'_> {
    type Value = Vec<TruthVideo>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Videos<'_> {
    type Value = Vec<TruthVideo>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("videos with their `annotations`, by name under `database`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut videos = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if self.top && name == "database" {
                let found = map.next_value_seed(Videos { labels: self.labels, top: false })?;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(found);
            }
            let video = map.next_value_seed(Video { name: Some(name), labels: self.labels })?;
            videos.extend(video);
        }
        Ok(videos)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut videos = Vec::new();
        while let Some(video) = list.next_element_seed(Video { name: None, labels: self.labels })? {
            videos.extend(video);
        }
        Ok(videos)
    }
}

/// One video; nothing where an object without actions or something else stands (`"version": 1.3`).
struct Video<'a> {
    name: Option<String>,
    labels: &'a mut Labels,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    #[serde(alias = "video_id", alias = "video")]
    VideoName,
    Subset,
    #[serde(alias = "duration_second")]
    Duration,
    #[serde(alias = "actions")]
    Annotations,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for Video<'_> {
    type Value = Option<TruthVideo>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Video<'_> {
    type Value = Option<TruthVideo>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a video: an object with its `annotations`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut name, mut subset, mut duration) = (self.name, None, None);
        let mut rows: Option<Rows> = None;
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::VideoName if name.is_none() => name = Some(map.next_value::<Text>()?.0.into_owned()),
                Key::Subset => subset = map.next_value::<Option<Text>>()?.map(|Text(text)| text.into_owned()),
                Key::Duration => duration = Some(map.next_value::<Number>()?.0),
                Key::Annotations => {
                    let more = map.next_value_seed(ReadRows { labels: self.labels, scored: false })?;
                    rows.get_or_insert_default().extend(more);
                }
                Key::VideoName | Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        // A test video may have nothing but a subset.
        let (Some(name), true) = (name, rows.is_some() || subset.is_some()) else { return Ok(None) };
        let duration = duration.filter(|duration: &f64| duration.is_finite() && *duration > 0.0);
        Ok(Some(TruthVideo { name, subset, duration, rows: rows.unwrap_or_default() }))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
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
