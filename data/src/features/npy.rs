//! One `.npy` file as rows of f32.
//!
//! The file's length is held against its header before anything is allocated, and numbers are converted as they are
//! read: beyond the result, reading takes a buffer of fixed size.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use half::f16;

use super::error::{FeatureError, FeatureFault};
use super::header::{Header, Number};

/// Numbers converted at once.
const CHUNK: usize = 16_384;

/// Rows of numbers, one after another.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    /// Number of rows; at least 1.
    pub count: usize,
    /// Numbers in each; at least 1.
    pub channels: usize,
    /// `[count, channels]`, all finite.
    pub values: Vec<f32>,
}

/// An opened file whose header fits its length and the number of channels that is wanted.
#[derive(Debug)]
pub(crate) struct NpyFile {
    reader: BufReader<File>,
    header: Header,
    /// Rows and channels.
    pub(super) shape: [usize; 2],
}

impl NpyFile {
    /// Reads the header. `channels` is what the file must have.
    pub(crate) fn open(path: &Path, channels: usize) -> Result<Self, FeatureError> {
        Self::opened(path, channels).map_err(|fault| FeatureError::at(path, fault))
    }

    fn opened(path: &Path, wanted: usize) -> Result<Self, FeatureFault> {
        // Asked before opening: opening a pipe would wait for whoever writes into it.
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(FeatureFault::NotAFile);
        }
        let mut reader = BufReader::new(File::open(path)?);
        let (header, before) = Header::read(&mut reader)?;
        let [steps, channels] = header.shape[..] else {
            return Err(FeatureFault::Rank { shape: header.shape });
        };
        let numbers = steps.checked_mul(channels).filter(|&numbers| numbers > 0);
        let bytes = numbers.and_then(|numbers| numbers.checked_mul(header.number.size()));
        let Some(expected) = bytes.map(|bytes| bytes as u64) else {
            return Err(FeatureFault::Empty { steps, channels });
        };
        let found = metadata.len().saturating_sub(before);
        if found != expected {
            return Err(FeatureFault::Size { found, expected });
        }
        match channels {
            _ if channels == wanted => Ok(Self { reader, header, shape: [steps, channels] }),
            _ if steps == wanted => Err(FeatureFault::Transposed { steps, channels }),
            _ => Err(FeatureFault::Channels { channels, wanted }),
        }
    }

    /// Reads the numbers.
    pub(crate) fn rows(self, path: &Path) -> Result<Rows, FeatureError> {
        self.read().map_err(|fault| FeatureError::at(path, fault))
    }

    fn read(mut self) -> Result<Rows, FeatureFault> {
        let [count, channels] = self.shape;
        let total = count * channels;
        let size = self.header.number.size();
        let mut values = vec![0.0; total];
        let mut bytes = vec![0; CHUNK.min(total) * size];
        for first in (0..total).step_by(CHUNK) {
            let numbers = CHUNK.min(total - first);
            let bytes = &mut bytes[..numbers * size];
            self.reader.read_exact(bytes)?;
            for (at, number) in (first..).zip(bytes.chunks_exact_mut(size)) {
                if self.header.big_endian {
                    number.reverse();
                }
                let place = if self.header.fortran_order { at % count * channels + at / count } else { at };
                values[place] = value(self.header.number, number);
            }
        }
        let odd = |row: &[f32]| !row.iter().all(|value| value.is_finite());
        let mut rows = values.chunks_exact(channels).enumerate().filter(|(_, row)| odd(row)).map(|(at, _)| at);
        match rows.next() {
            Some(first) => Err(FeatureFault::NotNumbers { first, rows: 1 + rows.count() }),
            None => Ok(Rows { count, channels, values }),
        }
    }
}

/// One number, its smallest byte first.
fn value(number: Number, bytes: &[u8]) -> f32 {
    match (number, bytes) {
        (Number::F16, &[a, b]) => f16::from_le_bytes([a, b]).to_f32(),
        (Number::F32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
        (Number::F64, &[a, b, c, d, e, f, g, h]) => f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32,
        _ => unreachable!("chunks have the size of a number"),
    }
}
