//! `probe`: what the child of [`ask`](super::ask) does.

use burn::tensor::{Device, Tensor};

use super::ask::Part;
use super::device::DeviceName;
use super::{Clock, Ending, say};

/// Compute a little on a device, and say what it is
#[derive(clap::Args)]
pub(crate) struct Probe {
    /// The device
    device: DeviceName,
}

impl Probe {
    pub(crate) fn run(self, _: &Clock) -> anyhow::Result<Ending> {
        let device = self.device.built().ok_or_else(|| anyhow::anyhow!("not in this program"))?;
        computes(&device)?;
        say(&serde_json::to_string(&part(&device))?);
        Ok(Ending::Done)
    }
}

/// A product of matrices and a sum over all of it: what a driver that is broken dies of first.
fn computes(device: &Device) -> anyhow::Result<()> {
    let x = Tensor::<2>::from_data([[1.0, 2.0], [3.0, 4.0]], device);
    let found = x.clone().matmul(x).sum().into_scalar::<f32>();
    anyhow::ensure!(found == 54.0, "it computes wrongly: a sum that is 54 came out as {found}");
    Ok(())
}

#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn part(device: &Device) -> Part {
    match device.identity() {
        // A card sits somewhere: on a bus, as a rule.
        Some(identity) => Part { name: identity.name, software: identity.physical.is_none() },
        None => Part { name: "the processor".into(), software: false },
    }
}

#[cfg(not(any(feature = "wgpu", feature = "cuda")))]
fn part(_: &Device) -> Part {
    Part { name: "the processor".into(), software: false }
}
