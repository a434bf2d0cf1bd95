//! What a run goes on from, however it ended: weights, their average, the optimiser's moments, and a few numbers.
//!
//! A checkpoint is one folder, `step-000420`. It is written beside its place under a name that is never read, brought to
//! the disk, and renamed: that rename is the one moment at which it comes to exist. Whoever looks for the newest one
//! checks every byte against the manifest, and takes an older one where that fails.
//!
//! Random draws need no state: they are functions of the seed and the step (`adatad_data::random`). Weights that do not
//! learn are not written: they come from where they came from when the run began.

mod error;
mod manifest;
mod tensors;

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::optim::{AdamWState, AdaptiveMomentumState};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

pub use error::{CheckpointError, Rejected};
pub use manifest::{Entry, MANIFEST, Manifest, VERSION};
pub use tensors::Tensors;

use crate::average::{WeightAverage, learning_weights, put_weights};
use crate::disk;
use crate::loss_scale::LossScale;
use crate::model::AdaTad;
use crate::optim::OptimizerState;
use crate::rule::Moments;

/// Checkpoints that are kept besides the one being written.
const KEPT: usize = 2;

const WEIGHTS: &str = "weights.safetensors";
const AVERAGE: &str = "average.safetensors";
const MOMENTS: &str = "moments.safetensors";
const STATE: &str = "state.json";
const LATEST: &str = "latest";
const PREFIX: &str = "step-";
const UNFINISHED: &str = "tmp";

/// The numbers of a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps each optimiser moment has taken in: fewer, where steps were skipped.
    pub optimizer_steps: usize,
    /// Running mean of positives.
    pub loss_normalizer: f64,
    /// Mean loss of every finished epoch.
    pub epoch_losses: Vec<f64>,
    /// Losses of the unfinished epoch, summed.
    pub epoch_sum: f64,
    /// How many steps they are of: those that were not left out.
    #[serde(default)]
    pub epoch_steps: usize,
    /// Bytes of the log that belong to these steps.
    pub log_bytes: u64,
    /// Windows that could not be read so far.
    pub skipped_windows: usize,
    /// Steps in a row, up to this one, whose gradient was not a number.
    pub skipped_steps: usize,
    /// The factor on the loss; none where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<LossScale>,
    /// The best evaluation during training so far.
    pub best: Option<Best>,
    /// BLAKE3 of the file that the frozen weights come from.
    pub frozen: Option<String>,
}

/// The best evaluation so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// After this many epochs.
    pub epoch: usize,
    /// Its average mAP.
    pub average: f64,
}

/// What is written and read back besides numbers.
#[derive(Clone, Copy)]
pub struct State<'a> {
    /// The model as trained so far.
    pub model: &'a AdaTad,
    /// The average of its weights.
    pub average: &'a WeightAverage,
    /// The optimiser's moments.
    pub moments: &'a OptimizerState,
}

/// What makes the content of a file when its turn comes: all at once would take twice the memory.
type Content<'f> = Box<dyn FnOnce() -> Result<Vec<u8>, String> + 'f>;

/// The checkpoints of a run.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    root: PathBuf,
}

/// The newest checkpoint that can be used.
#[derive(Debug)]
pub struct Found {
    /// Its folder.
    pub folder: PathBuf,
    /// Its numbers.
    pub progress: Progress,
    /// Newer ones that cannot.
    pub rejected: Vec<Rejected>,
    weights: Tensors,
    average: Tensors,
    moments: Tensors,
}

impl Checkpoints {
    /// Those in a folder, which need not exist yet.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Bytes of a checkpoint of a model in which so many numbers learn.
    pub fn bytes(learning: usize) -> u64 {
        // The weights, their average, and at most two moments.
        4 * 4 * learning as u64
    }

