//! When things happen: three tracks of events that do not overlap within a track and are independent between tracks.
//!
//! One arm, one hand, one belt: what cannot happen twice at once shares a track. A jam is on the belt's track,
//! because a part that stands still on a standing belt would not be jammed.

use super::ease::log_uniform;
use super::script::Action;
use crate::random::Rng;

/// Seconds at either end of a video in which nothing starts or ends.
pub(super) const MARGIN: f64 = 1.0;

/// What a slot is for, before it is known where it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of the labelled actions.
    Action(Action),
    /// The arm passes along the edge of the belt and takes nothing.
    Pass,
    /// A hand rests over the belt and does nothing.
    Rest,
}

/// A stretch of one track, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    pub(super) start: f64,
    pub(super) end: f64,
}

/// What shares a track: kinds with their number per minute.
struct Track {
    rates: &'static [(Kind, f64)],
    /// Shortest pause between two events, in seconds.
    pause: f64,
    /// Largest part of the video that this track may fill, so that enough background is left.
    fill: f64,
}

const TRACKS: [Track; 3] = [
    Track {
        // One rate for `pick` and `place`, with a coin for each event: their order tells nothing.
        rates: &[(Kind::Action(Action::Pick), 7.0), (Kind::Pass, 1.1)],
        pause: 0.4,
        fill: 0.5,
    },
    Track { rates: &[(Kind::Action(Action::Inspect), 2.0), (Kind::Rest, 1.3)], pause: 0.6, fill: 0.6 },
    Track {
        rates: &[
            (Kind::Action(Action::Jam), 1.2),
            (Kind::Action(Action::Stop), 1.2),
            (Kind::Action(Action::SlowDown), 1.2),
            (Kind::Action(Action::Reverse), 1.2),
        ],
        pause: 1.0,
        fill: 0.62,
    },
];

impl Kind {
    /// Shortest and longest duration, in seconds.
    pub(super) fn seconds(self) -> (f64, f64) {
        match self {
            Kind::Action(action) => action.seconds(),
            Kind::Pass => (2.5, 5.0),
            Kind::Rest => (1.5, 4.0),
        }
    }
}

/// Everything that happens in a video of this many seconds, in order of start.
pub(super) fn draw(rng: &mut Rng, duration: f64) -> Vec<Slot> {
    let busyness = rng.uniform(0.92, 1.1);
    let mut slots: Vec<Slot> = TRACKS.iter().flat_map(|track| draw_track(rng, track, duration, busyness)).collect();
    slots.sort_by(|a, b| a.start.total_cmp(&b.start));
    slots
}

fn draw_track(rng: &mut Rng, track: &Track, duration: f64, busyness: f64) -> Vec<Slot> {
    let mut kinds = draw_kinds(rng, track.rates, duration / 60.0 * busyness);
    rng.shuffle(&mut kinds);
    let span = duration - 2.0 * MARGIN;
    let lengths = loop {
        if let Some(lengths) = fit(rng, &kinds, track, span) {
            break lengths;
        }
        // Only a very short video comes here: it has less time than its events need.
        kinds.pop();
    };
    let pauses = draw_pauses(rng, &lengths, track.pause, span);
    let mut time = MARGIN;
    let mut slots = Vec::with_capacity(kinds.len());
    for ((kind, length), pause) in kinds.into_iter().zip(lengths).zip(pauses) {
        let start = hundredths(time + pause);
        let end = start + length;
        slots.push(Slot { kind, start, end: hundredths(end) });
        time = end;
    }
    slots
}

/// As many events of each kind as its rate says, rounded so that the total is never off by one or more
/// (systematic sampling: one draw for all kinds).
fn draw_kinds(rng: &mut Rng, rates: &[(Kind, f64)], minutes: f64) -> Vec<Kind> {
    let mut kinds = Vec::new();
    let mut expected = rng.unit();
    for &(kind, rate) in rates {
        let before = expected as usize;
        expected += rate * minutes;
        for _ in before..expected as usize {
            kinds.push(match kind {
                Kind::Action(Action::Pick) if rng.chance(0.5) => Kind::Action(Action::Place),
                kind => kind,
            });
        }
    }
    kinds
}

/// Durations that leave room for the pauses, or nothing if a hundred tries find none.
fn fit(rng: &mut Rng, kinds: &[Kind], track: &Track, span: f64) -> Option<Vec<f64>> {
    let room = (span * track.fill).min(span - track.pause * kinds.len() as f64);
    (0..100).find_map(|_| {
        let lengths: Vec<f64> = kinds
            .iter()
            .map(|kind| {
                let (low, high) = kind.seconds();
                hundredths(log_uniform(rng, low, high))
            })
            .collect();
        (lengths.iter().sum::<f64>() <= room).then_some(lengths)
    })
}

/// The pause before each event: the least there must be, and a random share of what is left.
fn draw_pauses(rng: &mut Rng, lengths: &[f64], least: f64, span: f64) -> Vec<f64> {
    let free = span - lengths.iter().sum::<f64>() - least * lengths.len() as f64;
    // Shares of exponential draws are uniform over all ways to divide the rest; one more for the end of the video.
    let shares: Vec<f64> = (0..=lengths.len()).map(|_| -(1.0 - rng.unit()).ln()).collect();
    let total: f64 = shares.iter().sum();
    shares[..lengths.len()].iter().map(|share| least + free * share / total).collect()
}

/// Rounded to the resolution of the annotation file, so that the script is the ground truth to the digit.
fn hundredths(seconds: f64) -> f64 {
    (seconds * 100.0).round() / 100.0
}
