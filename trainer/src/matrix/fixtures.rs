//! The reference implementation's numbers.

use burn::tensor::DType;

use super::tolerance::{FIXTURES, POOLED};
use super::{Matrix, Outcome, Said, verdict};
use crate::parity::{self, Place};

/// Every fixture whose numbers depend on the device. Of the same name in two folders, the first is taken.
pub(super) fn checks(matrix: &Matrix<'_>, check: &mut impl FnMut(&str, &mut dyn FnMut() -> Said)) {
    let mut seen = std::collections::BTreeSet::new();
    for folder in matrix.fixtures {
        let names = match parity::names(folder) {
            Ok(names) => names,
            Err(error) => {
                check(&folder.display().to_string(), &mut || (Outcome::Failed, error.to_string()));
                continue;
            }
        };
        for name in names.into_iter().filter(|name| seen.insert(name.clone())) {
            match parity::place(folder, &name) {
                // The same whatever the device is; the tests of the crates check them.
                Place::Host => {}
                Place::DeviceAtLength if !matrix.at_length => {
                    let reason = "a model of a published size takes too long in software; --at-length runs it";
                    check(&name, &mut || (Outcome::Skipped, reason.into()));
                }
                Place::Device | Place::DeviceAtLength => check(&name, &mut || {
                    let found = parity::one(folder, &name, matrix.subject.device);
                    let ratio = found.worst_ratio.map_or("-".into(), |ratio| format!("{ratio:.3}"));
                    let parts = found.parts;
                    if found.kind == "gtad" && !matrix.subject.device.supports_dtype(DType::F16) {
                        let within = parts.forward <= FIXTURES.allowed && parts.gradient <= POOLED.allowed;
                        let told = format!(
                            "{:.3} of what is tolerated before gradients; gradients {:.3}, allowed is {} without f16; what \
                             follows from them is not compared ({:.3})",
                            parts.forward, parts.gradient, POOLED.allowed, parts.later
                        );
                        return verdict(found.finished && within, told);
                    }
                    let within = found.finished && found.worst_ratio.is_some_and(|ratio| ratio <= FIXTURES.allowed);
                    verdict(within, format!("{ratio} of what is tolerated; {}", found.note))
                }),
            }
        }
    }
}
