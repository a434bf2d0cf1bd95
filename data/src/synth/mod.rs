//! The generated demonstration: untrimmed videos of an assembly line, with their ground truth.
//!
//! It stands in for a labelled data set where there is none: small enough to make in seconds, and hard enough that a
//! model must look at *motion*. A single frame tells no class apart. `place` is `pick` played backwards, `stop`,
//! `slow-down` and `reverse` begin alike, and hands, arms, shadows, lamps and exposure steps that mean nothing come
//! and go between the actions.
//!
//! The story runs one way: a [`Script`] says what happens when (and is the ground truth), a [`Scene`] says where
//! everything is at a frame, a [`Renderer`] draws that frame, and [`generate`] writes the files. Every step is a
//! function of the seed, the number of the video and the frame: frame 2,000 can be drawn without drawing frame 1,999.
//!
//! Units: times in seconds; lengths in *scene pixels*, of which the picture is always 96 high, however many real
//! pixels that is; a frame is a frame of the video file.

mod belt;
mod camera;
mod canvas;
mod ease;
mod generate;
mod look;
mod options;
mod parts;
mod places;
mod pose;
mod render;
mod scene;
mod script;
mod shape;
mod timeline;

pub use belt::{BeltChange, BeltMotion};
pub use generate::{SynthError, generate, is_current};
pub use options::{OptionsError, Subset, SynthOptions};
pub use parts::{Outline, PartLook};
pub use places::Ground;
pub use pose::{ArmPose, Hand, HandPose, Pass, Reach};
pub use render::Renderer;
pub use scene::{Moment, PartPlace, Scene};
pub use script::{Action, Event, Happening, Jam, Script};

/// Height of the picture in scene pixels.
const SCENE_HEIGHT: f64 = 96.0;

/// Half the side of the central square, the only part of the picture that a model is sure to see.
const HALF_SQUARE: f64 = SCENE_HEIGHT / 2.0;

#[cfg(test)]
mod tests;
