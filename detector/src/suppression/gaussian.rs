//! The gaussian that weakens a score, written so that the compiler can compute it for several segments at once.
//!
//! Nearly all the time of a competition goes into this function. `f32::exp` is a call per number; these are a few
//! multiplications, and the same ones on every machine.

use super::select::{larger, smaller};

/// `exp(-overlap^2 / sigma)` for a `rate` of `-1 / sigma`, within 3 units in the last place.
///
/// Never above 1 and never NaN, whatever the rate. Below `exp(-87)` it stays there, as f32 ends shortly after.
#[inline]
pub(super) fn gaussian(overlap: f32, rate: f32) -> f32 {
    exp(larger(smaller(overlap * overlap * rate, 0.0), -87.0))
}

/// `exp(x)` for `x` from -87 to 0: `2^n * exp(r)`, with `n` whole and `r` within half a `ln 2` of 0.
#[inline]
fn exp(x: f32) -> f32 {
    // 1.5 * 2^23: adding it rounds to a whole number, which then stands in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts (Cody and Waite 1980), the first with so few bits that `n` times it is exact.
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    // Taylor's series to the seventh power: the rest is below 1e-8 for this r.
    let mut series = 1.0 / 5040.0;
    for divisor in [720.0, 120.0, 24.0, 6.0, 2.0, 1.0, 1.0] {
        series = series * r + 1.0 / divisor;
    }
    let power = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    series * f32::from_bits(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_exponential_to_two_units_in_the_last_place() {
        for step in 0..=870_000 {
            let x = -(step as f32) * 1e-4;
            let (ours, exact) = (exp(x), f64::from(x).exp());
            let unit = f64::from(f32::EPSILON) * exact;
            assert!((f64::from(ours) - exact).abs() <= 2.0 * unit, "exp({x}): {ours} for {exact}");
        }
    }

    #[test]
    fn without_overlap_nothing_changes() {
        assert_eq!(gaussian(0.0, -1.0 / 0.7), 1.0);
    }

    #[test]
    fn no_rate_raises_a_score_or_makes_it_no_number() {
        for rate in [0.0, -0.0, 1.0, -1e38, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for overlap in [0.0, 1e-30, 0.5, 1.0] {
                assert!((0.0..=1.0).contains(&gaussian(overlap, rate)), "{overlap} {rate}");
            }
        }
    }
}
