//! Losses of a segment against a true one, from their overlap.
//!
//! All tensors are `[n, 1]`; a segment is `[start, end]`.

use burn::tensor::{Tensor, activation};

/// Smallest denominator of the distance IoU (OpenTAD `compute_diou_torch`; the original ActionFormer has 1e-8).
const DISTANCE_EPSILON: f64 = 1e-7;
/// Smallest union of the generalised IoU (OpenTAD `compute_giou_torch`).
const UNION_EPSILON: f64 = 1e-6;
/// Smallest hull of the generalised IoU.
const HULL_EPSILON: f64 = 1e-7;
/// Added to that hull where it divides.
const HULL_MARGIN: f64 = 1e-6;

/// Lengths of intersection, union and hull.
fn lengths([start, end]: [Tensor<2>; 2], [true_start, true_end]: [Tensor<2>; 2]) -> (Tensor<2>, Tensor<2>, Tensor<2>) {
    let inner = lesser(end.clone(), true_end.clone()) - greater(start.clone(), true_start.clone());
    let inner = activation::relu(inner); // no gradient where two segments only touch
    let union = (end.clone() - start.clone()) + (true_end.clone() - true_start.clone()) - inner.clone();
    let hull = greater(end, true_end) - lesser(start, true_start);
    (inner, union, hull)
}

/// The lesser of two; both have half of the gradient where they are equal, so that a perfect segment stays.
fn lesser(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let same = a.clone().equal(b.clone());
    a.clone().min_pair(b.clone()).mask_where(same, (a + b) * 0.5)
}

/// The greater of two, likewise.
fn greater(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    -lesser(-a, -b)
}

/// `1 - IoU + (distance of centres / hull)^2` (Zheng et al., <https://arxiv.org/abs/1911.08287>).
pub fn distance_iou(found: [Tensor<2>; 2], truth: [Tensor<2>; 2]) -> Tensor<2> {
    let centre = |[start, end]: [Tensor<2>; 2]| (start + end) * 0.5;
    let distance = centre(found.clone()) - centre(truth.clone());
    let (inner, union, hull) = lengths(found, truth);
    let penalty = distance.square() / hull.square().clamp_min(DISTANCE_EPSILON);
    -(inner / union.clamp_min(DISTANCE_EPSILON)) + 1.0 + penalty
}

/// `1 - IoU + (hull - union) / hull` (Rezatofighi et al., <https://arxiv.org/abs/1902.09630>).
pub fn generalised_iou(found: [Tensor<2>; 2], truth: [Tensor<2>; 2]) -> Tensor<2> {
    let (inner, union, hull) = lengths(found, truth);
    let hull = hull.clamp_min(HULL_EPSILON);
    let gap = (hull.clone() - union.clone()) / (hull + HULL_MARGIN);
    -(inner / union.clamp_min(UNION_EPSILON)) + 1.0 + gap
}
