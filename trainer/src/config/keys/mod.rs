//! Every key of a run file: type, unit, default, range and meaning. One table for what is checked, what `--set` knows and
//! what `config schema` prints; a test holds it against what the parser accepts.

mod data;
mod model;
mod show;
mod training;

use toml::{Table, Value};

use super::error::nearest;
use super::overrides::flat;

pub use show::{json, lines};

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its full name, such as `window.size`.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Unit of the value; empty where it has none.
    pub unit: &'static str,
    /// What holds where the key is not there.
    pub missing: Missing,
    /// Which values there are.
    pub range: Range,
    /// What it means.
    pub about: &'static str,
    /// Detectors that have it; empty: it is not about detectors, or all have it.
    pub of: &'static [&'static str],
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// A path; relative ones start at the run file's folder.
    Path,
    /// `true` or `false`.
    Flag,
    /// A whole number.
    Whole,
    /// A number.
    Number,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Wholes,
    /// A list of numbers.
    Numbers,
    /// A list of pairs of numbers.
    Pairs,
    /// A whole number, or a list of them: one for each level.
    WholeOrWholes,
    /// A list of names, or a file of them.
    NamesOrPath,
}

/// What holds where a key is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// It must be there, together with its table.
    Required,
    /// It must be there in some files only; else it must not.
    RequiredIf(&'static str),
    /// Absence has a meaning of its own.
    Absent(&'static str),
    /// This value.
    Value(&'static str),
}

/// Which values there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Range {
    /// All of the kind; of numbers, all that are finite.
    Any,
    /// Whole numbers from the first to the second.
    Whole(i64, i64),
    /// Numbers from 0 up.
    FromZero,
    /// Numbers above 0.
    AboveZero,
    /// From 0 to a half.
    UpToHalf,
    /// From 0 to 100.
    Percent,
    /// From 0 to 1.
    Share,
    /// From 0 to 1, 0 left out.
    ShareAboveZero,
    /// From 0 to 1, 1 left out.
    ShareBelowOne,
}

/// The largest count: far more than any machine holds, and small enough that products of three of them are numbers.
const MOST: i64 = 1 << 20;

const fn key(name: &'static str, kind: Kind, about: &'static str) -> Key {
    Key { name, kind, unit: "", missing: Missing::Required, range: Range::Any, about, of: &[] }
}

const fn flag(name: &'static str, about: &'static str) -> Key {
    key(name, Kind::Flag, about)
}

const fn number(name: &'static str, range: Range, about: &'static str) -> Key {
    Key { range, ..key(name, Kind::Number, about) }
}

/// A whole number, at least so much.
const fn whole(name: &'static str, least: i64, about: &'static str) -> Key {
    Key { range: Range::Whole(least, MOST), ..key(name, Kind::Whole, about) }
}

impl Key {
    const fn unit(self, unit: &'static str) -> Self {
        Self { unit, ..self }
    }

    const fn or(self, value: &'static str) -> Self {
        Self { missing: Missing::Value(value), ..self }
    }

    const fn absent(self, meaning: &'static str) -> Self {
        Self { missing: Missing::Absent(meaning), ..self }
    }

    const fn required_if(self, condition: &'static str) -> Self {
        Self { missing: Missing::RequiredIf(condition), ..self }
    }

    const fn within(self, range: Range) -> Self {
        Self { range, ..self }
    }

    const fn of(self, of: &'static [&'static str]) -> Self {
        Self { of, ..self }
    }

    /// What its value may be, in words.
    pub fn allowed(&self) -> String {
        let kind = match self.kind {
            Kind::Text => "text".to_owned(),
            Kind::Path => "a path".to_owned(),
            Kind::Flag => "true or false".to_owned(),
            Kind::Whole => "a whole number".to_owned(),
            Kind::Number => "a number".to_owned(),
            Kind::Word(words) => format!("one of {}", words.join(", ")),
            Kind::Texts => "a list of texts".to_owned(),
            Kind::Wholes => "a list of whole numbers".to_owned(),
            Kind::Numbers => "a list of numbers".to_owned(),
            Kind::Pairs => "a list of pairs of numbers".to_owned(),
            Kind::WholeOrWholes => "a whole number, or a list of one for each level".to_owned(),
            Kind::NamesOrPath => "a list of names, or the path of a file of them".to_owned(),
        };
        format!("{kind}{}", self.range.words())
    }

    /// Refuses a value outside the range.
    fn check(&self, value: &Value) -> Result<(), String> {
        let wrong = |value: String, wanted: String| Err(format!("{} is {value}; it must be {wanted}", self.name));
        match value {
            Value::Array(values) => values.iter().try_for_each(|value| self.check(value)),
            Value::Integer(whole) => match self.range {
                Range::Whole(least, _) if *whole < least => wrong(whole.to_string(), format!("at least {least}")),
                Range::Whole(_, most) if *whole > most => wrong(whole.to_string(), format!("at most {most}")),
                Range::Whole(..) => Ok(()),
                range => match range.holds(*whole as f64) {
                    true => Ok(()),
                    false => wrong(whole.to_string(), range.number()),
                },
            },
            Value::Float(number) if !self.range.holds(*number) => wrong(number.to_string(), self.range.number()),
            _ => Ok(()),
        }
    }
}

