//! VideoMAE vision transformer (ViT): patch embedding, positions, blocks.
//!
//! The backbone sees one clip of 16 frames at a time and knows nothing of adapters, detectors, files, or seconds.
//! Its blocks can be run one by one, on some clips at a time, by whoever holds them.

mod attention;
mod attention_backward;
mod block;
mod config;
mod drop_path;
mod gelu;
mod gradients;
pub mod init;
mod norm;
mod patch;
mod position;
mod precision;
mod vit;
pub mod weights;

pub use attention::Attention;
pub use attention_backward::heads_at_once;
pub use block::{Block, BlockTrace, Mlp};
pub use config::{Preset, VitConfig, VitConfigError};
pub use drop_path::{BlockDraw, DropRate, scale_clips};
pub use gelu::{Gelu, is_elsewhere, works_in_host_memory};
pub use gradients::Gradients;
pub use patch::{PatchEmbed, frames, normalise};
pub use position::{bicubic_matrix, sinusoid};
pub use precision::{Numbers, Precision, wide};
pub use vit::{Vit, resize_positions};
