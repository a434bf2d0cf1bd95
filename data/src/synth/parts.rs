//! The parts on the belt. A part has a place *on the belt*; only a jam, a pick or a place changes that.

use super::belt::BeltMotion;
use super::options::{Purpose, Source};
use super::script::{Happening, Jam, Script};
use crate::random::Rng;

/// Number of paints a part can have.
pub(super) const PAINTS: usize = 6;

/// Least distance of two parts that do not touch, in scene pixels.
pub(super) const CLEARANCE: f64 = 19.0;

/// How far out of the picture parts still exist, in scene pixels.
const OUTSIDE: f64 = 20.0;

/// Shape of a part seen from above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outline {
    /// A rectangle, a little longer than wide.
    Rectangle,
    /// A disc.
    Disc,
    /// A hexagon.
    Hexagon,
}

/// What a part looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartLook {
    /// Its shape.
    pub outline: Outline,
    /// Half its size, in scene pixels.
    pub radius: f64,
    /// How it lies, in radians.
    pub angle: f64,
    /// Which of the line's paints it has.
    pub paint: usize,
}

impl PartLook {
    /// Any part.
    pub(super) fn draw(rng: &mut Rng) -> Self {
        let outlines = [Outline::Rectangle, Outline::Disc, Outline::Hexagon];
        Self {
            outline: outlines[rng.integer(0, 2)],
            radius: rng.uniform(5.5, 9.0),
            angle: rng.uniform(0.0, std::f64::consts::TAU),
            paint: rng.integer(0, PAINTS - 1),
        }
    }
}

/// One part and its life on the belt.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) look: PartLook,
    /// Height, in scene pixels.
    pub(super) y: f64,
    /// Place on the belt: where it would be had the belt not moved, in scene pixels.
    along: f64,
    /// From when it lies on the belt, in seconds.
    from: f64,
    /// Until when it lies on the belt, in seconds.
    until: f64,
    jam: Option<Stuck>,
}

/// A jam in the life of a part.
#[derive(Debug, Clone, PartialEq)]
struct Stuck {
    jam: Jam,
    start: f64,
    end: f64,
    /// Place on the belt once it is free.
    along: f64,
}

impl Part {
    /// Where it is at `time`, if it lies on the belt.
    pub(super) fn at(&self, time: f64, belt: f64) -> Option<(f64, f64)> {
        if time < self.from || time >= self.until {
            return None;
        }
        match &self.jam {
            Some(stuck) if time >= stuck.start => {
                if time >= stuck.end {
                    return Some((stuck.along + belt, self.y));
                }
                let (dx, dy) = stuck.jam.tremble(time - stuck.start, stuck.end - time);
                Some((stuck.jam.x + dx, self.y + dy))
            }
            _ => Some((self.along + belt, self.y)),
        }
    }

    /// Whether another part, this far along the belt and at this height, would ever touch it.
    fn touches(&self, along: f64, y: f64) -> bool {
        let freed = self.jam.as_ref().map_or(self.along, |stuck| stuck.along);
        touch((freed, self.along, self.y), along, y)
    }
}

/// Whether a place on the belt is too near to a stretch `(from, to, y)` of it.
pub(super) fn touch(stretch: (f64, f64, f64), along: f64, y: f64) -> bool {
    let (from, to, height) = stretch;
    (height - y).abs() < CLEARANCE && along > from - CLEARANCE && along < to + CLEARANCE
}

/// Every part of a video: those that something happens to, and others wherever they do not touch those.
pub(super) fn draw(source: Source, script: &Script, belt: &BeltMotion) -> Vec<Part> {
    let mut parts: Vec<Part> =
        script.events.iter().filter_map(|event| with_a_story(event.start, event.end, &event.happening, belt)).collect();
    let stories = parts.len();

    let rng = &mut source.rng(Purpose::Parts);
    let (low, high) = belt.range();
    let mut along = script.ground.width + OUTSIDE - low;
    while along > -OUTSIDE - high {
        let look = PartLook::draw(rng);
        let y = script.ground.lane(rng);
        if !parts[..stories].iter().any(|part| part.touches(along, y)) {
            parts.push(Part { look, y, along, from: f64::NEG_INFINITY, until: f64::INFINITY, jam: None });
        }
        along -= rng.uniform(20.0, 62.0);
    }
    parts
}

fn with_a_story(start: f64, end: f64, happening: &Happening, belt: &BeltMotion) -> Option<Part> {
    let ever = (f64::NEG_INFINITY, f64::INFINITY);
    let (look, y, along, (from, until), jam) = match happening {
        Happening::Pick(reach) => {
            let grip = start + reach.grip * (end - start);
            (reach.part, reach.y, reach.x - belt.at(grip), (ever.0, grip), None)
        }
        Happening::Place(reach) => {
            let release = end - reach.grip * (end - start);
            let along = reach.x - belt.at(release);
            (reach.part, reach.y, along, (release, ever.1), None)
        }
        Happening::Jam(jam) => {
            let stuck = Stuck { jam: *jam, start, end, along: jam.x - belt.at(end) };
            (jam.part, jam.y, jam.x - belt.at(start), ever, Some(stuck))
        }
        _ => return None,
    };
    Some(Part { look, y, along, from, until, jam })
}
