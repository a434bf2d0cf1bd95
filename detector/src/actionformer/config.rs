//! Settings of ActionFormer.

use serde::{Deserialize, Serialize};

use crate::error::{DetectorConfigError, at_least_one, halvable, multiple, positive, probabilities, ranged};
use crate::pyramid::{Pyramid, length_unit};
use crate::targets::CandidateRule;

/// What an ActionFormer is made of (OpenTAD `ActionFormer`, `Conv1DTransformerProj`, `ActionFormerHead`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ActionFormerConfig {
    /// Channels of the pyramid (`c`).
    pub channels: usize,
    /// Convolutions before the transformer.
    pub embed_convs: usize,
    /// Transformer blocks at full length.
    pub stem_blocks: usize,
    /// Attention heads; `channels` is a multiple of it.
    pub heads: usize,
    /// Steps that a query may look at, itself in the middle: one number, or one per level. Absent, or 0: the whole window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_window: Option<AttentionWindow>,
    /// Whether a sinusoid over time is added after the first convolutions.
    pub absolute_positions: bool,
    /// Probability of dropping a channel of the input for a whole sample, in training.
    pub input_dropout: f64,
    /// Stochastic depth of each residual branch, in training; at 0 the branches have no learned scale either.
    pub path_dropout: f64,
    /// Probability of dropping a number that the attention or the MLP of a block hands on, in training.
    #[serde(default)]
    pub projection_dropout: f64,
    /// Probability of dropping an attention weight, in training.
    #[serde(default)]
    pub attention_dropout: f64,
    /// Convolutions of each head before its output.
    pub head_convs: usize,
    /// Channels inside the heads; absent: as many as the pyramid has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_channels: Option<usize>,
    /// For each level, finest first: the lengths it answers for, as the range of the larger distance to start or end,
    /// in grid steps; both ends included. Their number is the number of levels.
    pub regression_ranges: Vec<[f64; 2]>,
    /// Radius around a segment's centre within which points learn it, in strides of their level; absent: all points in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub centre_radius: Option<f64>,
    /// Whether points sit in the middle of their stride instead of at its start.
    #[serde(default)]
    pub centred_points: bool,
    /// Initial probability of every class at every point (Lin et al., focal loss, section 4.1).
    pub class_prior: f64,
    /// Label smoothing of the classification targets.
    pub label_smoothing: f64,
    /// Weight of the regression loss; at 0 or below it is set from the losses' ratio at every step.
    pub loss_weight: f64,
    /// First value of the running mean of positives that divides the losses.
    pub loss_normalizer: f64,
    /// Momentum of that mean.
    pub loss_normalizer_momentum: f64,
    /// Whether a point learns only the labels of segments as short as its shortest (within 1e-3 grid steps), or those of
    /// every segment it answers for.
    pub filter_similar: bool,
}

/// Steps that a query of an attention may look at, itself in the middle; 0: the whole window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttentionWindow {
    /// The same in all blocks.
    Same(usize),
    /// One for each level, finest first.
    PerLevel(Vec<usize>),
}

impl ActionFormerConfig {
    /// The detector of AdaTAD on THUMOS-14 (OpenTAD `configs/adatad/thumos`).
    pub fn thumos() -> Self {
        let edges = [0.0, 4.0, 8.0, 16.0, 32.0, 64.0, 10_000.0];
        Self {
            channels: 512,
            embed_convs: 2,
            stem_blocks: 2,
            heads: 4,
            attention_window: None,
            absolute_positions: false,
            input_dropout: 0.0,
            path_dropout: 0.1,
            projection_dropout: 0.0,
            attention_dropout: 0.0,
            head_convs: 2,
            head_channels: None,
            regression_ranges: edges.windows(2).map(|pair| [pair[0], pair[1]]).collect(),
            centre_radius: Some(1.5),
            centred_points: false,
            class_prior: 0.01,
            label_smoothing: 0.0,
            loss_weight: 1.0,
            loss_normalizer: 100.0,
            loss_normalizer_momentum: 0.9,
            filter_similar: true,
        }
    }

    /// Levels of the pyramid.
    pub fn levels(&self) -> usize {
        self.regression_ranges.len()
    }

