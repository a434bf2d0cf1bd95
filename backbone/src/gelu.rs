//! The exact (erf) GELU and its derivative.
//!
//! Backends have both, but Burn's processor backend takes one number after the other through a scalar error function
//! (measured: a fifth of a transformer's forward pass). Where tensors live in the host's memory, a vectorised kernel does
//! the same; the tests compare the two.

use burn::tensor::{Device, Tensor, activation};
use pulp::Arch;
use rayon::prelude::*;

use crate::wide;

/// Numbers that one thread takes at a time.
const CHUNK: usize = 1 << 14;

/// Whether tensors of a device lie in the host's memory: then reading them costs nothing, and small pieces of work, which
/// stay in the caches, are as fast as large ones or faster. Asks the device: not for every step.
pub fn works_in_host_memory(device: &Device) -> bool {
    // Backends with a memory of their own report its pools; those that work in the host's have none, and those of other
    // machines tell nothing.
    device.memory_pool_usage().is_none() && !is_elsewhere(device)
}

/// Whether a device is another machine's. Burn has no question for that: such a device is told by how it prints.
pub fn is_elsewhere(device: &Device) -> bool {
    format!("{device:?}").contains("Remote")
}

/// GELU on one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gelu {
    host: bool,
}

impl Gelu {
    /// The form that is fast on `device`.
    pub fn on(device: &Device) -> Self {
        Self { host: works_in_host_memory(device) }
    }

    /// The form that runs on any device.
    pub fn portable() -> Self {
        Self { host: false }
    }

    /// `x * P(X <= x)` for a standard normal `X`. Any shape.
    pub fn forward<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        // A kernel on numbers leaves no trace in a graph.
        if self.host && !x.is_autodiff() {
            let numbers = x.dtype();
            in_host_memory(wide(x), |x| x.iter_mut().for_each(|x| *x *= cdf(*x))).cast(numbers)
        } else {
            exact(x)
        }
    }

    /// The gradient of what came in, from that of what went out: `grad * (cdf(x) + x * pdf(x))`. Any shape; in the numbers
    /// of `grad`.
    pub fn backward<const D: usize>(self, x: Tensor<D>, grad: Tensor<D>) -> Tensor<D> {
        let numbers = grad.dtype();
        grad * self.slope(x).cast(numbers)
    }

    /// The derivative, `cdf(x) + x * pdf(x)`, in 32 bits. Any shape.
    pub fn slope<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        let x = wide(x);
        if self.host {
            return in_host_memory(x, |x| x.iter_mut().for_each(|x| *x = cdf(*x) + *x * pdf(*x)));
        }
        let cdf = (x.clone() * std::f64::consts::FRAC_1_SQRT_2).erf() * 0.5 + 0.5;
        let pdf = (x.clone().square() * -0.5).exp() * f64::from(INV_SQRT_2PI);
        cdf + x * pdf
    }
}

/// GELU by operations whose gradients are exact: Burn's own GELU has the gradient of an approximation on all backends but
/// Flex.
fn exact<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    match x.is_autodiff() {
        true => x.clone() * ((x * std::f64::consts::FRAC_1_SQRT_2).erf() * 0.5 + 0.5),
        false => activation::gelu(x),
    }
}

/// Changes the numbers of a tensor in place (or in a copy, where somebody else holds them too).
fn in_host_memory<const D: usize>(x: Tensor<D>, change: impl Fn(&mut [f32]) + Sync) -> Tensor<D> {
    let device = x.device();
    let mut data = x.into_data();
    let arch = Arch::new();
    match data.as_mut_slice::<f32>() {
        Ok(numbers) => numbers.par_chunks_mut(CHUNK).for_each(|chunk| arch.dispatch(|| change(chunk))),
        Err(error) => unreachable!("the type was looked at: {error:?}"),
    }
    Tensor::from_data(data, &device)
}

const INV_SQRT_2PI: f32 = 0.398_942_3;

/// Density of the standard normal distribution.
#[inline(always)]
fn pdf(x: f32) -> f32 {
    INV_SQRT_2PI * exp(-0.5 * x * x)
}

/// Distribution function of the standard normal distribution.
#[inline(always)]
fn cdf(x: f32) -> f32 {
    0.5 + 0.5 * erf(x * std::f32::consts::FRAC_1_SQRT_2)
}

/// The error function within one unit in the last place: a polynomial near 0, and one less an exponential of a polynomial
/// elsewhere (minimax fits by N. Juffa). Both are computed and one is chosen, so that vectors can.
#[inline(always)]
fn erf(x: f32) -> f32 {
    const NEAR: [f32; 6] =
        [-5.967_617e-4, 4.991_194_2e-3, -2.676_813_5e-2, 1.128_199_25e-1, -3.761_253_4e-1, 1.283_791_7e-1];
    const FAR: [f32; 7] = [
        -1.728_534_7e-5,
        3.831_971_3e-4,
        -3.883_964_4e-3,
        2.425_462_2e-2,
        -1.067_778_8e-1,
        -6.348_467e-1,
        -1.287_175_1e-1,
    ];
    let (size, square) = (x.abs(), x * x);
    let near = NEAR.iter().fold(0.0f32, |sum, term| sum.mul_add(square, *term)).mul_add(x, x);
    let power = FAR.iter().fold(0.0f32, |sum, term| sum.mul_add(size, *term)).mul_add(size, -size);
    let far = (1.0 - exp(power)).copysign(x);
    if size > 0.927_734_4 { far } else { near }
}

/// `e^x` for `x <= 0`, within 2e-7 relative: a power of two times a polynomial.
#[inline(always)]
fn exp(x: f32) -> f32 {
    /// Adding it leaves the nearest integer in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.max(-87.0);
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let power = shifted - ROUND;
    let rest = power.mul_add(-LN_2_LOW, power.mul_add(-LN_2_HIGH, x));
    let series = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0f32];
    let e = series.iter().fold(0.0f32, |sum, term| sum.mul_add(rest, *term));
    let exponent = (shifted.to_bits() << 23).wrapping_add(127 << 23);
    e * f32::from_bits(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::TensorData;

    fn numbers() -> Vec<f32> {
        (-4000..=4000).map(|i| i as f32 / 300.0).chain([-0.0, 1e-30, -1e-30, 60.0, -60.0]).collect()
    }

    fn tensor(device: &Device) -> Tensor<1> {
        let numbers = numbers();
        let count = numbers.len();
        Tensor::from_data(TensorData::new(numbers, [count]), device)
    }

    fn same(ours: Tensor<1>, theirs: Tensor<1>) {
        let (ours, theirs) = (ours.into_data(), theirs.into_data());
        for ((x, a), b) in numbers().into_iter().zip(ours.iter::<f32>()).zip(theirs.iter::<f32>()) {
            assert!((a - b).abs() <= 1.5e-7 * x.abs().max(1.0), "at {x}: {a} and {b}");
        }
    }

    #[test]
    fn both_forms_agree() {
        let device = Device::flex();
        let host = Gelu::on(&device);
        assert!(host.host, "the processor backend works in the host's memory");
        same(host.forward(tensor(&device)), Gelu::portable().forward(tensor(&device)));
        same(host.slope(tensor(&device)), Gelu::portable().slope(tensor(&device)));
    }

    #[test]
    fn a_shared_tensor_stays_as_it_is() {
        let device = Device::flex();
        let x = tensor(&device);
        let y = Gelu::on(&device).forward(x.clone());
        assert_eq!(x.into_data().iter::<f32>().collect::<Vec<_>>(), numbers());
        assert_eq!(y.dims(), [numbers().len()]);
    }
}
