//! Adapter tuning of a frozen backbone: the Temporal-Informative Adapter (TIA), and the backbone that carries one
//! after each block.
//!
//! This crate owns the schedule in which the backbone's blocks run; the backbone itself knows nothing of adapters.

mod adapted;
mod back;
mod clips;
mod config;
mod keep;
mod kept;
mod ladder;
mod memory;
mod resample;
mod schedule;
mod store;
mod tia;
mod tia_backward;

pub use adapted::AdaptedBackbone;
pub use clips::clips;
pub use config::{AdapterConfig, AdapterConfigError, PrecisionChoice, Representation, TuningMode};
pub use keep::Keep;
pub use kept::Kept;
pub use memory::{Cost, Need};
pub use resample::{linear_matrix, resample};
pub use store::SpillError;
pub use tia::{DepthwiseWeights, PointwiseWeights, Temporal, Tia};
