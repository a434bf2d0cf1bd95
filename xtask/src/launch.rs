//! Builds `adatad` with what its device needs and becomes it.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::Context;

use crate::{args, cargo, root, usage};

/// Names of `--device`, each with the cargo features that bring its backend: on a GPU one whose kernels are tuned and put
/// together when they are first used.
const DEVICES: [(&str, &str); 5] =
    [("cpu", "flex"), ("flex", "flex"), ("ndarray", "ndarray"), ("wgpu", "wgpu,tuned"), ("cuda", "cuda,tuned")];
/// The feature that `adatad` has by default.
const DEFAULT: &str = "flex";
/// The one that reaches devices of other machines, and lends this machine's.
const REMOTE: &str = "remote";

/// Runs `adatad ARGS`, built in release. Where the system allows it, this process becomes it: signals reach it, and its
/// exit code is ours.
pub fn adatad(args: &[OsString]) -> anyhow::Result<ExitCode> {
    let features = match features(args) {
        Ok(features) => features,
        Err(message) => return Ok(usage(&message)),
    };
    need_compiler()?;
    let mut command = cargo();
    // The folder we were called from stays: relative paths in ARGS start there.
    command.args(["run", "--release", "--package", "adatad", "--bin", "adatad", "--manifest-path"]);
    command.arg(root().join("Cargo.toml")).args(feature_options(&features));
    if !std::io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    command.arg("--").args(args);
    replace(command)
}

/// The cargo features that the verb and the devices in `args` need, each once.
fn features(args: &[OsString]) -> Result<Vec<&'static str>, String> {
    let lends = args.first().is_some_and(|verb| verb == "serve");
    let mut features = if lends { vec![REMOTE] } else { Vec::new() };
    let several = args::option(args, "--devices")?.unwrap_or_default();
    let several = several.split(',').filter(|device| !device.is_empty()).map(str::to_owned);
    for device in args::option(args, "--device")?.map(str::to_owned).into_iter().chain(several) {
        features.extend(feature(&device)?.split(','));
    }
    features.sort_unstable();
    features.dedup();
    Ok(features)
}

/// The cargo features that a device needs: `cuda`, `cuda:1`, `ws://host:3000`.
fn feature(device: &str) -> Result<&'static str, String> {
    if device.starts_with("ws://") {
        return Ok(REMOTE);
    }
    let kind = device.split_once(':').map_or(device, |(kind, _)| kind);
    match DEVICES.iter().find(|(name, _)| *name == kind) {
        Some((_, feature)) => Ok(feature),
        None => {
            let known = DEVICES.map(|(name, _)| name).join(", ");
            Err(format!("unknown device `{device}`; there are {known}"))
        }
    }
}

/// Options of cargo that switch on features.
///
/// The default features stay on, and the default one is not named: then cargo sees the very features of a plain
/// `cargo build`, and neither builds again what the other has built.
fn feature_options(features: &[&str]) -> Vec<String> {
    let named: Vec<_> = features.iter().copied().filter(|feature| *feature != DEFAULT).collect();
    if named.is_empty() { Vec::new() } else { vec!["--features".into(), named.join(",")] }
}

/// Refuses early where a dependency in C (the memory allocator) could not be built.
fn need_compiler() -> anyhow::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "PATH and CC are how systems say where the compiler is")]
    let (path, chosen) = (std::env::var_os("PATH").unwrap_or_default(), std::env::var_os("CC"));
    // On Windows the compiler is found through the registry, by the build itself.
    if cfg!(windows) || chosen.is_some() || has_compiler(std::env::split_paths(&path)) {
        return Ok(());
    }
    anyhow::bail!(
        "no C compiler found (cc, gcc or clang); install one:\n  \
         Debian, Ubuntu: sudo apt-get install gcc libc6-dev\n  \
         Fedora: sudo dnf install gcc\n  \
         macOS: xcode-select --install"
    )
}

fn has_compiler(mut folders: impl Iterator<Item = impl AsRef<Path>>) -> bool {
    folders.any(|folder| ["cc", "gcc", "clang"].iter().any(|name| folder.as_ref().join(name).is_file()))
}

#[cfg(unix)]
fn replace(mut command: Command) -> anyhow::Result<ExitCode> {
    use std::os::unix::process::CommandExt;
    // Cargo does the same once the build is done, so that in the end one process is left: `adatad`.
    Err(command.exec()).context("cannot start cargo")
}

#[cfg(not(unix))]
fn replace(mut command: Command) -> anyhow::Result<ExitCode> {
    let status = command.status().context("cannot start cargo")?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<String, String> {
        let features = features(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())?;
        Ok(feature_options(&features).join(" "))
    }

    #[test]
    fn the_processor_is_the_default_device() {
        for line in
            ["train run.toml", "train --device cpu", "train --device=flex run.toml", "train --devices flex,flex"]
        {
            assert_eq!(of(line), Ok(String::new()), "the default feature is not named");
        }
    }

    #[test]
    fn an_unknown_device_names_the_known_ones() {
        assert_eq!(
            of("train --device gpu"),
            Err("unknown device `gpu`; there are cpu, flex, ndarray, wgpu, cuda".into())
        );
        assert!(of("train --devices flex,gpu").unwrap_err().contains("gpu"));
    }

    #[test]
    fn every_device_brings_its_backend() {
        assert_eq!(of("train --device cuda").unwrap(), "--features cuda,tuned");
        assert_eq!(of("train --devices cuda:0,cuda:1").unwrap(), "--features cuda,tuned");
        assert_eq!(of("train --devices flex,ws://word@gpu:3000").unwrap(), "--features remote");
        assert_eq!(of("serve --device wgpu --listen 0.0.0.0:3000").unwrap(), "--features remote,tuned,wgpu");
    }

    #[test]
    fn a_folder_without_a_compiler_has_none() {
        assert!(!has_compiler([root().join("docs")].iter()));
    }
}
