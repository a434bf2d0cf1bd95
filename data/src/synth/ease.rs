//! Smooth functions of time.

use crate::random::Rng;

/// From 0 to 1 with flat ends, 0 before and 1 after.
pub(super) fn smooth(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// From `a` at 0 to `b` at 1.
pub(super) fn mix(a: f64, b: f64, x: f64) -> f64 {
    a + (b - a) * x
}

/// A draw from `[low, high)` whose logarithm is uniform: short ones are as likely as long ones are rare.
pub(super) fn log_uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    low * (high / low).powf(rng.unit())
}

/// A sign with equal chances.
pub(super) fn sign(rng: &mut Rng) -> f64 {
    if rng.chance(0.5) { 1.0 } else { -1.0 }
}

/// A value in `[-1, 1]` that wanders smoothly.
#[derive(Debug, Clone)]
pub(super) struct Wander {
    knots: Vec<f64>,
    step: f64,
}

impl Wander {
    /// Wanders to a new place every `step` seconds for `duration` seconds.
    pub(super) fn new(rng: &mut Rng, duration: f64, step: f64) -> Self {
        let count = (duration / step) as usize + 3;
        let knots = (0..count).map(|_| rng.uniform(-1.0, 1.0)).collect();
        Self { knots, step }
    }

    /// The value at `time` seconds.
    pub(super) fn at(&self, time: f64) -> f64 {
        let place = (time / self.step).clamp(0.0, (self.knots.len() - 2) as f64);
        let knot = place as usize;
        mix(self.knots[knot], self.knots[knot + 1], smooth(place - knot as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Stream;

    #[test]
    fn wandering_is_smooth_and_bounded() {
        let wander = Wander::new(&mut Rng::new(0, Stream::Synth, 0, 0), 20.0, 1.0);
        for k in 0..2000 {
            let (a, b) = (wander.at(k as f64 * 0.01), wander.at((k + 1) as f64 * 0.01));
            assert!(a.abs() <= 1.0 && (a - b).abs() < 0.04);
        }
    }
}
