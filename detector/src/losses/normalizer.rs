//! The running mean of positives that divides the losses.

/// How many points learned something, averaged over the steps of training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LossNormalizer {
    /// The mean so far.
    pub value: f64,
    /// How much of it stays at each step.
    pub momentum: f64,
}

impl LossNormalizer {
    /// Takes in a step's positives and gives the divisor for that step.
    pub fn update(&mut self, positives: usize) -> Divisor {
        self.value = self.momentum * self.value + (1.0 - self.momentum) * positives.max(1) as f64;
        Divisor::Running(self.value)
    }

    /// The divisor in evaluation.
    pub fn evaluation(&self) -> Divisor {
        Divisor::Own { running: self.value }
    }
}

/// What divides the losses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Divisor {
    /// In training: the running mean, this step's positives taken in.
    Running(f64),
    /// In evaluation: the positives at hand, at least 1.
    Own {
        /// Where the running mean stands: TriDet divides one of its losses by it even here.
        running: f64,
    },
}

impl Divisor {
    /// The number to divide by, with `positives` at hand.
    pub fn of(self, positives: usize) -> f64 {
        match self {
            Self::Running(mean) => mean,
            Self::Own { .. } => positives.max(1) as f64,
        }
    }

    /// The running mean, in evaluation too.
    pub fn running(self) -> f64 {
        match self {
            Self::Running(mean) | Self::Own { running: mean } => mean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_without_positives_counts_as_one() {
        let mut normalizer = LossNormalizer { value: 100.0, momentum: 0.9 };
        assert!((normalizer.update(0).of(7) - 90.1).abs() < 1e-9);
        assert!((normalizer.update(50).running() - (0.9 * 90.1 + 5.0)).abs() < 1e-9);
    }

    #[test]
    fn evaluation_divides_by_what_is_there() {
        let normalizer = LossNormalizer { value: 100.0, momentum: 0.9 };
        assert_eq!([0, 1, 8].map(|positives| normalizer.evaluation().of(positives)), [1.0, 1.0, 8.0]);
        assert_eq!(normalizer.evaluation().running(), 100.0);
    }
}
