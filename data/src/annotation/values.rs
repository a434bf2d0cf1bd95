//! From single JSON values to what they must be, or to a [`Fault`] that says what they are instead.

use serde_json::Value;

use super::Action;
use super::problem::{Fault, Problems};
use crate::nearest::nearest;

/// An annotation, or nothing when a part of it is absent or of the wrong type.
pub(super) fn action(value: Value, video: &str, index: usize, problems: &mut Problems) -> Option<Action> {
    let Value::Object(mut fields) = value else {
        let fault = wrong("annotation", &value, "an object with `segment` and `label`");
        problems.add(video, Some(index), fault);
        return None;
    };
    let mut field = |name: &'static str, problems: &mut Problems| {
        let value = fields.remove(name);
        if value.is_none() {
            let nearest = nearest(name, fields.keys().map(String::as_str)).map(String::from);
            problems.add(video, Some(index), Fault::MissingField { field: name, nearest });
        }
        value
    };
    let (segment, label) = (field("segment", problems), field("label", problems));
    let label = label.and_then(|label| text(label, "label", video, Some(index), problems));
    let times = segment.and_then(|segment| {
        let pair = segment.as_array().map(|times| times.iter().map(Value::as_f64).collect::<Vec<_>>());
        if let Some(&[Some(start), Some(end)]) = pair.as_deref() {
            return Some((start, end));
        }
        problems.add(video, Some(index), wrong("segment", &segment, "[start, end] in seconds"));
        None
    });
    let ((start, end), label) = (times?, label?);
    Some(Action { label, start, end })
}

pub(super) fn text(
    value: Value,
    field: &'static str,
    video: &str,
    index: Option<usize>,
    problems: &mut Problems,
) -> Option<String> {
    if let Value::String(text) = value {
        return Some(text);
    }
    problems.add(video, index, wrong(field, &value, "a text in quotes"));
    None
}

pub(super) fn number(value: Value, field: &'static str, video: &str, problems: &mut Problems) -> Option<f64> {
    let number = value.as_f64();
    if number.is_none() {
        problems.add(video, None, wrong(field, &value, "a number"));
    }
    number
}

fn wrong(field: &'static str, value: &Value, wanted: &'static str) -> Fault {
    const MOST: usize = 40;
    let mut found = value.to_string();
    if let Some((end, _)) = found.char_indices().nth(MOST) {
        found.truncate(end);
        found += "...";
    }
    Fault::WrongType { field, found, wanted }
}
