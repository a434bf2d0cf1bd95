//! What a checkpoint's files are to be, so that one that changed or is not whole is never trusted.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Of the layout of checkpoints; a file of another one is not read.
pub const VERSION: u32 = 1;

/// File name of the manifest.
pub const MANIFEST: &str = "MANIFEST.json";

/// `MANIFEST.json`: written last, so that a folder without it is no checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Of the layout.
    pub version: u32,
    /// Steps done.
    pub step: usize,
    /// The other files, by name.
    pub files: BTreeMap<String, Entry>,
}

/// One file as it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its content.
    pub digest: String,
}

impl Entry {
    /// That of a file with this content.
    pub fn of(content: &[u8]) -> Self {
        Self { bytes: content.len() as u64, digest: blake3::hash(content).to_hex().to_string() }
    }
}

/// Reads and checks the manifest of a checkpoint's folder.
///
/// # Errors
///
/// In words: it is missing, of another version, or no manifest.
pub fn read(folder: &Path) -> Result<Manifest, String> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let text = std::fs::read_to_string(folder.join(MANIFEST)).map_err(|error| format!("{MANIFEST}: {error}"))?;
    // The version first: the fields of another one may differ.
    let Version { version } = serde_json::from_str(&text).map_err(|error| format!("{MANIFEST}: {error}"))?;
    if version != VERSION {
        return Err(format!("{MANIFEST} is of version {version}, and this program reads version {VERSION}"));
    }
    serde_json::from_str(&text).map_err(|error| format!("{MANIFEST}: {error}"))
}

/// The content of one of the manifest's files.
///
/// # Errors
///
/// In words: it is missing, or not what was written.
pub fn content(folder: &Path, manifest: &Manifest, name: &str) -> Result<Vec<u8>, String> {
    let entry = manifest.files.get(name).ok_or_else(|| format!("{MANIFEST} lists no {name}"))?;
    let bytes = std::fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() as u64 != entry.bytes {
        return Err(format!("{name} has {} bytes, {} were written", bytes.len(), entry.bytes));
    }
    if Entry::of(&bytes) != *entry {
        return Err(format!("{name} has changed since it was written"));
    }
    Ok(bytes)
}
