//! How far the belt has moved at any time: the integral of its speed.
//!
//! `stop`, `slow-down` and `reverse` brake at the same rate, so that their beginnings look alike and only what
//! follows tells them apart.

use super::ease::Wander;
use super::options::{Purpose, Source};

/// How one event changes the speed of the belt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeltChange {
    /// Start of braking, in seconds.
    pub start: f64,
    /// Back at full speed, in seconds.
    pub end: f64,
    /// Speed in between, as a fraction of full speed; negative runs backwards.
    pub target: f64,
    /// Seconds to lose full speed while braking steadily.
    pub brake: f64,
    /// Seconds to gain full speed while recovering steadily.
    pub recover: f64,
}

/// Seconds over which braking sets in and lets go.
pub(super) const ONSET: f64 = 0.3;

impl BeltChange {
    /// Speed at `time`, as a fraction of full speed.
    pub fn factor(&self, time: f64) -> f64 {
        let depth = 1.0 - self.target;
        let braked = lost(time - self.start, self.brake, depth);
        let recovering = lost(self.end - time, self.recover, depth);
        1.0 - braked.min(recovering)
    }
}

/// Speed lost `time` seconds into braking: a straight ramp down to `depth`, averaged over [`ONSET`]. Until the ramp
/// ends it does not depend on `depth`, so the beginning does not give away what is coming.
fn lost(time: f64, brake: f64, depth: f64) -> f64 {
    let ramp = brake * depth;
    // Integral of the ramp.
    let area = |t: f64| match t {
        t if t <= 0.0 => 0.0,
        t if t < ramp => t * t / (2.0 * brake),
        t => depth * (t - ramp / 2.0),
    };
    ((area(time) - area(time - ONSET)) / ONSET).min(depth)
}

/// Where the belt is at every frame of a video.
#[derive(Debug, Clone)]
pub struct BeltMotion {
    /// Scene pixels travelled to the right at each frame, one more than the video has.
    positions: Vec<f64>,
    fps: f64,
}

impl BeltMotion {
    /// Follows a belt of `speed` scene pixels per second, a little uneven, through its changes.
    pub(super) fn new(source: Source, frames: usize, fps: u32, speed: f64, changes: &[BeltChange]) -> Self {
        let fps = f64::from(fps);
        let uneven = Wander::new(&mut source.rng(Purpose::Drive), frames as f64 / fps, 3.0);
        let mut positions = vec![0.0];
        let mut position = 0.0;
        for frame in 0..frames {
            let time = (frame as f64 + 0.5) / fps;
            let factor: f64 = changes.iter().map(|change| change.factor(time)).product();
            position += speed * factor * (1.0 + 0.04 * uneven.at(time)) / fps;
            positions.push(position);
        }
        Self { positions, fps }
    }

    /// Scene pixels travelled to the right since the start of the video.
    pub fn at(&self, time: f64) -> f64 {
        let place = (time * self.fps).clamp(0.0, (self.positions.len() - 1) as f64);
        let frame = (place as usize).min(self.positions.len() - 2);
        let part = place - frame as f64;
        self.positions[frame] * (1.0 - part) + self.positions[frame + 1] * part
    }

    /// Leftmost and rightmost place the belt ever reaches.
    pub fn range(&self) -> (f64, f64) {
        self.positions.iter().fold((0.0, 0.0), |(low, high), &p| (p.min(low), p.max(high)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synth::{Subset, SynthOptions};

    fn change(target: f64) -> BeltChange {
        BeltChange { start: 2.0, end: 10.0, target, brake: 1.0, recover: 1.2 }
    }

    fn motion(changes: &[BeltChange]) -> BeltMotion {
        let source = SynthOptions::default().source(Subset::Test, 0);
        BeltMotion::new(source, 300, 25, 25.0, changes)
    }

    #[test]
    fn a_stopped_belt_stands_and_a_reversed_one_runs_back() {
        let (stop, reverse) = (motion(&[change(0.0)]), motion(&[change(-1.0)]));
        assert!((stop.at(5.0) - stop.at(4.0)).abs() < 1e-9);
        assert!((reverse.at(5.0) - reverse.at(4.0) + 25.0).abs() < 1.5);
        assert!(stop.at(12.0) - stop.at(11.0) > 23.0);
    }

    #[test]
    fn braking_begins_alike_whatever_follows() {
        for time in [2.1, 2.2, 2.4, 2.6] {
            let [slow, stop, back] = [0.4, 0.0, -1.0].map(|target| change(target).factor(time));
            assert_eq!((slow, stop), (stop, back));
        }
    }

    #[test]
    fn outside_its_event_the_speed_is_unchanged() {
        for time in [0.0, 2.0, 10.0, 11.0] {
            assert!((change(-1.0).factor(time) - 1.0).abs() < 1e-12);
        }
    }
}
