//! One type for all detectors: which one, its settings, its network and its answers.
//!
//! A closed enum, so that a new detector is a compile error until every operation knows it. All detectors take features
//! `[b, c, t]` and a mask, and offer the same few operations: predictions, how many points learn, losses, segments.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use rand_core::Rng;
use serde::{Deserialize, Serialize};

use crate::actionformer::{self, ActionFormer, ActionFormerConfig};
use crate::decode::DecodeConfig;
use crate::error::DetectorConfigError;
use crate::gtad::{self, BalanceDraws, Gtad, GtadConfig, WindowGoals};
use crate::losses::{Divisor, LossNormalizer, Losses};
use crate::mask::Mask;
use crate::segment::Segment;
use crate::stochastic::uniform;
use crate::targets::Truth;
use crate::tridet::{self, TriDet, TriDetConfig};

/// Which detector, and what it is made of: `kind` and that detector's own keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum DetectorConfig {
    /// A pyramid of transformer blocks.
    ActionFormer(ActionFormerConfig),
    /// A pyramid of convolutions, and boundaries as expectations.
    TriDet(TriDetConfig),
    /// A map of all proposals, and graph blocks. Says no classes.
    Gtad(GtadConfig),
}

impl DetectorConfig {
    /// Its name, as papers have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ActionFormer(_) => "ActionFormer",
            Self::TriDet(_) => "TriDet",
            Self::Gtad(_) => "G-TAD",
        }
    }

    /// Whether its segments have classes, or all have class 0.
    pub fn says_classes(&self) -> bool {
        match self {
            Self::ActionFormer(_) | Self::TriDet(_) => true,
            Self::Gtad(_) => false,
        }
    }

    /// Refuses what cannot be built for `features` input channels and windows of `steps` grid steps.
    ///
    /// # Errors
    ///
    /// The first field that does not fit, with the nearest values that would.
    pub fn check(&self, [features, steps]: [usize; 2]) -> Result<(), DetectorConfigError> {
        match self {
            Self::ActionFormer(config) => config.check(steps),
            Self::TriDet(config) => config.check(steps),
            Self::Gtad(config) => config.check(features, steps),
        }
    }

    /// The running mean of positives as training starts with it.
    pub fn normalizer(&self) -> LossNormalizer {
        let (value, momentum) = match self {
            Self::ActionFormer(config) => (config.loss_normalizer, config.loss_normalizer_momentum),
            Self::TriDet(config) => (config.loss_normalizer, config.loss_normalizer_momentum),
            Self::Gtad(_) => (1.0, 0.0), // nothing reads it: the balance of good and bad proposals takes its place
        };
        LossNormalizer { value, momentum }
    }
}

/// A detector.
#[derive(Module, Debug)]
#[expect(clippy::large_enum_variant, reason = "a program holds one or two; their weights are elsewhere")]
pub enum Detector {
    /// A pyramid of transformer blocks.
    ActionFormer(ActionFormer),
    /// A pyramid of convolutions, and boundaries as expectations.
    TriDet(TriDet),
    /// A map of all proposals, and graph blocks.
    Gtad(Gtad),
}

/// What a detector says about a batch of windows.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a step holds one; its numbers are elsewhere")]
pub enum Predictions {
    /// A logit per class and two distances at every point.
    ActionFormer(actionformer::Predictions),
    /// A logit per class and what distances follow from, at every point.
    TriDet(tridet::Predictions),
    /// Two logits per step and two per proposal.
    Gtad(gtad::Predictions),
}

impl Predictions {
    fn strange(&self, detector: &Detector) -> String {
        let whose = match self {
            Self::ActionFormer(_) => "ActionFormer",
            Self::TriDet(_) => "TriDet",
            Self::Gtad(_) => "G-TAD",
        };
        format!("predictions of {whose} were given to {}", detector.name())
    }
}

impl Detector {
    /// Draws the initial weights, for `features` input channels, `classes` classes and windows of `max_seq_len` steps.
    pub fn init(
        config: &DetectorConfig,
        [features, classes, max_seq_len]: [usize; 3],
        rng: &mut dyn Rng,
        device: &Device,
    ) -> Self {
        let sizes = [features, classes, max_seq_len];
        match config {
            DetectorConfig::ActionFormer(config) => Self::ActionFormer(ActionFormer::init(config, sizes, rng, device)),
            DetectorConfig::TriDet(config) => Self::TriDet(TriDet::init(config, sizes, rng, device)),
            DetectorConfig::Gtad(config) => Self::Gtad(Gtad::init(config, [features, max_seq_len], rng, device)),
        }
    }

    /// Predictions; `rng` is there in training, and dropout, stochastic depth and noise are drawn from it.
    ///
    /// # Shapes
    ///
    /// - `features`: `[b, c, t]`; `mask` says which of the `t` steps hold video
    pub fn forward(&self, features: Tensor<3>, mask: &Mask, rng: Option<&mut dyn Rng>) -> Predictions {
        match self {
            Self::ActionFormer(detector) => Predictions::ActionFormer(detector.forward(features, mask, rng)),
            Self::TriDet(detector) => Predictions::TriDet(detector.forward(features, mask, rng)),
            Self::Gtad(detector) => Predictions::Gtad(detector.forward(features, mask)),
        }
    }

