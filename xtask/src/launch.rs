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

/// Runs `adatad ARGS`, built in release. Where the system allows it, this process becomes it: signals reach it, and its
/// exit code is ours.
pub fn adatad(args: &[OsString]) -> anyhow::Result<ExitCode> {
    let feature = match feature(args) {
        Ok(feature) => feature,
        Err(message) => return Ok(usage(&message)),
    };
    need_compiler()?;
    let mut command = cargo();
    // The folder we were called from stays: relative paths in ARGS start there.
    command.args(["run", "--release", "--package", "adatad", "--bin", "adatad", "--manifest-path"]);
    command.arg(root().join("Cargo.toml")).args(feature_options(feature));
    if !std::io::stderr().is_terminal() {
        command.arg("--quiet");
    }
    command.arg("--").args(args);
    replace(command)
}

/// The cargo features that the `--device` in `args` needs.
fn feature(args: &[OsString]) -> Result<&'static str, String> {
    let Some(device) = args::option(args, "--device")? else { return Ok(DEFAULT) };
    match DEVICES.iter().find(|(name, _)| *name == device) {
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
fn feature_options(feature: &str) -> Vec<&str> {
    if feature == DEFAULT { Vec::new() } else { vec!["--features", feature] }
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

    fn of(line: &str) -> Result<&'static str, String> {
        feature(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn the_processor_is_the_default_device() {
        assert_eq!(of("train run.toml"), Ok("flex"));
        assert_eq!(of("train --device cpu"), Ok("flex"));
        assert_eq!(of("train --device=flex run.toml"), Ok("flex"));
    }

    #[test]
    fn an_unknown_device_names_the_known_ones() {
        assert_eq!(
            of("train --device gpu"),
            Err("unknown device `gpu`; there are cpu, flex, ndarray, wgpu, cuda".into())
        );
        assert_eq!(of("train --device cuda"), Ok("cuda,tuned"));
    }

    #[test]
    fn the_default_feature_is_not_named() {
        assert!(feature_options("flex").is_empty());
        assert_eq!(feature_options("wgpu"), ["--features", "wgpu"]);
    }

    #[test]
    fn a_folder_without_a_compiler_has_none() {
        assert!(!has_compiler([root().join("docs")].iter()));
    }
}