impl Kind {
    /// Whether a value is of this kind.
    fn holds(self, value: &Value) -> bool {
        let whole = |value: &Value| matches!(value, Value::Integer(whole) if *whole >= 0);
        let number = |value: &Value| matches!(value, Value::Integer(_) | Value::Float(_));
        let all = |value: &Value, one: &dyn Fn(&Value) -> bool| value.as_array().is_some_and(|v| v.iter().all(one));
        match self {
            Kind::Text | Kind::Path => value.is_str(),
            Kind::Flag => value.is_bool(),
            Kind::Whole => whole(value),
            Kind::Number => number(value),
            Kind::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Kind::Texts => all(value, &Value::is_str),
            Kind::Wholes => all(value, &whole),
            Kind::Numbers => all(value, &number),
            Kind::Pairs => all(value, &|pair| pair.as_array().is_some_and(|p| p.len() == 2) && all(pair, &number)),
            Kind::WholeOrWholes => whole(value) || all(value, &whole),
            Kind::NamesOrPath => value.is_str() || all(value, &Value::is_str),
        }
    }
}

impl Range {
    fn holds(self, value: f64) -> bool {
        value.is_finite()
            && match self {
                Range::Any | Range::Whole(..) => true,
                Range::FromZero => value >= 0.0,
                Range::AboveZero => value > 0.0,
                Range::UpToHalf => (0.0..=0.5).contains(&value),
                Range::Percent => (0.0..=100.0).contains(&value),
                Range::Share => (0.0..=1.0).contains(&value),
                Range::ShareAboveZero => value > 0.0 && value <= 1.0,
                Range::ShareBelowOne => (0.0..1.0).contains(&value),
            }
    }

    /// What a number may be.
    fn number(self) -> String {
        match self {
            Range::Any | Range::Whole(..) => "a finite number".into(),
            Range::AboveZero => "a number above 0".into(),
            other => format!("a number{}", other.words()),
        }
    }

    fn words(self) -> String {
        match self {
            Range::Any => String::new(),
            Range::Whole(least, MOST) => format!(" from {least} up"),
            Range::Whole(least, most) => format!(" from {least} to {most}"),
            Range::FromZero => " from 0 up".into(),
            Range::AboveZero => " above 0".into(),
            Range::UpToHalf => " from 0 to 0.5".into(),
            Range::Percent => " from 0 to 100".into(),
            Range::Share => " from 0 to 1".into(),
            Range::ShareAboveZero => " from 0 to 1, 0 left out".into(),
            Range::ShareBelowOne => " from 0 to 1, 1 left out".into(),
        }
    }
}

/// All keys, section by section.
pub fn all() -> impl Iterator<Item = &'static Key> {
    [data::KEYS, model::KEYS, training::KEYS].into_iter().flatten()
}

/// The key of this name.
pub fn find(name: &str) -> Option<&'static Key> {
    all().find(|key| key.name == name)
}

/// The key whose name is most like this one: of the whole name, or of its end where only that was given.
pub fn nearest_to(given: &str) -> &'static str {
    let short = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
    let found = match given.contains('.') {
        true => nearest(given, all().map(|key| key.name)),
        false => {
            let near = nearest(given, all().map(|key| short(key.name)));
            all().map(|key| key.name).find(|name| Some(short(name)) == near)
        }
    };
    found.unwrap_or_default()
}

/// The first key that a sentence names.
pub(super) fn named_in(sentence: &str) -> Option<&'static str> {
    let words = sentence.split(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'));
    words.map(|word| word.trim_end_matches('.')).find_map(find).map(|key| key.name)
}

/// What serde says of a value, with the key and what it may be.
pub(super) fn explain(at: &str, message: &str) -> String {
    if let Some(missing) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return match find(&format!("{at}.{missing}")) {
            Some(key) => format!("`{}` is missing: {}", key.name, key.about),
            None => message.to_owned(),
        };
    }
    match find(at).filter(|_| !message.starts_with("unknown field")) {
        Some(key) => format!("`{at}`: {message}; it is {}", key.allowed()),
        None => message.to_owned(),
    }
}

/// The key that serde complains of without saying where it is.
pub(super) fn culprit(text: &str, message: &str) -> Option<String> {
    let mut keys = flat(&toml::from_str(text).ok()?, "").into_iter();
    let unknown = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    let wrong = |(name, value): &(String, Value)| match unknown {
        Some(unknown) => name.rsplit('.').next() == Some(unknown),
        None => find(name).is_some_and(|key| !key.kind.holds(value)),
    };
    keys.find(wrong).map(|(name, _)| name)
}

/// Refuses values outside their ranges.
pub(super) fn check(table: &Table) -> Result<(), String> {
    flat(table, "").iter().try_for_each(|(name, value)| find(name).map_or(Ok(()), |key| key.check(value)))
}

#[cfg(test)]
mod tests;
