//! Files of weights: PyTorch's .pth in both of its forms, and .safetensors.
//!
//! [`WeightFile::open`] reads what a file holds, but no numbers; [`WeightFile::read_f32`] reads those of one tensor, so
//! that a file may be larger than the memory. The kind of a file is decided by its content, never by its name.
//!
//! A .pth holds a Python pickle, a program that could do anything to whoever runs it. Nothing of it is run here: it is
//! read into a tree of plain [`Value`]s. A file that is hostile, damaged, cut short or of another kind is an error that
//! says what is wrong and what to do. No input may panic, nor take memory beyond the limits named in these files.
//!
//! | file | concept |
//! | --- | --- |
//! | `disk`, `foreign` | pieces of the file; files of other kinds |
//! | `pickle`, `graph`, `value` | from the opcodes of a pickle to a tree |
//! | `zip`, `pth_zip`, `pth_legacy`, `safetensors` | the three forms |
//! | `tensor`, `read` | where a tensor lies, and its numbers |

mod disk;
mod error;
mod foreign;
mod graph;
mod pickle;
mod pth_legacy;
mod pth_zip;
mod read;
mod safetensors;
mod tensor;
#[cfg(test)]
mod tests;
mod value;
mod zip;

use std::path::{Path, PathBuf};

pub use disk::MAX_PICKLE;
pub use error::{FileError, Problem};
pub use pickle::MAX_STEPS;
pub use safetensors::{MAX_HEADER, MAX_TENSORS};
pub use tensor::{DType, MAX_DIMENSIONS, MAX_ELEMENTS, MAX_EXPANSION, SMALL_EXPANSION, TensorInfo};
pub use value::{MAX_DEPTH, MAX_VALUES, Value};
pub use zip::MAX_DIRECTORY;

use disk::Disk;

/// Most dicts of tensors that [`WeightFile::state_dicts`] returns. Checkpoints have one to three.
pub const MAX_STATE_DICTS: usize = 256;

/// The form of a file of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// What torch.save writes since PyTorch 1.6.
    PthZip,
    /// What torch.save wrote before, back to 0.1.10.
    PthLegacy,
    /// The form of the safetensors library.
    Safetensors,
}

/// A dict of tensors found in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct StateDict<'a> {
    /// The keys that lead to it, joined by dots, such as `state_dict_ema`; empty for the root.
    pub path: String,
    /// Its tensors by name, in the order of the file.
    pub tensors: Vec<(&'a str, &'a TensorInfo)>,
}

/// An opened file of weights. It holds the tree of its values, and an open file to read numbers from.
#[derive(Debug)]
pub struct WeightFile {
    path: PathBuf,
    kind: FileKind,
    root: Value,
    disk: Disk,
}

impl WeightFile {
    /// Reads what a file of weights holds, but no numbers yet.
    pub fn open(path: &Path) -> Result<WeightFile, FileError> {
        Self::open_file(path).map_err(|problem| problem.of(path))
    }

    fn open_file(path: &Path) -> Result<WeightFile, Problem> {
        let disk = Disk::open(path)?;
        let kind = recognise(&disk)?;
        let root = match kind {
            FileKind::PthZip => pth_zip::open(&disk)?,
            FileKind::PthLegacy => pth_legacy::open(&disk)?,
            FileKind::Safetensors => safetensors::open(&disk)?,
        };
        Ok(WeightFile { path: path.to_path_buf(), kind, root, disk })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The form of the file.
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// What the file holds. Of a .safetensors file, that is a dict of tensors.
    pub fn root(&self) -> &Value {
        &self.root
    }

    /// All dicts whose values are mostly tensors, such as those of the weights and of their moving average.
    ///
    /// They are looked for in dicts within dicts, under keys that are texts, a few levels deep. The state of an
    /// optimizer is not among them, because it is kept under numbers. Those beyond [`MAX_STATE_DICTS`] are left out.
    pub fn state_dicts(&self) -> Vec<StateDict<'_>> {
        let mut found = Vec::new();
        collect(&self.root, String::new(), 0, &mut found);
        found
    }

    /// The numbers of a tensor of this file, row by row, each as the nearest 32-bit float.
    ///
    /// Takes the memory of the result and about a megabyte. Complex numbers are an error.
    pub fn read_f32(&self, tensor: &TensorInfo) -> Result<Vec<f32>, FileError> {
        read::floats(&self.disk, tensor).map_err(|problem| problem.of(&self.path))
    }

    /// The numbers of a tensor of this file, row by row, in the type of the file, the lowest byte first.
    pub fn read_bytes(&self, tensor: &TensorInfo) -> Result<Vec<u8>, FileError> {
        read::bytes(&self.disk, tensor).map_err(|problem| problem.of(&self.path))
    }
}

fn collect<'a>(value: &'a Value, path: String, depth: usize, found: &mut Vec<StateDict<'a>>) {
    const LEVELS: usize = 4;
    const LONGEST_KEY: usize = 256;
    let Value::Dict(pairs) = value else { return };
    let tensors: Vec<_> = pairs.iter().filter_map(|(key, value)| Some((key.text()?, value.tensor()?))).collect();
    if tensors.len() * 2 > pairs.len() && found.len() < MAX_STATE_DICTS {
        found.push(StateDict { path: path.clone(), tensors });
    }
    if depth == LEVELS {
        return;
    }
    for (key, value) in pairs {
        if let (Some(key), Value::Dict(_)) = (key.text().filter(|key| key.len() <= LONGEST_KEY), value) {
            let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            collect(value, path, depth + 1, found);
        }
    }
}

fn recognise(disk: &Disk) -> Result<FileKind, Problem> {
    if disk.len() == 0 {
        return Err(Problem::Empty);
    }
    let head = disk.bytes(0, disk.len().min(512), "the beginning")?;
    // A text may have a brace there by chance.
    let text = |bytes: &[u8]| bytes.iter().all(|&byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    match &head[..] {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Ok(FileKind::PthZip),
        [0x80, 2..=5, ..] => Ok(FileKind::PthLegacy),
        _ if head.get(8) == Some(&b'{') && !text(&head[..8]) => Ok(FileKind::Safetensors),
        _ => Err(foreign::describe(&head, disk.len())),
    }
}
