//! Focal loss of the classes and distance-IoU loss of the segments.

use burn::tensor::{Int, Tensor, TensorData, activation};

use crate::actionformer::Predictions;
use crate::points::Point;
use crate::targets::Assignment;

/// Share of the loss that positives get (Lin et al., focal loss; OpenTAD default).
const FOCAL_ALPHA: f32 = 0.25;
/// Smallest denominator of the overlap (OpenTAD `diou_loss`; the original ActionFormer has 1e-8).
const IOU_EPSILON: f64 = 1e-7;
/// Smallest regression loss in the automatic weight (OpenTAD).
const AUTO_WEIGHT_FLOOR: f64 = 0.01;

/// Settings of the losses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossSettings {
    /// Label smoothing.
    pub label_smoothing: f64,
    /// Weight of the regression loss; 0 or less: the ratio of the two losses.
    pub loss_weight: f64,
}

/// What the losses are made from.
#[derive(Debug, Clone, Copy)]
pub struct LossInputs<'a> {
    /// The detector's output.
    pub predictions: &'a Predictions,
    /// What it should have said, per window.
    pub assignments: &'a [Assignment],
    /// Settings.
    pub settings: LossSettings,
}

/// Losses of a batch, each `[1]`.
#[derive(Debug, Clone)]
pub struct Losses {
    /// Focal loss over all valid points and classes, divided by the normaliser.
    pub classification: Tensor<1>,
    /// Distance-IoU loss over the positive points, divided by the normaliser and weighted.
    pub regression: Tensor<1>,
    /// Their sum.
    pub total: Tensor<1>,
    /// Valid points that learn a class.
    pub positives: usize,
}

impl Losses {
    /// `normalizer` turns the number of positives into the divisor: a running mean in training, `max(positives, 1)` in
    /// evaluation.
    pub fn new(inputs: LossInputs<'_>, normalizer: impl FnOnce(usize) -> f64) -> Self {
        let LossInputs { predictions, assignments, settings } = inputs;
        let points = predictions.points.len();
        let rows = |keep: &dyn Fn(usize, usize) -> bool| -> Vec<usize> {
            let all = (0..assignments.len()).flat_map(|b| (0..points).map(move |p| (b, p)));
            all.filter(|&(b, p)| predictions.valid.row(b)[p] && keep(b, p)).map(|(b, p)| b * points + p).collect()
        };
        let valid = rows(&|_, _| true);
        let positive = rows(&|b, p| assignments[b].is_positive(p));
        let scale = 1.0 / normalizer(positive.len());

        let classification = classification(predictions, assignments, &valid, settings.label_smoothing) * scale;
        let regression = regression(predictions, assignments, &positive) * scale;
        let weight = if settings.loss_weight > 0.0 {
            Tensor::full([1], settings.loss_weight, &regression.device())
        } else {
            classification.clone().detach() / regression.clone().detach().clamp_min(AUTO_WEIGHT_FLOOR)
        };
        let regression = weight * regression;
        let total = classification.clone() + regression.clone();
        Self { classification, regression, total, positives: positive.len() }
    }
}

fn select(x: Tensor<3>, rows: &[usize]) -> Tensor<2> {
    let [b, n, c] = x.dims();
    let indices: Vec<i32> = rows.iter().map(|&r| r as i32).collect();
    let indices = Tensor::<1, Int>::from_data(TensorData::new(indices, [rows.len()]), &x.device());
    x.reshape([b * n, c]).select(0, indices)
}

fn classification(predictions: &Predictions, assignments: &[Assignment], valid: &[usize], smoothing: f64) -> Tensor<1> {
    let [_, points, classes] = predictions.output.logits.dims();
    let smooth = |y: f32| (f64::from(y) * (1.0 - smoothing) + smoothing / (classes + 1) as f64) as f32;
    let targets: Vec<f32> = valid
        .iter()
        .flat_map(|row| &assignments[row / points].classes[row % points * classes..(row % points + 1) * classes])
        .map(|&y| smooth(y))
        .collect();
    let logits = select(predictions.output.logits.clone(), valid);
    let targets = Tensor::from_data(TensorData::new(targets, [valid.len(), classes]), &logits.device());
    sigmoid_focal(logits, targets).sum()
}

