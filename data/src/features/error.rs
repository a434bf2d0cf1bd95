//! Why a file of features cannot be used, and what would help.

use std::path::{Path, PathBuf};

/// A file of features that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}", path.display())]
pub struct FeatureError {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: FeatureFault,
}

impl FeatureError {
    pub(super) fn at(path: &Path, fault: FeatureFault) -> Self {
        Self { path: path.into(), fault }
    }
}

/// What is wrong with a file of features.
#[derive(Debug, thiserror::Error)]
pub enum FeatureFault {
    /// The operating system refused.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A folder, a pipe or a device.
    #[error("is no ordinary file")]
    NotAFile,
    /// Not what `numpy.save` writes.
    #[error("is no .npy file: {0}; write it with numpy.save")]
    NotNpy(&'static str),
    /// A later version of the format.
    #[error("is .npy version {major}.{minor}; versions 1 to 3 can be read")]
    Version {
        /// First number.
        major: u8,
        /// Second number.
        minor: u8,
    },
    /// A header that breaks off or says something else than a header does.
    #[error("its header {0}")]
    Header(String),
    /// Pickled Python objects, which would have to be executed.
    #[error("holds Python objects, which are not read; save numbers: numpy.save(file, array.astype('float32'))")]
    Objects,
    /// Numbers that are no floating-point numbers.
    #[error("holds `{descr}`, not f2, f4 or f8; save numpy.save(file, array.astype('float32'))")]
    Type {
        /// The type in numpy's words.
        descr: String,
    },
    /// Not two axes.
    #[error("has shape {shape:?}; features have two axes, [steps, channels]")]
    Rank {
        /// The shape.
        shape: Vec<usize>,
    },
    /// An axis of length 0, or one whose product no machine holds.
    #[error("has shape [{steps}, {channels}], which holds no features")]
    Empty {
        /// First axis.
        steps: usize,
        /// Second axis.
        channels: usize,
    },
    /// The numbers do not fill the file, or do not fit into it.
    #[error("{} {found} bytes of numbers, where its header tells of {expected}", if found < expected { "is cut short:" } else { "is too long:" })]
    Size {
        /// Bytes after the header.
        found: u64,
        /// Bytes of an array of this shape and type.
        expected: u64,
    },
    /// Time and channels changed places.
    #[error("has shape [{steps}, {channels}] and looks transposed: [steps, {steps}] is wanted; save array.T")]
    Transposed {
        /// First axis.
        steps: usize,
        /// Second axis.
        channels: usize,
    },
    /// Another number of channels.
    #[error("has {channels} channels, not {wanted}")]
    Channels {
        /// Of the file.
        channels: usize,
        /// As configured.
        wanted: usize,
    },
    /// Rows with a NaN or an infinity, or with a number beyond f32.
    #[error("row {first} is not all numbers (NaN or infinite){}", more(*.rows))]
    NotNumbers {
        /// The first such row, from 0.
        first: usize,
        /// How many there are.
        rows: usize,
    },
    /// Another file than when it was opened.
    #[error("has changed: {rows} rows, {opened} before")]
    Changed {
        /// Rows now.
        rows: usize,
        /// Rows when it was opened.
        opened: usize,
    },
    /// A raw signal shorter than one step.
    #[error("has {rows} rows; one step needs {window}")]
    Short {
        /// Of the file.
        rows: usize,
        /// Rows that make one step.
        window: usize,
    },
}

fn more(rows: usize) -> String {
    match rows {
        0 | 1 => String::new(),
        rows => format!(", nor are {} others", rows - 1),
    }
}
