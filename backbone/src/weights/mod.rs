//! Pretrained weights: which file holds what, and into which parameter it goes.
//!
//! [`mod@file`] reads PyTorch's and safetensors' files as lists of named tensors. [`Layout`] knows the four ways in which
//! VideoMAE's weights are named; [`Match`] compares names and shapes before a single number is read; [`VitWeights`]
//! fills a transformer, one tensor at a time, so that loading takes little more memory than the parameters themselves.

pub mod file;
mod held;
mod hugging_face;
mod layout;
mod matching;
mod vit;

pub use held::AsHeld;
pub use hugging_face::HuggingFaceError;
pub use layout::{Layout, Names, Place};
pub use matching::{Match, Matched, Missing, WrongShape};
pub use vit::{VitWeights, WeightsError, deferred};
