//! `--devices A,B`: several devices that share the windows of a step.

use std::str::FromStr;

use burn::tensor::Device;
use clap::ValueEnum;

use super::device::{DeviceName, NoDevice};

/// One device, by its kind and perhaps its number: `flex`, `cuda:1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) name: DeviceName,
    index: usize,
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, index) = text.split_once(':').unwrap_or((text, "0"));
        let names = || DeviceName::value_variants().iter().map(|name| name.name()).collect::<Vec<_>>().join(", ");
        let name = DeviceName::from_str(name, true).map_err(|_unknown| format!("`{name}` is none of {}", names()))?;
        let index =
            index.parse().map_err(|_none| format!("`{index}` is no number of a device, as in {}:1", name.name()))?;
        Ok(Self { name, index })
    }
}

impl Place {
    /// The device, if it can be used.
    ///
    /// # Errors
    ///
    /// It is not in this program, or does not run here.
    pub(crate) fn open(self) -> Result<Device, NoDevice> {
        let first = self.name.open()?;
        Ok(if self.index == 0 { first } else { self.name.numbered(self.index).unwrap_or(first) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_may_have_a_number() {
        assert_eq!("flex".parse(), Ok(Place { name: DeviceName::Flex, index: 0 }));
        assert_eq!("cuda:3".parse(), Ok(Place { name: DeviceName::Cuda, index: 3 }));
        assert!("gpu".parse::<Place>().unwrap_err().contains("flex, ndarray, wgpu, cuda"));
        assert!("cuda:x".parse::<Place>().unwrap_err().contains("cuda:1"));
    }
}
