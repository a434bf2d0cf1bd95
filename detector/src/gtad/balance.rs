//! Weights that give the rare as much say as the frequent: good proposals among thousands of bad ones.
//!
//! Weights follow from targets (and draws) alone, so they are computed on the host, over all windows of a step, before any
//! prediction is there. A loss is then a sum of weighted terms, and a window's share of it needs no other window.
//! Source: OpenTAD `BalancedBCELoss`, `BalancedL2Loss`.

/// Uniform numbers in `[0, 1)` that decide which proposals the regression loss sees, one per proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct BalanceDraws {
    /// For the middling proposals; drawn first.
    pub middle: Vec<f32>,
    /// For the bad ones.
    pub low: Vec<f32>,
}

impl BalanceDraws {
    /// As many as there are proposals in all windows of a step.
    pub fn draw(count: usize, mut uniform: impl FnMut() -> f32) -> Self {
        let mut numbers = || (0..count).map(|_| uniform()).collect();
        Self { middle: numbers(), low: numbers() }
    }
}

/// Weights of the terms of a binary cross-entropy: the positives (above `threshold`) have half of the say, the others the
/// other half. With only one kind, all have the same.
pub fn entropy_weights(targets: &[f32], threshold: f64) -> Vec<f32> {
    let is_positive = |target: &f32| *target > threshold as f32;
    let positives = targets.iter().filter(|target| is_positive(target)).count();
    let (positive, negative) = match (positives, targets.len() - positives) {
        (0, all) | (all, 0) => (1.0 / all as f64, 1.0 / all as f64),
        // The mean over all, times 0.5 * all / count.
        (positives, negatives) => (0.5 / positives as f64, 0.5 / negatives as f64),
    };
    targets.iter().map(|target| if is_positive(target) { positive as f32 } else { negative as f32 }).collect()
}

/// Weights of the terms of a squared error: all good proposals (above `high`), and about as many of the middling and of the
/// bad ones (up to `low`), chosen by the draws.
///
/// Two quirks of the reference are kept. Where there are more good proposals than there are in a group, every proposal
/// passes that group's draw, those outside of the group too, and counts once more. Without a good proposal, all have the
/// same say, and `weight` does not apply.
pub fn square_weights(targets: &[f32], [low, high]: [f64; 2], weight: f64, draws: &BalanceDraws) -> Vec<f32> {
    // In 32 bits, as the reference compares: an overlap of exactly 3 in 10 is a low one.
    let (low, high) = (low as f32, high as f32);
    let is_high = |target: f32| target > high;
    let is_middle = |target: f32| target <= high && target > low;
    let is_low = |target: f32| target <= low;
    let count = |is: &dyn Fn(f32) -> bool| targets.iter().filter(|target| is(**target)).count() as f32;
    let good = count(&is_high);
    if good == 0.0 {
        return vec![1.0 / targets.len() as f32; targets.len()];
    }
    let (middle, bad) = (1.0 - good / count(&is_middle), 1.0 - good / count(&is_low));
    let passes = |draw: f32, in_group: bool, bound: f32| u8::from(draw * f32::from(u8::from(in_group)) > bound);
    let chosen: Vec<u8> = (0..targets.len())
        .map(|at| {
            let target = targets[at];
            u8::from(is_high(target))
                + passes(draws.middle[at], is_middle(target), middle)
                + passes(draws.low[at], is_low(target), bad)
        })
        .collect();
    let all: f64 = chosen.iter().map(|&times| f64::from(times)).sum();
    chosen.iter().map(|&times| (f64::from(times) * weight / all) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(middle: f32, low: f32, count: usize) -> BalanceDraws {
        BalanceDraws { middle: vec![middle; count], low: vec![low; count] }
    }

    #[test]
    fn positives_and_negatives_have_half_of_the_say_each() {
        assert_eq!(entropy_weights(&[1.0, 0.0, 0.0, 0.0, 0.0], 0.5), [0.5, 0.125, 0.125, 0.125, 0.125]);
        assert_eq!(entropy_weights(&[0.0, 0.2], 0.5), [0.5, 0.5]);
        assert_eq!(entropy_weights(&[0.9, 0.8], 0.5), [0.5, 0.5]);
    }

    #[test]
    fn the_draws_choose_among_the_middling_and_the_bad() {
        let targets = [0.9, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1];
        // Of four middling ones a quarter is wanted, of two bad ones a half.
        let mut draws = draws(0.7, 0.4, 7);
        draws.middle[2] = 0.8;
        draws.low[6] = 0.6;
        let third = 1.0 / 3.0;
        assert_eq!(square_weights(&targets, [0.3, 0.7], 1.0, &draws), [third, 0.0, third, 0.0, 0.0, 0.0, third]);
    }

    #[test]
    fn an_overlap_at_a_bound_belongs_below_it() {
        let found = square_weights(&[1.0, 0.7, 3.0 / 10.0], [0.3, 0.7], 1.0, &draws(0.5, 0.5, 3));
        assert_eq!(found, [1.0 / 3.0; 3], "one of each");
    }

    #[test]
    fn without_middling_ones_everything_counts_once_more() {
        let found = square_weights(&[0.9, 0.1], [0.3, 0.7], 1.0, &draws(0.0, 0.5, 2));
        assert_eq!(found, [0.5, 0.5], "the good one counts twice, the bad one for both groups");
    }

    #[test]
    fn without_a_good_one_all_have_the_same_say_and_no_weight() {
        assert_eq!(square_weights(&[0.5, 0.1], [0.3, 0.7], 5.0, &draws(0.9, 0.9, 2)), [0.5, 0.5]);
    }
}