    /// Writes a checkpoint. Of older ones, the newest two stay.
    ///
    /// # Errors
    ///
    /// The operating system refused; older checkpoints are then still there.
    pub fn save(&self, state: &State<'_>, progress: &Progress) -> Result<(), CheckpointError> {
        let moments = state.moments.iter().flat_map(|(path, moments)| match moments {
            Moments::Adam(state) => {
                let AdaptiveMomentumState { moment_1, moment_2, .. } = &state.momentum;
                vec![(format!("{path}#1"), moment_1.clone()), (format!("{path}#2"), moment_2.clone())]
            }
            Moments::Velocity(velocity) => vec![(format!("{path}#velocity"), velocity.clone())],
        });
        let average = state.average.weights.iter().map(|(path, tensor)| (path.clone(), tensor.clone()));
        let weights = || tensors::encode(learning_weights(state.model).into_iter());
        let numbers = || serde_json::to_vec_pretty(progress).map_err(|error| error.to_string());
        let files: [(&str, Content<'_>); 4] = [
            (WEIGHTS, Box::new(weights)),
            (AVERAGE, Box::new(|| tensors::encode(average))),
            (MOMENTS, Box::new(|| tensors::encode(moments))),
            (STATE, Box::new(numbers)),
        ];
        self.put(progress.step, Self::bytes(state.average.numbers()), files)?;
        self.remove_old()
    }

    /// The newest checkpoint whose every byte is as it was written.
    ///
    /// # Errors
    ///
    /// There is none.
    pub fn newest(&self, device: &Device) -> Result<Found, CheckpointError> {
        let mut rejected = Vec::new();
        for folder in self.folders()?.into_iter().rev() {
            match open(&folder, device) {
                Ok(found) => return Ok(Found { rejected, ..found }),
                Err(reason) => rejected.push(Rejected { folder, reason }),
            }
        }
        match rejected.is_empty() {
            true => Err(CheckpointError::Missing(self.root.clone())),
            false => Err(CheckpointError::NoneUsable { folder: self.root.clone(), rejected }),
        }
    }

    /// Folders that have the name of a checkpoint, oldest first.
    fn folders(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let io = |source| CheckpointError::Io { path: self.root.clone(), source };
        let entries = match std::fs::read_dir(&self.root) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io)?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let path = entry.map_err(io)?.path();
            let step = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix(PREFIX));
            if let Some(step) = step.and_then(|step| step.parse::<usize>().ok()) {
                found.push((step, path));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// Writes the files of one checkpoint, one after another, and makes them one. `needed` bytes are told in errors.
    fn put(&self, step: usize, needed: u64, files: [(&str, Content<'_>); 4]) -> Result<(), CheckpointError> {
        let name = format!("{PREFIX}{step:06}");
        let (place, fresh) = (self.root.join(&name), self.root.join(&name).with_extension(UNFINISHED));
        let failed = |path: &Path, source: std::io::Error| CheckpointError::Write {
            path: path.into(),
            source,
            needed,
            free: disk::free(&self.root),
        };
        remove(&fresh)?;
        std::fs::create_dir_all(&fresh).map_err(|error| failed(&fresh, error))?;
        let write = |name: &str, content: &[u8]| {
            let path = fresh.join(name);
            durable(&path, content).map_err(|error| failed(&path, error))
        };
        let all = || {
            let mut manifest = Manifest { version: VERSION, step, files: Default::default() };
            for (name, content) in files {
                let content = content().map_err(|error| failed(&fresh.join(name), std::io::Error::other(error)))?;
                write(name, &content)?;
                manifest.files.insert(name.to_owned(), Entry::of(&content));
            }
            let manifest = serde_json::to_vec_pretty(&manifest);
            write(MANIFEST, &manifest.map_err(|error| failed(&fresh.join(MANIFEST), error.into()))?)?;
            sync_folder(&fresh).map_err(|error| failed(&fresh, error))?;
            // Steps may be done again after a resume from an older checkpoint: the new one is the same, and is whole.
            remove(&place)?;
            std::fs::rename(&fresh, &place).map_err(|error| failed(&place, error))?;
            sync_folder(&self.root).map_err(|error| failed(&self.root, error))
        };
        if let Err(error) = all() {
            // What is left of it would only take the room that is missing.
            remove(&fresh)?;
            return Err(error);
        }
        self.point_to(&name)
    }

    /// Finishes what a process may have left when it died: `latest` names another checkpoint than the newest, or one is
    /// half written.
    ///
    /// # Errors
    ///
    /// The operating system refused.
    pub fn finish(&self, newest: &Found) -> Result<(), CheckpointError> {
        let io = |source| CheckpointError::Io { path: self.root.clone(), source };
        for entry in std::fs::read_dir(&self.root).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if path.extension().is_some_and(|extension| extension == UNFINISHED) {
                remove(&path)?;
            }
        }
        let name = newest.folder.file_name().unwrap_or_default().to_string_lossy();
        match std::fs::read_to_string(self.root.join(LATEST)) {
            Ok(latest) if latest.trim() == name => Ok(()),
            _ => self.point_to(&name),
        }
    }

    /// Names the newest checkpoint, for people and other programs: here the folders themselves decide.
    fn point_to(&self, name: &str) -> Result<(), CheckpointError> {
        let path = self.root.join(LATEST);
        adatad_data::atomic::write(&path, |out| writeln!(out, "{name}")).map_err(|source| CheckpointError::Write {
            needed: name.len() as u64,
            free: disk::free(&path),
            path,
            source,
        })
    }

    fn remove_old(&self) -> Result<(), CheckpointError> {
        let folders = self.folders()?;
        let old = folders.len().saturating_sub(KEPT);
        folders[..old].iter().try_for_each(|folder| remove(folder))
    }
}

impl Found {
    /// The averaged weights.
    pub fn average(&self) -> &Tensors {
        &self.average
    }

    /// Puts what was found in its places. `model` is as the run began with it.
    ///
    /// # Errors
    ///
    /// It is another model.
    pub fn restore(
        self,
        model: AdaTad,
        average: &mut WeightAverage,
        moments: &mut OptimizerState,
    ) -> Result<(AdaTad, Progress), CheckpointError> {
        let other = |reason: String| CheckpointError::OtherModel { path: self.folder.clone(), reason };
        for (name, tensors) in [(WEIGHTS, &self.weights), (AVERAGE, &self.average)] {
            same(tensors, &average.weights).map_err(|reason| other(format!("{name}: {reason}")))?;
        }
        let model = put_weights(model, &self.weights);
        let mut halves = self.moments;
        let paths: Vec<String> = halves.keys().filter_map(|name| name.strip_suffix("#1")).map(str::to_owned).collect();
        for path in paths {
            let (first, second) = (halves.remove(&format!("{path}#1")), halves.remove(&format!("{path}#2")));
            let (Some(moment_1), Some(moment_2)) = (first, second) else {
                return Err(CheckpointError::OtherModel {
                    path: self.folder,
                    reason: format!("{MOMENTS}: `{path}` has only one moment"),
                });
            };
            let time = self.progress.optimizer_steps;
            let momentum = AdaptiveMomentumState { time, moment_1, moment_2, max_moment_2: None };
            moments.insert(path, Moments::Adam(AdamWState { momentum }));
        }
        for (name, velocity) in halves {
            if let Some(path) = name.strip_suffix("#velocity") {
                moments.insert(path.to_owned(), Moments::Velocity(velocity));
            }
        }
        average.weights = self.average;
        Ok((model, self.progress))
    }
}

/// Writes what learns, as an average has it, into one file.
///
/// # Errors
///
/// The operating system refused; an older file is then still there.
pub fn save_learned(path: &Path, average: &WeightAverage) -> Result<(), CheckpointError> {
    let tensors = average.weights.iter().map(|(path, tensor)| (path.clone(), tensor.clone()));
    let content = tensors::encode(tensors).map_err(|reason| CheckpointError::Damaged { path: path.into(), reason })?;
    adatad_data::atomic::write(path, |out| out.write_all(&content)).map_err(|source| CheckpointError::Write {
        path: path.into(),
        source,
        needed: content.len() as u64,
        free: disk::free(path),
    })
}

/// Reads what [`save_learned`] wrote.
///
/// # Errors
///
/// It is missing or damaged.
pub fn load_learned(path: &Path, device: &Device) -> Result<Tensors, CheckpointError> {
    let bytes = std::fs::read(path).map_err(|source| CheckpointError::Io { path: path.into(), source })?;
    tensors::decode(path, &bytes, device)
}

/// Whether two sets of tensors have the same names and sizes.
fn same(found: &Tensors, wanted: &Tensors) -> Result<(), String> {
    if let Some(missing) = wanted.keys().find(|name| !found.contains_key(*name)) {
        return Err(format!("`{missing}` is missing"));
    }
    for (name, tensor) in found {
        let wanted = wanted.get(name).ok_or_else(|| format!("`{name}` is too much"))?;
        if tensor.dims() != wanted.dims() {
            return Err(format!("`{name}` has {} numbers, not {}", tensor.dims()[0], wanted.dims()[0]));
        }
    }
    Ok(())
}

fn open(folder: &Path, device: &Device) -> Result<Found, String> {
    let manifest = manifest::read(folder)?;
    let tensors = |name: &str| {
        let bytes = manifest::content(folder, &manifest, name)?;
        tensors::decode(&folder.join(name), &bytes, device).map_err(|error| error.to_string())
    };
    let state = manifest::content(folder, &manifest, STATE)?;
    let progress: Progress = serde_json::from_slice(&state).map_err(|error| format!("{STATE}: {error}"))?;
    if progress.step != manifest.step {
        return Err(format!("{STATE} is of step {}, {MANIFEST} of step {}", progress.step, manifest.step));
    }
    let (weights, average, moments) = (tensors(WEIGHTS)?, tensors(AVERAGE)?, tensors(MOMENTS)?);
    Ok(Found { folder: folder.into(), progress, rejected: Vec::new(), weights, average, moments })
}

/// A file that is on the disk when this returns. Its folder is the part that appears whole or not at all.
fn durable(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let mut file = File::options().create(true).truncate(true).write(true).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Brings a folder's list of names to the disk, where the system can.
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn remove(folder: &Path) -> Result<(), CheckpointError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(CheckpointError::Io { path: folder.into(), source })
        }
        _ => Ok(()),
    }
}