    /// How many points learn something, over all windows: what [`LossNormalizer`] averages. Needs no prediction.
    pub fn positives(&self, mask: &Mask, truth: &[Vec<Truth>]) -> usize {
        match self {
            Self::ActionFormer(detector) => detector.positives(mask, truth),
            Self::TriDet(detector) => detector.positives(mask, truth),
            Self::Gtad(_) => 0,
        }
    }

    /// What every window of a step is to say and how much each answer counts, where that depends on all windows: for
    /// G-TAD, which balances good and bad proposals over the whole step. None where a [`Divisor`] is all they share.
    pub fn goals(&self, truth: &[Vec<Truth>], draws: &mut dyn Rng) -> Option<Vec<WindowGoals>> {
        match self {
            Self::ActionFormer(_) | Self::TriDet(_) => None,
            Self::Gtad(detector) => {
                let count = truth.len() * detector.proposals();
                Some(detector.goals(truth, &BalanceDraws::draw(count, || uniform(draws) as f32)))
            }
        }
    }

    /// Losses of some of a step's windows against their [`goals`](Self::goals).
    ///
    /// # Panics
    ///
    /// When the predictions are another detector's, or the detector has no goals.
    pub fn losses_by_goals(&self, predictions: &Predictions, goals: &[WindowGoals]) -> Losses {
        match (self, predictions) {
            (Self::Gtad(detector), Predictions::Gtad(said)) => detector.losses(said, goals).into(),
            _ => panic!("goals and predictions are of one detector, and that is G-TAD"),
        }
    }

    /// Losses against ground truth in grid steps, all windows of a step at once. What a loss draws at random comes from
    /// `draws`: uniform numbers, in the order in which the detector needs them.
    ///
    /// # Panics
    ///
    /// When the predictions are another detector's.
    pub fn losses(
        &self,
        predictions: &Predictions,
        truth: &[Vec<Truth>],
        divisor: Divisor,
        draws: &mut dyn Rng,
    ) -> Losses {
        if let Some(goals) = self.goals(truth, draws) {
            return self.losses_by_goals(predictions, &goals);
        }
        match (self, predictions) {
            (Self::ActionFormer(detector), Predictions::ActionFormer(said)) => detector.losses(said, truth, divisor),
            (Self::TriDet(detector), Predictions::TriDet(said)) => detector.losses(said, truth, divisor),
            (_, said) => panic!("{}", said.strange(self)),
        }
    }

    /// Scored segments in grid steps per window, thresholded, best first, not yet thinned out.
    ///
    /// # Panics
    ///
    /// When the predictions are another detector's.
    pub fn decode(&self, predictions: &Predictions, config: &DecodeConfig) -> Vec<Vec<Segment>> {
        match (self, predictions) {
            (Self::ActionFormer(detector), Predictions::ActionFormer(said)) => detector.decode(said, config),
            (Self::TriDet(detector), Predictions::TriDet(said)) => detector.decode(said, config),
            // Nothing is cut before suppression, as in the reference.
            (Self::Gtad(detector), Predictions::Gtad(said)) => detector.decode(said),
            (_, said) => panic!("{}", said.strange(self)),
        }
    }

    /// Its name, as papers have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ActionFormer(_) => "ActionFormer",
            Self::TriDet(_) => "TriDet",
            Self::Gtad(_) => "G-TAD",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_which_detector_they_are_of() {
        for config in [
            DetectorConfig::ActionFormer(ActionFormerConfig::thumos()),
            DetectorConfig::TriDet(TriDetConfig::thumos()),
            DetectorConfig::Gtad(GtadConfig::thumos()),
        ] {
            let json = serde_json::to_value(&config).unwrap();
            assert_eq!(json["kind"], config.name().to_lowercase().replace('-', ""));
            assert_eq!(serde_json::from_value::<DetectorConfig>(json).unwrap(), config);
        }
    }

    #[test]
    fn keys_of_another_detector_are_refused() {
        let mut json = serde_json::to_value(DetectorConfig::TriDet(TriDetConfig::thumos())).unwrap();
        json["heads"] = 4.into();
        let refused = serde_json::from_value::<DetectorConfig>(json).unwrap_err().to_string();
        assert!(refused.contains("unknown field `heads`"), "{refused}");
    }

    #[test]
    fn an_unknown_kind_comes_with_the_known_ones() {
        let refused = serde_json::from_str::<DetectorConfig>(r#"{"kind": "actionfromer"}"#).unwrap_err().to_string();
        assert!(
            refused.contains("unknown variant `actionfromer`, expected one of `actionformer`, `tridet`, `gtad`"),
            "{refused}"
        );
    }
}
