//! A run's folder: everything needed to use the run, here or elsewhere.

use std::path::{Path, PathBuf};

use adatad_data::atomic;
use adatad_data::features::{Standard, StandardError};

use crate::config::{Input, RunConfig};
use crate::lock::{LOCK, LockError, RunLock};

/// Where a run's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    root: PathBuf,
}

/// Why a folder cannot hold or be a run.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// There is something already.
    #[error("{} exists and is not empty; continue it with --resume, replace the run in it with --force, or give another --out", .0.display())]
    Occupied(PathBuf),
    /// It holds no run.
    #[error("{} holds no run: {missing} is missing", folder.display())]
    NoRun {
        /// The folder.
        folder: PathBuf,
        /// What a run would have.
        missing: &'static str,
    },
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// Files that a run makes, and that `--force` may remove.
const MADE: [&str; 14] = [
    "config.toml",
    "classes.txt",
    "standard.json",
    "weights.safetensors",
    "metrics.jsonl",
    "detections.json",
    "scores.json",
    "report.html",
    "checkpoint", // of earlier versions
    "checkpoints",
    "best.safetensors",
    "progress.json",
    "step-plan.json",
    "events.out.tfevents.0.adatad",
];

/// First part of the names of files that tell of steps that were not a number.
const NOT_A_NUMBER: &str = "not-a-number-";

impl RunFolder {
    /// A folder for a new run. `force` removes an earlier run's files from it, and nothing else.
    ///
    /// # Errors
    ///
    /// The folder holds something, or cannot be made.
    pub fn create(root: &Path, force: bool) -> Result<Self, FolderError> {
        let io = |source| FolderError::Io { path: root.into(), source };
        std::fs::create_dir_all(root).map_err(io)?;
        let entries = std::fs::read_dir(root).and_then(Iterator::collect::<std::io::Result<Vec<_>>>).map_err(io)?;
        let mut names: Vec<_> = entries.iter().map(std::fs::DirEntry::file_name).collect();
        names.retain(|name| name != LOCK);
        if !names.is_empty() && !force {
            return Err(FolderError::Occupied(root.into()));
        }
        let folder = Self { root: root.into() };
        names.retain(|name| name.to_str().is_some_and(|name| MADE.contains(&name) || name.starts_with(NOT_A_NUMBER)));
        for name in names {
            let path = folder.root.join(name);
            let removed = if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
            match removed {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(FolderError::Io { path, source });
                }
                _ => {}
            }
        }
        Ok(folder)
    }

    /// Makes the folder if it is not there and locks it against other processes.
    ///
    /// # Errors
    ///
    /// Another process is at work in it, or it cannot be made.
    pub fn lock(root: &Path) -> Result<RunLock, LockError> {
        std::fs::create_dir_all(root).map_err(|source| LockError::Io { path: root.into(), source })?;
        RunLock::take(root)
    }

    /// A folder that holds a run, finished or not.
    ///
    /// # Errors
    ///
    /// It does not.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let folder = Self { root: root.into() };
        if !folder.config().is_file() {
            return Err(FolderError::NoRun { folder: root.into(), missing: "config.toml" });
        }
        Ok(folder)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The resolved run file.
    pub fn config(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// One class per line.
    pub fn classes(&self) -> PathBuf {
        self.path("classes.txt")
    }

    /// Mean and deviation of each channel of the training subset's features, in runs that bring them to one scale.
    pub fn standard(&self) -> PathBuf {
        self.path("standard.json")
    }

    /// What is in that file; none in runs that need none.
    ///
    /// # Errors
    ///
    /// The run needs it, and it is missing or damaged.
    pub fn standard_of(&self, config: &RunConfig) -> Result<Option<Standard>, StandardError> {
        match &config.input {
            Input::Features(features) if features.standardise => {
                Standard::load(&self.standard(), features.channels).map(Some)
            }
            Input::Features(_) | Input::Videos(_) => Ok(None),
        }
    }

    /// The trained weights (their average over the last steps).
    pub fn weights(&self) -> PathBuf {
        self.path("weights.safetensors")
    }

    /// One JSON object per step and per evaluation.
    pub fn metrics(&self) -> PathBuf {
        self.path("metrics.jsonl")
    }

    /// Detections on the test subset, in the ActivityNet results layout.
    pub fn detections(&self) -> PathBuf {
        self.path("detections.json")
    }

    /// Figures of the test subset.
    pub fn scores(&self) -> PathBuf {
        self.path("scores.json")
    }

    /// The report.
    pub fn report(&self) -> PathBuf {
        self.path("report.html")
    }

    /// What a run goes on from.
    pub fn checkpoints(&self) -> PathBuf {
        self.path("checkpoints")
    }

    /// What learned, as it was at the best evaluation during training.
    pub fn best(&self) -> PathBuf {
        self.path("best.safetensors")
    }

    /// Tells of a step whose gradient was not a number.
    pub fn not_a_number(&self, step: usize) -> PathBuf {
        self.path(&format!("{NOT_A_NUMBER}{step:06}.json"))
    }

    /// The log for TensorBoard.
    pub fn events(&self) -> PathBuf {
        self.path("events.out.tfevents.0.adatad")
    }

    /// How far the run is.
    pub fn record(&self) -> PathBuf {
        self.path("progress.json")
    }

    /// How the run's steps are run: a run that goes on does as before, to the last bit.
    pub fn step_plan(&self) -> PathBuf {
        self.path("step-plan.json")
    }

    /// Writes one of the run's text files, whole or not at all.
    ///
    /// # Errors
    ///
    /// The operating system refused.
    pub fn write(&self, path: &Path, text: &str) -> Result<(), FolderError> {
        atomic::write(path, |out| out.write_all(text.as_bytes()))
            .map_err(|source| FolderError::Io { path: path.into(), source })
    }
}
