//! What detectors with a prediction per point have in common: the points of the pyramid and what they learn.

use burn::tensor::{Tensor, assert_shape};

use crate::mask::Mask;
use crate::points::{Point, pyramid_points};
use crate::targets::{Assignment, CandidateRule, Truth, assign};

/// The points of a pyramid, and how they are taught.
#[derive(Debug, Clone, PartialEq)]
pub struct Pyramid {
    /// For each level, finest first: the range of distances it answers for, in grid steps.
    pub ranges: Vec<[f64; 2]>,
    /// Whether a point sits in the middle of its stride instead of at its start.
    pub centred_points: bool,
    /// Which segments a point may learn.
    pub rule: CandidateRule,
}

impl Pyramid {
    /// Levels of the pyramid.
    pub fn levels(&self) -> usize {
        self.ranges.len()
    }

    /// The masks of all levels, finest first, from that of the finest.
    pub fn masks(&self, mask: &Mask) -> Vec<Mask> {
        std::iter::successors(Some(mask.clone()), |mask| Some(mask.halved())).take(self.levels()).collect()
    }

    /// The points of levels with these masks, finest first.
    pub fn points(&self, masks: &[Mask]) -> Vec<Point> {
        let lengths: Vec<usize> = masks.iter().map(Mask::steps).collect();
        pyramid_points(&lengths, &self.ranges, self.centred_points)
    }

    /// Which class and which segment every point should learn, for each window.
    pub fn targets(&self, points: &[Point], truth: &[Vec<Truth>], classes: usize) -> Vec<Assignment> {
        truth.iter().map(|truth| assign(points, truth, classes, &self.rule)).collect()
    }

    /// Valid points that learn a class, over all windows. `mask` is that of the finest level.
    pub fn positives(&self, mask: &Mask, truth: &[Vec<Truth>]) -> usize {
        let classes = 1 + truth.iter().flatten().map(|t| t.label).max().unwrap_or(0);
        let masks = self.masks(mask);
        let (points, valid) = (self.points(&masks), Mask::joined(&masks, 0));
        let assignments = self.targets(&points, truth, classes);
        let of_window =
            |(b, a): (usize, &Assignment)| (0..points.len()).filter(|&p| valid.row(b)[p] && a.is_positive(p)).count();
        assignments.iter().enumerate().map(of_window).sum()
    }
}

/// Features `[b, c, t]` as `[b, steps, c]`, padded with zeros, and their mask.
pub(crate) fn channels_last(features: Tensor<3>, mask: &Mask, steps: usize) -> (Tensor<3>, Mask) {
    let [b, c, t] = features.dims();
    assert_shape!(features, [b, c, t]);
    assert_eq!([mask.batch(), mask.steps()], [b, t], "the mask has the features' batch and length");
    let x = features.permute([0, 2, 1]); // [b, t, c]
    let x = match steps - t {
        0 => x,
        missing => {
            let padding = Tensor::zeros([b, missing, c], &x.device());
            Tensor::cat(vec![x, padding], 1)
        }
    };
    (x, mask.padded(steps))
}

/// How long a window of `steps` has to be padded: to `max_seq_len`, and beyond it to the next multiple of `unit`.
pub(crate) fn padded_length(steps: usize, max_seq_len: usize, unit: usize) -> usize {
    if steps <= max_seq_len { max_seq_len } else { steps.next_multiple_of(unit) }
}

/// The largest product of a level's stride and window, as a multiple of the coarsest stride.
pub(crate) fn length_unit(windows: impl Iterator<Item = usize>) -> usize {
    let (unit, stride) = windows.fold((1, 1), |(unit, stride), window| (unit.max(stride * window.max(1)), stride * 2));
    // Differs from OpenTAD where a fine level's window is so large that its product is no multiple of that stride: the
    // pyramid would not come out even there.
    let coarsest = (stride / 2).max(1);
    (unit..).find(|length| length.is_multiple_of(coarsest)).unwrap_or(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_padded_to_the_detectors_length_or_to_the_next_even_one() {
        assert_eq!([1, 63, 64].map(|steps| padded_length(steps, 64, 16)), [64; 3]);
        assert_eq!([65, 80, 81].map(|steps| padded_length(steps, 64, 16)), [80, 80, 96]);
    }

    #[test]
    fn the_unit_is_the_coarsest_level_s_window() {
        assert_eq!(length_unit([18; 6].into_iter()), 18 * 32);
        assert_eq!(length_unit([0, 0, 0].into_iter()), 4);
        assert_eq!(length_unit([7, 5, 3, 1].into_iter()), 16, "10 and 12 cannot be halved three times");
    }
}
