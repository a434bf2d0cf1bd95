//! Initial weights, drawn on the host: the same numbers whatever the backend.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand_core::Rng;

/// A parameter drawn from `distribution`.
pub fn draw<const D: usize>(
    shape: [usize; D],
    distribution: Distribution,
    mut rng: &mut dyn Rng,
    device: &Device,
) -> Param<Tensor<D>> {
    Param::from_data(TensorData::random::<f32, _, _>(shape, distribution, &mut rng), device)
}

/// A parameter that starts at one value.
pub fn constant<const D: usize>(shape: [usize; D], value: f32, device: &Device) -> Param<Tensor<D>> {
    Param::from_data(TensorData::full(shape, value), device)
}

/// A parameter of zeros.
pub fn zeros<const D: usize>(shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(Tensor::zeros(shape, device))
}

/// PyTorch's default for a layer with `fan_in` inputs per output: uniform within `1 / sqrt(fan_in)`.
pub fn fan_in_uniform(fan_in: usize) -> Distribution {
    let bound = 1.0 / (fan_in as f64).sqrt();
    Distribution::Uniform(-bound, bound)
}

/// A linear layer `[inputs, outputs]` with PyTorch's default initial weights times `gain`, and its default bias.
pub fn linear([inputs, outputs]: [usize; 2], gain: f64, rng: &mut dyn Rng, device: &Device) -> Linear {
    let bound = gain / (inputs as f64).sqrt();
    Linear {
        weight: draw([inputs, outputs], Distribution::Uniform(-bound, bound), rng, device),
        bias: Some(draw([outputs], fan_in_uniform(inputs), rng, device)),
    }
}

/// A linear layer `[inputs, outputs]` of zeros.
pub fn blank_linear([inputs, outputs]: [usize; 2], device: &Device) -> Linear {
    Linear { weight: zeros([inputs, outputs], device), bias: Some(zeros([outputs], device)) }
}
