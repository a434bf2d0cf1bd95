//! The learning rate of every iteration: linear warm-up, then a cosine or steps.

use serde::{Deserialize, Serialize};

/// How long training lasts and how the rate moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ScheduleConfig {
    /// Passes over the training videos.
    pub epochs: usize,
    /// Passes during which the rate rises from 0.
    pub warmup_epochs: usize,
    /// Passes after which the cosine would end (OpenTAD `max_epoch`): published recipes stop long before. Absent: `epochs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cosine_epochs: Option<usize>,
    /// Windows drawn from each video in one pass.
    pub windows_per_video: usize,
    /// Windows per step.
    pub batch: usize,
    /// The rate that the cosine ends in.
    pub final_rate: f64,
    /// The rate falls at these epochs instead of along a cosine; absent: the cosine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub falls: Option<FallsConfig>,
    /// Decay per step of the weight average that is evaluated and saved; 0 uses the last weights as they are.
    pub average_decay: f64,
    /// Weight of the frame loss, which teaches the backbone at every grid step which actions are under way; 0 in every
    /// published recipe.
    pub frame_loss: f64,
    /// Epochs from one checkpoint to the next; in epochs that take longer, one is written every ten minutes besides.
    #[serde(default = "one")]
    pub checkpoint_every: usize,
    /// Epochs from one evaluation on the validation subset to the next; 0: none. With evaluations, the weights of the
    /// best one are the run's result.
    #[serde(default)]
    pub evaluate_every: usize,
    /// Epochs before the first of them.
    #[serde(default)]
    pub evaluate_from: usize,
    /// Steps in a row whose gradient is not a number that are left out before the run ends with an error.
    #[serde(default)]
    pub skip_steps: usize,
    /// Share of the windows that may be unreadable and left out before the run ends with an error.
    #[serde(default = "skip_limit")]
    pub skip_limit: f64,
}

fn one() -> usize {
    1
}

fn skip_limit() -> f64 {
    0.01
}

impl ScheduleConfig {
    /// Passes after which the cosine would end.
    pub fn cosine_epochs(&self) -> usize {
        self.cosine_epochs.unwrap_or(self.epochs)
    }
}

/// When the rate falls, and by how much.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct FallsConfig {
    /// Epochs at whose beginning it falls, from 0.
    pub epochs: Vec<usize>,
    /// What is left of it each time.
    pub factor: f64,
}

/// How the rate moves over a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Schedule {
    /// Along a cosine.
    Cosine(WarmupCosine),
    /// In steps.
    Falls(WarmupFalls),
}

impl Schedule {
    /// The rate of `step` (from 0) for this base rate.
    pub fn rate(&self, base: f64, step: usize) -> f64 {
        match self {
            Schedule::Cosine(cosine) => cosine.rate(base, step),
            Schedule::Falls(falls) => falls.rate(base, step),
        }
    }
}

/// Warm-up and then a constant rate that falls at some steps (OpenTAD `LinearWarmupMultiStepLR`, one step per iteration).
#[derive(Debug, Clone, PartialEq)]
pub struct WarmupFalls {
    /// Steps of the warm-up.
    pub warmup: usize,
    /// Steps at which the rate falls.
    pub falls: Vec<usize>,
    /// What is left of it each time.
    pub factor: f64,
}

impl WarmupFalls {
    /// The rate of `step` (from 0) for this base rate.
    pub fn rate(&self, base: f64, step: usize) -> f64 {
        if step < self.warmup {
            return base * step as f64 / self.warmup as f64;
        }
        let falls = self.falls.iter().filter(|fall| **fall <= step).count();
        base * self.factor.powi(falls as i32)
    }
}

/// Warm-up and cosine over a number of steps (OpenTAD `LinearWarmupCosineAnnealingLR`, one step per iteration).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmupCosine {
    /// Steps of the warm-up.
    pub warmup: usize,
    /// Steps in all.
    pub total: usize,
    /// The rate that the cosine ends in.
    pub last: f64,
}

impl WarmupCosine {
    /// The rate of `step` (from 0) for this base rate. The very first is 0, as in the reference.
    pub fn rate(&self, base: f64, step: usize) -> f64 {
        if step < self.warmup {
            return match self.warmup {
                1 => base,
                warmup => base * step as f64 / (warmup - 1) as f64,
            };
        }
        let done = (step - self.warmup) as f64 / (self.total.saturating_sub(self.warmup)).max(1) as f64;
        self.last + (base - self.last) / 2.0 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_reference() {
        let schedule = WarmupCosine { warmup: 500, total: 10_000, last: 1e-8 };
        for (step, expected) in [
            (0, 0.0),
            (1, 4.008_016e-7),
            (250, 1.002_004e-4),
            (499, 2e-4),
            (500, 2e-4),
            (3000, 1.677_298e-4),
            (5999, 7.548_974e-5),
        ] {
            let rate = schedule.rate(2e-4, step);
            assert!((rate - expected).abs() < 1e-10, "step {step}: {rate} is not {expected}");
        }
    }

    #[test]
    fn a_warm_up_of_one_step_or_none_is_no_division_by_zero() {
        for warmup in 0..3 {
            let schedule = WarmupCosine { warmup, total: 3, last: 0.0 };
            assert!((0..5).all(|step| schedule.rate(1.0, step).is_finite()));
        }
    }
}
