//! Where things happen: within the central square, and out of each other's way.

use super::HALF_SQUARE;
use super::belt::{BeltChange, BeltMotion, ONSET};
use super::ease::{log_uniform, sign};
use super::parts::{CLEARANCE, PartLook, touch};
use super::pose::{Hand, Pass, Reach};
use super::script::{Action, Happening, Jam};
use super::timeline::{Kind, Slot};
use crate::random::Rng;

/// How far from the middle of the picture an arm may reach, in scene pixels: its half width is inside the square, also a
/// little before and after it meets the belt.
const REACH: f64 = HALF_SQUARE - 19.0;

/// Tries to find a place where nothing is in the way; a crowded belt takes the last one.
const TRIES: usize = 40;

/// Where the belt lies in the picture, in scene pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ground {
    /// Width of the picture.
    pub width: f64,
    /// Upper edge of the belt.
    pub top: f64,
    /// Lower edge of the belt.
    pub bottom: f64,
}

impl Ground {
    /// A height on the belt at which a part lies wholly on it.
    pub(super) fn lane(&self, rng: &mut Rng) -> f64 {
        rng.uniform(self.top + 10.0, self.bottom - 10.0)
    }

    /// A place across the picture, at most `reach` from its middle.
    fn near_middle(&self, rng: &mut Rng, reach: f64) -> f64 {
        self.width / 2.0 + rng.uniform(-reach, reach)
    }
}

/// The tempo of a change of belt speed.
pub(super) fn belt_change(rng: &mut Rng, action: Action, slot: &Slot) -> BeltChange {
    let target = match action {
        Action::SlowDown => rng.uniform(0.35, 0.45),
        Action::Reverse => -rng.uniform(0.85, 1.05),
        _ => 0.0,
    };
    // With its onset, stopping takes 0.8 to 1.5 seconds. A short reversal brakes harder, or it would never get there.
    let longest = (0.375 * (slot.end - slot.start) - ONSET) / (1.0 - target);
    let mut tempo = || rng.uniform(0.5, 1.2).min(longest);
    BeltChange { start: slot.start, end: slot.end, target, brake: tempo(), recover: tempo() }
}

/// Chooses where things happen, one after the other.
pub(super) struct Places<'a> {
    ground: Ground,
    belt: &'a BeltMotion,
    /// Stretches of the belt that are spoken for: from, to, and height.
    taken: Vec<(f64, f64, f64)>,
    /// Jams so far: when (from, to), and where across the picture.
    jams: Vec<(f64, f64, f64)>,
}

impl<'a> Places<'a> {
    pub(super) fn new(ground: Ground, belt: &'a BeltMotion) -> Self {
        Self { ground, belt, taken: Vec::new(), jams: Vec::new() }
    }

    /// What is to happen in a slot; `None` for changes of belt speed, which happen everywhere.
    pub(super) fn draw(&mut self, rng: &mut Rng, slot: &Slot) -> Option<Happening> {
        Some(match slot.kind {
            Kind::Action(Action::Pick) => Happening::Pick(self.reach(rng, slot, true)),
            Kind::Action(Action::Place) => Happening::Place(self.reach(rng, slot, false)),
            Kind::Action(Action::Jam) => Happening::Jam(self.jam(rng, slot)),
            Kind::Action(Action::Inspect) => Happening::Inspect(self.inspect(rng, slot)),
            Kind::Action(_) => return None,
            Kind::Pass => Happening::Pass(self.pass(rng)),
            Kind::Rest => Happening::Rest(self.rest(rng, slot)),
        })
    }

