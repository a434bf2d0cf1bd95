//! Convolutions of the graph blocks and the proposal head, on `[.., c]` with channels last, as matrix products.
//!
//! Weights keep PyTorch's layouts, so that checkpoints load as they are.

use burn::module::{Module, Param};
use burn::tensor::module::linear;
use burn::tensor::{Device, Distribution, Tensor, TensorData, assert_shape};
use rand_core::Rng;

use crate::conv::taps;

/// Weight and bias, both uniform within `1 / sqrt(fan_in)`: PyTorch's default for convolutions.
fn drawn<const D: usize>(
    shape: [usize; D],
    mut rng: &mut dyn Rng,
    device: &Device,
) -> (Param<Tensor<D>>, Param<Tensor<1>>) {
    let fan_in: usize = shape[1..].iter().product();
    let bound = 1.0 / (fan_in as f64).sqrt();
    let initial = Distribution::Uniform(-bound, bound);
    let weight = TensorData::random::<f32, _, _>(shape, initial, &mut rng);
    let bias = TensorData::random::<f32, _, _>([shape[0]], initial, &mut rng);
    (Param::from_data(weight, device), Param::from_data(bias, device))
}

/// A convolution along time, in groups of channels, with a kernel of 1 or 3 and zero padding.
#[derive(Module, Debug)]
pub struct GroupedConv {
    /// `[out, in / groups, kernel]`.
    pub weight: Param<Tensor<3>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
    groups: usize,
}

impl GroupedConv {
    /// Draws the initial weights.
    pub fn init([inputs, outputs, kernel]: [usize; 3], groups: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        assert!(kernel == 1 || kernel == 3, "kernels are 1 or 3");
        let (weight, bias) = drawn([outputs, inputs / groups, kernel], rng, device);
        Self { weight, bias, groups }
    }

    /// `[b, t, in] -> [b, t, out]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [outputs, _, kernel] = self.weight.dims();
        let near = if kernel == 1 { vec![x] } else { taps(x, 1, 0.0).to_vec() };
        grouped(near, self.weight.val(), self.groups) + self.bias.val().reshape([1, 1, outputs])
    }
}

/// A convolution that looks at one place only, in groups of channels.
#[derive(Module, Debug)]
pub struct PointwiseConv {
    /// `[out, in / groups, 1, 1]`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
    groups: usize,
}

impl PointwiseConv {
    /// Draws the initial weights.
    pub fn init([inputs, outputs]: [usize; 2], groups: usize, rng: &mut dyn Rng, device: &Device) -> Self {
        let (weight, bias) = drawn([outputs, inputs / groups, 1, 1], rng, device);
        Self { weight, bias, groups }
    }

    /// `[b, places, in] -> [b, places, out]`.
    pub fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let [outputs, inputs, _, _] = self.weight.dims();
        let weight = self.weight.val().reshape([outputs, inputs, 1]);
        grouped(vec![x], weight, self.groups) + self.bias.val().reshape([1, 1, outputs])
    }

    /// Without groups: the weight as `[out, in]`.
    pub fn matrix(&self) -> Tensor<2> {
        assert_eq!(self.groups, 1, "a convolution in groups is no matrix");
        let [outputs, inputs, _, _] = self.weight.dims();
        self.weight.val().reshape([outputs, inputs])
    }
}

/// One matrix product per group.
///
/// # Shapes
///
/// - `near`: for each position of the kernel what it looks at, `[b, t, in]`
/// - `weight`: `[out, in / groups, kernel]`
/// - returns: `[b, t, out]`
fn grouped(near: Vec<Tensor<3>>, weight: Tensor<3>, groups: usize) -> Tensor<3> {
    let ([b, t, inputs], kernel) = (near[0].dims(), near.len());
    let [outputs, _, _] = weight.dims();
    let (each, out) = (inputs / groups, outputs / groups);
    if groups == 1 {
        let matrix = weight.permute([2, 1, 0]).reshape([kernel * inputs, outputs]);
        return linear(Tensor::cat(near, 2), matrix, None);
    }
    let rows = near.into_iter().map(|x| x.reshape([b * t, groups, each])).collect();
    let rows = Tensor::cat(rows, 2).permute([1, 0, 2]); // [groups, b*t, kernel*each]
    let matrices = weight.reshape([groups, out, each, kernel]).permute([0, 3, 2, 1]);
    let y = rows.matmul(matrices.reshape([groups, kernel * each, out])); // [groups, b*t, out]
    let y = y.permute([1, 0, 2]).reshape([b, t, outputs]);
    assert_shape!(y, [b, t, outputs]);
    y
}

