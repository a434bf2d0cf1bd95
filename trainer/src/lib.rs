//! Temporal action detection: training, evaluation, detection.
//!
//! [`session::Session`] is a whole run; the modules below it are its parts. Nothing here prints: whoever watches a run
//! implements [`observe::Observer`].

pub mod analysis;
pub mod average;
pub mod batch;
pub mod checkpoint;
pub mod classifier;
pub mod config;
pub mod convert;
pub mod cover;
pub mod dataset;
pub mod detect;
pub mod digest;
pub mod disk;
pub mod evaluate;
pub mod fault;
pub mod fleet;
pub mod folder;
pub mod import;
pub mod journal;
pub mod lock;
pub mod loss_scale;
pub mod matrix;
pub mod memory;
pub mod model;
pub mod observe;
pub mod optim;
pub mod parity;
mod path;
pub mod plan;
pub mod readback;
pub mod record;
pub mod report;
pub mod results;
pub mod rule;
pub mod schedule;
pub mod score;
pub mod session;
pub mod source;
mod stamp;
pub mod step;
pub mod stream;
pub mod summary;
pub mod tensorboard;
pub mod thresholds;
pub mod train;
pub mod trial;
pub mod usage;
pub mod weights;
