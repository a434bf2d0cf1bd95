//! Temporal action detection: training, evaluation, detection.

pub mod model;
pub mod optim;
pub mod weights;
