//! Everything between a file of video and a window of frames: annotations, video reading and writing, transforms,
//! windows, and the generated demonstration data; and between a file of features and a window of them.
//!
//! This crate knows no model: it hands out `u8` pictures, `f32` features and times in seconds.

pub mod ahead;
pub mod annotation;
pub mod atomic;
pub mod check;
pub mod classes;
pub mod datasets;
pub mod features;
pub mod formats;
pub mod frames;
pub mod import;
mod json;
pub mod library;
mod nearest;
pub mod random;
pub mod synth;
pub mod transform;
pub mod video;
pub mod video_scores;
pub mod window;
