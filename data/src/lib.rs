//! Everything between a file of video and a window of frames: annotations, video reading and writing, transforms,
//! windows, and the generated demonstration data.
//!
//! This crate knows no model: it hands out `u8` pictures and times in seconds.

pub mod annotation;
pub mod atomic;
pub mod classes;
pub mod frames;
mod nearest;
pub mod random;
pub mod synth;
pub mod transform;
pub mod video;
pub mod video_scores;
pub mod window;
