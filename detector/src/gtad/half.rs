//! The precision of aligned pooling: numbers of 16 bits, computed with in 64.

use burn::tensor::{Device, FloatDType, Tensor};

/// Rounds to the nearest number of 16 bits; the gradient is rounded in the same way on its way back.
///
/// OpenTAD's aligned pooling does this to be deterministic, so trained weights have seen such features. On a device without
/// 16-bit floats both are rounded by arithmetic.
pub(super) fn half_precision<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    if x.device().supports_dtype(FloatDType::F16) {
        return x.cast(FloatDType::F16).cast(FloatDType::F32);
    }
    let rounded = by_arithmetic(x.clone().detach());
    let followed = digits(x);
    rounded + (followed.clone() - followed.detach())
}

/// The type in which pooling is computed: 64 bits, as in the reference, where the device has them. Its gradient is a sum over
/// thousands of proposals that is rounded to 16 bits at last, so that small errors become large ones.
pub(super) fn wide(device: &Device) -> FloatDType {
    if device.supports_dtype(FloatDType::F64) { FloatDType::F64 } else { FloatDType::F32 }
}

/// The nearest number of 16 bits, up to ties.
fn by_arithmetic<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // Below 2^-14 the digits of 16 bits end at 2^-24, which is where those of a 32-bit number near 0.75 end.
    let tiny = x.clone() + 0.75 - 0.75;
    digits(x.clone()).mask_where(x.abs().lower_elem(2f32.powi(-14)), tiny)
}

/// The nearest number of 11 binary digits: Veltkamp's splitting by 2^13 + 1, which pushes the lower ones out.
///
/// The gradient meets the same operations on its way back, in the same order, and is rounded by them. The product with 1 is
/// a place of its own in the graph, at which two parts of it meet before the third joins them.
fn digits<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let inner = x.clone() * 1.0;
    let inner = inner.clone() * 8193.0 - inner;
    x * 8193.0 - inner
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
    fn arithmetic_rounds_the_gradient_on_its_way_back() {
        let device = Device::flex().autodiff();
        let weights = Tensor::<1>::from_data(values().as_slice(), &Device::flex());
        let x = Tensor::<1>::zeros([values().len()], &device).require_grad();
        let gradients = (digits(x.clone()) * Tensor::from_inner(weights)).sum().backward();
        let found = x.grad(&gradients).unwrap().try_into_vec_as::<f32>().unwrap();
        let pairs = found.into_iter().zip(values()).filter(|(_, value)| value.abs() > 2f32.powi(-14));
        pairs.for_each(|(found, value)| assert_eq!(found, f32::from(f16::from_f32(value))));
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
