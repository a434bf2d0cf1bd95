//! TriDet's losses: classes count as much as their segments overlap the true ones.

use burn::tensor::{Int, Tensor, TensorData};

use super::{Predictions, TriDetConfig};
use crate::losses::{Divisor, FocalLoss, Losses, Rows, distance_iou, generalised_iou, select};
use crate::targets::Truth;

/// Focal loss, its positive entries weighted by `GIoU^power` of their segment, and distance IoU of the same segments.
///
/// The weight has a gradient, so that classification moves the segments too. The classification loss is divided by the
/// running mean even in evaluation. Both as in the reference.
pub(super) fn losses(
    config: &TriDetConfig,
    predictions: &Predictions,
    truth: &[Vec<Truth>],
    divisor: Divisor,
) -> Losses {
    let Predictions { output, points, valid } = predictions;
    let ([_, _, classes], device) = (output.logits.dims(), output.logits.device());
    let assignments = config.pyramid().targets(points, truth, classes);
    let rows = Rows::new(points, valid, &assignments);
    let (targets, set) = rows.targets(config.label_smoothing, &device);
    let focal = FocalLoss::OPENTAD.forward(select(output.logits.clone(), &rows.valid), targets);
    let entries = rows.valid.len() * classes;
    let (mut classification, mut regression) = (focal.clone().sum(), output.boundaries.centre.clone().sum() * 0.0);

    let pairs = rows.pairs();
    if !pairs.is_empty() {
        let of: Vec<usize> = pairs.iter().map(|&(row, _)| row).collect();
        let (found, wanted) = rows.segments(&of, output.boundaries.distances(&pairs));
        let weight = overlap_weight(generalised_iou(found.clone(), wanted.clone()), config.overlap_power);
        let set: Vec<i32> = set.into_iter().map(|entry| entry as i32).collect();
        let set = Tensor::<1, Int>::from_data(TensorData::new(set, [pairs.len()]), &device);
        let positive = focal.reshape([entries]).select(0, set);
        classification = classification + (positive * (weight.reshape([pairs.len()]) - 1.0)).sum();
        regression = distance_iou(found, wanted).sum();
    }
    let regression = regression / divisor.of(rows.positive.len());
    Losses::weighted(classification / divisor.running(), regression, config.loss_weight)
}

/// `(1 - loss)^power`.
///
/// Differs from OpenTAD where nothing overlaps: the weight is 0 there without a gradient. The slope of a power below 1
/// at 0 is infinite, and the power of a number just below 0 is none.
fn overlap_weight(loss: Tensor<2>, power: f64) -> Tensor<2> {
    let overlap = -loss + 1.0;
    let nothing = overlap.clone().lower_equal_elem(0.0);
    overlap.mask_fill(nothing.clone(), 1.0).powf_scalar(power).mask_fill(nothing, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn a_segment_that_overlaps_nothing_has_no_weight_and_no_gradient() {
        let device = Device::flex().autodiff();
        let loss = Tensor::<2>::from_data([[0.0], [0.75], [1.0], [1.000_001]], &device).require_grad();
        let weight = overlap_weight(loss.clone(), 0.5);
        let gradients = weight.clone().sum().backward();
        let gradient: Vec<f32> = loss.grad(&gradients).unwrap().into_data().iter::<f32>().collect();
        assert_eq!(weight.into_data().iter::<f32>().collect::<Vec<_>>(), [1.0, 0.5, 0.0, 0.0]);
        assert_eq!(gradient, [-0.5, -1.0, 0.0, 0.0]);
    }
}
