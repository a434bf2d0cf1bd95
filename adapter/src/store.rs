//! Where kept block inputs are: in memory or in a file, in f32 or in bf16.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

use burn::tensor::{Bytes, DType, Device, Tensor, TensorData};

use crate::Keep;

/// Tokens of all clips of all windows, some clips `[m, tokens, c]` after others.
pub(crate) type Pieces = Vec<Tensor<3>>;

/// A temporary file that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[error("kept block inputs in {}: {source}; a folder with more space is chosen with --spill DIR", folder.display())]
pub struct SpillError {
    /// The folder.
    pub folder: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// A block input as the forward pass goes on with it: rounded, where it is kept so.
pub(crate) fn rounded(x: Tensor<3>, keep: &Keep) -> Tensor<3> {
    if keep.half { x.cast(DType::BF16).cast(DType::F32) } else { x }
}

/// Something kept until the backward pass.
pub(crate) enum Stored {
    Memory(Pieces),
    File { folder: PathBuf, file: File, shapes: Vec<[usize; 3]>, dtype: DType, device: Device },
}

impl Stored {
    /// Keeps `pieces` as `keep` says.
    pub(crate) fn put(pieces: Pieces, keep: &Keep) -> Result<Self, SpillError> {
        let kept = match keep.half {
            true => pieces.into_iter().map(|piece| piece.cast(DType::BF16)).collect(),
            false => pieces,
        };
        let Some(folder) = &keep.spill else { return Ok(Self::Memory(kept)) };
        let spilled = |source| SpillError { folder: folder.clone(), source };
        let (dtype, device) = (kept[0].dtype(), kept[0].device());
        let shapes = kept.iter().map(Tensor::dims).collect();
        let mut file = tempfile::tempfile_in(folder).map_err(spilled)?;
        for piece in kept {
            file.write_all(&piece.into_data().into_bytes()).map_err(spilled)?;
        }
        Ok(Self::File { folder: folder.clone(), file, shapes, dtype, device })
    }

    /// Whether what was kept lies in memory as it was.
    pub(crate) fn is_plain(keep: &Keep) -> bool {
        !keep.half && keep.spill.is_none()
    }

    /// What was kept, in f32.
    pub(crate) fn load(&self) -> Result<Pieces, SpillError> {
        let pieces = match self {
            Self::Memory(pieces) => pieces.clone(),
            Self::File { folder, file, shapes, dtype, device } => {
                let read = read(file, shapes, *dtype, device);
                read.map_err(|source| SpillError { folder: folder.clone(), source })?
            }
        };
        Ok(pieces.into_iter().map(|piece| piece.cast(DType::F32)).collect())
    }
}

fn read(mut file: &File, shapes: &[[usize; 3]], dtype: DType, device: &Device) -> io::Result<Pieces> {
    file.seek(SeekFrom::Start(0))?;
    let piece = |shape: &[usize; 3]| {
        let mut bytes = vec![0; shape.iter().product::<usize>() * dtype.size()];
        file.read_exact(&mut bytes)?;
        let data = TensorData::from_bytes(Bytes::from_bytes_vec(bytes), *shape, dtype);
        Ok(Tensor::from_data(data, (device, dtype)))
    };
    shapes.iter().map(piece).collect()
}
