//! What can be wrong with a file of weights, said so that its owner can act.

use std::io;
use std::path::{Path, PathBuf};

/// A problem with one file of weights.
#[derive(Debug, thiserror::Error)]
#[error("{problem}: {}", path.display())]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

/// What is wrong with a file of weights. Offsets count bytes from the start of the file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The operating system refused, or the file shrank after it was opened.
    #[error("the file cannot be read ({0})")]
    Io(#[from] io::Error),
    /// A folder, a pipe, a device.
    #[error("not a regular file: give the path of a .pth or .safetensors file")]
    NotAFile,
    /// Zero bytes.
    #[error("the file is empty (0 bytes): copy or download it again")]
    Empty,
    /// A file of some other kind, recognised by its first bytes or its content.
    #[error("this is {looks}, not a file of weights: {advice}")]
    Foreign {
        /// What it looks like, with its article.
        looks: String,
        /// What its owner can do.
        advice: &'static str,
    },
    /// Weights written on a machine of the other byte order.
    #[error("the weights are big-endian: load and save them again on a little-endian machine")]
    BigEndian,
    /// The file ends before its content does.
    #[error("the file is cut short: {what} ends at byte {needs}, the file at byte {has}; copy or download it again")]
    Truncated {
        /// What reaches beyond the end.
        what: String,
        /// Where it would end.
        needs: u64,
        /// How long the file is.
        has: u64,
    },
    /// The zip archive of a .pth file contradicts itself.
    #[error("the zip archive is damaged at byte {offset} ({what}): copy or download it again")]
    Zip {
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// An entry of the zip archive that PyTorch would not have written so.
    #[error("the entry `{entry}` of the archive {what}: write the file with torch.save, not with a zip program")]
    Entry {
        /// Name of the entry.
        entry: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The pickled tree of a .pth file is damaged, or uses what torch.save never writes.
    #[error("{part} is damaged at byte {offset}: {what}")]
    Pickle {
        /// Which pickle of the file.
        part: &'static str,
        /// Where.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The header of a .safetensors file is wrong.
    #[error("the safetensors header is damaged: {0}")]
    Header(String),
    /// A tensor contradicts its storage or the file.
    #[error("tensor `{name}`: {what}")]
    Tensor {
        /// Its path in the file, such as `state_dict.head.bias`.
        name: String,
        /// What is wrong with it.
        what: String,
    },
    /// A size that a small file could claim to exhaust memory or time.
    #[error("{what} is beyond the limit of {limit}")]
    Limit {
        /// What is too large.
        what: String,
        /// How large it may be.
        limit: String,
    },
    /// The machine has not enough memory for the tensor asked for.
    #[error("no memory for a tensor of {0} bytes")]
    Memory(u64),
    /// Numbers that have no value as a 32-bit float.
    #[error("a tensor of {0} cannot be read as 32-bit floats")]
    NotReal(&'static str),
}

impl Problem {
    /// The same problem, of this file.
    pub(super) fn of(self, path: &Path) -> FileError {
        FileError { path: path.to_path_buf(), problem: self }
    }

    /// A fault of a tensor whose name the caller adds with [`Problem::inside`].
    pub(super) fn tensor(what: impl Into<String>) -> Problem {
        Problem::Tensor { name: String::new(), what: what.into() }
    }

    /// The same problem, one level up: a tensor's name grows by the key of the dict it lies in.
    pub(super) fn inside(self, key: &str) -> Problem {
        match self {
            Problem::Tensor { name, what } if name.is_empty() => Problem::Tensor { name: shortened(key), what },
            Problem::Tensor { name, what } => Problem::Tensor { name: format!("{}.{name}", shortened(key)), what },
            other => other,
        }
    }
}

/// A text of the file as a message may show it: control characters escaped, and not without end.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    let mut short: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        short.push_str("...");
    }
    short
}
