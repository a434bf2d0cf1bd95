//! Checkpoints that cannot be written or used.

use std::path::PathBuf;

use crate::fault::Fault;

/// A checkpoint that cannot be written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused to write.
    #[error(
        "a checkpoint of {} MiB cannot be written: {}: {source}{}",
        needed.div_ceil(1 << 20), path.display(), free.map(|free| format!(" ({} MiB are free)", free >> 20)).unwrap_or_default()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
        /// Bytes of the whole checkpoint.
        needed: u64,
        /// Bytes that are free there, where the system tells.
        free: Option<u64>,
    },
    /// The operating system refused to read or remove.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not what was written.
    #[error("{}: {reason}; the checkpoint cannot be used", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is none.
    #[error("{} holds no checkpoint: nothing to resume; start again with --force", .0.display())]
    Missing(PathBuf),
    /// There are some, and none can be used.
    #[error(
        "none of the checkpoints in {} can be used; start again with --force\n  {}",
        folder.display(), rejected.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  ")
    )]
    NoneUsable {
        /// Their folder.
        folder: PathBuf,
        /// What is wrong with each.
        rejected: Vec<Rejected>,
    },
    /// It is of another model.
    #[error("{}: the checkpoint is of another model: {reason}", path.display())]
    OtherModel {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        reason: String,
    },
}

impl CheckpointError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Write { .. } => Fault::Resource,
            _ => Fault::Input,
        }
    }
}

/// A checkpoint that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its folder.
    pub folder: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl std::fmt::Display for Rejected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.folder.display(), self.reason)
    }
}
