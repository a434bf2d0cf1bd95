//! What happens in a video, when and where: pure data, and the ground truth.

use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

use super::SCENE_HEIGHT;
use super::belt::{BeltChange, BeltMotion};
use super::ease::smooth;
use super::options::{Purpose, Source, Subset, SynthOptions};
use super::parts::PartLook;
use super::places::{self, Ground, Places};
use super::pose::{Hand, Pass, Reach};
use super::timeline::{self, Kind, Slot};

/// The labelled actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The arm takes a part off the belt.
    Pick,
    /// The arm lays a part on the belt.
    Place,
    /// A part sticks and trembles while the belt runs on under it.
    Jam,
    /// The belt brakes, stands, and starts again.
    Stop,
    /// The belt brakes, runs slowly, and recovers.
    SlowDown,
    /// The belt brakes, runs backwards, and returns.
    Reverse,
    /// A hand sweeps left and right over the belt.
    Inspect,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 7] =
        [Action::Pick, Action::Place, Action::Jam, Action::Stop, Action::SlowDown, Action::Reverse, Action::Inspect];

    /// The label that the annotation file uses.
    pub fn label(self) -> &'static str {
        match self {
            Action::Pick => "pick",
            Action::Place => "place",
            Action::Jam => "jam",
            Action::Stop => "stop",
            Action::SlowDown => "slow-down",
            Action::Reverse => "reverse",
            Action::Inspect => "inspect",
        }
    }

    /// Shortest and longest duration, in seconds.
    pub fn seconds(self) -> (f64, f64) {
        match self {
            Action::Pick | Action::Place => (1.0, 3.0),
            Action::Jam | Action::Reverse => (3.0, 10.0),
            Action::Stop | Action::SlowDown => (4.0, 20.0),
            Action::Inspect => (2.0, 8.0),
        }
    }
}

/// A part that sticks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jam {
    /// Where it sticks, in scene pixels.
    pub x: f64,
    /// Where it sticks, in scene pixels.
    pub y: f64,
    /// Trembling: swings per second, along and across the belt.
    pub rate: (f64, f64),
    /// Trembling: how far, in scene pixels.
    pub amplitude: f64,
    /// The part.
    pub part: PartLook,
}

impl Jam {
    /// How far the part is from where it sticks, `since` seconds after it stuck and `left` before it is free.
    pub(super) fn tremble(&self, since: f64, left: f64) -> (f64, f64) {
        let strength = self.amplitude * smooth(since.min(left) / 0.15);
        let swing = |rate: f64| 0.8 * (TAU * rate * since).sin() + 0.35 * (TAU * 1.83 * rate * since).sin();
        (strength * swing(self.rate.0), 0.4 * strength * swing(self.rate.1))
    }
}

/// What an event is, with everything that is particular to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Happening {
    /// [`Action::Pick`].
    Pick(Reach),
    /// [`Action::Place`].
    Place(Reach),
    /// [`Action::Jam`].
    Jam(Jam),
    /// [`Action::Stop`], [`Action::SlowDown`] or [`Action::Reverse`].
    Belt(Action, BeltChange),
    /// [`Action::Inspect`].
    Inspect(Hand),
    /// The arm passes along the edge of the belt: no action.
    Pass(Pass),
    /// A hand rests over the belt: no action.
    Rest(Hand),
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Event {
    /// In seconds, to a hundredth.
    pub start: f64,
    /// In seconds, to a hundredth.
    pub end: f64,
    /// What it is.
    pub happening: Happening,
}

impl Event {
    /// What it is labelled with; `None` for what only distracts.
    pub fn action(&self) -> Option<Action> {
        match self.happening {
            Happening::Pick(_) => Some(Action::Pick),
            Happening::Place(_) => Some(Action::Place),
            Happening::Jam(_) => Some(Action::Jam),
            Happening::Belt(action, _) => Some(action),
            Happening::Inspect(_) => Some(Action::Inspect),
            Happening::Pass(_) | Happening::Rest(_) => None,
        }
    }

    /// How much of it is over at `time`, from 0 to 1; `None` outside it.
    pub fn phase(&self, time: f64) -> Option<f64> {
        let phase = (time - self.start) / (self.end - self.start);
        (0.0..=1.0).contains(&phase).then_some(phase)
    }
}

/// Everything that happens in one video.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// Length in frames.
    pub frames: usize,
    /// Frames per second.
    pub fps: u32,
    /// Where the belt lies in the picture.
    pub ground: Ground,
    /// Full speed of the belt, in scene pixels per second.
    pub speed: f64,
    /// What happens, in order of start.
    pub events: Vec<Event>,
}

impl Script {
    /// The script of video `index` of a subset.
    pub fn new(options: &SynthOptions, subset: Subset, index: usize) -> Self {
        Self::draw(options.source(subset, index), options)
    }

    pub(super) fn draw(source: Source, options: &SynthOptions) -> Self {
        let rng = &mut source.rng(Purpose::Timeline);
        let (shortest, longest) = options.seconds;
        let frames = (rng.uniform(shortest, longest) * f64::from(options.fps)).round() as usize;
        let slots = timeline::draw(rng, frames as f64 / f64::from(options.fps));

        let line = &mut source.shared_rng(Purpose::Ground);
        let height = SCENE_HEIGHT * line.uniform(0.57, 0.64);
        let middle = SCENE_HEIGHT / 2.0 + line.uniform(-3.0, 3.0);
        let rng = &mut source.rng(Purpose::Places);
        let ground = Ground {
            width: options.width as f64 / options.scale(),
            top: middle - height / 2.0,
            bottom: middle + height / 2.0,
        };
        let mut script = Self {
            frames,
            fps: options.fps,
            ground,
            speed: rng.uniform(20.0, 30.0),
            events: Vec::with_capacity(slots.len()),
        };
        // Belt first: where a part must lie to be picked depends on how the belt has moved until then.
        for slot in &slots {
            if let Kind::Action(action @ (Action::Stop | Action::SlowDown | Action::Reverse)) = slot.kind {
                let change = places::belt_change(rng, action, slot);
                script.push(slot, Happening::Belt(action, change));
            }
        }
        let belt = script.belt(source);
        let mut places = Places::new(ground, &belt);
        for slot in &slots {
            if let Some(happening) = places.draw(rng, slot) {
                script.push(slot, happening);
            }
        }
        script.events.sort_by(|a, b| a.start.total_cmp(&b.start));
        script
    }

    /// Length in seconds.
    pub fn duration(&self) -> f64 {
        self.frames as f64 / f64::from(self.fps)
    }

    /// The labelled actions with their start and end, in seconds.
    pub fn actions(&self) -> impl Iterator<Item = (Action, f64, f64)> + '_ {
        self.events.iter().filter_map(|event| {
            let action = event.action()?;
            Some((action, event.start, event.end))
        })
    }

    /// How the belt moves in this video.
    pub(super) fn belt(&self, source: Source) -> BeltMotion {
        let changes: Vec<BeltChange> = self
            .events
            .iter()
            .filter_map(|event| match event.happening {
                Happening::Belt(_, change) => Some(change),
                _ => None,
            })
            .collect();
        BeltMotion::new(source, self.frames, self.fps, self.speed, &changes)
    }

    fn push(&mut self, slot: &Slot, happening: Happening) {
        self.events.push(Event { start: slot.start, end: slot.end, happening });
    }
}
