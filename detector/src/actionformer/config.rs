//! Settings of ActionFormer.

use serde::{Deserialize, Serialize};

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
    /// Steps that a query may look at, itself in the middle; absent: the whole window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attention_window: Option<usize>,
    /// Whether a sinusoid over time is added after the first convolutions.
    pub absolute_positions: bool,
    /// Probability of dropping a channel of the input for a whole sample, in training.
    pub input_dropout: f64,
    /// Stochastic depth of each residual branch, in training; at 0 the branches have no learned scale either.
    pub path_dropout: f64,
    /// Convolutions of each head before its output.
    pub head_convs: usize,
    /// For each level, finest first: the lengths it answers for, as the range of the larger distance to start or end,
    /// in grid steps; both ends included. Their number is the number of levels.
    pub regression_ranges: Vec<[f64; 2]>,
    /// Radius around a segment's centre within which points learn it, in strides of their level.
    pub centre_radius: f64,
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

/// A configuration that cannot be built.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum ActionFormerConfigError {
    /// Heads do not divide the channels.
    #[error(
        "detector.channels is {channels}, not a multiple of detector.heads = {heads}; the nearest are {below} and {above}"
    )]
    Heads {
        /// The channels given.
        channels: usize,
        /// The heads given.
        heads: usize,
        /// The nearest fitting number of channels below.
        below: usize,
        /// The nearest fitting number of channels above.
        above: usize,
    },
    /// A size is zero.
    #[error("detector.{field} is 0; it must be at least 1")]
    Zero {
        /// The field.
        field: &'static str,
    },
    /// A probability outside its range.
    #[error("detector.{field} is {value}; it must lie in {range}")]
    Range {
        /// The field.
        field: &'static str,
        /// The value given.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// The window cannot be halved often enough.
    #[error(
        "a window of {steps} grid steps cannot be halved {halvings} times for {levels} levels; the nearest are {below} and {above}"
    )]
    Window {
        /// The window's length in grid steps.
        steps: usize,
        /// How often it has to be halved.
        halvings: usize,
        /// The number of levels.
        levels: usize,
        /// The nearest fitting length below.
        below: usize,
        /// The nearest fitting length above.
        above: usize,
    },
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
            head_convs: 2,
            regression_ranges: edges.windows(2).map(|pair| [pair[0], pair[1]]).collect(),
            centre_radius: 1.5,
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

    /// Distance of two points of a level, in grid steps.
    pub fn stride(level: usize) -> usize {
        1 << level
    }

    /// Refuses what cannot be built for windows of `steps` grid steps.
    ///
    /// # Errors
    ///
    /// The first field that does not fit, with the nearest values that would.
    pub fn check(&self, steps: usize) -> Result<(), ActionFormerConfigError> {
        let (channels, heads, levels) = (self.channels, self.heads, self.levels());
        let sizes = [
            ("channels", channels),
            ("heads", heads),
            ("embed-convs", self.embed_convs),
            ("regression-ranges", levels),
        ];
        if let Some((field, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return Err(ActionFormerConfigError::Zero { field });
        }
        if !channels.is_multiple_of(heads) {
            let below = (channels / heads * heads).max(heads);
            let above = (channels / heads + 1) * heads;
            return Err(ActionFormerConfigError::Heads { channels, heads, below, above });
        }
        for (field, value, ok, range) in [
            ("input-dropout", self.input_dropout, (0.0..1.0).contains(&self.input_dropout), "0..1"),
            ("path-dropout", self.path_dropout, (0.0..1.0).contains(&self.path_dropout), "0..1"),
            ("label-smoothing", self.label_smoothing, (0.0..1.0).contains(&self.label_smoothing), "0..1"),
            ("class-prior", self.class_prior, self.class_prior > 0.0 && self.class_prior < 1.0, "0..1, ends left out"),
            ("centre-radius", self.centre_radius, self.centre_radius > 0.0, "the positive numbers"),
            ("loss-normalizer", self.loss_normalizer, self.loss_normalizer > 0.0, "the positive numbers"),
        ] {
            if !ok {
                return Err(ActionFormerConfigError::Range { field, value, range });
            }
        }
        let unit = Self::stride(levels - 1);
        if !steps.is_multiple_of(unit) || steps == 0 {
            let below = (steps / unit * unit).max(unit);
            let above = (steps / unit + 1) * unit;
            return Err(ActionFormerConfigError::Window { steps, halvings: levels - 1, levels, below, above });
        }
        Ok(())
    }
}
