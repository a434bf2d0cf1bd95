//! The kind of numbers that matrix products are computed in.
//!
//! In 16 bits, a block does what PyTorch's autocast makes of it: products, attention and what lies between them in 16 bits;
//! the residual stream, layer norms, softmax of the backward pass, sums of gradients in 32. Weights that never change are
//! held in 16 bits, those that learn in 32.

use burn::module::{Module, ModuleMapper, Param};
use burn::nn::Linear;
use burn::tensor::module::linear;
use burn::tensor::{DType, Tensor};
use serde::{Deserialize, Serialize};

/// A kind of floating-point numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits, 24 of them for the digits.
    #[default]
    F32,
    /// 16 bits, 11 of them for the digits; nothing is larger than 65,504.
    F16,
    /// 16 bits, 8 of them for the digits; the range of 32 bits.
    Bf16,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::F16, Self::Bf16];

    /// Its name, as in run files.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "f32",
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
        }
    }

    /// As Burn calls it.
    pub fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
        }
    }

    /// Bytes of a number.
    pub fn size(self) -> usize {
        self.dtype().size()
    }

    /// `x` in these numbers.
    pub fn of<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        x.cast(self.dtype())
    }

    /// What `layer` says of `x`, computed and said in these numbers.
    ///
    /// # Shapes
    ///
    /// - `x`: `[.., inputs]`
    /// - returns: `[.., outputs]`
    pub fn linear<const D: usize>(self, layer: &Linear, x: Tensor<D>) -> Tensor<D> {
        let bias = layer.bias.as_ref().map(|bias| self.of(bias.val()));
        linear(self.of(x), self.of(layer.weight.val()), bias)
    }

    /// What a gradient means for what `layer` read, computed and said in these numbers.
    ///
    /// # Shapes
    ///
    /// - `grad`: `[rows, outputs]`
    /// - returns: `[rows, inputs]`
    pub fn linear_backward(self, layer: &Linear, grad: Tensor<2>) -> Tensor<2> {
        self.of(grad).matmul(self.of(layer.weight.val()).transpose())
    }

    /// `module` with all its parameters held in these numbers.
    pub(crate) fn held<M: Module>(self, module: M) -> M {
        module.map(&mut Hold(self))
    }
}

/// What a transformer's products are computed in, and what their weights are held in: 32 bits where those learn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Of the products.
    pub products: Precision,
    /// Of their weights.
    pub weights: Precision,
}

/// `x` in 32 bits.
pub fn wide<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.cast(DType::F32)
}

struct Hold(Precision);

impl ModuleMapper for Hold {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| self.0.of(tensor))
    }
}
