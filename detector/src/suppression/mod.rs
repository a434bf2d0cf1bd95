//! Suppression: of many proposals for one action, the best keeps its score and its neighbours lose theirs.
//!
//! Works on [`Segment`]s in any one unit of time and answers with the kept ones, best first. The rules and the f32
//! arithmetic are OpenTAD's (`models/utils/post_processing/nms`, in turn from mmcv); the way through the data is not:
//! the reference compares every pair, this one only what can overlap (see `timeline`).
//!
//! - Equal scores have an order. Hard suppression and the result put the earlier input first; a soft competition
//!   follows the reference's swaps (see `places`), as its winners depend on them.
//!   Differs from OpenTAD, where an unstable sort decides in hard suppression and in the result.
//! - A segment with a NaN or an infinity in it is left out. Differs from OpenTAD, which lets NaN spread.
//! - A segment that votes cannot move (it overlaps not even itself, or all voters have score 0) stays where it is.
//!   Differs from OpenTAD, which answers NaN.

mod gaussian;
mod places;
mod select;
mod timeline;
mod voting;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::segment::Segment;
use gaussian::gaussian;
use places::Ties;
use select::{Kept, LOST, Rule, select};

/// How proposals are thinned out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Suppression {
    /// What a kept segment does to those that overlap it.
    pub method: Method,
    /// At most this many segments come out, per class and in all. OpenTAD: 2000 for THUMOS, 100 for ActivityNet.
    pub max_segments: usize,
    /// Segments whose score falls below this are dropped (the very best never is). With [`Method::Hard`], which
    /// changes no score, those not above it are dropped first, unless it is 0. OpenTAD: 0 for THUMOS, 0.001 mostly.
    pub min_score: f64,
    /// Whether all classes compete with each other (OpenTAD `multiclass = False`, ActivityNet with an outside
    /// classifier) or each class is thinned out by itself.
    pub class_agnostic: bool,
    /// Moves every kept segment to the mean of the proposals that overlap it at least this much, weighted by their
    /// scores. Only where `class_agnostic` or `class_voting` is set: OpenTAD ignores it elsewhere, though its configs carry
    /// it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voting_threshold: Option<f64>,
    /// Votes where each class is thinned out by itself, too: within the class (the original ActionFormer). Never in
    /// OpenTAD.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub class_voting: bool,
}

/// What a kept segment does to the score of one that overlaps it.
///
/// Overlap is temporal intersection over union, with 1e-6 added to each length as in the reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum Method {
    /// Those that overlap at least `overlap` are removed (OpenTAD `use_soft_nms = False`).
    Hard {
        /// From this overlap on.
        overlap: f64,
    },
    /// Those that overlap at least `overlap` are given score 0, and go if `min-score` is above 0 (OpenTAD method 0).
    Zero {
        /// From this overlap on.
        overlap: f64,
    },
    /// Those that overlap at least `overlap` are multiplied by `1 - overlap` (OpenTAD method 1).
    Linear {
        /// From this overlap on.
        overlap: f64,
    },
    /// All are multiplied by `exp(-overlap^2 / sigma)` (OpenTAD method 2, the default; Bodla et al. 2017).
    Gaussian {
        /// The larger, the milder. OpenTAD: 0.7 for THUMOS and ActivityNet, 0.5 and less elsewhere.
        sigma: f64,
    },
    /// As `gaussian`, but only from an overlap of `base + slope * length` on, so that neighbours of a long segment
    /// survive (OpenTAD method 3; from BMN, Lin et al. 2019).
    SparingGaussian {
        /// The larger, the milder.
        sigma: f64,
        /// Overlap that is always spared (OpenTAD `t1`).
        base: f64,
        /// More of it per unit of the kept segment's length (OpenTAD `t2`).
        slope: f64,
    },
}

/// Why a [`Suppression`] makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("suppression: {field} is {value}, must be {wanted}")]
pub struct InvalidSuppression {
    /// The field, as it is written in a run config.
    pub field: &'static str,
    /// What it says.
    pub value: f64,
    /// What it may say.
    pub wanted: &'static str,
}

impl Suppression {
    /// THUMOS-14 as AdaTAD tests it: gaussian, sigma 0.7, 2000 segments, each class by itself, no minimum
    /// (OpenTAD `configs/adatad/thumos`).
    pub fn thumos() -> Self {
        Self {
            method: Method::Gaussian { sigma: 0.7 },
            max_segments: 2000,
            min_score: 0.0,
            class_agnostic: false,
            voting_threshold: None,
            class_voting: false,
        }
    }

