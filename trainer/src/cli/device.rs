//! `--device`: the one place of the program that names backends.

use adatad_adapter::AdapterConfig;
use adatad_backbone::Precision;
use burn::tensor::Device;

use super::ask::{Part, ask};

/// What to compute on. Which of them a program can use was decided when it was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum DeviceName {
    /// The processor
    #[default]
    #[value(alias = "cpu")]
    Flex,
    /// The processor, by Burn's older backend
    Ndarray,
    /// A GPU of any maker, by Vulkan, Metal or DirectX 12
    Wgpu,
    /// An NVIDIA GPU
    Cuda,
}

/// A device that was asked for and cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoDevice {
    /// Its backend is not in this program.
    #[error(
        "this adatad was built without `{name}`; the same command by `cargo xtask` builds one that has it, `cargo build \
         --release --package adatad --features {name}` does too"
    )]
    NotBuilt {
        /// The device.
        name: &'static str,
    },
    /// Its backend is, and does not run here.
    #[error("{name} cannot be used on this machine: {reason}\n{needs}")]
    CannotRun {
        /// The device.
        name: &'static str,
        /// What its backend said.
        reason: String,
        /// What it takes, and how to get it.
        needs: &'static str,
    },
}

/// A run asks for numbers of 16 bits that the device does not know.
#[derive(Debug, thiserror::Error)]
#[error(
    "{name} knows no numbers in {numbers} on this machine; --set {instead} (`bench step`, `plan`: --precision f32) does \
     without"
)]
pub(crate) struct NoHalf {
    name: &'static str,
    numbers: &'static str,
    instead: &'static str,
}

/// Memory that is planned for on a card, where `--memory` does not say: Burn cannot tell how much of it is free.
pub(crate) const CARD: u64 = 8 << 30;

impl DeviceName {
    /// Its name on the command line and in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            DeviceName::Flex => "flex",
            DeviceName::Ndarray => "ndarray",
            DeviceName::Wgpu => "wgpu",
            DeviceName::Cuda => "cuda",
        }
    }

    /// The device itself, when it is known to run.
    ///
    /// # Errors
    ///
    /// It is not in this program, or does not run here.
    pub(crate) fn open(self) -> Result<Device, NoDevice> {
        let (device, part) = self.open_and_ask()?;
        if part.software {
            super::tell(&format!("{}: {} is no GPU but a program on the processor, and slow", self.name(), part.name));
        }
        Ok(device)
    }

    /// The same, and what computes behind it.
    pub(crate) fn open_and_ask(self) -> Result<(Device, Part), NoDevice> {
        let Some(device) = self.built() else { return Err(NoDevice::NotBuilt { name: self.name() }) };
        let part = match self.has_a_driver() {
            true => ask(self.name()),
            false => Ok(Part { name: "the processor".into(), software: false }),
        };
        match part {
            Ok(part) => Ok((device, part)),
            Err(reason) => Err(NoDevice::CannotRun { name: self.name(), reason, needs: self.needs() }),
        }
    }

    /// Refuses numbers of 16 bits that the device does not know.
    pub(crate) fn knows(self, adapter: Option<&AdapterConfig>, device: &Device) -> Result<(), NoHalf> {
        knows(self.name(), adapter, device)
    }

    /// The device, whether or not it runs; none if its backend is not in this program.
    pub(crate) fn built(self) -> Option<Device> {
        match self {
            #[cfg(feature = "flex")]
            DeviceName::Flex => Some(Device::flex()),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "there for comparison, while Burn ships it")]
            DeviceName::Ndarray => Some(Device::ndarray()),
            #[cfg(feature = "wgpu")]
            DeviceName::Wgpu => Some(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
            #[cfg(feature = "cuda")]
            DeviceName::Cuda => Some(Device::cuda(burn::tensor::DeviceIndex::Default)),
            #[cfg(not(all(feature = "flex", feature = "ndarray", feature = "wgpu", feature = "cuda")))]
            _ => None,
        }
    }

    /// The device of this number among those of its kind; none where there is only one, whatever it is called.
    pub(crate) fn numbered(self, index: usize) -> Option<Device> {
        match self {
            #[cfg(feature = "wgpu")]
            DeviceName::Wgpu => Some(Device::wgpu(burn::tensor::DeviceKind::DiscreteGpu(index))),
            #[cfg(feature = "cuda")]
            DeviceName::Cuda => Some(Device::cuda(burn::tensor::DeviceIndex::Specified(index))),
            _ => {
                let _only_one = index;
                None
            }
        }
    }

    /// Bytes of a memory of its own, as far as they are known; none where it works in the host's.
    pub(crate) fn own_memory(self) -> Option<u64> {
        self.has_a_driver().then_some(CARD)
    }

    /// Whether it needs more than this program: then it is tried before it is used.
    fn has_a_driver(self) -> bool {
        matches!(self, DeviceName::Wgpu | DeviceName::Cuda)
    }

    /// What a device needs that no Rust crate brings.
    fn needs(self) -> &'static str {
        match self {
            DeviceName::Flex | DeviceName::Ndarray => "It needs nothing but this program.",
            DeviceName::Wgpu => {
                "It needs a driver for Vulkan (Linux), DirectX 12 (Windows) or Metal (macOS, always there):\n  \
                 Debian, Ubuntu: sudo apt-get install libvulkan1, and NVIDIA's driver, or mesa-vulkan-drivers (AMD, Intel)\n  \
                 Fedora: sudo dnf install vulkan-loader mesa-vulkan-drivers\n\
                 `vulkaninfo --summary` (vulkan-tools) lists what Vulkan finds. Without a GPU: --device flex."
            }
            DeviceName::Cuda => {
                "It needs an NVIDIA GPU, its driver (libcuda.so.1), and the run-time compiler of the CUDA toolkit\n\
                 (libnvrtc.so, CUDA 12 or later; its folder in LD_LIBRARY_PATH where it is no standard one):\n  \
                 Debian, Ubuntu: sudo apt-get install nvidia-driver nvidia-cuda-toolkit, or NVIDIA's own packages\n\
                 `nvidia-smi` lists the cards. Without one: --device wgpu, or --device flex."
            }
        }
    }
}

