//! How the arm and the hand move: pure functions of the time within their event.

use std::f64::consts::{FRAC_PI_2, PI, TAU};

use super::SCENE_HEIGHT;
use super::ease::{mix, smooth};
use super::parts::PartLook;

/// Height of the gripper's centre when the arm is just out of the picture.
const ARM_OUT: f64 = -12.0;

/// Height of the fingertips when the hand is just out of the picture.
const HAND_OUT: f64 = SCENE_HEIGHT + 4.0;

/// One pick, or one place: the same motion the other way round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reach {
    /// Where the gripper meets the belt, in scene pixels.
    pub x: f64,
    /// Where the gripper meets the belt, in scene pixels.
    pub y: f64,
    /// When a pick grips, as a fraction of its duration.
    pub grip: f64,
    /// Fraction of the duration for which the gripper stays down before it grips, and again after.
    pub dwell: f64,
    /// How far left of the meeting place a pick comes from, and how far right of it it goes, in scene pixels: parts are
    /// stored to the right of the picture.
    pub across: f64,
    /// The part it takes or brings.
    pub part: PartLook,
}

/// Where the arm is at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmPose {
    /// Centre of the gripper, in scene pixels.
    pub x: f64,
    /// Centre of the gripper, in scene pixels.
    pub y: f64,
    /// How far the jaws are open: 0 holds a part, 1 is wide open.
    pub opening: f64,
    /// What it carries.
    pub load: Option<PartLook>,
}

impl Reach {
    /// The arm at `phase` (0 at the start, 1 at the end) of a pick.
    pub fn pick(&self, phase: f64) -> ArmPose {
        let (arrived, leaving) = (self.grip - self.dwell, self.grip + self.dwell);
        // 0 out of the picture, 1 down. The arm enters and leaves moving, so that it is in the picture from the very
        // start of its event to the very end, and comes to rest on the belt.
        let down = if phase < arrived {
            (FRAC_PI_2 * phase / arrived).sin()
        } else if phase > leaving {
            (FRAC_PI_2 * (1.0 - phase) / (1.0 - leaving)).sin()
        } else {
            1.0
        };
        let side = if phase < self.grip { -1.0 } else { 1.0 };
        ArmPose {
            x: self.x + side * self.across * (1.0 - down),
            y: mix(ARM_OUT, self.y, down),
            opening: 1.0 - smooth((phase - arrived) / self.dwell),
            load: (phase >= self.grip).then_some(self.part),
        }
    }

    /// The arm at `phase` of a place: a pick played backwards.
    pub fn place(&self, phase: f64) -> ArmPose {
        self.pick(1.0 - phase)
    }
}

/// The arm passes along the edge of the belt and takes nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pass {
    /// Where it enters, in scene pixels.
    pub from: f64,
    /// Where it leaves, in scene pixels.
    pub to: f64,
    /// Height of the gripper, in scene pixels.
    pub y: f64,
    /// What it happens to carry.
    pub load: Option<PartLook>,
}

impl Pass {
    /// The arm at `phase` of its passing.
    pub fn pose(&self, phase: f64) -> ArmPose {
        ArmPose {
            x: mix(self.from, self.to, phase),
            // It bobs a little, as everything that runs on a rail.
            y: self.y + 1.5 * (3.0 * PI * phase).sin(),
            opening: if self.load.is_some() { 0.0 } else { 1.0 },
            load: self.load,
        }
    }
}

/// A hand that comes in from the bottom edge; with `sweeps` it inspects, without it only rests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hand {
    /// Middle of the fingertips while over the belt, in scene pixels.
    pub x: f64,
    /// Height of the fingertips while over the belt, in scene pixels.
    pub y: f64,
    /// Where the elbow is, in scene pixels right of `x`.
    pub elbow: f64,
    /// Fraction of the duration for coming in, and again for leaving.
    pub reach: f64,
    /// Sweeps there and back.
    pub sweeps: f64,
    /// How far a sweep goes to either side, in scene pixels; negative begins to the left.
    pub amplitude: f64,
}

/// Where the hand is at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HandPose {
    /// Fingertips, in scene pixels.
    pub x: f64,
    /// Fingertips, in scene pixels.
    pub y: f64,
    /// Elbow, in scene pixels, below the picture.
    pub elbow: f64,
}

impl Hand {
    /// The hand at `phase` (0 at the start, 1 at the end) of its event.
    pub fn pose(&self, phase: f64) -> HandPose {
        let near = phase.min(1.0 - phase) / self.reach;
        let inside = (FRAC_PI_2 * near.clamp(0.0, 1.0)).sin();
        let swept = ((phase - self.reach) / (1.0 - 2.0 * self.reach)).clamp(0.0, 1.0);
        let sway = self.amplitude * (TAU * self.sweeps * swept).sin();
        HandPose {
            x: self.x + sway + 0.6 * self.elbow * (1.0 - inside),
            y: mix(HAND_OUT, self.y, inside),
            elbow: self.x + self.elbow + 0.3 * sway,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Rng, Stream};

    fn reach() -> Reach {
        Reach {
            x: 60.0,
            y: 50.0,
            grip: 0.45,
            dwell: 0.08,
            across: 20.0,
            part: PartLook::draw(&mut Rng::new(0, Stream::Synth, 0, 0)),
        }
    }

    #[test]
    fn a_place_is_a_pick_played_backwards() {
        let reach = reach();
        for k in 0..=100 {
            let phase = f64::from(k) / 100.0;
            assert_eq!(reach.place(phase), reach.pick(1.0 - phase));
        }
    }

    #[test]
    fn a_pick_goes_down_empty_and_up_with_the_part() {
        let reach = reach();
        assert_eq!(reach.pick(0.2).load, None);
        assert_eq!(reach.pick(0.7).load, Some(reach.part));
        assert_eq!(reach.pick(0.45).y, 50.0);
        assert!(reach.pick(0.0).y < -9.0 && reach.pick(1.0).y < -9.0);
    }

    #[test]
    fn a_pick_carries_its_part_to_the_right() {
        let reach = reach();
        assert_eq!([0.0, 0.45, 1.0].map(|phase| reach.pick(phase).x), [40.0, 60.0, 80.0]);
    }

    #[test]
    fn an_arm_moves_without_jumps() {
        let reach = reach();
        for k in 0..1000 {
            let (a, b) = (f64::from(k) / 1000.0, f64::from(k + 1) / 1000.0);
            let (a, b) = (reach.pick(a), reach.pick(b));
            assert!((a.y - b.y).abs() < 0.5 && (a.x - b.x).abs() < 0.5);
        }
    }

    #[test]
    fn an_inspecting_hand_sweeps_and_a_resting_one_does_not() {
        let rest = Hand { x: 64.0, y: 60.0, elbow: 8.0, reach: 0.25, sweeps: 0.0, amplitude: 0.0 };
        let inspect = Hand { sweeps: 2.0, amplitude: 18.0, ..rest };
        assert_eq!(rest.pose(0.3), rest.pose(0.7));
        assert!((inspect.pose(0.25 + 0.5 / 8.0).x - 82.0).abs() < 1e-9);
        assert!((inspect.pose(0.25 + 1.5 / 8.0).x - 46.0).abs() < 1e-9);
    }
}
