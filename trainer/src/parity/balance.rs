//! G-TAD's balanced losses, its targets, and its losses on given logits: their part of the fixtures of losses and targets.

use adatad_detector::gtad::{
    BalanceDraws, GtadConfig, MapLosses, Predictions, ProposalMap, WindowTargets, entropy_weights, goals,
    square_weights, squared_error, weighted_entropy,
};
use adatad_detector::targets::Truth;
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;

use super::describe::{number, size};
use super::fixture::{Tensors, numbers};
use super::score::Score;
use super::unusable::Unusable;

/// What a fixture tolerates where it says nothing, in proportion to numbers above 1.
const TOLERANCE: f64 = 1e-6;

/// A case `bal_bce.*` or `bal_l2.*` of a fixture of losses.
pub(super) fn losses(
    case: &str,
    settings: &Value,
    tensors: &Tensors,
    device: &Device,
    score: &mut Score,
) -> Result<(), Unusable> {
    let device = &device.clone().autodiff();
    let (found, targets) = (single(&tensors.numbers("bal.pred")?), single(&tensors.numbers("bal.target")?));
    let n = targets.len();
    let found = Tensor::<1>::from_data(TensorData::new(found, [n]), device).require_grad();
    let loss = if case.starts_with("bal_bce.") {
        let threshold = number(settings, "pos_thresh")?;
        let logs = [found.clone().log(), (-found.clone() + 1.0).log()];
        weighted_entropy(logs, &targets, threshold, entropy_weights(&targets, threshold))
    } else {
        let draws = |at: usize| match tensors.numbers(&format!("{case}.rand{at}")) {
            Ok(draws) => single(&draws),
            Err(_) => vec![0.0; n], // nothing was drawn
        };
        let draws = BalanceDraws { middle: draws(0), low: draws(1) };
        let bounds = [number(settings, "low")?, number(settings, "high")?];
        let weights = square_weights(&targets, bounds, number(settings, "weight")?, &draws);
        squared_error(found.clone(), &targets, weights)
    };
    compare(score, &format!("{case}.loss"), &loss.clone().inner().to_data(), tensors)?;
    let gradient = found.grad(&loss.backward());
    let gradient = gradient.ok_or_else(|| Unusable(format!("{case}: no gradient reaches the predictions")))?;
    compare(score, &format!("{case}.grad"), &gradient.to_data(), tensors)
}

/// The tensors `tem.*` and `map.*` of a fixture of targets.
pub(super) fn targets(sidecar: &Value, tensors: &Tensors, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let settings = &sidecar["map"];
    let map = ProposalMap { durations: size(settings, "dscale")?, steps: size(settings, "tscale")? };
    let mut truth = Vec::new();
    while let Ok(segments) = tensors.numbers(&format!("tem.segments.{}", truth.len())) {
        let segment = |s: &[f64]| Truth { start: s[0] as f32, end: s[1] as f32, label: 0 };
        truth.push(segments.chunks_exact(2).map(segment).collect::<Vec<_>>());
    }

    let mut segments = vec![0f64; 2 * map.cells()];
    let mut valid = vec![0f64; map.cells()];
    for (cell, segment) in map.valid() {
        valid[cell] = 1.0;
        segments[2 * cell..2 * cell + 2].copy_from_slice(&segment.map(|at| at as f64));
    }
    score.compare("map.proposals", &segments, &tensors.numbers("map.proposals")?, TOLERANCE);
    score.compare("map.valid", &valid, &tensors.numbers("map.valid")?, TOLERANCE);
    let found: Vec<_> = truth.iter().map(|truth| WindowTargets::new(truth, map)).collect();
    let all =
        |of: fn(&WindowTargets) -> &Vec<f32>| found.iter().flat_map(of).map(|&y| f64::from(y)).collect::<Vec<_>>();
    score.compare("tem.startness", &all(|t| &t.starts), &tensors.numbers("tem.startness")?, TOLERANCE);
    score.compare("tem.endness", &all(|t| &t.ends), &tensors.numbers("tem.endness")?, TOLERANCE);
    score.compare("map.iou", &all(|t| &t.overlaps), &tensors.numbers("map.iou")?, TOLERANCE);

    let config = GtadConfig {
        durations: map.durations,
        classification_threshold: number(settings, "cls_pos_thresh")?,
        regression_high: number(&settings["reg"], "high")?,
        regression_low: number(&settings["reg"], "low")?,
        regression_weight: number(&settings["reg"], "weight")?,
        ..GtadConfig::thumos()
    };
    let draws =
        BalanceDraws { middle: single(&tensors.numbers("map.rand0")?), low: single(&tensors.numbers("map.rand1")?) };
    let device = &device.clone().autodiff();
    let boundaries = tensors.tensor::<3>("tem.logits", device)?.require_grad();
    let maps = tensors.tensor::<4>("map.logits", device)?.require_grad();
    let predictions = Predictions { boundaries: boundaries.clone(), maps: maps.clone() };
    let losses = MapLosses::new(&config, &predictions, &goals(&config, map.steps, &truth, &draws));
    compare(score, "tem.loss", &losses.boundary.clone().inner().to_data(), tensors)?;
    compare(score, "map.loss_cls", &losses.classification.clone().inner().to_data(), tensors)?;
    compare(score, "map.loss_reg", &losses.regression.clone().inner().to_data(), tensors)?;
    let gradients = losses.total.backward();
    let lost = || Unusable("no gradient reaches the logits".into());
    compare(score, "tem.logits_grad", &boundaries.grad(&gradients).ok_or_else(lost)?.to_data(), tensors)?;
    compare(score, "map.logits_grad", &maps.grad(&gradients).ok_or_else(lost)?.to_data(), tensors)
}

fn compare(score: &mut Score, name: &str, found: &TensorData, tensors: &Tensors) -> Result<(), Unusable> {
    score.relative(name, &numbers(found), &tensors.numbers(name)?, |value| TOLERANCE * value.abs().max(1.0));
    Ok(())
}

fn single(numbers: &[f64]) -> Vec<f32> {
    numbers.iter().map(|&number| number as f32).collect()
}
