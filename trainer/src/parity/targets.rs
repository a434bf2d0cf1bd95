//! What points are to learn, by itself.

use std::path::Path;

use adatad_detector::mask::Mask;
use adatad_detector::pyramid::Pyramid;
use adatad_detector::targets::{CandidateRule, Truth};
use serde_json::Value;

use super::describe::{centre_radius, ranges, size};
use super::fixture::{Tensors, read_json};
use super::score::Score;
use super::unusable::Unusable;

/// What a fixture tolerates where it says nothing: ten roundings of 32 bits.
const TOLERANCE: f64 = 1e-6;

pub(super) fn check(folder: &Path, name: &str, score: &mut Score) -> Result<(), Unusable> {
    let sidecar = read_json(&folder.join(format!("{name}.json")))?;
    let tensors = Tensors::read(&folder.join(format!("{name}.safetensors")))?;
    let Value::Object(cases) = &sidecar["cases"] else {
        return Err(Unusable("`cases` is no object".into()));
    };
    for (case, settings) in cases {
        points(case, settings, &tensors, score)?;
    }
    if !sidecar["map"].is_null() {
        return Err(Unusable("targets of proposal maps are not known".into()));
    }
    Ok(())
}

/// `SETUP.OFFSET.RULE.SIMILAR.TRUTH`: points stand under the first two, segments under the first and last.
fn points(case: &str, settings: &Value, tensors: &Tensors, score: &mut Score) -> Result<(), Unusable> {
    let mut words = case.split('.');
    let (Some(setup), Some(offset), Some(set)) = (words.next(), words.next(), words.next_back()) else {
        return Err(Unusable(format!("`{case}` is no name of a case")));
    };
    let pyramid = Pyramid {
        ranges: ranges(&settings["regression_range"])?,
        centred_points: settings["use_offset"] == true,
        rule: CandidateRule {
            radius: centre_radius(settings, "radius"),
            filter_similar: settings["filter_similar_gt"] == true,
        },
    };
    let steps = size(settings, "T")?;
    let points = pyramid.points(&pyramid.masks(&Mask::prefix(&[steps], steps)));
    let found: Vec<f64> = points.iter().flat_map(|p| [p.position, p.low, p.high, p.stride]).map(f64::from).collect();
    score.compare(
        &format!("{case}: points"),
        &found,
        &tensors.numbers(&format!("{setup}.{offset}.points"))?,
        TOLERANCE,
    );

    let (segments, labels) =
        (tensors.numbers(&format!("{setup}.{set}.segments"))?, tensors.numbers(&format!("{setup}.{set}.labels"))?);
    let truth = segments.chunks_exact(2).zip(labels);
    let truth: Vec<Truth> =
        truth.map(|(s, l)| Truth { start: s[0] as f32, end: s[1] as f32, label: l as usize }).collect();
    let assignments = pyramid.targets(&points, &[truth], size(settings, "num_classes")?);
    let Some(assignment) = assignments.first() else { return Err(Unusable(format!("`{case}` has no window"))) };

    let classes: Vec<f64> = assignment.classes.iter().map(|&y| f64::from(y)).collect();
    score.compare(&format!("{case}.cls"), &classes, &tensors.numbers(&format!("{case}.cls"))?, TOLERANCE);
    let positive: Vec<usize> = (0..points.len()).filter(|&point| assignment.is_positive(point)).collect();
    score.same(&format!("{case}: positives"), positive.len() == size(settings, "positives")?);
    let expected = tensors.numbers(&format!("{case}.reg"))?;
    // Where a point learns nothing, the reference leaves the distances to some segment.
    let rows = |of: &dyn Fn(usize) -> [f64; 2]| -> Vec<f64> { positive.iter().flat_map(|&point| of(point)).collect() };
    let found = rows(&|point| assignment.offsets[point].map(f64::from));
    let expected = rows(&|point| [expected[2 * point], expected[2 * point + 1]]);
    score.relative(&format!("{case}.reg"), &found, &expected, |value| TOLERANCE * value.abs().max(1.0));
    Ok(())
}
