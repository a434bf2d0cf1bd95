//! How well actions of every size are found, and which are missed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bins::{Bins, Measured, NAMES, measure};
use super::{Matches, normalised};
use crate::metrics::Evaluation;
use crate::metrics::class::Class;

/// Normalised precision down to which a detection counts as finding something (DETAD: 0.05).
const LEAST_PRECISION: f64 = 0.05;

/// The actions of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// XS, S, M, L or XL.
    pub name: String,
    /// Sizes above this.
    pub above: f64,
    /// Sizes up to this; the last bin has no end.
    pub up_to: Option<f64>,
    /// Actions.
    pub truths: usize,
    /// Normalised mean average precision of them alone; none without actions.
    pub normalised_map: Option<f64>,
    /// Share of them that is never found with a normalised precision above 0.05; none without actions.
    pub false_negative_rate: Option<f64>,
}

pub(super) struct Sensitivity {
    pub(super) false_negative_rate: f64,
    pub(super) length: Vec<Bin>,
    pub(super) coverage: Vec<Bin>,
    pub(super) count: Vec<Bin>,
}

pub(super) fn analyse(
    evaluation: &Evaluation,
    matches: &Matches,
    durations: &BTreeMap<&str, f64>,
    bins: &Bins,
    truths_per_class: f64,
) -> Sensitivity {
    let classes: Vec<Sized> = evaluation
        .classes
        .values()
        .zip(matches)
        .map(|(class, matches)| Sized {
            truths: class.truths,
            matches,
            missed: missed(class, matches, truths_per_class),
            measured: measure(class, &evaluation.names, durations).collect(),
        })
        .collect();
    let of = |edges: &[f64], size: fn(&Measured) -> Option<f64>| -> Vec<Bin> {
        (0..=edges.len()).map(|at| bin(&classes, edges, at, size, truths_per_class)).collect()
    };
    let mut coverage = of(&bins.coverage, |measured| measured.coverage);
    if coverage.iter().all(|bin| bin.truths == 0) {
        coverage.clear();
    }
    let truths: usize = classes.iter().map(|class| class.truths).sum();
    let missed: f64 = classes.iter().flat_map(|class| &class.missed).sum();
    Sensitivity {
        false_negative_rate: missed / truths.max(1) as f64,
        length: of(&bins.length, |measured| Some(measured.length)),
        coverage,
        count: of(&bins.count, |measured| Some(measured.count)),
    }
}

/// One class with the sizes of its actions.
struct Sized<'a> {
    truths: usize,
    matches: &'a [Vec<(usize, usize)>],
    /// For each action, at which part of the thresholds it is missed.
    missed: Vec<f64>,
    measured: Vec<Measured>,
}

fn bin(classes: &[Sized], edges: &[f64], at: usize, size: fn(&Measured) -> Option<f64>, truths_per_class: f64) -> Bin {
    let above = if at == 0 { 0.0 } else { edges[at - 1] };
    let up_to = edges.get(at).copied();
    // The first bin takes what has no size, too.
    let inside = |size: f64| (at == 0 || size > above) && up_to.is_none_or(|most| size <= most);
    let (mut truths, mut missed, mut areas) = (0, 0.0, Vec::new());
    for class in classes {
        let mut here = vec![false; class.truths];
        for measured in &class.measured {
            here[measured.truth] = size(measured).is_some_and(inside);
        }
        let count = here.iter().filter(|&&here| here).count();
        if count == 0 {
            continue;
        }
        truths += count;
        missed += class.missed.iter().zip(&here).filter(|(_, here)| **here).map(|(missed, _)| missed).sum::<f64>();
        let area = |matches: &Vec<(usize, usize)>| {
            // Detections that find an action of another size are neither right nor wrong here.
            let mut elsewhere = 0;
            let mut inside = Vec::with_capacity(matches.len());
            for &(rank, truth) in matches {
                if here[truth] {
                    inside.push((rank - elsewhere, truth));
                } else {
                    elsewhere += 1;
                }
            }
            normalised::area(&inside, count, truths_per_class)
        };
        areas.push(class.matches.iter().map(area).sum::<f64>() / class.matches.len().max(1) as f64);
    }
    let some = |value: f64| (truths > 0).then_some(value);
    Bin {
        name: NAMES[at].to_owned(),
        above,
        up_to,
        truths,
        normalised_map: some(areas.iter().sum::<f64>() / areas.len().max(1) as f64),
        false_negative_rate: some(missed / truths.max(1) as f64),
    }
}

fn missed(class: &Class, matches: &[Vec<(usize, usize)>], truths_per_class: f64) -> Vec<f64> {
    let mut found = vec![0_usize; class.truths];
    for matches in matches {
        for (before, &(rank, truth)) in matches.iter().enumerate() {
            let precision = normalised::precision(before + 1, rank, class.truths, truths_per_class);
            found[truth] += usize::from(precision > LEAST_PRECISION);
        }
    }
    let all = matches.len().max(1) as f64;
    found.into_iter().map(|found| 1.0 - found as f64 / all).collect()
}