    /// Channels inside the heads.
    pub fn head_channels(&self) -> usize {
        self.head_channels.unwrap_or(self.channels)
    }

    /// Steps that a query of a level sees; none: all.
    pub fn window(&self, level: usize) -> Option<usize> {
        let window = match &self.attention_window {
            None => None,
            Some(AttentionWindow::Same(window)) => Some(*window),
            Some(AttentionWindow::PerLevel(windows)) => windows.get(level).copied(),
        };
        window.filter(|&window| window > 1)
    }

    /// Windows longer than the detector's are padded to a multiple of this.
    pub(crate) fn length_unit(&self) -> usize {
        // Whole pairs of half windows: how the reference cuts time into chunks.
        length_unit((0..self.levels()).map(|level| self.window(level).map_or(1, |window| window / 2 * 2)))
    }

    /// Points and what they learn.
    pub fn pyramid(&self) -> Pyramid {
        Pyramid {
            ranges: self.regression_ranges.clone(),
            centred_points: self.centred_points,
            rule: CandidateRule { radius: self.centre_radius, filter_similar: self.filter_similar },
        }
    }

    /// Refuses what cannot be built for windows of `steps` grid steps.
    ///
    /// # Errors
    ///
    /// The first field that does not fit, with the nearest values that would.
    pub fn check(&self, steps: usize) -> Result<(), DetectorConfigError> {
        let levels = self.levels();
        at_least_one(&[
            ("channels", self.channels),
            ("heads", self.heads),
            ("embed-convs", self.embed_convs),
            ("head-channels", self.head_channels()),
            ("regression-ranges", levels),
        ])?;
        multiple(("channels", self.channels), self.heads, &format!("detector.heads = {}", self.heads))?;
        if let Some(AttentionWindow::PerLevel(windows)) = &self.attention_window
            && windows.len() != levels
        {
            return Err(DetectorConfigError::Levels { field: "attention-window", given: windows.len(), levels });
        }
        probabilities(&[
            ("input-dropout", self.input_dropout),
            ("path-dropout", self.path_dropout),
            ("projection-dropout", self.projection_dropout),
            ("attention-dropout", self.attention_dropout),
            ("label-smoothing", self.label_smoothing),
            ("loss-normalizer-momentum", self.loss_normalizer_momentum),
        ])?;
        ranged(&[("class-prior", self.class_prior)], |prior| prior > 0.0 && prior < 1.0, "0..1, ends left out")?;
        positive(&[("centre-radius", self.centre_radius.unwrap_or(1.0)), ("loss-normalizer", self.loss_normalizer)])?;
        halvable(steps, levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_settings_can_be_built() {
        assert_eq!(ActionFormerConfig::thumos().check(768), Ok(()));
        assert_eq!(ActionFormerConfig::thumos().check(2304), Ok(()));
    }

    #[test]
    fn a_fault_comes_with_the_nearest_right_values() {
        let odd = ActionFormerConfig { channels: 510, ..ActionFormerConfig::thumos() };
        let message = odd.check(768).unwrap_err().to_string();
        assert_eq!(
            message,
            "detector.channels is 510, not a multiple of detector.heads = 4; the nearest are 508 and 512"
        );
        let message = ActionFormerConfig::thumos().check(100).unwrap_err().to_string();
        assert!(message.ends_with("the nearest are 96 and 128"), "{message}");
        let windows = Some(AttentionWindow::PerLevel(vec![17; 3]));
        let few = ActionFormerConfig { attention_window: windows, ..ActionFormerConfig::thumos() };
        assert!(few.check(768).unwrap_err().to_string().contains("has 3 entries; it needs one for each of the 6"));
    }

    #[test]
    fn windows_can_differ_by_level() {
        let windows = Some(AttentionWindow::PerLevel(vec![17, 0, 19]));
        let config = ActionFormerConfig { attention_window: windows, ..ActionFormerConfig::thumos() };
        assert_eq!([0, 1, 2].map(|level| config.window(level)), [Some(17), None, Some(19)]);
        let same = ActionFormerConfig { attention_window: Some(AttentionWindow::Same(19)), ..config };
        assert_eq!((same.window(5), same.length_unit()), (Some(19), 18 * 32));
    }
}
