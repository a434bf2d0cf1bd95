//! `--devices A,B`: several devices that share the windows of a step, of this machine or of others.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;
use clap::ValueEnum;

use super::ask::Part;
use super::device::{DeviceName, NoDevice};

/// One device: of this machine by its kind and perhaps its number (`flex`, `cuda:1`), or of another machine by its address
/// (`ws://host:3000`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Here { name: DeviceName, index: usize },
    There(Address),
}

/// Where `adatad serve` lends a device: `ws://[TOKEN@]HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    url: String,
    token: Option<String>,
}

const SCHEME: &str = "ws://";

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix(SCHEME) {
            let (token, host) =
                rest.rsplit_once('@').map_or((None, rest), |(token, host)| (Some(token.to_owned()), host));
            let port =
                host.rsplit_once(':').and_then(|(host, port)| port.parse::<u16>().ok().filter(|_| !host.is_empty()));
            if port.is_none() {
                return Err(format!("`{text}` is no address, as in {SCHEME}host:3000"));
            }
            return Ok(Place::There(Address { url: format!("{SCHEME}{host}"), token }));
        }
        let (name, index) = text.split_once(':').unwrap_or((text, "0"));
        let names = || DeviceName::value_variants().iter().map(|name| name.name()).collect::<Vec<_>>().join(", ");
        let name = DeviceName::from_str(name, true)
            .map_err(|_unknown| format!("`{name}` is none of {}, and no {SCHEME}host:port", names()))?;
        let index =
            index.parse().map_err(|_none| format!("`{index}` is no number of a device, as in {}:1", name.name()))?;
        Ok(Place::Here { name, index })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Here { name, index } => write!(f, "{}:{index}", name.name()),
            Place::There(address) => f.write_str(&address.url),
        }
    }
}

impl Place {
    /// Its kind, in results.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Place::Here { name, .. } => name.name(),
            Place::There(_) => "remote",
        }
    }

    /// The device, and what computes behind it.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(crate) fn open_and_ask(&self) -> Result<(Device, Part), NoDevice> {
        match self {
            Place::Here { name, index: 0 } => name.open_and_ask(),
            _ => Ok((self.open()?, Part { name: self.to_string(), software: false })),
        }
    }

    /// Bytes of a memory of its own, as far as they are known; none where it works in the host's.
    pub(crate) fn own_memory(&self) -> Option<u64> {
        match self {
            Place::Here { name, .. } => name.own_memory(),
            Place::There(_) => Some(super::device::CARD),
        }
    }

    /// The device, if it can be used.
    ///
    /// # Errors
    ///
    /// It is not in this program, does not run here, or nobody lends it there.
    pub(crate) fn open(&self) -> Result<Device, NoDevice> {
        match self {
            Place::Here { name, index } => {
                let first = name.open()?;
                Ok(if *index == 0 { first } else { name.numbered(*index).unwrap_or(first) })
            }
            Place::There(address) => address.open(),
        }
    }
}

impl Address {
    #[cfg(feature = "remote")]
    fn open(&self) -> Result<Device, NoDevice> {
        use burn::tensor::remote::RemoteHost;
        let host = RemoteHost::websocket(&self.url);
        let host = match &self.token {
            Some(token) => host.with_credential(token.as_str()),
            None => host,
        };
        let reason = |error| format!("{}: {error}", self.url);
        Device::remote_options(&host).init().map_err(|error| NoDevice::CannotRun {
            name: "remote",
            reason: reason(error),
            needs: "On the other machine: cargo xtask serve --listen 0.0.0.0:3000 --token WORD, of the same version; here \
                    ws://WORD@HOST:3000.",
        })
    }

    #[cfg(not(feature = "remote"))]
    fn open(&self) -> Result<Device, NoDevice> {
        let _not_asked = (&self.url, &self.token);
        Err(NoDevice::NotBuilt { name: "remote" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_may_have_a_number() {
        assert_eq!("flex".parse(), Ok(Place::Here { name: DeviceName::Flex, index: 0 }));
        assert_eq!("cuda:3".parse(), Ok(Place::Here { name: DeviceName::Cuda, index: 3 }));
        assert!("gpu".parse::<Place>().unwrap_err().contains("flex, ndarray, wgpu, cuda"));
        assert!("cuda:x".parse::<Place>().unwrap_err().contains("cuda:1"));
    }

    #[test]
    fn a_device_may_be_elsewhere() {
        let there = |url: &str, token: Option<&str>| {
            Ok(Place::There(Address { url: url.into(), token: token.map(str::to_owned) }))
        };
        assert_eq!("ws://gpu:3000".parse(), there("ws://gpu:3000", None));
        assert_eq!("ws://s@cret@gpu:3000".parse(), there("ws://gpu:3000", Some("s@cret")));
        for wrong in ["ws://", "ws://gpu", "ws://gpu:x", "ws://:3000", "ws://gpu:99999"] {
            assert!(wrong.parse::<Place>().unwrap_err().contains("ws://host:3000"), "{wrong}");
        }
    }
}
