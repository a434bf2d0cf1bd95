//! Where everything is at one moment: a pure function of the script and the time.

use super::belt::BeltMotion;
use super::options::{Source, Subset, SynthOptions};
use super::parts::{self, Part, PartLook};
use super::pose::{ArmPose, HandPose};
use super::script::{Happening, Script};

/// A script, with what follows from it for the whole video.
#[derive(Debug, Clone)]
pub struct Scene {
    /// What happens.
    pub script: Script,
    /// How the belt moves.
    pub belt: BeltMotion,
    parts: Vec<Part>,
}

/// Where a part is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartPlace {
    /// The part.
    pub look: PartLook,
    /// Its centre, in scene pixels.
    pub x: f64,
    /// Its centre, in scene pixels.
    pub y: f64,
}

/// Where everything is at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// Scene pixels that the belt has moved to the right.
    pub belt: f64,
    /// Parts on the belt that are in the picture, or nearly.
    pub parts: Vec<PartPlace>,
    /// The arm, if it is there.
    pub arm: Option<ArmPose>,
    /// The hand, if it is there.
    pub hand: Option<HandPose>,
}

impl Scene {
    /// The scene of video `index` of a subset.
    pub fn new(options: &SynthOptions, subset: Subset, index: usize) -> Self {
        Self::draw(options.source(subset, index), options)
    }

    pub(super) fn draw(source: Source, options: &SynthOptions) -> Self {
        let script = Script::draw(source, options);
        let belt = script.belt(source);
        let parts = parts::draw(source, &script, &belt);
        Self { script, belt, parts }
    }

    /// Where everything is at `frame`.
    pub fn at(&self, frame: usize) -> Moment {
        let time = frame as f64 / f64::from(self.script.fps);
        let belt = self.belt.at(time);
        let edge = 16.0;
        let parts = self
            .parts
            .iter()
            .filter_map(|part| {
                let (x, y) = part.at(time, belt)?;
                let look = part.look;
                (x > -edge && x < self.script.ground.width + edge).then_some(PartPlace { look, x, y })
            })
            .collect();
        let (mut arm, mut hand) = (None, None);
        for event in &self.script.events {
            let Some(phase) = event.phase(time) else {
                continue;
            };
            match &event.happening {
                Happening::Pick(reach) => arm = Some(reach.pick(phase)),
                Happening::Place(reach) => arm = Some(reach.place(phase)),
                Happening::Pass(pass) => arm = Some(pass.pose(phase)),
                Happening::Inspect(over) | Happening::Rest(over) => hand = Some(over.pose(phase)),
                Happening::Belt(..) | Happening::Jam(_) => {}
            }
        }
        Moment { belt, parts, arm, hand }
    }
}
