//! `--device`: the one place of the program that names backends.

use burn::tensor::Device;

/// What to compute on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DeviceName {
    /// The processor.
    #[cfg(feature = "flex")]
    #[value(alias = "cpu")]
    Flex,
}

impl DeviceName {
    /// The device itself.
    pub(crate) fn open(self) -> Device {
        match self {
            #[cfg(feature = "flex")]
            DeviceName::Flex => Device::flex(),
        }
    }

    /// Its name in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            #[cfg(feature = "flex")]
            DeviceName::Flex => "flex",
        }
    }
}
