//! The three losses of G-TAD: boundaries, which proposals are actions, and how much they overlap one.
//!
//! Axis names: `b` windows, `t` grid steps, `d` durations.

use burn::tensor::{Int, Tensor, TensorData, activation};

use super::Predictions;
use super::balance::{BalanceDraws, entropy_weights, square_weights};
use super::config::GtadConfig;
use super::proposals::ProposalMap;
use super::targets::WindowTargets;
use crate::losses::Losses;
use crate::targets::Truth;

/// Share of a step that has to lie around a boundary (OpenTAD `pos_thresh`).
const BOUNDARY_THRESHOLD: f64 = 0.5;

/// Targets of one window with the weights of its terms, as a step's windows together give them.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowGoals {
    /// What the window should say.
    pub targets: WindowTargets,
    /// Per grid step: weights of starts and ends.
    pub boundary_weights: [Vec<f32>; 2],
    /// Per proposal: weights in the classification loss.
    pub classification_weights: Vec<f32>,
    /// Per proposal: weights in the regression loss.
    pub regression_weights: Vec<f32>,
}

/// Targets and weights of all windows of a step. The balance is that of the whole step, so that a window's losses can be
/// computed by themselves and add up to those of one batch.
pub fn goals(config: &GtadConfig, steps: usize, truth: &[Vec<Truth>], draws: &BalanceDraws) -> Vec<WindowGoals> {
    let map = ProposalMap { durations: config.durations, steps };
    let targets: Vec<_> = truth.iter().map(|truth| WindowTargets::new(truth, map)).collect();
    let all = |of: fn(&WindowTargets) -> &Vec<f32>| targets.iter().flat_map(of).copied().collect::<Vec<_>>();
    let overlaps = all(|t| &t.overlaps);
    let starts = entropy_weights(&all(|t| &t.starts), BOUNDARY_THRESHOLD);
    let ends = entropy_weights(&all(|t| &t.ends), BOUNDARY_THRESHOLD);
    let classification = entropy_weights(&overlaps, config.classification_threshold);
    let bounds = [config.regression_low, config.regression_high];
    let regression = square_weights(&overlaps, bounds, config.regression_weight, draws);
    let proposals = map.valid().count();
    let goals = targets.into_iter().enumerate().map(|(b, targets)| WindowGoals {
        targets,
        boundary_weights: [&starts, &ends].map(|all| all[b * steps..(b + 1) * steps].to_vec()),
        classification_weights: classification[b * proposals..(b + 1) * proposals].to_vec(),
        regression_weights: regression[b * proposals..(b + 1) * proposals].to_vec(),
    });
    goals.collect()
}

/// Losses of some windows, each `[1]`.
#[derive(Debug, Clone)]
pub struct MapLosses {
    /// Balanced cross-entropy of starts and ends (`loss_tem`).
    pub boundary: Tensor<1>,
    /// Balanced cross-entropy of the first map (`loss_cls`).
    pub classification: Tensor<1>,
    /// Balanced squared error of the second map, weighted (`loss_reg`).
    pub regression: Tensor<1>,
    /// Their sum.
    pub total: Tensor<1>,
}

impl MapLosses {
    /// `goals` holds one entry per window of the predictions.
    pub fn new(config: &GtadConfig, predictions: &Predictions, goals: &[WindowGoals]) -> Self {
        let [b, _, d, t] = predictions.maps.dims();
        assert_eq!(goals.len(), b, "every window has its goals");
        let all = |of: fn(&WindowGoals) -> &Vec<f32>| goals.iter().flat_map(of).copied().collect::<Vec<_>>();
        let boundary = |kind: usize| {
            let logits = predictions.boundaries.clone().narrow(1, kind, 1).reshape([b * t]);
            let (targets, weights): (Vec<_>, Vec<_>) = match kind {
                0 => (all(|g| &g.targets.starts), all(|g| &g.boundary_weights[0])),
                _ => (all(|g| &g.targets.ends), all(|g| &g.boundary_weights[1])),
            };
            cross_entropy(logits, &targets, BOUNDARY_THRESHOLD, weights)
        };
        let map = ProposalMap { durations: d, steps: t };
        let cells: Vec<i32> = map.valid().map(|(cell, _)| cell as i32).collect();
        let cells =
            Tensor::<1, Int>::from_data(TensorData::new(cells.clone(), [cells.len()]), &predictions.maps.device());
        let valid = predictions.maps.clone().reshape([b, 2, d * t]).select(2, cells); // [b, 2, proposals]
        let count = valid.dims()[2];
        let logits = |kind: usize| valid.clone().narrow(1, kind, 1).reshape([b * count]);

        let overlaps = all(|g| &g.targets.overlaps);
        let boundary = boundary(0) + boundary(1);
        let threshold = config.classification_threshold;
        let classification = cross_entropy(logits(0), &overlaps, threshold, all(|g| &g.classification_weights));
        let found = activation::sigmoid(logits(1));
        let regression = squared_error(found, &overlaps, all(|g| &g.regression_weights));
        let total = boundary.clone() + classification.clone() + regression.clone();
        Self { boundary, classification, regression, total }
    }
}

impl From<MapLosses> for Losses {
    /// The boundaries count as classification.
    fn from(MapLosses { boundary, classification, regression, total }: MapLosses) -> Self {
        Self { classification: boundary + classification, regression, total }
    }
}

/// Weighted sum of `-log p` where a target lies above `threshold`, and of `-log (1 - p)` elsewhere: `[n] -> [1]`.
///
/// Computed from logits. Differs from OpenTAD, which takes the sigmoid first: it saturates beyond a logit of 17, where the
/// loss becomes 100 and the gradient 0.
pub fn cross_entropy(logits: Tensor<1>, targets: &[f32], threshold: f64, weights: Vec<f32>) -> Tensor<1> {
    let log_p = activation::log_sigmoid(logits.clone());
    let log_q = log_p.clone() - logits; // log (1 - p)
    weighted_entropy([log_p, log_q], targets, threshold, weights)
}

/// The same from the logarithms of `p` and `1 - p`: `[n] -> [1]`.
pub fn weighted_entropy(
    [log_p, log_q]: [Tensor<1>; 2],
    targets: &[f32],
    threshold: f64,
    weights: Vec<f32>,
) -> Tensor<1> {
    let device = log_p.device();
    let side = |positive: bool| -> Tensor<1> {
        let of = |(&target, &weight): (&f32, &f32)| if (target > threshold as f32) == positive { -weight } else { 0.0 };
        Tensor::from_data(targets.iter().zip(&weights).map(of).collect::<Vec<_>>().as_slice(), &device)
    };
    (log_p * side(true) + log_q * side(false)).sum()
}

/// Weighted sum of squared differences: `[n] -> [1]`.
pub fn squared_error(found: Tensor<1>, targets: &[f32], weights: Vec<f32>) -> Tensor<1> {
    let device = found.device();
    let targets = Tensor::<1>::from_data(targets, &device);
    let weights = Tensor::<1>::from_data(weights.as_slice(), &device);
    ((found - targets).square() * weights).sum()
}
