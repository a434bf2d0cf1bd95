//! The data sets of the paper and a few more: how their windows are cut, how they are scored, and which files they come
//! in.
//!
//! Settings are those of OpenTAD's AdaTAD configs where there is one, else those of its configs for features; each says
//! where it comes from. Nothing here reads a video.

mod epic;
mod layout;
mod presets;

pub use layout::{Layout, LayoutOptions};
pub use presets::{DatasetPreset, Settings, Shape};
