//! Writing a transformer as safetensors, one tensor at a time.

use std::path::{Path, PathBuf};

use adatad_backbone::weights::{Match, VitWeights, WeightsError};
use adatad_backbone::{Precision, VitConfig};
use adatad_data::atomic;
use half::{bf16, f16};
use serde_json::{Map, json};

use crate::weights::file_name;

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The weights do not make a whole transformer, or cannot be read.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file cannot be written.
    #[error("{}: cannot be written: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Writes the transformer in `weights`, which is of this size, to `path`; gives the file's length. A file of that name is
/// replaced when all is written.
///
/// # Errors
///
/// Anything missing or of the wrong shape; a file that cannot be read or written.
pub fn convert(
    weights: &VitWeights,
    config: &VitConfig,
    path: &Path,
    precision: Precision,
) -> Result<u64, ConvertError> {
    let found = weights.whole(config)?;
    let header = header(&found, precision);
    let mut length = 8 + header.len() as u64;
    let mut failed = None;
    let written = atomic::write(path, |out| {
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(header.as_bytes())?;
        for matched in &found.matched {
            for name in &matched.stored {
                let numbers = match weights.read(name) {
                    Some(Ok(numbers)) => numbers,
                    Some(Err(error)) => {
                        failed = Some(WeightsError::from(error));
                        return Err(std::io::Error::other("the weights cannot be read"));
                    }
                    None => unreachable!("a matched tensor is in the file"),
                };
                let bytes = bytes_of(precision, &numbers);
                length += bytes.len() as u64;
                out.write_all(&bytes)?;
            }
        }
        Ok(())
    });
    match (failed, written) {
        (Some(error), _) => Err(error.into()),
        (None, Err(source)) => Err(ConvertError::Write { path: path.into(), source }),
        (None, Ok(())) => Ok(length),
    }
}

/// The header of a safetensors file, padded to whole words.
fn header(found: &Match, precision: Precision) -> String {
    let mut tensors = Map::new();
    tensors.insert("__metadata__".into(), json!({ "format": "pt" }));
    let mut start = 0;
    for matched in &found.matched {
        let end = start + matched.shape.iter().product::<usize>() * precision.size();
        let name = file_name(&format!("backbone.vit.{}", matched.name));
        let entry = json!({ "dtype": type_name(precision), "shape": matched.shape, "data_offsets": [start, end] });
        tensors.insert(name, entry);
        start = end;
    }
    let mut text = json!(tensors).to_string();
    text.extend(std::iter::repeat_n(' ', text.len().next_multiple_of(8) - text.len()));
    text
}

/// Its name in safetensors' headers.
fn type_name(precision: Precision) -> String {
    precision.name().to_uppercase()
}

/// Numbers as they stand in a file.
fn bytes_of(precision: Precision, numbers: &[f32]) -> Vec<u8> {
    match precision {
        Precision::F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
        Precision::F16 => numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect(),
        Precision::Bf16 => numbers.iter().flat_map(|number| bf16::from_f32(*number).to_le_bytes()).collect(),
    }
}
