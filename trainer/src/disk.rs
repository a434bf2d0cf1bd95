//! How much room there is where a run's files go.

use std::path::Path;

/// Bytes that are free to us on the disk of a file or folder (or of the nearest folder above it that exists); none where
/// the system does not tell.
pub fn free(path: &Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find(|path| path.exists())?;
    of_existing(there)
}

#[cfg(unix)]
fn of_existing(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    disk.f_bavail.checked_mul(disk.f_frsize)
}

#[cfg(not(unix))]
fn of_existing(_: &Path) -> Option<u64> {
    None
}

/// The disk is too full for a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the run needs about {} MiB of disk for checkpoints and weights, and {} MiB are free; give an --out elsewhere",
    needed.div_ceil(1 << 20), free >> 20
)]
pub struct DiskFull {
    /// Bytes that are needed.
    pub needed: u64,
    /// Bytes that are free.
    pub free: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_still_to_be_made_is_on_the_disk_of_what_is_above_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(free(&folder.path().join("not/yet")).unwrap() > 0);
        assert_eq!(free(Path::new("/proc/self/status")), Some(0));
    }
}
