//! Reading fixtures.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::score::Score;
use super::unusable::Unusable;
use crate::score::file::quote_bare_words;

/// Named tensors.
#[derive(Debug, Default, Clone)]
pub(super) struct Tensors(BTreeMap<String, TensorData>);

/// Tensors with their tolerances.
#[derive(Debug)]
pub(super) struct Fixture {
    /// What the fixture is.
    pub(super) sidecar: Value,
    /// Inputs and outputs.
    pub(super) io: Tensors,
    /// Outputs in 64 bits, where there are any.
    pub(super) gold: Tensors,
}

pub(super) fn read_json(path: &Path) -> Result<Value, Unusable> {
    let text = std::fs::read(path).map_err(|error| Unusable::file(path, error))?;
    // Python writes NaN and infinities as bare words; they become texts.
    let text = quote_bare_words(&text).unwrap_or(text);
    serde_json::from_slice(&text).map_err(|error| Unusable::file(path, error))
}

impl Tensors {
    /// Every tensor of a safetensors file.
    pub(super) fn read(path: &Path) -> Result<Self, Unusable> {
        let bytes = std::fs::read(path).map_err(|error| Unusable::file(path, error))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|error| Unusable::file(path, error))?;
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            let dtype = match view.dtype() {
                Dtype::F32 => DType::F32,
                Dtype::F64 => DType::F64,
                Dtype::F16 => DType::F16,
                Dtype::BF16 => DType::BF16,
                Dtype::I8 => DType::I8,
                Dtype::I16 => DType::I16,
                Dtype::I32 => DType::I32,
                Dtype::I64 => DType::I64,
                Dtype::U8 | Dtype::BOOL => DType::U8,
                other => return Err(Unusable::file(path, format!("`{name}` is of the type {other:?}"))),
            };
            let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
            tensors.insert(name.to_owned(), data);
        }
        Ok(Self(tensors))
    }

    /// The tensor of this name.
    pub(super) fn get(&self, name: &str) -> Result<&TensorData, Unusable> {
        self.0.get(name).ok_or_else(|| Unusable(format!("the fixture has no tensor `{name}`")))
    }

    /// The names that begin like this, without the beginning.
    pub(super) fn under<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.keys().filter_map(move |name| name.strip_prefix(start))
    }

    /// Its numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<f64>, Unusable> {
        Ok(numbers(self.get(name)?))
    }

    /// A tensor on a device.
    pub(super) fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Result<Tensor<D>, Unusable> {
        let data = self.get(name)?;
        match data.shape().len() {
            dims if dims == D => Ok(Tensor::from_data(data.clone().convert::<f32>(), device)),
            dims => Err(Unusable(format!("`{name}` has {dims} dimensions, expected are {D}"))),
        }
    }

    /// Frames `[b, 1, 3, f, h, w]` as `[b, 3, f, h, w]`.
    pub(super) fn frames(&self, name: &str, device: &Device) -> Result<Tensor<5, Int>, Unusable> {
        let data = self.get(name)?;
        let &[b, 1, 3, f, h, w] = data.shape().as_slice() else {
            return Err(Unusable(format!("`{name}` is {:?}, expected is [b, 1, 3, f, h, w]", data.shape())));
        };
        let bytes = TensorData::from_bytes(data.bytes().clone(), [b, 3, f, h, w], data.dtype());
        Ok(adatad_backbone::frames(bytes, device))
    }
}

impl Fixture {
    /// Reads `NAME.json`, `NAME.io.safetensors` and, if there, `NAME.gold64.safetensors`.
    pub(super) fn read(folder: &Path, name: &str) -> Result<Self, Unusable> {
        let gold = folder.join(format!("{name}.gold64.safetensors"));
        Ok(Self {
            sidecar: read_json(&folder.join(format!("{name}.json")))?,
            io: Tensors::read(&folder.join(format!("{name}.io.safetensors")))?,
            gold: if gold.exists() { Tensors::read(&gold)? } else { Tensors::default() },
        })
    }

    /// Compares with the reference's tensor of this name.
    pub(super) fn check(&self, score: &mut Score, name: &str, found: &TensorData) -> Result<(), Unusable> {
        self.check_with(score, name, found, |_| 0.0)
    }

    /// The same, with `more` tolerance for single elements.
    pub(super) fn check_with(
        &self,
        score: &mut Score,
        name: &str,
        found: &TensorData,
        more: impl Fn(usize) -> f64,
    ) -> Result<(), Unusable> {
        let tolerance = self.tolerance(name)?;
        score.within(name, &numbers(found), &self.expected(name)?, |at| tolerance + more(at));
        Ok(())
    }

    /// The same, of numbers at hand.
    pub(super) fn check_numbers(&self, score: &mut Score, name: &str, found: &[f64]) -> Result<(), Unusable> {
        let tolerance = self.tolerance(name)?;
        score.within(name, found, &self.expected(name)?, |_| tolerance);
        Ok(())
    }

    /// The reference's numbers: those in 64 bits where there are any.
    pub(super) fn expected(&self, name: &str) -> Result<Vec<f64>, Unusable> {
        self.gold.get(name).or_else(|_| self.io.get(name)).map(numbers)
    }

    /// How far off a correct implementation in 32 bits may be.
    pub(super) fn tolerance(&self, name: &str) -> Result<f64, Unusable> {
        let tolerance = self.sidecar["tolerances"][name]["atol"].as_f64();
        tolerance.ok_or_else(|| Unusable(format!("the fixture has no tolerance for `{name}`")))
    }

    /// Whether the fixture says what this should be.
    pub(super) fn has(&self, name: &str) -> bool {
        self.io.get(name).is_ok()
    }
}

/// The numbers of a tensor as it is now. Data that was asked for is read when it is looked at: by then, on a GPU, an
/// operation may have changed the tensor in place.
pub(super) fn now<const D: usize>(x: &Tensor<D>) -> Vec<f64> {
    numbers(&x.to_data())
}

pub(super) fn numbers(data: &TensorData) -> Vec<f64> {
    data.iter::<f64>().collect()
}
