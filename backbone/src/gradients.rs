//! Gradients of parameters, from a backward pass that is written out.

use burn::module::Param;
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::Tensor;

use crate::wide;

/// A sum of gradients for each parameter, without a graph: in 32 bits, whatever the numbers of the parts.
#[derive(Default)]
pub struct Gradients(GradientsParams);

impl Gradients {
    /// Adds to the gradient of `param`.
    pub fn add<const D: usize>(&mut self, param: &Param<Tensor<D>>, part: Tensor<D>) {
        let part = wide(part);
        let sum = match self.0.remove::<D>(param.id) {
            Some(sum) => sum + part,
            None => part,
        };
        self.0.register(param.id, sum);
    }

    /// Adds to the gradients of a linear layer that read `x` and got `grad` back.
    ///
    /// # Shapes
    ///
    /// - `x`: `[rows, inputs]`, in the numbers of `grad` from here on
    /// - `grad`: `[rows, outputs]`
    pub fn add_linear(&mut self, layer: &Linear, x: Tensor<2>, grad: Tensor<2>) {
        if let Some(bias) = &layer.bias {
            self.add(bias, wide(grad.clone()).sum_dim(0).squeeze_dim(0));
        }
        self.add(&layer.weight, x.cast(grad.dtype()).transpose().matmul(grad));
    }

    /// What an optimiser takes.
    pub fn into_params(self) -> GradientsParams {
        self.0
    }
}
