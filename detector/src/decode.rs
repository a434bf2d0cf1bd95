//! From scores to the segments that are worth suppressing (OpenTAD `SingleStageDetector.post_processing`).

use burn::tensor::Tensor;

/// What is kept before suppression.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct DecodeConfig {
    /// Scores must be larger than this.
    pub pre_nms_threshold: f64,
    /// At most this many segments per window, best first.
    pub pre_nms_top_k: usize,
}

/// One class at one point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Index of the point.
    pub point: usize,
    /// Index of the class.
    pub label: usize,
    /// From 0 to 1.
    pub score: f32,
}

/// Those above the threshold, best first, and no more than wanted.
///
/// A single class is neither thresholded nor cut nor sorted, as in the reference.
pub fn decode_points(scored: impl Iterator<Item = Scored>, classes: usize, config: &DecodeConfig) -> Vec<Scored> {
    if classes == 1 {
        return scored.collect();
    }
    let threshold = config.pre_nms_threshold as f32;
    let mut kept: Vec<Scored> = scored.filter(|scored| scored.score > threshold).collect();
    kept.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable: equal scores keep their order
    kept.truncate(config.pre_nms_top_k);
    kept
}

pub(crate) fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    match tensor.try_into_vec_as::<f32>() {
        Ok(values) => values,
        Err(error) => unreachable!("a tensor read as f32 holds f32: {error:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: DecodeConfig = DecodeConfig { pre_nms_threshold: 0.1, pre_nms_top_k: 2 };

    fn scored(scores: &[f32]) -> Vec<Scored> {
        scores.iter().enumerate().map(|(point, &score)| Scored { point, label: 0, score }).collect()
    }

    fn points(scores: &[f32], classes: usize) -> Vec<usize> {
        decode_points(scored(scores).into_iter(), classes, &CONFIG).iter().map(|scored| scored.point).collect()
    }

    #[test]
    fn the_best_come_first_and_equal_ones_in_their_order() {
        assert_eq!(points(&[0.2, 0.5, 0.5, 0.05], 3), [1, 2]);
    }

    #[test]
    fn what_only_reaches_the_threshold_is_left_out() {
        assert_eq!(points(&[0.1, 0.100_01], 3), [1]);
    }

    #[test]
    fn a_single_class_is_taken_as_it_comes() {
        assert_eq!(points(&[0.05, 0.5, 0.2], 1), [0, 1, 2]);
    }
}