/// A convolution over a plane, with a kernel of 1 or 3 in both directions and zero padding.
#[derive(Module, Debug)]
pub struct PlaneConv {
    /// `[out, in, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[out]`.
    pub bias: Param<Tensor<1>>,
}

impl PlaneConv {
    /// Draws the initial weights.
    pub fn init([inputs, outputs, kernel]: [usize; 3], rng: &mut dyn Rng, device: &Device) -> Self {
        assert!(kernel == 1 || kernel == 3, "kernels are 1 or 3");
        let (weight, bias) = drawn([outputs, inputs, kernel, kernel], rng, device);
        Self { weight, bias }
    }

    /// One matrix product for every position of the kernel, and the products moved to their places: nothing as large as
    /// the input is copied, and the backward pass keeps nothing but the input.
    ///
    /// # Shapes
    ///
    /// - `x`: `[b, d, t, in]`
    /// - returns: `[b, d, t, out]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [b, d, t, inputs] = x.dims();
        let [outputs, _, kernel, _] = self.weight.dims();
        let (rows, reach) = (x.reshape([b, d * t, inputs]), kernel / 2);
        let weight = self.weight.val();
        let bias = self.bias.val().reshape([1, 1, 1, outputs]);
        let positions = (0..kernel).flat_map(|i| (0..kernel).map(move |j| [i, j]));
        let y = positions.fold(bias, |sum, [i, j]| {
            let matrix = weight.clone().slice([0..outputs, 0..inputs, i..i + 1, j..j + 1]).reshape([outputs, inputs]);
            let product = linear(rows.clone(), matrix.transpose(), None).reshape([b, d, t, outputs]);
            sum + moved(moved(product, 1, i, reach), 2, j, reach)
        });
        assert_shape!(y, [b, d, t, outputs]);
        y
    }
}

/// What a kernel's position `at` (of those `-reach..=reach`, counted from 0) sees at every place along `dim`; 0 beyond.
fn moved(x: Tensor<4>, dim: usize, at: usize, reach: usize) -> Tensor<4> {
    let (length, by) = (x.dims()[dim], at.abs_diff(reach));
    if by == 0 {
        return x;
    }
    let mut border = x.dims();
    border[dim] = by.min(length);
    let border = Tensor::zeros(border, &x.device());
    match (by >= length, at < reach) {
        (true, _) => border,
        (false, true) => Tensor::cat(vec![border, x.narrow(dim, 0, length - by)], dim),
        (false, false) => Tensor::cat(vec![x.narrow(dim, by, length - by), border], dim),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gtad::draws::{SplitMix, random};
    use burn::tensor::Tolerance;
    use burn::tensor::module::{conv1d, conv2d};
    use burn::tensor::ops::ConvOptions;

    #[test]
    fn groups_and_kernels_are_those_of_a_convolution() {
        let (device, rng) = (&Device::flex(), &mut SplitMix(1));
        for (kernel, groups) in [(1, 1), (3, 1), (1, 4), (3, 2)] {
            let conv = GroupedConv::init([8, 12, kernel], groups, rng, device);
            let x = random([2, 7, 8], rng, device);
            let options = ConvOptions::new([1], [kernel / 2], [1], groups);
            let expected = conv1d(x.clone().permute([0, 2, 1]), conv.weight.val(), Some(conv.bias.val()), options);
            let found = conv.forward(x).permute([0, 2, 1]);
            found.to_data().assert_approx_eq::<f32>(&expected.to_data(), Tolerance::default());
        }
    }

    #[test]
    fn a_convolution_over_a_plane_sees_all_its_neighbours_and_nothing_beyond() {
        let (device, rng) = (&Device::flex(), &mut SplitMix(2));
        for (kernel, size) in [(1, [4, 5]), (3, [4, 5]), (3, [1, 2])] {
            let conv = PlaneConv::init([3, 6, kernel], rng, device);
            let x = random([2, size[0], size[1], 3], rng, device);
            let options = ConvOptions::new([1, 1], [kernel / 2; 2], [1, 1], 1);
            let expected = conv2d(x.clone().permute([0, 3, 1, 2]), conv.weight.val(), Some(conv.bias.val()), options);
            let found = conv.forward(x).permute([0, 3, 1, 2]);
            found.to_data().assert_approx_eq::<f32>(&expected.to_data(), Tolerance::default());
        }
    }
}
