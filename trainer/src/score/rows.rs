//! Lists of actions, annotated or detected, as files have them.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::labels::Labels;
use super::values::{ClassNumber, ClassPair, Number, Text};

/// An action.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// Begin, as the file says; seconds if all is well.
    pub start: f64,
    /// End.
    pub end: f64,
    /// Confidence; 1 for an annotation.
    pub score: f64,
    /// Number of its class in the file's list.
    pub label: u32,
}

/// The actions of one video.
#[derive(Debug, Default, PartialEq)]
pub struct Rows {
    /// Those that say all they must.
    pub rows: Vec<Row>,
    /// How many lack a segment, a class or a score.
    pub incomplete: usize,
}

impl Rows {
    fn push(&mut self, row: Option<Row>) {
        match row {
            Some(row) => self.rows.push(row),
            None => self.incomplete += 1,
        }
    }

    pub(super) fn extend(&mut self, more: Self) {
        self.rows.extend(more.rows);
        self.incomplete += more.incomplete;
    }
}

/// Reads a list of actions.
pub(super) struct ReadRows<'a> {
    pub(super) labels: &'a mut Labels,
    /// Whether a row without a score lacks something.
    pub(super) scored: bool,
}

impl<'de> DeserializeSeed<'de> for ReadRows<'_> {
    type Value = Rows;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Rows, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadRows<'_> {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of actions")
    }

    fn visit_unit<E>(self) -> Result<Rows, E> {
        Ok(Rows::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Rows, A::Error> {
        let mut rows = Rows::default();
        while let Some(row) = list.next_element_seed(ReadRow { labels: self.labels, scored: self.scored })? {
            rows.push(row);
        }
        rows.rows.shrink_to_fit();
        Ok(rows)
    }
}

struct ReadRow<'a> {
    labels: &'a mut Labels,
    scored: bool,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Key {
    Segment,
    Label,
    Score,
    #[serde(alias = "verb_class", alias = "verb_label")]
    Verb,
    #[serde(alias = "noun_class", alias = "noun_label")]
    Noun,
    Action,
    #[serde(other)]
    Other,
}

impl<'de> DeserializeSeed<'de> for ReadRow<'_> {
    type Value = Option<Row>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Option<Row>, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadRow<'_> {
    type Value = Option<Row>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an action: an object with its `segment` and `label`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Row>, A::Error> {
        let (mut segment, mut name, mut score) = (None, None, (!self.scored).then_some(1.0));
        let (mut verb, mut noun, mut action) = (None, None, None);
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Segment => {
                    let [Number(start), Number(end)] = map.next_value()?;
                    segment = Some([start, end]);
                }
                Key::Label => name = Some(map.next_value::<Text>()?.0),
                Key::Score => score = Some(map.next_value::<Number>()?.0),
                Key::Verb => verb = Some(map.next_value::<ClassNumber>()?.0),
                Key::Noun => noun = Some(map.next_value::<ClassNumber>()?.0),
                Key::Action => action = Some(map.next_value::<ClassPair>()?.0),
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let epic = match (verb, noun) {
            (Some(verb), Some(noun)) => {
                let [of_verb, of_noun] = action.unwrap_or([verb, noun]);
                Some([verb, noun, of_verb, of_noun])
            }
            _ => None,
        };
        let (Some([start, end]), Some(score), true) = (segment, score, name.is_some() || epic.is_some()) else {
            return Ok(None);
        };
        Ok(Some(Row { start, end, score, label: self.labels.number(name.as_deref(), epic) }))
    }

    /// Charades: `[class, start, end]`.
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Option<Row>, A::Error> {
        let (name, start, end) = (list.next_element::<Text>()?, list.next_element()?, list.next_element()?);
        while list.next_element::<IgnoredAny>()?.is_some() {}
        let (Some(Text(name)), Some(Number(start)), Some(Number(end))) = (name, start, end) else { return Ok(None) };
        Ok(Some(Row { start, end, score: 1.0, label: self.labels.number(Some(&name), None) }))
    }

    // What is no action at all is one that says nothing of what it must.

    fn visit_unit<E>(self) -> Result<Option<Row>, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Option<Row>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<Row>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<Row>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<Row>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<Row>, E> {
        Ok(None)
    }
}
