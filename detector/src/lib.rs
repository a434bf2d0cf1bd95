//! Temporal action detectors: network, targets, losses, decoding; suppression, metrics and diagnosis.
//!
//! A detector takes features `[b, c, t]` and a mask, never a picture. Suppression, merging and metrics are plain Rust on
//! slices, with no tensor type.

pub mod actionformer;
pub mod classifier;
pub mod conv;
pub mod decode;
mod detector;
pub mod diagnosis;
mod error;
mod gelu;
pub mod gtad;
pub mod levels;
pub mod losses;
pub mod mask;
pub mod merge;
pub mod metrics;
pub mod points;
mod positions;
pub mod pyramid;
pub mod segment;
pub mod stochastic;
pub mod suppression;
pub mod targets;
pub mod tridet;
mod trunk;

pub use detector::{Detector, DetectorConfig, Predictions};
pub use error::DetectorConfigError;
