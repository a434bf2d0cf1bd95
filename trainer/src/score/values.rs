//! Single values as result and label files have them: numbers that are texts, classes that are numbers.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A number, or the text of one. What is no number (`null`, `NaN`) is NaN: a fault to report, and no reason to stop.
#[derive(Debug, Clone, Copy)]
pub(super) struct Number(pub(super) f64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Numbers;
        impl Visitor<'_> for Numbers {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_str<E>(self, text: &str) -> Result<Number, E> {
                Ok(Number(text.trim().parse().unwrap_or(f64::NAN)))
            }

            fn visit_unit<E>(self) -> Result<Number, E> {
                Ok(Number(f64::NAN))
            }
        }
        json.deserialize_any(Numbers)
    }
}

/// A text, or a number taken for its digits.
#[derive(Debug)]
pub(super) struct Text<'de>(pub(super) Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name or the number of a class")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(number.to_string())))
            }
        }
        json.deserialize_any(Texts)
    }
}

/// The number of a class, also as a text and with OpenTAD's `id_` before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClassNumber(pub(super) u32);

impl<'de> Deserialize<'de> for ClassNumber {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(json)?;
        number(&text).map(Self).ok_or_else(|| D::Error::custom(format!("`{text}` is not the number of a class")))
    }
}

/// Two numbers of classes as EPIC's results write them: `"3,17"`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClassPair(pub(super) [u32; 2]);

impl<'de> Deserialize<'de> for ClassPair {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        let Text(text) = Text::deserialize(json)?;
        let pair = text.split_once(',').and_then(|(verb, noun)| Some([number(verb)?, number(noun)?]));
        pair.map(Self).ok_or_else(|| D::Error::custom(format!("`{text}` is not an action; it must be \"VERB,NOUN\"")))
    }
}

fn number(text: &str) -> Option<u32> {
    let text = text.trim();
    text.strip_prefix("id_").unwrap_or(text).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_may_be_texts_and_what_is_none_is_nan() {
        let read = |text: &str| serde_json::from_str::<Number>(text).unwrap().0;
        assert_eq!([read("1.5"), read("\"18.6\""), read("7"), read("-2")], [1.5, 18.6, 7.0, -2.0]);
        assert_eq!(read("\"inf\""), f64::INFINITY);
        assert!(read("null").is_nan() && read("\"NaN\"").is_nan() && read("\"soon\"").is_nan());
        assert!(serde_json::from_str::<Number>("[1]").is_err());
    }

    #[test]
    fn classes_may_be_numbers() {
        assert_eq!(serde_json::from_str::<Text>("12").unwrap().0, "12");
        assert_eq!(serde_json::from_str::<ClassNumber>("\"id_12\"").unwrap().0, 12);
        assert_eq!(serde_json::from_str::<ClassPair>("\"3, 17\"").unwrap().0, [3, 17]);
        let error = serde_json::from_str::<ClassPair>("\"3\"").unwrap_err().to_string();
        assert!(error.contains("VERB,NOUN"), "{error}");
    }
}
