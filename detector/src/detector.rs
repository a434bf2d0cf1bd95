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
use crate::losses::{Divisor, LossNormalizer, Losses};
use crate::mask::Mask;
use crate::segment::Segment;
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
}

impl DetectorConfig {
    /// Its name, as papers have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ActionFormer(_) => "ActionFormer",
            Self::TriDet(_) => "TriDet",
        }
    }

    /// Refuses what cannot be built for windows of `steps` grid steps.
    ///
    /// # Errors
    ///
    /// The first field that does not fit, with the nearest values that would.
    pub fn check(&self, steps: usize) -> Result<(), DetectorConfigError> {
        match self {
            Self::ActionFormer(config) => config.check(steps),
            Self::TriDet(config) => config.check(steps),
        }
    }

    /// The running mean of positives as training starts with it.
    pub fn normalizer(&self) -> LossNormalizer {
        let (value, momentum) = match self {
            Self::ActionFormer(config) => (config.loss_normalizer, config.loss_normalizer_momentum),
            Self::TriDet(config) => (config.loss_normalizer, config.loss_normalizer_momentum),
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
}

/// What a detector says about a batch of windows.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a step holds one; its numbers are elsewhere")]
pub enum Predictions {
    /// A logit per class and two distances at every point.
    ActionFormer(actionformer::Predictions),
    /// A logit per class and what distances follow from, at every point.
    TriDet(tridet::Predictions),
}

impl Predictions {
    fn strange(&self, detector: &Detector) -> String {
        let whose = match self {
            Self::ActionFormer(_) => "ActionFormer",
            Self::TriDet(_) => "TriDet",
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
        }
    }

    /// How many points learn something, over all windows: what [`LossNormalizer`] averages. Needs no prediction.
    pub fn positives(&self, mask: &Mask, truth: &[Vec<Truth>]) -> usize {
        match self {
            Self::ActionFormer(detector) => detector.positives(mask, truth),
            Self::TriDet(detector) => detector.positives(mask, truth),
        }
    }

    /// Losses against ground truth in grid steps. What a loss draws at random comes from `draws`: uniform numbers, in
    /// the order in which the detector needs them.
    ///
    /// # Panics
    ///
    /// When the predictions are another detector's.
    pub fn losses(
        &self,
        predictions: &Predictions,
        truth: &[Vec<Truth>],
        divisor: Divisor,
        _draws: &mut dyn Rng,
    ) -> Losses {
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
            (_, said) => panic!("{}", said.strange(self)),
        }
    }

    /// Its name, as papers have it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::ActionFormer(_) => "ActionFormer",
            Self::TriDet(_) => "TriDet",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_say_which_detector_they_are_of() {
        for config in
            [DetectorConfig::ActionFormer(ActionFormerConfig::thumos()), DetectorConfig::TriDet(TriDetConfig::thumos())]
        {
            let json = serde_json::to_value(&config).unwrap();
            assert_eq!(json["kind"], config.name().to_lowercase());
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
        assert!(refused.contains("unknown variant `actionfromer`, expected `actionformer` or `tridet`"), "{refused}");
    }
}
