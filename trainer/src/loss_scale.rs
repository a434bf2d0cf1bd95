//! The factor on the loss of a step whose gradients pass through numbers of f16.
//!
//! Gradients of deep layers are small, and what is smaller than 6e-8 is nothing in f16. So the loss is multiplied by a power
//! of two before the backward pass and the gradients are divided by it after: nothing else changes. The factor is as large
//! as it can be: it is halved when a gradient goes beyond 65,504, the largest number there is, and doubled after many steps
//! in which none did. (PyTorch's `GradScaler`, with its numbers; it is part of the checkpoint here, which OpenTAD's lacks.)

use adatad_backbone::Precision;
use serde::{Deserialize, Serialize};

/// The first factor.
const FIRST: f64 = 65_536.0;
/// Steps without an overflow after which the factor is doubled.
const PATIENCE: usize = 2000;

/// The factor, and how it has fared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LossScale {
    /// The factor.
    pub factor: f64,
    /// Steps since it last changed.
    pub steps: usize,
    /// Steps so far that were left out because a gradient went beyond f16.
    pub overflows: usize,
}

impl LossScale {
    /// Before the first step; none where gradients are in numbers that need no factor.
    pub fn of(precision: Precision) -> Option<Self> {
        match precision {
            Precision::F16 => Some(Self { factor: FIRST, steps: 0, overflows: 0 }),
            Precision::F32 | Precision::Bf16 => None,
        }
    }

    /// After a step whose gradients were all finite.
    #[must_use]
    pub fn worked(self) -> Self {
        match self.steps + 1 {
            PATIENCE => Self { factor: self.factor * 2.0, steps: 0, ..self },
            steps => Self { steps, ..self },
        }
    }

    /// After a step with a gradient beyond f16, which is left out. None if there is no smaller factor worth trying: at 1
    /// the gradients are as they are.
    #[must_use]
    pub fn overflowed(self) -> Option<Self> {
        let smaller = self.factor / 2.0;
        (smaller >= 1.0).then_some(Self { factor: smaller, steps: 0, overflows: self.overflows + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_f16_needs_a_factor() {
        assert!(LossScale::of(Precision::F32).is_none() && LossScale::of(Precision::Bf16).is_none());
        assert_eq!(LossScale::of(Precision::F16).unwrap().factor, 65_536.0);
    }

    /// The values of PyTorch's scaler after the same steps.
    #[test]
    fn it_is_halved_at_once_and_doubled_with_patience() {
        let mut scale = LossScale::of(Precision::F16).unwrap();
        scale = scale.overflowed().unwrap().overflowed().unwrap();
        assert_eq!((scale.factor, scale.overflows), (16_384.0, 2));
        for _ in 0..1999 {
            scale = scale.worked();
        }
        assert_eq!((scale.factor, scale.steps), (16_384.0, 1999));
        scale = scale.worked();
        assert_eq!((scale.factor, scale.steps), (32_768.0, 0));
        for _ in 0..1999 {
            scale = scale.worked();
        }
        scale = scale.overflowed().unwrap();
        assert_eq!((scale.factor, scale.steps, scale.overflows), (16_384.0, 0, 3), "patience begins anew");
    }

    #[test]
    fn it_never_makes_gradients_smaller_than_they_are() {
        let mut scale = LossScale::of(Precision::F16).unwrap();
        while let Some(smaller) = scale.overflowed() {
            scale = smaller;
        }
        assert_eq!((scale.factor, scale.overflows), (1.0, 16));
    }
}
