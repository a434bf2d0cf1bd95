//! Digests of files: whether what a run was begun with is still what is there.

use std::fs::File;
use std::path::{Path, PathBuf};

/// A file that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.display())]
pub struct Unreadable {
    /// The file or folder.
    pub path: PathBuf,
    /// Why.
    pub source: std::io::Error,
}

/// BLAKE3 of the content of files, one after another, or of a folder's files by name.
///
/// # Errors
///
/// One cannot be read.
pub fn of(paths: &[PathBuf]) -> Result<String, Unreadable> {
    let mut hasher = blake3::Hasher::new();
    for path in paths {
        let unreadable = |path: &Path, source| Unreadable { path: path.into(), source };
        for file in files(path).map_err(|source| unreadable(path, source))? {
            let read = File::open(&file).and_then(|content| hasher.update_reader(content).map(drop));
            read.map_err(|source| unreadable(&file, source))?;
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let mut files = std::fs::read_dir(path)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.retain(|path| path.is_file());
    files.sort();
    Ok(files)
}
