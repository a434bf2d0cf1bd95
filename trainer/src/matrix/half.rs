//! Mixed precision: numbers of 16 bits, where a backend has them.

use adatad_backbone::Precision;
use burn::tensor::module::attention;
use burn::tensor::{DType, Device, Tensor};

use super::tolerance::HALVES;
use super::{Matrix, Outcome, Said, verdict};
use crate::parity::{self, HalfErrors};

/// Every fixture that has a backbone, forward and backward, and attention, in each kind of 16 bits.
pub(super) fn checks(matrix: &Matrix<'_>, check: &mut impl FnMut(&str, &mut dyn FnMut() -> Said)) {
    let device = matrix.subject.device;
    for (precision, features, gradients) in HALVES {
        let numbers = precision.name();
        let name = |what: &str| format!("{what} in {numbers}");
        if !device.supports_dtype(precision.dtype()) {
            let reason = format!("this backend does not compute in {numbers} on this device");
            check(&name("mixed precision"), &mut || (Outcome::Skipped, reason.clone()));
            continue;
        }
        let mut seen = std::collections::BTreeSet::new();
        for folder in matrix.fixtures {
            let names = parity::names(folder).unwrap_or_default();
            let whole = names.into_iter().filter(|name| parity::has_backbone(folder, name));
            for fixture in whole.filter(|name| seen.insert(name.clone())).collect::<Vec<_>>() {
                check(&name(&format!("{fixture}: backbone and adapters")), &mut || match parity::half_errors(
                    folder, &fixture, device, precision,
                ) {
                    Ok(found) => verdict(
                        found.features <= features.allowed && found.gradients <= gradients.allowed,
                        said(&found),
                    ),
                    Err(error) => (Outcome::Failed, error.to_string()),
                });
            }
        }
        check(&name("attention with large scores"), &mut || {
            let largest = large_scores(device, precision);
            verdict(largest.is_finite() && largest <= 1.01, format!("largest number that comes out: {largest}"))
        });
    }
}

fn said(HalfErrors { features, gradients, loss_scale }: &HalfErrors) -> String {
    format!("features off by {features:.1e}, gradients by {gradients:.1e} (loss scaled by {loss_scale})")
}

/// Attention whose scores reach into the thousands, over values of 1: it mixes ones, and says one.
fn large_scores(device: &Device, precision: Precision) -> f32 {
    let tokens = |value: f64| precision.of(Tensor::<4>::full([1, 2, 16, 32], value, device));
    let mixed = attention(tokens(16.0), tokens(16.0), tokens(1.0), None, None, Default::default());
    mixed.cast(DType::F32).abs().max().into_scalar::<f32>()
}
