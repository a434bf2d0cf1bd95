//! The precision of aligned pooling: numbers of 16 bits, computed with in 64.

use burn::tensor::{Device, FloatDType, Tensor};

/// Rounds to the nearest number of 16 bits; the gradient is rounded in the same way on its way back.
///
/// OpenTAD's aligned pooling does this to be deterministic, so trained weights have seen such features. On a device without
/// 16-bit floats the numbers are rounded by arithmetic and the gradient is not rounded.
pub(super) fn half_precision<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if x.device().supports_dtype(FloatDType::F16) {
        return x.cast(FloatDType::F16).cast(FloatDType::F32);
    }
    let rounded = by_arithmetic(x.clone().detach());
    x.clone() + (rounded - x.detach())
}

/// The type in which pooling is computed: 64 bits, as in the reference, where the device has them. Its gradient is a sum over
/// thousands of proposals that is rounded to 16 bits at last, so that small errors become large ones.
pub(super) fn wide(device: &Device) -> FloatDType {
    if device.supports_dtype(FloatDType::F64) { FloatDType::F64 } else { FloatDType::F32 }
}

/// The nearest number of 16 bits, up to ties, by adding what pushes the lower digits out.
fn by_arithmetic<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // Of 24 binary digits 11 stay: Veltkamp's splitting by 2^13 + 1.
    let pushed = x.clone() * 8193.0;
    let normal = pushed.clone() - (pushed - x.clone());
    // Below 2^-14 the digits of 16 bits end at 2^-24, which is where those of a 32-bit number near 0.75 end.
    let tiny = x.clone() + 0.75 - 0.75;
    normal.mask_where(x.abs().lower_elem(2f32.powi(-14)), tiny)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::f16;

    fn values() -> Vec<f32> {
        let values = (0..2000).map(|i| (i as f32 - 1000.0) * 0.001_37 + 1e-5 * (i as f32).sin());
        values.chain((0..500).map(|i| i as f32 * 1.7e-7)).collect()
    }

    #[test]
    fn the_cast_and_the_arithmetic_give_the_same() {
        let x = Tensor::<1>::from_data(values().as_slice(), &Device::flex());
        let expected: Vec<f32> = values().into_iter().map(|x| f32::from(f16::from_f32(x))).collect();
        for found in [half_precision(x.clone()), by_arithmetic(x)] {
            assert_eq!(found.try_into_vec_as::<f32>().unwrap(), expected);
        }
    }

    #[test]
    fn the_gradient_is_rounded_too() {
        let device = Device::flex().autodiff();
        let x = Tensor::<1>::from_data([0.5f32], &device).require_grad();
        let gradients = (half_precision(x.clone()) * 0.100_01).sum().backward();
        let found = x.grad(&gradients).unwrap().into_scalar::<f32>();
        assert_eq!(found, f32::from(f16::from_f32(0.100_01)));
    }
}
