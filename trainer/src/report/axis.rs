//! Axes: the range, the ticks at round numbers, and their labels.

use super::numbers::{minutes, without_idle_zeros};

/// Round steps of a clock, in seconds.
const CLOCK: [f64; 19] = [
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21600.0,
    86400.0,
];

/// A range with ticks.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// Value and label.
    pub(super) ticks: Vec<(f64, String)>,
}

impl Axis {
    /// Ends at round numbers outside these values, and at 0 if that is near.
    pub(super) fn around(low: f64, high: f64) -> Self {
        let (low, high) = widened(low, high);
        let low = if low > 0.0 && low <= high / 2.0 { 0.0 } else { low };
        let step = round_step((high - low) / 5.0);
        Self::with_step((low / step).floor() * step, (high / step).ceil() * step, step)
    }

    /// Ends at these values; ticks at whole numbers only, if `whole`.
    pub(super) fn between(low: f64, high: f64, whole: bool) -> Self {
        let (low, high) = if low < high { (low, high) } else { widened(low, high) };
        let step = round_step((high - low) / 6.0);
        Self::with_step(low, high, if whole { step.max(1.0) } else { step })
    }

    /// The time of a video of this many seconds.
    pub(super) fn time(duration: f64) -> Self {
        let wanted = duration / 9.0;
        let step = CLOCK.into_iter().find(|&step| step >= wanted);
        let step = step.filter(|_| wanted > 0.05).unwrap_or_else(|| round_step(wanted));
        let mut axis = Self::with_step(0.0, duration, step);
        for (value, label) in &mut axis.ticks {
            *label = if duration < 90.0 { format!("{label} s") } else { minutes(value.round() as u64) };
        }
        axis
    }

    fn with_step(low: f64, high: f64, step: f64) -> Self {
        let (first, slack) = ((low / step).ceil(), 1e-6 * step);
        let values = (0..100).map(|i| (first + f64::from(i)) * step).take_while(|value| *value <= high + slack);
        let ticks = values.map(|value| (value, label(value, step, low.abs().max(high.abs())))).collect();
        Self { low, high, ticks }
    }

    /// Where a value stands: 0 at the low end, 1 at the high end, and never outside.
    pub(super) fn place(&self, value: f64) -> f64 {
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

/// Apart by something that can be divided by.
fn widened(low: f64, high: f64) -> (f64, f64) {
    let least = 1e-9 * low.abs().max(high.abs());
    if high - low > least {
        return (low, high);
    }
    let margin = if low.abs() > 1e-100 { low.abs() / 2.0 } else { 1.0 };
    (low - margin, high + margin)
}

/// The first of 1, 2, 5, 10, 20 .. (and 0.5, 0.2 ..) that is no smaller.
fn round_step(wanted: f64) -> f64 {
    let power = 10f64.powf(wanted.log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= wanted * (1.0 - 1e-9)).unwrap_or(10.0);
    factor * power
}

/// As many decimals as the step has; powers of ten for very small and very large numbers.
fn label(value: f64, step: f64, largest: f64) -> String {
    let exponent = |x: f64| (x.abs().log10() + 1e-9).floor() as i32;
    let zero = value.abs() < step / 2.0;
    if zero {
        return "0".into();
    }
    if (-4..6).contains(&exponent(step)) && largest < 1e6 {
        return format!("{value:.*}", (-exponent(step)).max(0) as usize);
    }
    let decimals = (exponent(value) - exponent(step)).clamp(0, 4) as usize;
    let text = format!("{value:.decimals$e}");
    match text.split_once('e') {
        Some((digits, power)) => format!("{}e{power}", without_idle_zeros(digits)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round_numbers_around_the_values() {
        assert_eq!(labels(&Axis::around(0.13, 0.92)), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::around(0.0, 1e-4)), ["0", "2e-5", "4e-5", "6e-5", "8e-5", "1e-4"]);
        assert_eq!(labels(&Axis::around(-3.0, 5.0)), ["-4", "-2", "0", "2", "4", "6"]);
    }

    #[test]
    fn a_constant_stands_in_the_middle() {
        for value in [0.0, 0.5, -7.0, 1e-30, 1e99] {
            let place = Axis::around(value, value).place(value);
            assert!((0.2..=0.8).contains(&place), "{value} stands at {place}");
        }
    }

    #[test]
    fn epochs_are_whole() {
        assert_eq!(labels(&Axis::between(0.0, 3.0, true)), ["0", "1", "2", "3"]);
    }

    #[test]
    fn time_is_in_seconds_and_then_in_minutes() {
        assert_eq!(
            labels(&Axis::time(45.0)),
            ["0 s", "5 s", "10 s", "15 s", "20 s", "25 s", "30 s", "35 s", "40 s", "45 s"]
        );
        assert_eq!(
            labels(&Axis::time(250.0)),
            ["0:00", "0:30", "1:00", "1:30", "2:00", "2:30", "3:00", "3:30", "4:00"]
        );
        assert!(labels(&Axis::time(0.02)).len() > 3);
        assert!(labels(&Axis::time(1e9)).len() > 3);
    }
}
