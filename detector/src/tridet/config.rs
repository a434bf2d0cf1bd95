//! Settings of TriDet.

use serde::{Deserialize, Serialize};

use crate::error::{
    DetectorConfigError, at_least_one, halvable, multiple, natural, odd, positive, probabilities, ranged,
};
use crate::pyramid::{Pyramid, length_unit};
use crate::targets::CandidateRule;

/// What a TriDet is made of (OpenTAD `TriDet`, `TriDetProj`, `TriDetHead`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TriDetConfig {
    /// Channels of the pyramid (`c`), a multiple of 16.
    pub channels: usize,
    /// Convolutions before the pyramid.
    pub embed_convs: usize,
    /// SGP blocks at full length; their kernel is 1.
    pub stem_blocks: usize,
    /// Hidden channels of the blocks' MLPs.
    pub mlp: usize,
    /// Kernel of the blocks that make a level: one number, or one per level, of which the first is not used.
    pub kernel: SgpKernel,
    /// How much wider the wide kernel of a block is than its kernel (`k` in the paper).
    pub wide_factor: f64,
    /// Standard deviation of the initial weights of the blocks' convolutions; at 0 they begin with no effect.
    pub kernel_deviation: f64,
    /// How a level halves time.
    #[serde(default)]
    pub downsampling: Downsampling,
    /// Whether a sinusoid over time is added after the first convolutions.
    pub absolute_positions: bool,
    /// Standard deviation of the noise on the features, in training.
    pub input_noise: f64,
    /// Stochastic depth of each residual branch, in training; at 0 the branches have no learned scale either.
    pub path_dropout: f64,
    /// Convolutions of each head before its output.
    pub head_convs: usize,
    /// Channels inside the heads; absent: as many as the pyramid has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_channels: Option<usize>,
    /// Kernel of the heads for classes and distances.
    pub head_kernel: usize,
    /// Kernel of the heads for starts and ends.
    pub boundary_kernel: usize,
    /// How many strides before and after its point a boundary is looked for.
    pub bins: usize,
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
    /// A class a point should say counts as much as its predicted segment overlaps the true one, to this power.
    pub overlap_power: f64,
    /// First value of the running mean of positives that divides the losses.
    pub loss_normalizer: f64,
    /// Momentum of that mean.
    pub loss_normalizer_momentum: f64,
}

/// Kernels of the blocks that make a level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SgpKernel {
    /// The same for all levels.
    Same(usize),
    /// One for each level, finest first.
    PerLevel(Vec<usize>),
}

/// How a level halves time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Downsampling {
    /// The maximum of a step and its neighbours.
    #[default]
    Max,
    /// The mean of two steps, and a pointwise layer.
    Average,
}

impl TriDetConfig {
    /// Groups of the blocks' group norms (OpenTAD `SGPBlock`).
    pub const GROUPS: usize = 16;

