//! The whole video in one window, whatever its length (`ResizeDataset` of OpenTAD: ActivityNet).

use super::{FramePlan, Timeline, Timing, Truth, Window, WindowError};

/// Spreads a fixed number of frames over each video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    resize_length: usize,
    scale_factor: usize,
}

impl Resize {
    /// `resize_length` cells (192 for ActivityNet) of `scale_factor` frames each (4).
    pub fn new(resize_length: usize, scale_factor: usize) -> Result<Self, WindowError> {
        for (name, value) in [("resize_length", resize_length), ("scale_factor", scale_factor)] {
            if value == 0 {
                return Err(WindowError::Zero { name });
            }
        }
        Ok(Self { resize_length, scale_factor })
    }

    /// The one window of a video. `truth` is in seconds; in testing there is none.
    ///
    /// Differs from OpenTAD: always `resize_length * scale_factor` frames, where `arange` may give one more.
    pub fn window(&self, timeline: &Timeline, truth: &[Truth]) -> Window {
        let Self { resize_length, scale_factor } = *self;
        let duration = timeline.duration;
        let step = |seconds: f64| (seconds / duration).clamp(0.0, 1.0) * resize_length as f64;
        let step = |truth: &Truth| Truth { start: step(truth.start), end: step(truth.end), class: truth.class };
        Window {
            video: timeline.video,
            name: timeline.name.clone(),
            frames: FramePlan::Spread { total: timeline.decoded, length: resize_length * scale_factor },
            window_size: resize_length,
            mask_valid: resize_length,
            timing: Timing::Whole { resize_length, duration },
            truth: truth.iter().map(step).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_and_seconds_are_inverse_to_each_other() {
        let line = Timeline { video: 0, name: "v".into(), frames: 300, decoded: 300, fps: 30.0, duration: 10.0 };
        let truth = [Truth { start: 2.5, end: 12.0, class: 0 }];
        let window = Resize::new(192, 4).unwrap().window(&line, &truth);
        assert_eq!(window.truth, [Truth { start: 48.0, end: 192.0, class: 0 }]);
        assert_eq!([window.timing.seconds(48.0), window.timing.seconds(192.0)], [2.5, 10.0]);
        assert_eq!((window.frames.len(), window.mask().filter(|valid| *valid).count()), (768, 192));
        assert!(Resize::new(0, 4).is_err());
    }
}
