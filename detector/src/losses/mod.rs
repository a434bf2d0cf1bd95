//! What detectors are trained on: focal loss of the classes, overlap losses of the segments, and what divides them.
//!
//! The parts that point-wise detectors share; how each puts them together stands with the detector.

mod focal;
mod normalizer;
mod overlap;
mod rows;

pub use focal::{FocalLoss, smoothed};
pub use normalizer::{Divisor, LossNormalizer};
pub use overlap::{distance_iou, generalised_iou};
pub(crate) use rows::{Rows, select};

use burn::tensor::Tensor;

/// Smallest regression loss in the automatic weight (OpenTAD).
const AUTO_WEIGHT_FLOOR: f64 = 0.01;

/// Losses of a batch, each `[1]`.
#[derive(Debug, Clone)]
pub struct Losses {
    /// Focal loss over all valid points and classes, divided by the normaliser.
    pub classification: Tensor<1>,
    /// Distance-IoU loss over the positive points, divided by the normaliser and weighted.
    pub regression: Tensor<1>,
    /// Their sum: what is minimised.
    pub total: Tensor<1>,
}

impl Losses {
    /// `classification + weight * regression`; a weight of 0 or less stands for the ratio of the two, without gradient.
    pub(crate) fn weighted(classification: Tensor<1>, regression: Tensor<1>, weight: f64) -> Self {
        let regression = if weight > 0.0 {
            regression * weight
        } else {
            let ratio = classification.clone().detach() / regression.clone().detach().clamp_min(AUTO_WEIGHT_FLOOR);
            regression * ratio
        };
        let total = classification.clone() + regression.clone();
        Self { classification, regression, total }
    }
}
