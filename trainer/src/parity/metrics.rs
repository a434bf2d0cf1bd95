//! Mean average precision and top-kx recall. Where the fixture offers a `stable` result, that is the one to match: it
//! differs from what the reference happened to print only where scores are equal.

use std::fmt;
use std::path::Path;

use adatad_detector::metrics::{Evaluation, LabelledDetection, LabelledTruth};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::score::Score;
use super::unusable::Unusable;
use crate::score::file::quote_bare_words;

/// Metrics are quotients of counts, in 64 bits.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    database: InOrder<Video>,
    results: InOrder<Vec<Row>>,
    subset: String,
    tiou_thresholds: Vec<f64>,
    #[serde(default)]
    blocked: Option<Vec<String>>,
    #[serde(default)]
    top_k: Option<Vec<usize>>,
    #[serde(default)]
    stable: Option<Expected>,
    #[serde(default)]
    default: Option<Expected>,
}

#[derive(Deserialize)]
struct Video {
    subset: String,
    #[serde(default)]
    annotations: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    segment: [f64; 2],
    label: String,
    #[serde(default)]
    score: f64,
}

#[derive(Deserialize)]
struct Expected {
    metrics: Value,
    ap: Vec<Vec<f64>>,
    classes: Vec<String>,
    truths: usize,
    predictions: usize,
}

pub(super) fn check(folder: &Path, name: &str, score: &mut Score) -> Result<(), Unusable> {
    let path = folder.join(format!("{name}.json"));
    let text = std::fs::read(&path).map_err(|error| Unusable::file(&path, error))?;
    let text = quote_bare_words(&text).unwrap_or(text);
    let Cases { cases } = serde_json::from_slice(&text).map_err(|error| Unusable::file(&path, error))?;
    cases.iter().try_for_each(|case| one(case, score))
}

fn one(case: &Case, score: &mut Score) -> Result<(), Unusable> {
    let name = &case.name;
    let expected = case.stable.as_ref().or(case.default.as_ref());
    let expected = expected.ok_or_else(|| Unusable(format!("{name} has no result")))?;
    let truth = |row| {
        let Row { segment: [start, end], label, .. }: &Row = row;
        LabelledTruth { start: *start, end: *end, label }
    };
    let detection = |row| {
        let Row { segment: [start, end], label, score }: &Row = row;
        LabelledDetection { start: *start, end: *end, label, score: *score }
    };
    let truths = case.database.0.iter().filter(|(_, video)| video.subset == case.subset);
    let truths: Vec<_> =
        truths.map(|(name, video)| (name.as_str(), video.annotations.iter().map(truth).collect())).collect();
    let found = case.results.0.iter().map(|(name, rows)| (name.as_str(), rows.iter().map(detection).collect()));
    let blocked = case.blocked.iter().flatten().map(String::as_str).collect();
    let evaluation = Evaluation::new(&truths, &found.collect::<Vec<_>>(), &blocked);

    let metric = |key: String| {
        let value = expected.metrics[&key].as_f64();
        value.ok_or_else(|| Unusable(format!("{name} does not say its {key}")))
    };
    let map = evaluation.average_precision(&case.tiou_thresholds);
    score.compare(&format!("{name}: average"), &[map.average], &[metric("average_mAP".into())?], TOLERANCE);
    score.same(&format!("{name}: truths"), map.truths == expected.truths);
    score.same(&format!("{name}: predictions"), map.detections == expected.predictions);
    score.same(&format!("{name}: classes"), map.per_class.len() == expected.classes.len());
    for (at, threshold) in case.tiou_thresholds.iter().enumerate() {
        let what = format!("{name} at {threshold}");
        let mean = metric(format!("mAP@{}", python(*threshold)))?;
        score.compare(&format!("{what}: mAP"), &[map.values[at]], &[mean], TOLERANCE);
        let class = |class: &String| map.per_class.iter().find(|ours| ours.name == *class);
        let ours: Vec<f64> = expected.classes.iter().filter_map(class).map(|class| class.values[at]).collect();
        let theirs = expected.ap.get(at).ok_or_else(|| Unusable(format!("{what} has no `ap`")))?;
        score.compare(&format!("{what}: AP"), &ours, theirs, TOLERANCE);
    }
    let Some(multiples) = &case.top_k else { return Ok(()) };
    let recall = evaluation.recall(&case.tiou_thresholds, multiples);
    for (threshold, ours) in case.tiou_thresholds.iter().zip(&recall.values) {
        let key = |k: &usize| format!("recall@{}@{k}", python(*threshold));
        let theirs = multiples.iter().map(|k| metric(key(k))).collect::<Result<Vec<_>, _>>()?;
        score.compare(&format!("{name} at {threshold}: recall"), ours, &theirs, TOLERANCE);
    }
    Ok(())
}

/// A number as Python writes it into a name.
fn python(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number:.1}") } else { number.to_string() }
}

/// An object in the order of the file, which decides among equal scores.
struct InOrder<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for InOrder<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = InOrder<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object by video")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(InOrder(entries))
            }
        }
        json.deserialize_map(Entries(std::marker::PhantomData))
    }
}