/// `alpha_t * BCE * (1 - p_t)^2` per entry, with soft targets allowed (fvcore `sigmoid_focal_loss`, gamma 2).
///
/// # Shapes
///
/// - `logits`, `targets`: `[n, classes]`
/// - returns: `[n, classes]`
pub fn sigmoid_focal(logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
    let p = activation::sigmoid(logits.clone());
    let others = -targets.clone() + 1.0;
    // Of the two log-sigmoids one suffices: log sigmoid(-x) = log sigmoid(x) - x.
    let log_p = activation::log_sigmoid(logits.clone());
    let cross_entropy = others.clone() * logits - log_p;
    let p_t = p.clone() * targets.clone() + (-p + 1.0) * others.clone();
    let alpha_t = targets * FOCAL_ALPHA + others * (1.0 - FOCAL_ALPHA);
    alpha_t * cross_entropy * (-p_t + 1.0).square()
}

fn regression(predictions: &Predictions, assignments: &[Assignment], positive: &[usize]) -> Tensor<1> {
    let offsets = &predictions.output.offsets;
    if positive.is_empty() {
        return offsets.clone().sum() * 0.0; // keeps the graph
    }
    let points = predictions.points.len();
    let column = |value: &dyn Fn(&Point, [f32; 2]) -> f32| -> Tensor<2> {
        let values: Vec<f32> = positive
            .iter()
            .map(|row| value(&predictions.points[row % points], assignments[row / points].offsets[row % points]))
            .collect();
        Tensor::from_data(TensorData::new(values, [positive.len(), 1]), &offsets.device())
    };
    let position = column(&|point, _| point.position);
    let stride = column(&|point, _| point.stride);
    let predicted = select(offsets.clone(), positive) * stride;
    let found = [position.clone() - predicted.clone().narrow(1, 0, 1), position + predicted.narrow(1, 1, 1)];
    let truth = [
        column(&|point, [left, _]| point.position - left * point.stride),
        column(&|point, [_, right]| point.position + right * point.stride),
    ];
    distance_iou(found, truth).sum()
}

/// `1 - IoU + (distance of centres / enclosing length)^2` per pair of `[start, end]` (Zheng et al., DIoU).
///
/// # Shapes
///
/// - all: `[n, 1]`
pub fn distance_iou([start, end]: [Tensor<2>; 2], [true_start, true_end]: [Tensor<2>; 2]) -> Tensor<2> {
    let inner = end.clone().min_pair(true_end.clone()) - start.clone().max_pair(true_start.clone());
    let inner = inner.clamp_min(0.0);
    let union = (end.clone() - start.clone()) + (true_end.clone() - true_start.clone()) - inner.clone();
    let iou = inner / union.clamp_min(IOU_EPSILON);
    let outer = end.clone().max_pair(true_end.clone()) - start.clone().min_pair(true_start.clone());
    let distance = ((start + end) - (true_start + true_end)) * 0.5;
    let penalty = distance.square() / outer.square().clamp_min(IOU_EPSILON);
    -iou + 1.0 + penalty
}

/// The running mean of positives that divides the losses in training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossNormalizer {
    /// The mean so far.
    pub value: f64,
    /// How much of it stays at each step.
    pub momentum: f64,
}

impl LossNormalizer {
    /// Takes in a step's positives and gives the divisor for that step.
    pub fn update(&mut self, positives: usize) -> f64 {
        self.value = self.momentum * self.value + (1.0 - self.momentum) * positives.max(1) as f64;
        self.value
    }

    /// The divisor in evaluation.
    pub fn evaluation(positives: usize) -> f64 {
        positives.max(1) as f64
    }
}
