//! What is wrong with the best detections of every class, and what it costs.

use serde::{Deserialize, Serialize};

use super::{Matches, normalised};
use crate::metrics::Evaluation;
use crate::metrics::class::Class;
use crate::metrics::spans::Spans;

/// How many times the number of actions is looked at (DETAD: 10).
const GROUPS: usize = 10;
/// Overlap below which a detection has nothing to do with an action (DETAD: 0.1).
const LEAST: f64 = 0.1;

/// What a detection turns out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Right.
    TruePositive,
    /// Overlaps an action of its class well, but a better detection has found that already.
    DoubleDetection,
    /// Overlaps an action well, of another class.
    WrongLabel,
    /// Overlaps an action of its class, but not well: by 0.1 or more, and less than the threshold.
    Localization,
    /// Overlaps an action of another class, not well.
    Confusion,
    /// Overlaps no action by 0.1.
    Background,
}

impl Outcome {
    /// Everything but right.
    pub const ERRORS: [Self; 5] =
        [Self::DoubleDetection, Self::WrongLabel, Self::Localization, Self::Confusion, Self::Background];
}

/// Which part of some detections turns out to be what; they add up to 1, if there are any.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "one for each outcome, which says what it is")]
pub struct Shares {
    pub true_positive: f64,
    pub double_detection: f64,
    pub wrong_label: f64,
    pub localization: f64,
    pub confusion: f64,
    pub background: f64,
}

impl Shares {
    /// The share of one outcome.
    pub fn of(&self, outcome: Outcome) -> f64 {
        match outcome {
            Outcome::TruePositive => self.true_positive,
            Outcome::DoubleDetection => self.double_detection,
            Outcome::WrongLabel => self.wrong_label,
            Outcome::Localization => self.localization,
            Outcome::Confusion => self.confusion,
            Outcome::Background => self.background,
        }
    }

    fn add(&mut self, outcome: Outcome, share: f64) {
        *match outcome {
            Outcome::TruePositive => &mut self.true_positive,
            Outcome::DoubleDetection => &mut self.double_detection,
            Outcome::WrongLabel => &mut self.wrong_label,
            Outcome::Localization => &mut self.localization,
            Outcome::Confusion => &mut self.confusion,
            Outcome::Background => &mut self.background,
        } += share;
    }
}

/// One `G` of the profile: of every class, as many detections as it has actions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Which: 1 for the best.
    pub multiple: usize,
    /// Detections, of all classes.
    pub detections: usize,
    /// What they turn out to be, averaged over the thresholds.
    pub shares: Shares,
}

/// What would be gained without one kind of error among the best `10 G` detections of each class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The kind.
    pub error: Outcome,
    /// More mean average precision.
    pub map: f64,
    /// More normalised mean average precision: DETAD's figure.
    pub normalised_map: f64,
}

pub(super) fn analyse(
    evaluation: &Evaluation,
    matches: &Matches,
    thresholds: &[f64],
    truths_per_class: f64,
) -> (Vec<Group>, Vec<Gain>) {
    let everything = Everything::new(evaluation);
    let mut groups: Vec<Group> =
        (1..=GROUPS).map(|multiple| Group { multiple, detections: 0, shares: Shares::default() }).collect();
    // Of mean average precision, plain and normalised: as it is, and without each kind of error.
    let mut sums = [[0.0; 2]; 1 + Outcome::ERRORS.len()];
    for (number, (class, matches)) in evaluation.classes.values().zip(matches).enumerate() {
        let looked_at = class.detections.len().min(GROUPS * class.truths);
        let nearest: Vec<_> = (0..looked_at).map(|rank| everything.nearest(class, number, rank)).collect();
        for rank in 0..looked_at {
            groups[rank / class.truths].detections += 1;
        }
        for (threshold, matches) in thresholds.iter().zip(matches) {
            let outcomes = outcomes(&nearest, matches, *threshold);
            for (rank, &outcome) in outcomes.iter().enumerate() {
                groups[rank / class.truths].shares.add(outcome, 1.0);
            }
            for (sums, without) in sums.iter_mut().zip([None].into_iter().chain(Outcome::ERRORS.map(Some))) {
                let kept = outcomes.iter().filter(|&&outcome| Some(outcome) != without).enumerate();
                let right = kept.filter(|(_, outcome)| **outcome == Outcome::TruePositive);
                let right: Vec<_> = right.map(|(rank, _)| (rank, 0)).collect();
                sums[0] += normalised::area(&right, class.truths, class.truths as f64);
                sums[1] += normalised::area(&right, class.truths, truths_per_class);
            }
        }
    }
    for group in &mut groups {
        let all = (group.detections * thresholds.len()).max(1) as f64;
        let counts = group.shares;
        group.shares = Shares::default();
        for outcome in [Outcome::TruePositive].into_iter().chain(Outcome::ERRORS) {
            group.shares.add(outcome, counts.of(outcome) / all);
        }
    }
    let all = (evaluation.classes.len() * thresholds.len()).max(1) as f64;
    let gain = |(error, sum): (Outcome, &[f64; 2])| Gain {
        error,
        map: (sum[0] - sums[0][0]) / all,
        normalised_map: (sum[1] - sums[0][1]) / all,
    };
    (groups, Outcome::ERRORS.into_iter().zip(&sums[1..]).map(gain).collect())
}

/// The action that a detection overlaps most.
#[derive(Debug, Clone, Copy)]
struct Nearest {
    overlap: f64,
    own_class: bool,
}

/// The actions of all classes, by video.
struct Everything {
    videos: Vec<Spans>,
    /// Number of the class of each action.
    classes: Vec<usize>,
}

impl Everything {
    fn new(evaluation: &Evaluation) -> Self {
        let mut all = Self { videos: vec![Spans::default(); evaluation.names.len()], classes: Vec::new() };
        for (number, class) in evaluation.classes.values().enumerate() {
            for video in &class.videos {
                for (_, span) in video.spans.unordered() {
                    all.videos[video.home].push(all.classes.len(), span);
                    all.classes.push(number);
                }
            }
        }
        all.videos.iter_mut().for_each(Spans::sort);
        all
    }

    /// Of equally good ones, one of the detection's own class.
    fn nearest(&self, class: &Class, number: usize, rank: usize) -> Nearest {
        let detection = &class.detections[rank];
        let overlaps = self.videos[detection.home].overlapping(detection.span);
        overlaps.fold(Nearest { overlap: 0.0, own_class: false }, |best, (truth, overlap)| {
            let own_class = self.classes[truth] == number;
            let better = overlap > best.overlap || (overlap == best.overlap && own_class);
            if better { Nearest { overlap, own_class } } else { best }
        })
    }
}

fn outcomes(nearest: &[Nearest], matches: &[(usize, usize)], threshold: f64) -> Vec<Outcome> {
    let mut outcomes: Vec<Outcome> = nearest
        .iter()
        .map(|&Nearest { overlap, own_class }| match (overlap >= threshold, own_class) {
            (true, true) => Outcome::DoubleDetection,
            (true, false) => Outcome::WrongLabel,
            (false, true) if overlap >= LEAST => Outcome::Localization,
            (false, false) if overlap >= LEAST => Outcome::Confusion,
            (false, _) => Outcome::Background,
        })
        .collect();
    for &(rank, _) in matches {
        if let Some(outcome) = outcomes.get_mut(rank) {
            *outcome = Outcome::TruePositive;
        }
    }
    outcomes
}
