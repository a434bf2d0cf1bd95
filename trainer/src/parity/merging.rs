//! Windows of a video put together, thinned out and rounded.

use std::collections::HashMap;
use std::path::Path;

use adatad_detector::merge::merge;
use adatad_detector::segment::{Detection, Segment};
use serde_json::Value;

use super::fixture::read_json;
use super::score::Score;
use super::suppression::suppression;
use super::unusable::Unusable;

/// Of what is rounded, before it is.
const TOLERANCE: f64 = 1e-6;
/// Of the comparison itself, in 64 bits.
const ARITHMETIC: f64 = 1e-12;
/// Half of a hundredth of a second.
const HALF_TIME: f64 = 0.005;
/// Half of a ten thousandth.
const HALF_SCORE: f64 = 0.000_05;

pub(super) fn check(folder: &Path, name: &str, score: &mut Score) -> Result<(), Unusable> {
    let sidecar = read_json(&folder.join(format!("{name}.json")))?;
    let mut labels = Labels::default();
    for (number, case) in sidecar["cases"].as_array().into_iter().flatten().enumerate() {
        let suppression = suppression(&case["nms"])?;
        let results = case["results"].as_object().ok_or_else(|| Unusable("`results` is no object".into()))?;
        for (video, theirs) in results {
            let what = format!("case {number}, {video}");
            let input = labels.read(&sidecar["inputs"][video])?;
            let theirs = labels.read(theirs)?;
            let merged = merge(&input, &suppression);
            score.compare(&format!("{what}: count"), &[merged.len() as f64], &[theirs.len() as f64], 0.5);
            score.same(&format!("{what}: best first"), merged.is_sorted_by(|a, b| a.score >= b.score));

            let segments: Vec<Segment> = input.iter().map(segment).collect();
            let exact: Vec<Detection> = suppression.apply(&segments).iter().map(detection).collect();
            // Merging is suppression, rounded ...
            compare(&format!("{what}: rounding"), &exact, merged, ARITHMETIC, score);
            // ... and theirs is a rounding of ours. Rounded numbers themselves may differ by a step where ours lie
            // within the rounding of 32 bits from a half.
            compare(&what, &exact, theirs, TOLERANCE, score);
        }
    }
    Ok(())
}

/// Pairs every row of `exact` with one of `rounded`, whatever their order, and compares what is more than rounding.
fn compare(what: &str, exact: &[Detection], mut rounded: Vec<Detection>, tolerance: f64, score: &mut Score) {
    let scale = exact.iter().fold(1.0_f64, |most, row| most.max(row.start.abs()).max(row.end.abs()));
    let distance = |a: &Detection, b: &Detection| {
        let times = (a.start - b.start).abs().max((a.end - b.end).abs());
        [times, (a.score - b.score).abs()]
    };
    let steps = |a: &Detection, b: &Detection| {
        let [time, confidence] = distance(a, b);
        if a.label == b.label { (time / HALF_TIME).max(confidence / HALF_SCORE) } else { f64::INFINITY }
    };
    for row in exact {
        let partners = rounded.iter().enumerate().map(|(at, other)| (at, steps(row, other)));
        let Some((at, _)) = partners.min_by(|a, b| a.1.total_cmp(&b.1)) else {
            return score.same(&format!("{what}: a row is missing"), false);
        };
        let partner = rounded.swap_remove(at);
        let name = format!("{what}: {} to {}", partner.start, partner.end);
        score.same(&format!("{name}: class"), row.label == partner.label);
        let [time, confidence] = distance(row, &partner);
        score.compare(&format!("{name}: time"), &[(time - HALF_TIME).max(0.0)], &[0.0], scale * tolerance);
        score.compare(&format!("{name}: score"), &[(confidence - HALF_SCORE).max(0.0)], &[0.0], tolerance);
    }
    score.same(&format!("{what}: no row is left"), rounded.is_empty());
}

fn segment(found: &Detection) -> Segment {
    let Detection { start, end, label, score } = *found;
    Segment { start: start as f32, end: end as f32, label, score: score as f32 }
}

fn detection(kept: &Segment) -> Detection {
    let Segment { start, end, label, score } = *kept;
    Detection { start: start.into(), end: end.into(), label, score: score.into() }
}

/// Classes by name.
#[derive(Default)]
struct Labels(HashMap<String, usize>);

impl Labels {
    fn read(&mut self, rows: &Value) -> Result<Vec<Detection>, Unusable> {
        let lacks = || Unusable("a row is not {segment, label, score}".into());
        let rows = rows.as_array().ok_or_else(|| Unusable("a video is no list".into()))?;
        let read = |row: &Value| {
            let label = row["label"].as_str().ok_or_else(lacks)?;
            let next = self.0.len();
            let label = *self.0.entry(label.to_owned()).or_insert(next);
            let number = |value: &Value| value.as_f64().ok_or_else(lacks);
            let (start, end) = (number(&row["segment"][0])?, number(&row["segment"][1])?);
            Ok(Detection { start, end, label, score: number(&row["score"])? })
        };
        rows.iter().map(read).collect()
    }
}
