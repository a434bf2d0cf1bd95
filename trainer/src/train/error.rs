//! Why training ended before its time.

use std::path::PathBuf;

use adatad_adapter::SpillError;
use adatad_data::ahead::Panicked;

use crate::checkpoint::CheckpointError;
use crate::detect::DetectError;
use crate::disk::DiskFull;
use crate::fault::Fault;
use crate::source::SourceError;

/// Why training ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A checkpoint cannot be written or used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The disk is too full to begin.
    #[error(transparent)]
    Disk(#[from] DiskFull),
    /// A window cannot be made ready, and too many could not be before.
    #[error(
        "{skipped} of {drawn} windows could not be read, more than schedule.skip-limit = {limit} allows; the last: {last}"
    )]
    TooManySkipped {
        /// Windows that could not be read.
        skipped: usize,
        /// Windows so far, but at least those of an epoch.
        drawn: usize,
        /// Share that is allowed.
        limit: f64,
        /// What is wrong with the last one.
        last: SourceError,
    },
    /// A thread that makes windows ready met a mistake.
    #[error("window of {0}")]
    Panicked(#[from] Panicked),
    /// A step ended in the middle: a device was lost, or the program has a mistake.
    #[error(
        "step {step} (windows from {}) could not be computed: {reason}; what was learned before it is saved, --resume goes \
         on from there",
        videos.join(", ")
    )]
    Computing {
        /// The step, from 0.
        step: usize,
        /// The videos of its windows.
        videos: Vec<String>,
        /// What the panic said.
        reason: String,
        /// Whether a device of another machine was part of it: then that is the likeliest reason.
        elsewhere: bool,
    },
    /// No thread for reading windows.
    #[error("no thread for reading windows: {0}")]
    Thread(std::io::Error),
    /// The loss has left the numbers.
    #[error(
        "step {step}: the loss or gradient is not a number (windows from {}); nothing was changed by this step, and {} \
         tells of it; a smaller optimizer.learning-rate may help, and schedule.skip-steps allows so many in a row",
        videos.join(", "), record.display()
    )]
    NotANumber {
        /// The step, from 0.
        step: usize,
        /// Videos of its windows.
        videos: Vec<String>,
        /// File that tells of the step.
        record: PathBuf,
    },
    /// What a step keeps does not fit into its folder.
    #[error(transparent)]
    Spill(#[from] SpillError),
    /// Evaluation during training.
    #[error(transparent)]
    Evaluation(#[from] Box<DetectError>),
    /// Too few windows for a single step.
    #[error(
        "schedule.batch is {batch}, but an epoch has only {windows} windows; lower it, or raise schedule.windows-per-video"
    )]
    BatchTooLarge {
        /// Windows per step.
        batch: usize,
        /// Windows per epoch.
        windows: usize,
    },
}

impl TrainError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Checkpoint(error) => error.fault(),
            Self::Disk(_) | Self::NotANumber { .. } | Self::Spill(_) | Self::Thread(_) => Fault::Resource,
            Self::Computing { elsewhere: true, .. } => Fault::Resource,
            Self::Panicked(_) | Self::Computing { .. } => Fault::Program,
            Self::TooManySkipped { .. } | Self::Evaluation(_) | Self::BatchTooLarge { .. } => Fault::Input,
        }
    }
}
