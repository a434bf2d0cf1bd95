//! VideoMAE vision transformer (ViT): patch embedding, positions, blocks.
//!
//! The backbone sees one clip of 16 frames at a time and knows nothing of adapters, detectors, files, or seconds.
//! Its blocks can be run one by one, on some clips at a time, by whoever holds them.

mod attention;
mod config;
pub mod init;
mod patch;
mod position;
mod vit;
pub mod weights;

pub use attention::Attention;
pub use config::{Preset, VitConfig, VitConfigError};
pub use patch::{PatchEmbed, normalise};
pub use position::{bicubic_matrix, sinusoid};
pub use vit::{Block, DropRate, Mlp, Vit, resize_positions};
