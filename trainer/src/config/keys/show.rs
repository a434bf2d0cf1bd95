//! The table of keys, for people and for programs.

use serde_json::{Map, Value, json};

use super::{Key, Kind, Missing, Range, all};

/// One line for each key and its meaning below it; `section` leaves out all other keys.
pub fn lines(section: Option<&str>) -> Vec<String> {
    let keys: Vec<&Key> = all().filter(|key| section.is_none_or(|section| belongs(key.name, section))).collect();
    let width = keys.iter().map(|key| key.name.len()).max().unwrap_or_default();
    let of_key = |key: &&Key| {
        let unit = if key.unit.is_empty() { String::new() } else { format!(", {}", key.unit) };
        let of = if key.of.is_empty() { String::new() } else { format!("; {} only", key.of.join(", ")) };
        [
            format!("{:<width$}  {}{unit}; {}{of}", key.name, key.allowed(), key.missing.words()),
            format!("{:<width$}  {}", "", key.about),
        ]
    };
    keys.iter().flat_map(of_key).collect()
}

/// As a JSON Schema (draft 2020-12) of the TOML document.
pub fn json() -> Value {
    let mut root = Section::default();
    for key in all() {
        root.add(key.name, key);
    }
    let mut schema = root.schema();
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("A run file of adatad");
    schema
}

/// Whether a key is of a section: that key, or one below it.
fn belongs(name: &str, section: &str) -> bool {
    name.strip_prefix(section).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Missing {
    fn words(self) -> String {
        match self {
            Missing::Required => "required".into(),
            Missing::RequiredIf(condition) => format!("required ({condition})"),
            Missing::Absent(meaning) => format!("absent: {meaning}"),
            Missing::Value(value) => format!("default {value}"),
        }
    }
}

/// Keys of a table in the order of the list.
#[derive(Default)]
struct Section(Vec<(&'static str, Node)>);

enum Node {
    Leaf(&'static Key),
    Section(Section),
}

impl Section {
    fn add(&mut self, name: &'static str, key: &'static Key) {
        let Some((first, rest)) = name.split_once('.') else {
            self.0.push((name, Node::Leaf(key)));
            return;
        };
        match self.0.iter_mut().find(|(name, _)| *name == first) {
            Some((_, Node::Section(below))) => below.add(rest, key),
            _ => {
                let mut below = Section::default();
                below.add(rest, key);
                self.0.push((first, Node::Section(below)));
            }
        }
    }

    fn schema(&self) -> Value {
        let of = |node: &Node| match node {
            Node::Leaf(key) => leaf(key),
            Node::Section(section) => section.schema(),
        };
        let properties: Map<String, Value> = self.0.iter().map(|(name, node)| ((*name).to_owned(), of(node))).collect();
        let needed =
            |node: &Node| matches!(node, Node::Leaf(key) if key.missing == Missing::Required && key.of.is_empty());
        let required: Vec<&str> = self.0.iter().filter(|(_, node)| needed(node)).map(|(name, _)| *name).collect();
        json!({"type": "object", "additionalProperties": false, "properties": properties, "required": required})
    }
}

fn leaf(key: &Key) -> Value {
    let list = |items: Value| json!({"type": "array", "items": items});
    let one = |kind: &str| {
        let mut value = json!({"type": kind});
        key.range.bounds(&mut value);
        value
    };
    let mut value = match key.kind {
        Kind::Text | Kind::Path => json!({"type": "string"}),
        Kind::Flag => json!({"type": "boolean"}),
        Kind::Whole => one("integer"),
        Kind::Number => one("number"),
        Kind::Word(words) => json!({"enum": words}),
        Kind::Texts => list(json!({"type": "string"})),
        Kind::Wholes => list(one("integer")),
        Kind::Numbers => list(one("number")),
        Kind::Pairs => list(json!({"type": "array", "items": one("number"), "minItems": 2, "maxItems": 2})),
        Kind::WholeOrWholes => json!({"anyOf": [one("integer"), list(one("integer"))]}),
        Kind::NamesOrPath => json!({"anyOf": [list(json!({"type": "string"})), {"type": "string"}]}),
    };
    value["description"] = json!(key.about);
    if !key.unit.is_empty() {
        value["unit"] = json!(key.unit);
    }
    if !key.of.is_empty() {
        value["detectors"] = json!(key.of);
    }
    match key.missing {
        Missing::Required => {}
        Missing::RequiredIf(condition) => value["required-if"] = json!(condition),
        Missing::Absent(meaning) => value["absent"] = json!(meaning),
        Missing::Value(text) => value["default"] = default_value(text),
    }
    value
}

/// A default, which is written as in the file.
fn default_value(text: &str) -> Value {
    let table = toml::from_str::<toml::Table>(&format!("value = {text}")).ok();
    let value = table.and_then(|mut table| table.remove("value"));
    value.and_then(|value| serde_json::to_value(value).ok()).unwrap_or_default()
}

impl Range {
    fn bounds(self, value: &mut Value) {
        let mut set = |name: &str, bound: Value| value[name] = bound;
        match self {
            Range::Any => {}
            Range::Whole(least, most) => {
                set("minimum", json!(least));
                set("maximum", json!(most));
            }
            Range::FromZero => set("minimum", json!(0)),
            Range::AboveZero => set("exclusiveMinimum", json!(0)),
            Range::UpToHalf => {
                set("minimum", json!(0));
                set("maximum", json!(0.5));
            }
            Range::Percent => {
                set("minimum", json!(0));
                set("maximum", json!(100));
            }
            Range::Share => {
                set("minimum", json!(0));
                set("maximum", json!(1));
            }
            Range::ShareAboveZero => {
                set("exclusiveMinimum", json!(0));
                set("maximum", json!(1));
            }
            Range::ShareBelowOne => {
                set("minimum", json!(0));
                set("exclusiveMaximum", json!(1));
            }
        }
    }
}
