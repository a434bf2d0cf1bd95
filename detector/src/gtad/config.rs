//! Settings of G-TAD.

use serde::{Deserialize, Serialize};

use crate::error::{DetectorConfigError, at_least_one, positive, ranged};

/// What a G-TAD is made of (OpenTAD `GTAD`, `ConvSingleProj`, `GCNeXt`, `GTADExtractor`, `PEMHead`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GtadConfig {
    /// Channels of the features after the projection (`c`).
    pub channels: usize,
    /// Groups of the projection's convolution; features and `channels` are multiples of it.
    pub projection_groups: usize,
    /// Time steps each step is connected to in feature space, itself among them.
    pub neighbours: usize,
    /// Groups of the graph blocks' convolutions; a block is four channels per group wide.
    pub graph_groups: usize,
    /// Durations that are proposed, in grid steps: 1 up to this.
    pub durations: usize,
    /// Bins in which a proposal's features are pooled.
    pub roi_bins: usize,
    /// Bins in which the features of its neighbours are pooled.
    pub context_bins: usize,
    /// Channels of a proposal.
    pub roi_channels: usize,
    /// Channels of the proposal head's hidden layers.
    pub head_channels: usize,
    /// Hidden layers of the proposal head.
    pub head_convs: usize,
    /// Kernel of those layers over durations and starts: 1 or 3.
    pub head_kernel: usize,
    /// Overlap with an action above which a proposal counts as one, for the classification loss.
    pub classification_threshold: f64,
    /// Overlap above which a proposal is good, for the regression loss.
    pub regression_high: f64,
    /// Overlap up to which it is bad; between the two it is middling.
    pub regression_low: f64,
    /// Weight of the regression loss.
    pub regression_weight: f64,
    /// What makes a proposal's score.
    pub score: ProposalScore,
}

/// What makes a proposal's score (OpenTAD `score_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProposalScore {
    /// The two maps' values, multiplied (`iou`).
    Maps,
    /// These times the probabilities of its start and end (`iou*s*e`).
    MapsAndBoundaries,
}

impl GtadConfig {
    /// G-TAD on THUMOS-14: windows of 256 steps (OpenTAD `configs/gtad/thumos_i3d.py`).
    pub fn thumos() -> Self {
        Self { durations: 64, roi_bins: 16, context_bins: 16, head_kernel: 3, ..Self::activitynet() }
    }

    /// G-TAD on ActivityNet-1.3: videos resized to 100 steps (OpenTAD `configs/gtad/anet_tsp.py`).
    pub fn activitynet() -> Self {
        Self {
            channels: 256,
            projection_groups: 4,
            neighbours: 3,
            graph_groups: 32,
            durations: 100,
            roi_bins: 32,
            context_bins: 4,
            roi_channels: 512,
            head_channels: 128,
            head_convs: 3,
            head_kernel: 1,
            classification_threshold: 0.9,
            regression_high: 0.7,
            regression_low: 0.3,
            regression_weight: 5.0,
            score: ProposalScore::Maps,
        }
    }

    /// Width of a graph block: four channels per group, as in ResNeXt (OpenTAD `width_group`).
    pub fn graph_width(&self) -> usize {
        4 * self.graph_groups
    }

    /// Refuses what cannot be built for `features` input channels and windows of `steps` grid steps.
    ///
    /// # Errors
    ///
    /// The first field that does not fit, with the nearest values that would.
    pub fn check(&self, features: usize, steps: usize) -> Result<(), DetectorConfigError> {
        at_least_one(&[
            ("channels", self.channels),
            ("projection-groups", self.projection_groups),
            ("neighbours", self.neighbours),
            ("graph-groups", self.graph_groups),
            ("durations", self.durations),
            ("roi-bins", self.roi_bins),
            ("context-bins", self.context_bins),
            ("roi-channels", self.roi_channels),
            ("head-channels", self.head_channels),
        ])?;
        for (channels, of) in [(features, "channels of the features"), (self.channels, "detector.channels")] {
            let groups = self.projection_groups;
            if !channels.is_multiple_of(groups) {
                let fits = |groups: &usize| features.is_multiple_of(*groups) && self.channels.is_multiple_of(*groups);
                let nearest = (1..=self.channels).filter(fits).min_by_key(|fit| fit.abs_diff(groups)).unwrap_or(1);
                return Err(DetectorConfigError::Groups { field: "projection-groups", groups, channels, of, nearest });
            }
        }
        for (field, value) in [("neighbours", self.neighbours), ("durations", self.durations)] {
            if value > steps {
                return Err(DetectorConfigError::Long { field, value, steps });
            }
        }
        if !matches!(self.head_kernel, 1 | 3) {
            return Err(DetectorConfigError::Kernel { field: "head-kernel", kernel: self.head_kernel });
        }
        let (low, high) = (self.regression_low, self.regression_high);
        let shares = [("classification-threshold", self.classification_threshold), ("regression-low", low)];
        ranged(&shares, |share| (0.0..=1.0).contains(&share), "0..1, ends included")?;
        ranged(&[("regression-high", high)], |high| (low..=1.0).contains(&high), "regression-low..1, ends included")?;
        positive(&[("regression-weight", self.regression_weight)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_settings_can_be_built() {
        assert_eq!(GtadConfig::thumos().check(2048, 256), Ok(()));
        assert_eq!(GtadConfig::activitynet().check(512, 100), Ok(()));
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_would() {
        let thumos = GtadConfig::thumos();
        assert_eq!(
            thumos.check(2048, 32).unwrap_err().to_string(),
            "detector.durations is 64; a window has 32 grid steps, so it is at most 32"
        );
        let three = GtadConfig { projection_groups: 3, ..thumos.clone() };
        assert_eq!(
            three.check(2048, 256).unwrap_err().to_string(),
            "detector.projection-groups is 3, which does not divide 2048 channels of the features; the nearest that does is 2"
        );
        let even = GtadConfig { head_kernel: 2, ..thumos };
        assert_eq!(even.check(2048, 256), Err(DetectorConfigError::Kernel { field: "head-kernel", kernel: 2 }));
    }
}
