//! Sizes from XS to XL.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::metrics::Evaluation;
use crate::metrics::class::Class;

/// Names of the bins, smallest first.
pub(super) const NAMES: [&str; 5] = ["XS", "S", "M", "L", "XL"];

/// Where one size ends and the next begins: the largest value of every bin but the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// Length of an action, in seconds.
    pub length: [f64; 4],
    /// Length of an action as a part of its video's.
    pub coverage: [f64; 4],
    /// Actions of a class in one video.
    pub count: [f64; 3],
}

impl Bins {
    /// DETAD's for THUMOS-14: many short actions in a video.
    pub fn thumos() -> Self {
        Self { length: [3.0, 6.0, 12.0, 18.0], coverage: [0.02, 0.04, 0.06, 0.08], count: [1.0, 40.0, 80.0] }
    }

    /// DETAD's for ActivityNet: few long actions in a video.
    pub fn activitynet() -> Self {
        Self { length: [30.0, 60.0, 120.0, 180.0], coverage: [0.2, 0.4, 0.6, 0.8], count: [1.0, 4.0, 8.0] }
    }

    /// For any other data: bins with equally many actions, as far as equal values allow.
    pub fn even(evaluation: &Evaluation, durations: &BTreeMap<&str, f64>) -> Self {
        let values = |of: fn(&Measured) -> Option<f64>| {
            let mut values: Vec<f64> = evaluation
                .classes
                .values()
                .flat_map(|class| measure(class, &evaluation.names, durations))
                .filter_map(|measured| of(&measured))
                .collect();
            values.sort_unstable_by(f64::total_cmp);
            values
        };
        fn edges<const N: usize>(values: &[f64]) -> [f64; N] {
            std::array::from_fn(|at| {
                let last = (values.len() * (at + 1)).div_ceil(N + 1).saturating_sub(1);
                values.get(last).copied().unwrap_or(0.0)
            })
        }
        Self {
            length: edges(&values(|m| Some(m.length))),
            coverage: edges(&values(|m| m.coverage)),
            count: edges(&values(|m| Some(m.count))),
        }
    }
}

/// What bins are made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured {
    /// Number of the action within its class.
    pub(super) truth: usize,
    pub(super) length: f64,
    pub(super) coverage: Option<f64>,
    pub(super) count: f64,
}

/// Measures every action of a class.
pub(super) fn measure<'a>(
    class: &'a Class,
    names: &'a [&str],
    durations: &'a BTreeMap<&str, f64>,
) -> impl Iterator<Item = Measured> + 'a {
    class.videos.iter().flat_map(|video| {
        let duration = durations.get(names[video.home]).copied().filter(|duration| *duration > 0.0);
        let count = video.spans.len() as f64;
        video.spans.unordered().map(move |(truth, [start, end])| Measured {
            truth,
            length: end - start,
            coverage: duration.map(|duration| (end - start) / duration),
            count,
        })
    })
}
