//! Kinds of numbers on the command line.

use adatad_backbone::Precision;

/// A kind of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PrecisionName {
    /// 32 bits
    F32,
    /// 16 bits, 11 of them for the digits
    F16,
    /// 16 bits with the range of 32
    Bf16,
}

impl From<PrecisionName> for Precision {
    fn from(name: PrecisionName) -> Self {
        match name {
            PrecisionName::F32 => Precision::F32,
            PrecisionName::F16 => Precision::F16,
            PrecisionName::Bf16 => Precision::Bf16,
        }
    }
}
