//! What a stopped run goes on from: weights, their average, the optimiser's moments, and a few numbers.
//!
//! Random draws need no state: they are functions of the seed and the step (`adatad_data::random`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::optim::{AdamWState, AdaptiveMomentumState};
use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::average::WeightAverage;
use crate::model::AdaTad;
use crate::optim::OptimizerState;
use crate::rule::Moments;
use crate::weights::{self, WeightsError};

/// The numbers of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps each optimiser moment has taken in.
    pub optimizer_steps: usize,
    /// Running mean of positives.
    pub loss_normalizer: f64,
    /// Mean loss of every finished epoch.
    pub epoch_losses: Vec<f64>,
    /// Losses of the unfinished epoch, summed.
    pub epoch_sum: f64,
    /// BLAKE3 of the files beside this one, by name.
    pub digests: BTreeMap<String, String>,
}

/// A checkpoint that cannot be written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A file is not what was written.
    #[error("{}: {reason}; the checkpoint cannot be used", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is none.
    #[error("{} is missing: nothing to resume; start again with --force", .0.display())]
    Missing(PathBuf),
}

const WEIGHTS: &str = "weights.safetensors";
const AVERAGE: &str = "average.safetensors";
const MOMENTS: &str = "moments.safetensors";
const PROGRESS: &str = "progress.json";

/// What is written and read back.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// The model as trained so far.
    pub model: &'a AdaTad,
    /// The average of its weights.
    pub average: &'a WeightAverage,
    /// The optimiser's moments.
    pub moments: &'a OptimizerState,
}

/// Writes a checkpoint beside the old one and puts it in its place when it is complete.
///
/// # Errors
///
/// The operating system refused; the old checkpoint is then still there.
pub fn save(folder: &Path, state: &State<'_>, mut progress: Progress) -> Result<(), CheckpointError> {
    let fresh = folder.with_extension("writing");
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| CheckpointError::Io { path, source }
    };
    remove(&fresh)?;
    std::fs::create_dir_all(&fresh).map_err(io(&fresh))?;
    weights::save(state.model, &fresh.join(WEIGHTS))?;
    let average = state.average.weights.iter().map(|(path, tensor)| (path.clone(), tensor.clone()));
    write_tensors(&fresh.join(AVERAGE), average)?;
    let moments = state.moments.iter().flat_map(|(path, moments)| match moments {
        Moments::Adam(state) => {
            let AdaptiveMomentumState { moment_1, moment_2, .. } = &state.momentum;
            vec![(format!("{path}#1"), moment_1.clone()), (format!("{path}#2"), moment_2.clone())]
        }
        Moments::Velocity(velocity) => vec![(format!("{path}#velocity"), velocity.clone())],
    });
    write_tensors(&fresh.join(MOMENTS), moments)?;
    for name in [WEIGHTS, AVERAGE, MOMENTS] {
        let path = fresh.join(name);
        progress.digests.insert(name.into(), digest(&path)?);
    }
    let path = fresh.join(PROGRESS);
    let text = serde_json::to_string_pretty(&progress).map_err(|e| io(&path)(e.into()))?;
    std::fs::write(&path, text).map_err(io(&path))?;

    let old = folder.with_extension("old");
    remove(&old)?;
    if folder.exists() {
        std::fs::rename(folder, &old).map_err(io(folder))?;
    }
    std::fs::rename(&fresh, folder).map_err(io(&fresh))?;
    remove(&old)
}

/// Reads a checkpoint into `model`.
///
/// # Errors
///
/// There is none, or it is damaged.
pub fn load(
    folder: &Path,
    model: &mut AdaTad,
    average: &mut WeightAverage,
    moments: &mut OptimizerState,
    device: &Device,
) -> Result<Progress, CheckpointError> {
    let old = folder.with_extension("old");
    // A death between the two renames of `save` leaves only the old one.
    let folder = if !folder.exists() && old.exists() { &old } else { folder };
    let path = folder.join(PROGRESS);
    let text = std::fs::read_to_string(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => CheckpointError::Missing(path.clone()),
        _ => CheckpointError::Io { path: path.clone(), source },
    })?;
    let damaged = |path: PathBuf, reason: String| CheckpointError::Damaged { path, reason };
    let progress: Progress = serde_json::from_str(&text).map_err(|e| damaged(path.clone(), e.to_string()))?;
    for (name, expected) in &progress.digests {
        let path = folder.join(name);
        if digest(&path)? != *expected {
            return Err(damaged(path, "its content has changed since it was written".into()));
        }
    }
    weights::load(model, &folder.join(WEIGHTS))?;
    average.weights = read_tensors(&folder.join(AVERAGE), device)?;
    let mut halves = read_tensors(&folder.join(MOMENTS), device)?;
    let paths: Vec<String> = halves.keys().filter_map(|name| name.strip_suffix("#1")).map(str::to_owned).collect();
    for path in paths {
        let (first, second) = (halves.remove(&format!("{path}#1")), halves.remove(&format!("{path}#2")));
        let (Some(moment_1), Some(moment_2)) = (first, second) else {
            return Err(damaged(folder.join(MOMENTS), format!("`{path}` has only one moment")));
        };
        let momentum = AdaptiveMomentumState { time: progress.optimizer_steps, moment_1, moment_2, max_moment_2: None };
        moments.insert(path, Moments::Adam(AdamWState { momentum }));
    }
    for (name, velocity) in halves {
        if let Some(path) = name.strip_suffix("#velocity") {
            moments.insert(path.to_owned(), Moments::Velocity(velocity));
        }
    }
    Ok(progress)
}

fn remove(folder: &Path) -> Result<(), CheckpointError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(CheckpointError::Io { path: folder.into(), source })
        }
        _ => Ok(()),
    }
}

fn digest(path: &Path) -> Result<String, CheckpointError> {
    let bytes = std::fs::read(path).map_err(|source| CheckpointError::Io { path: path.into(), source })?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// A flat tensor as safetensors wants to see it.
struct Flat(Vec<u8>, [usize; 1]);

impl View for Flat {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.1
    }
    fn data(&self) -> std::borrow::Cow<'_, [u8]> {
        (&self.0).into()
    }
    fn data_len(&self) -> usize {
        self.0.len()
    }
}

fn write_tensors(path: &Path, tensors: impl Iterator<Item = (String, Tensor<1>)>) -> Result<(), CheckpointError> {
    let views = tensors.map(|(name, tensor)| {
        let data = tensor.into_data();
        let shape = [data.num_elements()];
        (name, Flat(data.as_bytes().to_vec(), shape))
    });
    safetensors::serialize_to_file(views.collect::<Vec<_>>(), None, path)
        .map_err(|e| CheckpointError::Io { path: path.into(), source: std::io::Error::other(e) })
}

fn read_tensors(path: &Path, device: &Device) -> Result<BTreeMap<String, Tensor<1>>, CheckpointError> {
    let bytes = std::fs::read(path).map_err(|source| CheckpointError::Io { path: path.into(), source })?;
    let damaged = |reason: String| CheckpointError::Damaged { path: path.into(), reason };
    let file = SafeTensors::deserialize(&bytes).map_err(|e| damaged(e.to_string()))?;
    let tensor = |(name, view): (&str, safetensors::tensor::TensorView<'_>)| {
        if view.dtype() != Dtype::F32 {
            return Err(damaged(format!("`{name}` is {:?}, not F32", view.dtype())));
        }
        let values: Vec<f32> = view.data().as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        let size = values.len();
        Ok((name.to_owned(), Tensor::from_data(TensorData::new(values, [size]), device)))
    };
    file.iter().map(tensor).collect()
}
