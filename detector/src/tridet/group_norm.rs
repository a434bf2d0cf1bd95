//! Group norm with channels last: the statistics span the whole window and the channels of a group.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData, assert_shape};

/// PyTorch's default.
const EPSILON: f64 = 1e-5;

/// Normalises `[b, t, c]` over time and the channels of each group.
#[derive(Module, Debug)]
pub struct GroupNorm {
    /// `[c]`; `weight` in checkpoints.
    pub gamma: Param<Tensor<1>>,
    /// `[c]`; `bias` in checkpoints.
    pub beta: Param<Tensor<1>>,
    groups: usize,
}

impl GroupNorm {
    /// A norm that starts as the identity.
    pub fn init(channels: usize, groups: usize, device: &Device) -> Self {
        assert!(channels.is_multiple_of(groups), "every group has the same number of channels");
        Self {
            gamma: Param::from_data(TensorData::full([channels], 1f32), device),
            beta: Param::from_data(TensorData::full([channels], 0f32), device),
            groups,
        }
    }

    /// `[b, t, c] -> [b, t, c]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [b, t, c] = x.dims();
        // Means over time first, then over the channels of a group: `[b, 1, c]`, the same for a whole group.
        let mean = |x: Tensor<3>| -> Tensor<3> {
            let groups = x.mean_dim(1).reshape([b, self.groups, c / self.groups]).mean_dim(2); // [b, groups, 1]
            groups.repeat_dim(2, c / self.groups).reshape([b, 1, c])
        };
        let centred = x.clone() - mean(x);
        let variance = mean(centred.clone().square());
        let gain = self.gamma.val().reshape([1, 1, c]) / (variance + EPSILON).sqrt();
        let y = centred * gain + self.beta.val().reshape([1, 1, c]);
        assert_shape!(y, [b, t, c]);
        y
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Tolerance;

    #[test]
    fn each_group_is_normalised_over_time_and_its_channels() {
        let device = Device::flex();
        let x = Tensor::<3>::from_data([[[1.0, 3.0, 10.0, 10.0], [1.0, 3.0, 10.0, 14.0]]], &device);
        let y = GroupNorm::init(4, 2, &device).forward(x);
        // Group 0: mean 2, variance 1. Group 1: mean 11, variance 3.
        let [a, b, c] = [0.999_995, 0.577_349, 1.732_048];
        let expected = TensorData::from([[[-a, a, -b, -b], [-a, a, -b, c]]]);
        y.into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());
    }
}
