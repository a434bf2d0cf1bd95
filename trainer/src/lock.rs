//! One process at a time in a run's folder.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

/// File of the lock. It stays when the run is over: only who holds it open with a lock owns the folder.
pub const LOCK: &str = ".lock";

/// A held lock; the system releases it when the process ends, however it ends.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

/// A folder that cannot be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process is at work in it.
    #[error("{} is in use by another process ({holder}); wait for it, stop it, or give another --out", folder.display())]
    Held {
        /// The folder.
        folder: PathBuf,
        /// Who holds it, in words.
        holder: String,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl RunLock {
    /// Locks a folder that exists.
    ///
    /// # Errors
    ///
    /// Another process has it, or the system refuses.
    pub fn take(folder: &Path) -> Result<Self, LockError> {
        let path = folder.join(LOCK);
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who it is helps, and is no reason to fail.
                let holder = match file.read_to_string(&mut holder) {
                    Ok(1..) => holder.trim().to_owned(),
                    _ => "unknown".to_owned(),
                };
                return Err(LockError::Held { folder: folder.into(), holder });
            }
            Err(TryLockError::Error(error)) => return Err(io(error)),
        }
        file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", holder())).map_err(io)?;
        Ok(Self { _file: file })
    }
}

/// This process, for whoever finds the lock held: its number, and on Linux the machine's present boot.
fn holder() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    let boot = boot.map(|boot| format!(", boot {}", boot.trim())).unwrap_or_default();
    format!("process {}{boot}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_the_holder_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let first = RunLock::take(folder.path()).unwrap();
        let error = RunLock::take(folder.path()).unwrap_err().to_string();
        assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
        drop(first);
        RunLock::take(folder.path()).unwrap();
    }
}
