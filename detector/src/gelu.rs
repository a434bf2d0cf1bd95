//! The exact (erf) GELU, with its exact gradient.
//!
//! Burn's own has the exact value everywhere, and the exact gradient on Flex; its other backends take the gradient of the
//! approximation by a hyperbolic tangent, which is off by up to a thousandth.

use std::f64::consts::FRAC_1_SQRT_2;

use burn::tensor::{Tensor, activation};

/// `x * P(X <= x)` for a standard normal `X`. Any shape.
pub(crate) fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    match x.is_autodiff() {
        true => x.clone() * ((x * FRAC_1_SQRT_2).erf() * 0.5 + 0.5),
        false => activation::gelu(x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tolerance};

    #[test]
    fn value_and_gradient_are_exact() {
        let numbers = [-3.0, -1.0, -0.1, 0.0, 0.5, 2.0, 4.0];
        let x = Tensor::<1>::from_data(numbers, &Device::flex().autodiff()).require_grad();
        let y = gelu(x.clone());
        let plain = gelu(Tensor::<1>::from_data(numbers, &Device::flex()));
        y.clone().inner().into_data().assert_approx_eq::<f32>(&plain.into_data(), Tolerance::absolute(1e-6));
        let gradient = x.grad(&y.sum().backward()).unwrap();
        // P(X <= x) + x * density(x), in 64 bits.
        let expected = Tensor::<1>::from_data(
            [-0.011_945_65, -0.083_315_47, 0.420_476_91, 0.5, 0.867_495_12, 1.085_231_8, 1.000_503_65],
            &Device::flex(),
        );
        gradient.into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::absolute(2e-6));
    }
}
