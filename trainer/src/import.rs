//! A detector that the reference implementation trained, as the folder of a run: `eval` and `detect` take it from there.

use std::path::{Path, PathBuf};

use adatad_data::classes::{ClassError, ClassList};
use adatad_data::random::{Rng, Stream};
use burn::module::Module;
use burn::tensor::Device;

use crate::config::RunConfig;
use crate::folder::{FolderError, RunFolder};
use crate::lock::LockError;
use crate::model::{AdaTad, ParameterCount};
use crate::weights::{self, WeightsError, file_name};

/// What such files hold besides a model: a norm that is never applied, and the state of the loss.
const IDLE: [&str; 2] = ["unused.", "state."];

/// Why there is no folder.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file, or what it lacks.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The file holds more than the model.
    #[error(
        "{}: holds {} weights that the model of the run file has no place for, the first is `{}`; is it the run file of this \
         checkpoint?",
        path.display(), names.len(), names.first().map_or("", String::as_str)
    )]
    NoPlace {
        /// The file.
        path: PathBuf,
        /// Names of the weights.
        names: Vec<String>,
    },
    /// The list of classes.
    #[error(transparent)]
    Classes(#[from] ClassError),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Somebody else is at work in it.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// Writes the folder of a run that ended with the weights in `checkpoint` (PyTorch or safetensors, under OpenTAD's names;
/// averaged weights before others). Every weight must have its place, and every place its weight.
///
/// # Errors
///
/// See [`ImportError`]. Nothing is written before the weights have been read.
pub fn import(
    config: &RunConfig,
    classes: &ClassList,
    checkpoint: &Path,
    out: &Path,
    force: bool,
    device: &Device,
) -> Result<ParameterCount, ImportError> {
    // What is drawn is overwritten.
    let unused = &mut Rng::new(config.seed, Stream::Init, 0, 0);
    let mut model = AdaTad::blank(&config.model(classes.len()), unused, device);
    let mut names = weights::load(&mut model, checkpoint)?;
    names.retain(|name| !IDLE.iter().any(|idle| name.starts_with(idle)));
    if !names.is_empty() {
        let names = names.iter().map(|name| file_name(name)).collect();
        return Err(ImportError::NoPlace { path: checkpoint.into(), names });
    }
    let _lock = RunFolder::lock(out)?;
    let folder = RunFolder::create(out, force)?;
    classes.save(folder.classes())?;
    folder.write(&folder.config(), &config.to_toml())?;
    let model = model.valid();
    weights::save(&model, &folder.weights())?;
    Ok(model.parameters())
}
