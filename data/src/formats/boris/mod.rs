//! BORIS: its projects, and its exports of aggregated and tabular events.
//!
//! | file | how it is told | what it knows |
//! | --- | --- | --- |
//! | project (`.boris`) | JSON | everything; several videos on one clock are told apart by their lengths |
//! | aggregated events | columns `Start (s)`, `Stop (s)` | segments of videos that have a clock of their own |
//! | tabular events | columns `Time`, `Status` | the same, a row for a start and one for a stop |
//!
//! The label is the behaviour. Events without length are left out, and so are modifiers. A state that is seen at several
//! subjects at once gives a segment for each.

mod project;
mod tabular;

use std::collections::HashMap;

use super::Labels;
use super::error::{ContentError, Fault};

pub(super) use project::text;

const POINT: &str = "event without length";
const MODIFIER: &str = "modifier of a behaviour";

pub(super) fn parse(text: &str) -> Result<Labels, ContentError> {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with('{') { project::parse(text.as_bytes()) } else { tabular::parse(text) }
}

/// Who does what, how: starts and stops belong together when these are the same.
type Key = (String, String, String);

/// States that have started and not yet stopped.
#[derive(Debug, Default)]
struct Open(HashMap<Key, f64>);

impl Open {
    /// The time of the start, if this is a stop.
    fn toggle(&mut self, key: Key, at: f64) -> Option<f64> {
        let start = self.0.remove(&key);
        if start.is_none() {
            self.0.insert(key, at);
        }
        start
    }

    /// Every state has stopped.
    fn done(self) -> Result<(), Fault> {
        let first = self.0.into_iter().map(|((_, label, _), at)| (at, label));
        match first.min_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1))) {
            Some((at, label)) => Err(Fault::Unpaired { label, at }),
            None => Ok(()),
        }
    }
}