    /// The detector on THUMOS-14 features of I3D (OpenTAD `configs/tridet/thumos_i3d.py`).
    pub fn thumos() -> Self {
        let edges = [0.0, 4.0, 8.0, 16.0, 32.0, 64.0, 10_000.0];
        Self {
            channels: 512,
            embed_convs: 2,
            stem_blocks: 2,
            mlp: 768,
            kernel: SgpKernel::Same(1),
            wide_factor: 5.0,
            kernel_deviation: 0.0,
            downsampling: Downsampling::Max,
            absolute_positions: false,
            input_noise: 0.0005,
            path_dropout: 0.1,
            head_convs: 2,
            head_channels: None,
            head_kernel: 3,
            boundary_kernel: 3,
            bins: 16,
            regression_ranges: edges.windows(2).map(|pair| [pair[0], pair[1]]).collect(),
            centre_radius: Some(1.5),
            centred_points: false,
            class_prior: 0.01,
            label_smoothing: 0.0,
            loss_weight: 1.0,
            overlap_power: 0.2,
            loss_normalizer: 100.0,
            loss_normalizer_momentum: 0.9,
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

    /// Kernel of the block that makes a level.
    pub fn kernel(&self, level: usize) -> usize {
        match &self.kernel {
            SgpKernel::Same(kernel) => *kernel,
            SgpKernel::PerLevel(kernels) => kernels.get(level).copied().unwrap_or(1),
        }
    }

    /// Kernel of a block's wide convolution: `(kernel + 1) * factor` rounded, halves to the even number, and made odd.
    pub fn wide_kernel(&self, kernel: usize) -> usize {
        let wide = ((kernel + 1) as f64 * self.wide_factor).round_ties_even() as usize;
        wide + usize::from(wide.is_multiple_of(2))
    }

    /// Windows longer than the detector's are padded to a multiple of this.
    pub(crate) fn length_unit(&self) -> usize {
        length_unit((0..self.levels()).map(|level| self.kernel(level)))
    }

    /// Points and what they learn. TriDet always filters similar segments.
    pub fn pyramid(&self) -> Pyramid {
        Pyramid {
            ranges: self.regression_ranges.clone(),
            centred_points: self.centred_points,
            rule: CandidateRule { radius: self.centre_radius, filter_similar: true },
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
            ("embed-convs", self.embed_convs),
            ("mlp", self.mlp),
            ("head-channels", self.head_channels()),
            ("bins", self.bins),
            ("regression-ranges", levels),
        ])?;
        multiple(("channels", self.channels), Self::GROUPS, "16 groups")?;
        if let SgpKernel::PerLevel(kernels) = &self.kernel
            && kernels.len() != levels
        {
            return Err(DetectorConfigError::Levels { field: "kernel", given: kernels.len(), levels });
        }
        for level in 0..levels {
            odd(&[("kernel", self.kernel(level))])?;
        }
        odd(&[("head-kernel", self.head_kernel), ("boundary-kernel", self.boundary_kernel)])?;
        probabilities(&[
            ("path-dropout", self.path_dropout),
            ("label-smoothing", self.label_smoothing),
            ("loss-normalizer-momentum", self.loss_normalizer_momentum),
        ])?;
        ranged(&[("class-prior", self.class_prior)], |prior| prior > 0.0 && prior < 1.0, "0..1, ends left out")?;
        ranged(&[("wide-factor", self.wide_factor)], |factor| factor > 0.0 && factor <= 1e3, "0..=1000, 0 left out")?;
        positive(&[("centre-radius", self.centre_radius.unwrap_or(1.0)), ("loss-normalizer", self.loss_normalizer)])?;
        natural(&[
            ("kernel-deviation", self.kernel_deviation),
            ("input-noise", self.input_noise),
            ("overlap-power", self.overlap_power),
        ])?;
        halvable(steps, levels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_kernels_are_rounded_half_to_even_and_made_odd() {
        let wide = |factor, kernel| TriDetConfig { wide_factor: factor, ..TriDetConfig::thumos() }.wide_kernel(kernel);
        assert_eq!(wide(5.0, 1), 11, "10, made odd");
        assert_eq!(wide(1.3, 15), 21, "20.8");
        assert_eq!([1, 3, 5, 7].map(|kernel| wide(1.5, kernel)), [3, 7, 9, 13]);
        assert_eq!(wide(1.25, 1), 3, "2.5 becomes 2");
    }

    #[test]
    fn the_published_settings_can_be_built() {
        assert_eq!(TriDetConfig::thumos().check(2304), Ok(()));
    }

    #[test]
    fn a_fault_comes_with_the_nearest_right_values() {
        let message = |config: TriDetConfig| config.check(64).unwrap_err().to_string();
        let odd = TriDetConfig { channels: 40, ..TriDetConfig::thumos() };
        assert_eq!(message(odd), "detector.channels is 40, not a multiple of 16 groups; the nearest are 32 and 48");
        let even = TriDetConfig { head_kernel: 4, ..TriDetConfig::thumos() };
        assert_eq!(message(even), "detector.head-kernel is 4; it must be odd: the nearest are 3 and 5");
    }
}
