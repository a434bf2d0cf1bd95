//! Temporal action detection: training, evaluation, detection.

pub mod average;
pub mod batch;
pub mod config;
pub mod dataset;
pub mod model;
pub mod optim;
pub mod schedule;
pub mod step;
pub mod weights;
