//! Numbers of 16 bits, where a backend has them.

use burn::module::Module;
use burn::nn::LayerNormConfig;
use burn::tensor::module::attention;
use burn::tensor::{DType, Device, Tensor, TensorData};

use super::tolerance::HALVES;
use super::{Matrix, Outcome, Said, verdict};
use crate::parity;

/// The backbone of every fixture that has one, attention, and layer norm, in each kind of 16 bits.
pub(super) fn checks(matrix: &Matrix<'_>, check: &mut impl FnMut(&str, &mut dyn FnMut() -> Said)) {
    let device = matrix.subject.device;
    for (kind, tolerance) in HALVES {
        let name = |what: &str| format!("{what} in {}", tolerance.numbers);
        if !device.supports_dtype(kind) {
            let reason = format!("this backend does not compute in {} on this device", tolerance.numbers);
            check(&name("backbone"), &mut || (Outcome::Skipped, reason.clone()));
            continue;
        }
        let mut seen = std::collections::BTreeSet::new();
        for folder in matrix.fixtures {
            let names = parity::names(folder).unwrap_or_default();
            let whole = names.into_iter().filter(|name| parity::has_backbone(folder, name));
            for fixture in whole.filter(|name| seen.insert(name.clone())).collect::<Vec<_>>() {
                check(&name(&format!("{fixture}: backbone")), &mut || match parity::half_error(
                    folder, &fixture, device, kind,
                ) {
                    Ok(error) => verdict(
                        error <= tolerance.allowed,
                        format!("{error:.1e} {}, allowed is {:.1e}", tolerance.unit, tolerance.allowed),
                    ),
                    Err(error) => (Outcome::Failed, error.to_string()),
                });
            }
        }
        check(&name("attention with large scores"), &mut || {
            let largest = large_scores(device, kind);
            verdict(largest.is_finite() && largest <= 1.01, format!("largest number that comes out: {largest}"))
        });
        check(&name("layer norm of large numbers"), &mut || {
            let size = norm_of_large(device, kind);
            verdict((size - 1.0).abs() < 0.01, format!("root mean square {size}, should be 1"))
        });
    }
}

/// Attention whose scores reach into the thousands, over values of 1: it mixes ones, and says one.
fn large_scores(device: &Device, kind: DType) -> f32 {
    let tokens = |value: f64| Tensor::<4>::full([1, 2, 16, 32], value, device).cast(kind);
    let mixed = attention(tokens(16.0), tokens(16.0), tokens(1.0), None, None, Default::default());
    mixed.cast(DType::F32).abs().max().into_scalar::<f32>()
}

/// Layer norm of numbers whose squares are beyond 65,504, the largest in f16: what it says has a root mean square of 1,
/// if its sums are in f32.
fn norm_of_large(device: &Device, kind: DType) -> f32 {
    let numbers: Vec<f32> = (0..8 * 384).map(|i| ((i * 37 % 101) as f32 - 50.0) * 16.0).collect();
    let x = Tensor::<2>::from_data(TensorData::new(numbers, [8, 384]), device).cast(kind);
    let norm = LayerNormConfig::new(384).with_epsilon(1e-6).init(device);
    let norm = norm.map(&mut parity::To(kind));
    norm.forward(x).cast(DType::F32).square().mean().sqrt().into_scalar::<f32>()
}
