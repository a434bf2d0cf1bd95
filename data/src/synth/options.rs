//! What the generated data set is to be: how many videos, how long, how large, and from which seed.

use serde::{Deserialize, Serialize};

use super::SCENE_HEIGHT;
use crate::random::{Rng, Stream};

/// The generated data set as a user asks for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct SynthOptions {
    /// Everything drawn is a function of this and of the number of the video.
    pub seed: u64,
    /// Number of training videos.
    pub training: usize,
    /// Number of validation videos.
    pub validation: usize,
    /// Number of test videos.
    pub test: usize,
    /// Shortest and longest video, in seconds.
    pub seconds: (f64, f64),
    /// Width of the picture in pixels; even, and at least the height.
    pub width: usize,
    /// Height of the picture in pixels; even.
    pub height: usize,
    /// Frames per second.
    pub fps: u32,
    /// Quantiser of the video encoder: lower is better and larger.
    pub qp: u8,
}

impl Default for SynthOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            training: 24,
            validation: 4,
            test: 8,
            seconds: (60.0, 180.0),
            width: 128,
            height: 96,
            fps: 25,
            qp: 26,
        }
    }
}

/// Why a data set cannot be generated as asked.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// No video in any subset.
    #[error("training, validation and test are all 0: there is nothing to generate")]
    NoVideos,
    /// The range of lengths is empty, or too short for any action between the margins.
    #[error("seconds is [{shortest}, {longest}]: needs 6 <= shortest <= longest <= 3600")]
    Seconds {
        /// Shortest length asked for, in seconds.
        shortest: f64,
        /// Longest length asked for, in seconds.
        longest: f64,
    },
    /// A size that the scene or the encoder cannot have.
    #[error("{width}x{height} pixels: both must be even, from 48 to 1024, and the width no less than the height")]
    Size {
        /// Width asked for, in pixels.
        width: usize,
        /// Height asked for, in pixels.
        height: usize,
    },
    /// A frame rate at which the motion is not visible, or not worth its cost.
    #[error("fps is {fps}: needs 5 to 120")]
    FrameRate {
        /// Frames per second asked for.
        fps: u32,
    },
    /// A quantiser that H.264 does not have.
    #[error("qp is {qp}: needs 1 to 51")]
    Quantiser {
        /// Quantiser asked for.
        qp: u8,
    },
}

impl SynthOptions {
    /// Whether this data set can be generated, and if not, the first reason why.
    pub fn check(&self) -> Result<(), OptionsError> {
        let (shortest, longest) = self.seconds;
        let (width, height) = (self.width, self.height);
        let sizes = 48..=1024;
        if self.training + self.validation + self.test == 0 {
            return Err(OptionsError::NoVideos);
        }
        // Written so that a NaN fails it.
        if !(6.0 <= shortest && shortest <= longest && longest <= 3600.0) {
            return Err(OptionsError::Seconds { shortest, longest });
        }
        let even = width.is_multiple_of(2) && height.is_multiple_of(2);
        if !(even && sizes.contains(&width) && sizes.contains(&height) && width >= height) {
            return Err(OptionsError::Size { width, height });
        }
        if !(5..=120).contains(&self.fps) {
            return Err(OptionsError::FrameRate { fps: self.fps });
        }
        if !(1..=51).contains(&self.qp) {
            return Err(OptionsError::Quantiser { qp: self.qp });
        }
        Ok(())
    }

    /// Number of videos in a subset.
    pub fn videos(&self, subset: Subset) -> usize {
        match subset {
            Subset::Training => self.training,
            Subset::Validation => self.validation,
            Subset::Test => self.test,
        }
    }

    /// Real pixels per scene pixel.
    pub(super) fn scale(&self) -> f64 {
        self.height as f64 / SCENE_HEIGHT
    }

    /// Where the draws of one video come from.
    pub(super) fn source(&self, subset: Subset, index: usize) -> Source {
        Source { seed: self.seed, video: ((subset as u64) << 32) | index as u64 }
    }
}

/// What a video is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subset {
    /// The model learns from it.
    Training,
    /// Choices are made on it.
    Validation,
    /// The final figures are measured on it.
    Test,
}

impl Subset {
    /// Every subset.
    pub const ALL: [Subset; 3] = [Subset::Training, Subset::Validation, Subset::Test];

    /// The name that the annotation file uses.
    pub fn name(self) -> &'static str {
        match self {
            Subset::Training => "training",
            Subset::Validation => "validation",
            Subset::Test => "test",
        }
    }
}

/// Where the draws of one video come from. More training videos leave every other subset as it was.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    seed: u64,
    video: u64,
}

/// The number that no video has.
const SHARED: u64 = u64::MAX;

/// What is drawn. Frames come last: frame `k` is number `Frame + k`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    /// Length of the video and when things happen.
    Timeline,
    /// Where they happen.
    Places,
    /// Where the belt lies in the picture.
    Ground,
    /// The parts that nobody touches.
    Parts,
    /// Unevenness of the belt's drive.
    Drive,
    /// Colours and textures.
    Look,
    /// Shake, light and noise.
    Camera,
    /// Noise of single frames.
    Frame,
}

impl Source {
    /// The generator for one purpose.
    pub(super) fn rng(self, purpose: Purpose) -> Rng {
        Rng::new(self.seed, Stream::Synth, self.video, purpose as u64)
    }

    /// The generator for what all videos of the data set share: one line, filmed by one camera.
    pub(super) fn shared_rng(self, purpose: Purpose) -> Rng {
        Rng::new(self.seed, Stream::Synth, SHARED, purpose as u64)
    }

    /// The generator for the noise of one frame.
    pub(super) fn frame_rng(self, frame: usize) -> Rng {
        let index = Purpose::Frame as u64 + frame as u64;
        Rng::new(self.seed, Stream::Synth, self.video, index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_generated() {
        assert_eq!(SynthOptions::default().check(), Ok(()));
    }

    #[test]
    fn options_are_kebab_case_and_closed() {
        let options: SynthOptions = serde_json::from_str(r#"{"seed": 3, "seconds": [10, 20]}"#).unwrap();
        assert_eq!((options.seed, options.seconds), (3, (10.0, 20.0)));
        assert!(serde_json::from_str::<SynthOptions>(r#"{"sead": 3}"#).is_err());
    }

    #[test]
    fn what_cannot_be_generated_is_refused_with_its_reason() {
        let with = |change: fn(&mut SynthOptions)| {
            let mut options = SynthOptions::default();
            change(&mut options);
            options.check().unwrap_err().to_string()
        };
        assert!(with(|o| (o.training, o.validation, o.test) = (0, 0, 0)).contains("nothing"));
        assert!(with(|o| o.seconds = (20.0, 10.0)).contains("[20, 10]"));
        assert!(with(|o| o.seconds = (f64::NAN, 10.0)).contains("seconds"));
        assert!(with(|o| o.width = 129).contains("129x96"));
        assert!(with(|o| o.fps = 0).contains("fps is 0"));
        assert!(with(|o| o.qp = 52).contains("qp is 52"));
    }
}