    /// ActivityNet-1.3 with an outside classifier: gaussian, sigma 0.7, 100 segments, all classes together, voting
    /// at 0.9 (OpenTAD `configs/adatad/anet`).
    pub fn activitynet() -> Self {
        Self {
            max_segments: 100,
            min_score: 0.001,
            class_agnostic: true,
            voting_threshold: Some(0.9),
            ..Self::thumos()
        }
    }

    /// Checks the numbers, for whoever reads them from a person.
    pub fn check(&self) -> Result<(), InvalidSuppression> {
        let positive = |field, value: f64| match value > 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(InvalidSuppression { field, value, wanted: "above 0" }),
        };
        let share = |field, value: f64| match value > 0.0 && value <= 1.0 {
            true => Ok(()),
            false => Err(InvalidSuppression { field, value, wanted: "above 0 and at most 1" }),
        };
        let natural = |field, value: f64| match value >= 0.0 && value.is_finite() {
            true => Ok(()),
            false => Err(InvalidSuppression { field, value, wanted: "0 or more" }),
        };
        match self.method {
            Method::Hard { overlap } | Method::Zero { overlap } | Method::Linear { overlap } => {
                share("method.overlap", overlap)?;
            }
            Method::Gaussian { sigma } => positive("method.sigma", sigma)?,
            Method::SparingGaussian { sigma, base, slope } => {
                positive("method.sigma", sigma)?;
                natural("method.base", base)?;
                natural("method.slope", slope)?;
            }
        }
        positive("max-segments", self.max_segments as f64)?;
        natural("min-score", self.min_score)?;
        self.voting_threshold.map_or(Ok(()), |threshold| share("voting-threshold", threshold))
    }

    /// The segments that are kept, with what is left of their scores, best first.
    ///
    /// Nothing in the result is NaN or infinite, whatever comes in.
    pub fn apply(&self, segments: &[Segment]) -> Vec<Segment> {
        let usable = (0..segments.len()).filter(|&at| segments[at].is_finite() && self.admits(segments[at].score));
        let mut kept = if self.class_agnostic {
            self.compete(segments, &usable.collect::<Vec<_>>())
        } else {
            let mut classes: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for at in usable {
                classes.entry(segments[at].label).or_default().push(at);
            }
            classes.values().flat_map(|members| self.compete(segments, members)).collect()
        };
        kept.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.at.cmp(&b.at)));
        kept.truncate(self.max_segments);

        let mut result: Vec<_> = kept.iter().map(|kept| Segment { score: kept.score, ..segments[kept.at] }).collect();
        match self.voting_threshold {
            Some(threshold) if self.class_agnostic => voting::vote(&mut result, segments, threshold as f32),
            Some(threshold) if self.class_voting => voting::vote_by_class(&mut result, segments, threshold as f32),
            _ => {}
        }
        result
    }

    /// Whether a score is worth looking at. Only hard suppression may say no: a soft one keeps its best, however low.
    fn admits(&self, score: f32) -> bool {
        let least = self.min_score as f32;
        !matches!(self.method, Method::Hard { .. }) || least <= 0.0 || score > least
    }

    /// One competition.
    fn compete(&self, segments: &[Segment], members: &[usize]) -> Vec<Kept> {
        let soft = Rule { least: self.min_score as f32, most: self.max_segments, ties: Ties::Swaps };
        match self.method {
            Method::Hard { overlap } => {
                let bound = overlap as f32;
                let hard = Rule { least: f32::MIN, ties: Ties::Input, ..soft };
                select(segments, members, hard, |_| move |score, overlap| if overlap >= bound { LOST } else { score })
            }
            Method::Zero { overlap } => {
                let bound = overlap as f32;
                select(segments, members, soft, |_| {
                    move |score, overlap| if overlap >= bound { score * 0.0 } else { score }
                })
            }
            Method::Linear { overlap } => {
                let bound = overlap as f32;
                select(segments, members, soft, |_| {
                    move |score, overlap| if overlap >= bound { score * (1.0 - overlap) } else { score }
                })
            }
            Method::Gaussian { sigma } => {
                let rate = -1.0 / sigma as f32;
                select(segments, members, soft, |_| move |score, overlap| score * gaussian(overlap, rate))
            }
            Method::SparingGaussian { sigma, base, slope } => {
                let (rate, base, slope) = (-1.0 / sigma as f32, base as f32, slope as f32);
                select(segments, members, soft, |length| {
                    let bound = base + slope * length;
                    move |score, overlap| if overlap >= bound { score * gaussian(overlap, rate) } else { score }
                })
            }
        }
    }
}
