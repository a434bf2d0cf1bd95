//! From predictions to scored segments in grid steps (OpenTAD `ActionFormerHead.get_valid_proposals_scores`,
//! `SingleStageDetector.post_processing`).

use burn::tensor::{Tensor, activation};

use crate::actionformer::Predictions;
use crate::segment::Segment;

/// What is kept before suppression.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DecodeConfig {
    /// Scores must be larger than this.
    pub pre_nms_threshold: f64,
    /// At most this many segments per window, best first.
    pub pre_nms_top_k: usize,
}

/// Every class at every valid point of each window as a segment in grid steps, thresholded, best first.
///
/// A single class is neither thresholded nor cut, as in the reference.
pub fn decode(predictions: &Predictions, config: &DecodeConfig) -> Vec<Vec<Segment>> {
    let [b, points, classes] = predictions.output.logits.dims();
    let scores = to_vec(activation::sigmoid(predictions.output.logits.clone()));
    let offsets = to_vec(predictions.output.offsets.clone());
    (0..b)
        .map(|video| {
            let valid = predictions.valid.row(video);
            let mut segments = Vec::new();
            for (p, point) in predictions.points.iter().enumerate().filter(|(p, _)| valid[*p]) {
                let row = video * points + p;
                let [left, right] = [offsets[row * 2], offsets[row * 2 + 1]];
                let (start, end) = (point.position - left * point.stride, point.position + right * point.stride);
                for (label, &score) in scores[row * classes..(row + 1) * classes].iter().enumerate() {
                    if classes == 1 || f64::from(score) > config.pre_nms_threshold {
                        segments.push(Segment { start, end, label, score });
                    }
                }
            }
            if classes > 1 {
                segments.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable: equal scores keep their order
                segments.truncate(config.pre_nms_top_k);
            }
            segments
        })
        .collect()
}

fn to_vec(tensor: Tensor<3>) -> Vec<f32> {
    match tensor.try_into_vec_as::<f32>() {
        Ok(values) => values,
        Err(error) => unreachable!("a tensor read as f32 holds f32: {error:?}"),
    }
}
