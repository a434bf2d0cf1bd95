//! Named flat tensors in files.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};

use super::CheckpointError;

/// Tensors of a model or its state, each as one row, by parameter path.
pub type Tensors = BTreeMap<String, Tensor<1>>;

/// A flat tensor as safetensors wants to see it.
struct Flat(Vec<u8>, [usize; 1]);

impl View for Flat {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.1
    }
    fn data(&self) -> Cow<'_, [u8]> {
        (&self.0).into()
    }
    fn data_len(&self) -> usize {
        self.0.len()
    }
}

/// The bytes of a file that holds these tensors.
pub(super) fn encode(tensors: impl Iterator<Item = (String, Tensor<1>)>) -> Result<Vec<u8>, String> {
    let views = tensors.map(|(name, tensor)| {
        let data = tensor.into_data();
        let shape = [data.num_elements()];
        (name, Flat(data.as_bytes().to_vec(), shape))
    });
    safetensors::serialize(views.collect::<Vec<_>>(), None).map_err(|error| error.to_string())
}

/// The tensors in a file's bytes.
pub(super) fn decode(path: &Path, bytes: &[u8], device: &Device) -> Result<Tensors, CheckpointError> {
    let damaged = |reason: String| CheckpointError::Damaged { path: path.into(), reason };
    let file = SafeTensors::deserialize(bytes).map_err(|error| damaged(error.to_string()))?;
    let tensor = |(name, view): (&str, TensorView<'_>)| {
        if view.dtype() != Dtype::F32 {
            return Err(damaged(format!("`{name}` is {:?}, not F32", view.dtype())));
        }
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let size = values.len();
        Ok((name.to_owned(), Tensor::from_data(TensorData::new(values, [size]), device)))
    };
    file.iter().map(tensor).collect()
}
