//! The backward pass of layer norm.

use burn::nn::LayerNorm;
use burn::tensor::Tensor;

use crate::gradients::Gradients;
use crate::wide;

/// The gradient of what a layer norm read, from that of what it said.
///
/// # Shapes
///
/// - `x`, `grad`: `[rows, c]`; `x` in 32 bits
/// - returns: `[rows, c]`, in 32 bits
pub(crate) fn layer_norm_backward(
    norm: &LayerNorm,
    epsilon: f64,
    x: Tensor<2>,
    grad: Tensor<2>,
    learning: Option<&mut Gradients>,
) -> Tensor<2> {
    let grad = wide(grad);
    let centred = x.clone() - x.mean_dim(1);
    let variance = centred.clone().square().mean_dim(1);
    let scale = (variance + epsilon).sqrt().recip(); // [rows, 1]
    let normal = centred * scale.clone();
    if let Some(gradients) = learning {
        gradients.add(&norm.gamma, (grad.clone() * normal.clone()).sum_dim(0).squeeze_dim(0));
        if let Some(beta) = &norm.beta {
            gradients.add(beta, grad.clone().sum_dim(0).squeeze_dim(0));
        }
    }
    let grad = grad * norm.gamma.val().unsqueeze::<2>();
    let along = (grad.clone() * normal.clone()).mean_dim(1);
    (grad.clone() - grad.mean_dim(1) - normal * along) * scale
}
