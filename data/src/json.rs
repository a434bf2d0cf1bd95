//! What the readers of JSON files share: where an error is, and maps and lists that are looked at one entry at a time.
//!
//! Files are streamed through visitors, never held as a tree of JSON values: such a tree takes twenty times the memory of
//! the file, and its maps would silently keep only the last of two entries of the same name.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// What is wrong with a JSON text.
#[derive(Debug)]
pub(crate) struct Syntax {
    /// Counted from 1.
    pub(crate) line: usize,
    /// Counted from 1, in bytes.
    pub(crate) column: usize,
    pub(crate) message: String,
}

/// Reads a whole text, with or without a byte order mark.
pub(crate) fn parse<'de, S: DeserializeSeed<'de>>(text: &'de [u8], seed: S) -> Result<S::Value, Syntax> {
    let text = text.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(text);
    let mut json = serde_json::Deserializer::from_slice(text);
    let found = seed.deserialize(&mut json).and_then(|value| {
        json.end()?;
        Ok(value)
    });
    found.map_err(|error| syntax(text, &error))
}

/// The same for a type that needs nothing else.
pub(crate) fn parse_as<'de, T: Deserialize<'de>>(text: &'de [u8]) -> Result<T, Syntax> {
    parse(text, PhantomData::<T>)
}

fn syntax(text: &[u8], error: &serde_json::Error) -> Syntax {
    let (line, column) = (error.line(), error.column());
    let position = format!(" at line {line} column {column}");
    let mut message = error.to_string();
    if let Some(kept) = message.strip_suffix(&position) {
        message.truncate(kept.len());
    }
    let rest = text.split(|&byte| byte == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
    let rest = rest.get(column.saturating_sub(2)..).unwrap_or_default();
    // Python writes these and calls it JSON.
    if ["NaN", "nan", "Infinity", "-Infinity", "inf"].iter().any(|word| {
        let word = word.as_bytes();
        rest.starts_with(word) || rest.get(1..).is_some_and(|rest| rest.starts_with(word))
    }) {
        message += "; NaN and Infinity are not JSON, and not times";
    }
    Syntax { line, column, message }
}

/// A finite number, or a text that is one: some published files write `"18.6"`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number(pub(crate) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Number, E> {
                Ok(Number(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Number, E> {
                Ok(Number(value as f64))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Number, E> {
                let number = value.trim().parse().ok().filter(|number: &f64| number.is_finite());
                number.map(Number).ok_or_else(|| E::invalid_value(de::Unexpected::Str(value), &self))
            }
        }
        json.deserialize_any(Any)
    }
}

/// A text; a number is taken as its digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Text, E> {
                Ok(Text(value.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
        }
        json.deserialize_any(Any)
    }
}

/// Whatever it is, if it is a `T`; any other kind of value is nothing.
///
/// For fields that hold an object in one file and only its number in another.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Perhaps<T>(pub(crate) Option<T>);

impl<T> Default for Perhaps<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Perhaps<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Any<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Any<T> {
            type Value = Perhaps<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any value")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(|value| Perhaps(Some(value)))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Perhaps(None))
            }

            fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Perhaps(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
                Ok(Perhaps(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
                Ok(Perhaps(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
                Ok(Perhaps(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
                Ok(Perhaps(None))
            }

            fn visit_unit<E>(self) -> Result<Self::Value, E> {
                Ok(Perhaps(None))
            }
        }
        json.deserialize_any(Any(PhantomData))
    }
}

/// Every entry of an object: `each(key, value)`. `null` and an empty list are an object without entries.
pub(crate) struct EachEntry<F, V> {
    each: F,
    value: PhantomData<V>,
}

impl<F, V> EachEntry<F, V> {
    pub(crate) fn new(each: F) -> Self {
        Self { each, value: PhantomData }
    }
}

impl<'de, V: Deserialize<'de>, F: FnMut(String, V) -> Result<(), String>> DeserializeSeed<'de> for EachEntry<F, V> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, V: Deserialize<'de>, F: FnMut(String, V) -> Result<(), String>> Visitor<'de> for EachEntry<F, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        match list.next_element::<IgnoredAny>()? {
            None => Ok(()),
            Some(_) => Err(A::Error::invalid_type(de::Unexpected::Seq, &self)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some((key, value)) = map.next_entry()? {
            (self.each)(key, value).map_err(A::Error::custom)?;
        }
        Ok(())
    }
}

/// Every item of a list, or the one that stands there without a list.
pub(crate) struct EachItem<F, V> {
    each: F,
    value: PhantomData<V>,
}

impl<F, V> EachItem<F, V> {
    pub(crate) fn new(each: F) -> Self {
        Self { each, value: PhantomData }
    }
}

impl<'de, V: Deserialize<'de>, F: FnMut(V) -> Result<(), String>> DeserializeSeed<'de> for EachItem<F, V> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de, V: Deserialize<'de>, F: FnMut(V) -> Result<(), String>> Visitor<'de> for EachItem<F, V> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element()? {
            (self.each)(value).map_err(A::Error::custom)?;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        let value = V::deserialize(de::value::MapAccessDeserializer::new(map))?;
        (self.each)(value).map_err(A::Error::custom)
    }
}

/// One entry of the outermost object, given to `seed`; the others are left out. The value is whether it was there, and
/// the first other keys.
pub(crate) struct Under<S> {
    pub(crate) key: &'static str,
    pub(crate) seed: S,
}

/// Other keys that [`Under`] remembers.
const KEYS_TOLD: usize = 10;

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Under<S> {
    type Value = (Option<S::Value>, Vec<String>);

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Under<S> {
    type Value = (Option<S::Value>, Vec<String>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object with `{}`", self.key)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { key: wanted, seed } = self;
        let mut seed = Some(seed);
        let (mut found, mut others) = (None, Vec::new());
        while let Some(key) = map.next_key::<String>()? {
            if key != wanted {
                map.next_value::<IgnoredAny>()?;
                if others.len() < KEYS_TOLD {
                    others.push(key);
                }
                continue;
            }
            let seed = seed.take().ok_or_else(|| A::Error::custom(format_args!("`{wanted}` stands twice")))?;
            found = Some(map.next_value_seed(seed)?);
        }
        Ok((found, others))
    }
}