    fn reach(&mut self, rng: &mut Rng, slot: &Slot, pick: bool) -> Reach {
        let grip = rng.uniform(0.42, 0.58);
        let meeting = if pick { grip } else { 1.0 - grip };
        let moved = self.belt.at(slot.start + meeting * (slot.end - slot.start));
        let (top, bottom) = (self.ground.top, self.ground.bottom);
        let (x, y) = self.free_place(rng, |places, rng| {
            let x = places.ground.near_middle(rng, REACH);
            let y = rng.uniform(top + 11.0, top + 0.65 * (bottom - top));
            let jammed = places
                .jams
                .iter()
                .any(|&(from, to, at)| slot.start < to && slot.end > from && (x - at).abs() < 1.3 * CLEARANCE);
            let free = !jammed && places.is_free(x - moved, x - moved, y);
            ((x, y), free)
        });
        self.taken.push((x - moved, x - moved, y));
        let across = rng.uniform(14.0, 22.0);
        Reach { x, y, grip, dwell: rng.uniform(0.07, 0.12), across, part: PartLook::draw(rng) }
    }

    fn jam(&mut self, rng: &mut Rng, slot: &Slot) -> Jam {
        let moved = (self.belt.at(slot.start), self.belt.at(slot.end));
        let (top, bottom) = (self.ground.top, self.ground.bottom);
        let (x, y) = self.free_place(rng, |places, rng| {
            let x = places.ground.near_middle(rng, REACH);
            // Near an edge, so that the other parts have room to flow past.
            let aside = rng.uniform(13.0, 20.0);
            let y = if rng.chance(0.5) { top + aside } else { bottom - aside };
            ((x, y), places.is_free(x - moved.1, x - moved.0, y))
        });
        self.taken.push((x - moved.1, x - moved.0, y));
        self.jams.push((slot.start, slot.end, x));
        Jam {
            x,
            y,
            rate: (rng.uniform(1.0, 1.8), rng.uniform(1.0, 1.8)),
            amplitude: rng.uniform(6.0, 8.0),
            part: PartLook::draw(rng),
        }
    }

    /// A hand that rests over the belt.
    fn rest(&self, rng: &mut Rng, slot: &Slot) -> Hand {
        let (top, bottom) = (self.ground.top, self.ground.bottom);
        Hand {
            x: self.ground.near_middle(rng, REACH),
            y: rng.uniform(top + 0.4 * (bottom - top), top + 0.75 * (bottom - top)),
            elbow: rng.uniform(-16.0, 16.0),
            reach: (rng.uniform(0.35, 0.7) / (slot.end - slot.start)).min(0.3),
            sweeps: 0.0,
            amplitude: 0.0,
        }
    }

    /// A resting hand that sweeps: whole sweeps, so that it leaves from where it came in.
    fn inspect(&self, rng: &mut Rng, slot: &Slot) -> Hand {
        let hand = self.rest(rng, slot);
        let over = (slot.end - slot.start) * (1.0 - 2.0 * hand.reach);
        let period = log_uniform(rng, 1.1, 2.0);
        let amplitude = rng.uniform(14.0, 22.0);
        Hand {
            x: self.ground.near_middle(rng, HALF_SQUARE - 10.0 - amplitude),
            sweeps: (over / period).round().max(1.0),
            amplitude: amplitude * sign(rng),
            ..hand
        }
    }

    fn pass(&self, rng: &mut Rng) -> Pass {
        let (left, right) = (-16.0, self.ground.width + 16.0);
        let (from, to) = if rng.chance(0.5) { (left, right) } else { (right, left) };
        let y = self.ground.top + rng.uniform(-4.0, 6.0);
        let load = rng.chance(0.5).then(|| PartLook::draw(rng));
        Pass { from, to, y, load }
    }

    /// The first place that is free, or else the last one tried.
    fn free_place(&self, rng: &mut Rng, mut attempt: impl FnMut(&Self, &mut Rng) -> ((f64, f64), bool)) -> (f64, f64) {
        let (mut place, mut free) = attempt(self, rng);
        for _ in 1..TRIES {
            if free {
                break;
            }
            (place, free) = attempt(self, rng);
        }
        place
    }

    fn is_free(&self, from: f64, to: f64, y: f64) -> bool {
        let stretch = (from, to, y);
        self.taken.iter().all(|&(low, high, height)| {
            // Both are stretches: they touch if either end of one, or the start of the other, is inside.
            ![low, high].iter().any(|&along| touch(stretch, along, height)) && !touch((low, high, height), from, y)
        })
    }
}