/// Refuses numbers of 16 bits that a device, called `name`, does not know. Without a backbone there are none.
pub(crate) fn knows(name: &'static str, adapter: Option<&AdapterConfig>, device: &Device) -> Result<(), NoHalf> {
    let Some(AdapterConfig { precision, half_inputs, .. }) = adapter else { return Ok(()) };
    let asked = [
        (precision.known(), "adapter.precision=f32"),
        (if *half_inputs { Precision::Bf16 } else { Precision::F32 }, "adapter.half-inputs=false"),
    ];
    match asked.into_iter().find(|(numbers, _)| !device.supports_dtype(numbers.dtype())) {
        Some((numbers, instead)) => Err(NoHalf { name, numbers: numbers.name(), instead }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_that_is_not_built_in_says_how_to_get_it() {
        for name in [DeviceName::Ndarray, DeviceName::Wgpu, DeviceName::Cuda] {
            if name.built().is_none() {
                let said = name.open().unwrap_err().to_string();
                assert!(said.contains(&format!("--features {}", name.name())), "{said}");
            }
        }
        assert!(DeviceName::default().built().is_some(), "this program has a default device");
    }

    #[test]
    fn only_numbers_that_a_device_knows_are_computed_with() {
        let (name, device) = (DeviceName::default(), DeviceName::default().built().unwrap());
        let asking = |precision: Precision, half_inputs| AdapterConfig {
            precision: precision.into(),
            half_inputs,
            ..AdapterConfig::tia()
        };
        for precision in Precision::ALL {
            assert!(name.knows(Some(&asking(precision, true)), &device).is_ok());
        }
        assert!(name.knows(None, &device).is_ok());
        #[cfg(feature = "ndarray")]
        {
            let (name, device) = (DeviceName::Ndarray, DeviceName::Ndarray.built().unwrap());
            assert!(name.knows(Some(&asking(Precision::F32, false)), &device).is_ok());
            let said = |adapter| name.knows(Some(&adapter), &device).unwrap_err().to_string();
            let said = [said(asking(Precision::F32, true)), said(asking(Precision::F16, false))];
            assert!(said[0].contains("ndarray") && said[0].contains("half-inputs=false"), "{}", said[0]);
            assert!(said[1].contains("f16") && said[1].contains("precision=f32"), "{}", said[1]);
        }
    }

    #[test]
    fn a_device_that_does_not_run_says_why_and_what_it_needs() {
        let error = NoDevice::CannotRun { name: "cuda", reason: "no libcuda".into(), needs: DeviceName::Cuda.needs() };
        let said = error.to_string();
        assert!(said.contains("no libcuda") && said.contains("nvidia-smi") && said.contains("libnvrtc"), "{said}");
    }
}
