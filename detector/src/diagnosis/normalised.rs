//! Average precision as if a class had another number of actions than it has.

/// The area under precision over recall, with precision `r * instances / (r * instances + wrong)` at recall `r`.
///
/// `matches` are the ranks (from 0) of the detections that are right, each with what it finds. With as many `instances`
/// as there are `truths`, it is average precision.
pub(super) fn area(matches: &[(usize, usize)], truths: usize, instances: f64) -> f64 {
    let (mut best, mut sum) = (0.0_f64, 0.0);
    for (before, &(rank, _)) in matches.iter().enumerate().rev() {
        best = best.max(precision(before + 1, rank, truths, instances));
        sum += best;
    }
    sum / truths.max(1) as f64
}

/// Precision at `rank`, up to which `right` detections are right.
pub(super) fn precision(right: usize, rank: usize, truths: usize, instances: f64) -> f64 {
    let right_as_if = right as f64 / truths.max(1) as f64 * instances;
    right_as_if / (right_as_if + (rank + 1 - right) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rare_class_is_judged_as_if_it_were_not() {
        // Right at ranks 1 and 3 of 2 actions: precision 1/2 and 1/2 as they are, 5/6 and 10/12 with 10 instances.
        let matches = [(1, 0), (3, 1)];
        assert_eq!(area(&matches, 2, 2.0), 0.5);
        assert!((area(&matches, 2, 10.0) - 5.0 / 6.0).abs() < 1e-12);
        assert_eq!(area(&[], 2, 10.0), 0.0);
    }
}
