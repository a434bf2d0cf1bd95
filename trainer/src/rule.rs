//! How one tensor of parameters moves: AdamW, Adam, or gradient descent with momentum.

use burn::optim::{AdamWConfig, AdamWState, Optimizer as _};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// OpenTAD's; Burn's own default would be 1e-5.
pub(crate) const EPSILON: f32 = 1e-8;
/// How much of its velocity a parameter keeps (OpenTAD's for `SGD`).
const MOMENTUM: f64 = 0.9;

/// The rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Adam whose weight decay acts on the weights themselves (Loshchilov and Hutter). AdaTAD's.
    #[default]
    AdamW,
    /// Adam whose weight decay is added to the gradient, as PyTorch's `Adam` does. G-TAD's.
    Adam,
    /// Gradient descent with momentum 0.9; weight decay is added to the gradient.
    Sgd,
}

/// What a rule remembers of a parameter, flat.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "all parameters of a run have the same rule")]
pub enum Moments {
    /// Running means of gradient and squared gradient.
    Adam(AdamWState<1>),
    /// The velocity.
    Velocity(Tensor<1>),
}

/// Rate and weight decay of a parameter at one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Learning rate.
    pub rate: f64,
    /// Weight decay.
    pub decay: f64,
}

impl Rule {
    /// One update. `moments` is what the last one gave; none at the first, or where it is of another rule.
    ///
    /// # Shapes
    ///
    /// - `weights`, `gradient`: `[n]`
    pub fn step(
        self,
        Rates { rate, decay }: Rates,
        weights: Tensor<1>,
        gradient: Tensor<1>,
        moments: Option<Moments>,
    ) -> (Tensor<1>, Option<Moments>) {
        let with_decay = |gradient: Tensor<1>| match decay > 0.0 {
            true => gradient + weights.clone() * decay,
            false => gradient,
        };
        let (gradient, decoupled) = match self {
            Rule::AdamW => (gradient, decay),
            Rule::Adam => (with_decay(gradient), 0.0),
            Rule::Sgd => {
                let gradient = with_decay(gradient);
                let velocity = match moments {
                    Some(Moments::Velocity(velocity)) => velocity * MOMENTUM + gradient,
                    _ => gradient,
                };
                return (weights - velocity.clone() * rate, Some(Moments::Velocity(velocity)));
            }
        };
        let state = match moments {
            Some(Moments::Adam(state)) => Some(state),
            _ => None,
        };
        let adam = AdamWConfig::new().with_epsilon(EPSILON).with_weight_decay(decoupled as f32).build();
        let (weights, state) = adam.step(rate, weights, gradient, state);
        (weights, state.map(Moments::Adam))
    }
}

/// What all gradients are multiplied by, so that their norm is at most `limit` (PyTorch `clip_grad_norm_`).
pub fn clip_factor(norm: f64, limit: f64) -> f64 {
    (limit / (norm + 1e-6)).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn moved(rule: Rule, decay: f64, steps: usize) -> f32 {
        let one = |value: f32| Tensor::<1>::from_data([value], &Device::flex());
        let (mut weights, mut moments) = (one(2.0), None);
        for _ in 0..steps {
            (weights, moments) = rule.step(Rates { rate: 0.5, decay }, weights, one(1.0), moments);
        }
        weights.into_scalar::<f32>()
    }

    #[test]
    fn decay_acts_on_the_weight_or_on_the_gradient() {
        assert_eq!(moved(Rule::AdamW, 0.1, 1), 2.0 - 0.5 * 0.1 * 2.0 - 0.5);
        assert_eq!(moved(Rule::Adam, 0.1, 1), 1.5, "the first step of Adam is the rate, however large the gradient");
        assert_eq!(moved(Rule::Sgd, 0.1, 1), 2.0 - 0.5 * (1.0 + 0.1 * 2.0));
    }

    #[test]
    fn momentum_adds_up() {
        assert_eq!(moved(Rule::Sgd, 0.0, 2), 2.0 - 0.5 - 0.5 * 1.9);
    }

    #[test]
    fn gradients_are_scaled_down_and_never_up() {
        assert!((clip_factor(4.0, 1.0) - 0.25).abs() < 1e-6);
        assert_eq!(clip_factor(0.1, 1.0), 1.0);
    }
}
