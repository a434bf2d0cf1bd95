//! Sigmoid focal loss (Lin et al., <https://arxiv.org/abs/1708.02002>; fvcore `sigmoid_focal_loss`).

use burn::tensor::{Tensor, activation};

/// Settings of the focal loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FocalLoss {
    /// Share of the loss that positives get; below 0 both sides count alike.
    pub alpha: f64,
    /// How much less easy entries count.
    pub gamma: f64,
}

impl FocalLoss {
    /// What every shipped detector uses.
    pub const OPENTAD: Self = Self { alpha: 0.25, gamma: 2.0 };

    /// `alpha_t * BCE * (1 - p_t)^gamma` per entry; targets may lie between 0 and 1.
    ///
    /// # Shapes
    ///
    /// - `logits`, `targets`: `[n, classes]`
    /// - returns: `[n, classes]`
    pub fn forward(self, logits: Tensor<2>, targets: Tensor<2>) -> Tensor<2> {
        let p = activation::sigmoid(logits.clone());
        let others = -targets.clone() + 1.0;
        // Of the two log-sigmoids one suffices: log sigmoid(-x) = log sigmoid(x) - x.
        let log_p = activation::log_sigmoid(logits.clone());
        let cross_entropy = others.clone() * logits - log_p;
        // 1 - p_t, from p (1 - y) + (1 - p) y, so that nothing is lost where p_t is near 1.
        let missing = p.clone() * others.clone() + (-p + 1.0) * targets.clone();
        let easy = if self.gamma == 2.0 { missing.square() } else { missing.powf_scalar(self.gamma) };
        let loss = cross_entropy * easy;
        if self.alpha < 0.0 {
            return loss;
        }
        loss * (targets * self.alpha + others * (1.0 - self.alpha))
    }
}

/// A hard target with label smoothing: `y (1 - s) + s / (classes + 1)`.
pub fn smoothed(y: f32, smoothing: f64, classes: usize) -> f32 {
    (f64::from(y) * (1.0 - smoothing) + smoothing / (classes + 1) as f64) as f32
}
