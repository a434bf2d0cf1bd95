//! Aligned pooling along time (G-TAD's `Align1D`): a stretch of any length, in a fixed number of bins.
//!
//! A stretch is cut into equal bins; each bin is the mean of samples at evenly spread places, and a sample is the linear
//! interpolation of the two steps around its place. So a bin is a weighted sum of steps, and its [`Tap`]s are those steps
//! and weights. Pooling is linear in the features: its backward pass hands a bin's gradient back along the same taps.
//!
//! Axis names: `b` windows, `t` grid steps, `c` channels, `n` stretches.
//! Source: OpenTAD `roi_extractors/align1d`. A place below -1 or above `t` counts as 0; between there and the window it
//! counts as the window's first or last step.

use burn::tensor::{FloatDType, Tensor, TensorData, assert_shape, f16};

use super::half::{half_precision, wide};

/// A stretch of time in one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// The window.
    pub window: usize,
    /// Where it starts, in grid steps; may lie before the window.
    pub start: f64,
    /// Where it ends, in grid steps; may lie behind the window.
    pub end: f64,
}

/// One step's weight in one bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tap {
    /// The step.
    pub step: usize,
    /// Its weight; never 0.
    pub weight: f64,
}

/// How stretches are pooled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Align1d {
    /// Bins per stretch.
    pub bins: usize,
    /// Samples per bin; none: one for every step that a bin spans, rounded up (OpenTAD `ratio = 0`).
    pub samples: Option<usize>,
}

impl Align1d {
    /// As many samples as a bin is long.
    pub fn adaptive(bins: usize) -> Self {
        Self { bins, samples: None }
    }

    /// The taps of every bin of a stretch, in windows of `steps` grid steps; in each bin the steps rise.
    pub fn taps(&self, start: f64, end: f64, steps: usize) -> Vec<Vec<Tap>> {
        let bin = (end - start).max(1.0) / self.bins as f64;
        let samples = self.samples.unwrap_or(bin.ceil() as usize);
        let last = steps - 1;
        let taps = |place: f64| {
            let place = place.clamp(0.0, last as f64);
            let lower = place as usize;
            let weight = |share: f64| share / samples as f64;
            let (near, far) = (weight(1.0 - place.fract()), weight(place.fract()));
            [Tap { step: lower, weight: near }, Tap { step: (lower + 1).min(last), weight: far }]
        };
        let taps_of_bin = |at: usize| {
            let place = |sample: usize| start + at as f64 * bin + (sample as f64 + 0.5) * bin / samples as f64;
            let places = (0..samples).map(place).filter(|place| (-1.0..=steps as f64).contains(place));
            let mut found: Vec<Tap> = places.flat_map(taps).filter(|tap| tap.weight > 0.0).collect();
            found.sort_by_key(|tap| tap.step);
            found.dedup_by(|tap, kept| {
                let same = tap.step == kept.step;
                kept.weight += if same { tap.weight } else { 0.0 };
                same
            });
            found
        };
        (0..self.bins).map(taps_of_bin).collect()
    }

    /// Pools features of 64 bits on the host, without any rounding.
    ///
    /// # Shapes
    ///
    /// - `x`: `[b, c, t]`, row-major
    /// - returns: `[n, c, bins]`, row-major
    pub fn pool(&self, x: &[f64], [_, c, t]: [usize; 3], stretches: &[Stretch]) -> Vec<f64> {
        let mut pooled = Vec::with_capacity(stretches.len() * c * self.bins);
        for stretch in stretches {
            let bins = self.taps(stretch.start, stretch.end, t);
            for row in x[stretch.window * c * t..(stretch.window + 1) * c * t].chunks_exact(t) {
                pooled.extend(bins.iter().map(|taps| taps.iter().map(|tap| tap.weight * row[tap.step]).sum::<f64>()));
            }
        }
        pooled
    }

    /// The backward pass of [`pool`](Self::pool): every bin's gradient, handed back along its taps.
    ///
    /// # Shapes
    ///
    /// - `upstream`: `[n, c, bins]`, row-major
    /// - returns: `[b, c, t]`, row-major
    pub fn pool_backward(&self, upstream: &[f64], [b, c, t]: [usize; 3], stretches: &[Stretch]) -> Vec<f64> {
        let mut gradient = vec![0.0; b * c * t];
        for (stretch, upstream) in stretches.iter().zip(upstream.chunks_exact(c * self.bins)) {
            let bins = self.taps(stretch.start, stretch.end, t);
            let window = &mut gradient[stretch.window * c * t..(stretch.window + 1) * c * t];
            for (row, upstream) in window.chunks_exact_mut(t).zip(upstream.chunks_exact(self.bins)) {
                for (taps, upstream) in bins.iter().zip(upstream) {
                    taps.iter().for_each(|tap| row[tap.step] += tap.weight * upstream);
                }
            }
        }
        gradient
    }

    /// Pools features as OpenTAD's layer does: features, ends of stretches and the features' gradient pass through 16
    /// bits, what lies between is computed in 64 bits where the device has them.
    ///
    /// A matrix product, so that any backend can run it, and its backward pass is the product with the transpose. The matrix
    /// has `n * bins` rows of `b * t`: for a few thousand stretches; those of whole proposal maps are pooled by
    /// [`Extractor`](super::Extractor).
    ///
    /// # Shapes
    ///
    /// - `x`: `[b, t, c]`
    /// - returns: `[n, bins, c]`
    pub fn forward(&self, x: Tensor<3>, stretches: &[Stretch]) -> Tensor<3> {
        let ([b, t, c], n, device) = (x.dims(), stretches.len(), x.device());
        let mut matrix = vec![0f64; n * self.bins * b * t];
        for (stretch, rows) in stretches.iter().zip(matrix.chunks_exact_mut(self.bins * b * t)) {
            let [start, end] = [stretch.start, stretch.end].map(|at| f64::from(f16::from_f64(at)));
            for (taps, row) in self.taps(start, end, t).iter().zip(rows.chunks_exact_mut(b * t)) {
                taps.iter().for_each(|tap| row[stretch.window * t + tap.step] = tap.weight);
            }
        }
        let wide = wide(&device);
        let matrix = Tensor::<2>::from_data(TensorData::new(matrix, [n * self.bins, b * t]), (&device, wide.into()));
        let pooled = matrix.matmul(half_precision(x).cast(wide).reshape([b * t, c])).cast(FloatDType::F32);
        let pooled = pooled.reshape([n, self.bins, c]);
        assert_shape!(pooled, [n, self.bins, c]);
        pooled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WHOLE: Align1d = Align1d { bins: 4, samples: None };

    #[test]
    fn a_stretch_as_long_as_its_bins_takes_the_means_of_neighbouring_steps() {
        let found = WHOLE.pool(&[0.0, 1.0, 4.0, 9.0, 16.0], [1, 1, 5], &[Stretch { window: 0, start: 0.0, end: 4.0 }]);
        assert_eq!(found, [0.5, 2.5, 6.5, 12.5]);
    }

    #[test]
    fn beyond_one_step_outside_of_the_window_there_is_nothing() {
        let taps = WHOLE.taps(-3.0, 5.0, 2); // places -2.5, -1.5 | -0.5, 0.5 | 1.5, 2.5 | 3.5, 4.5
        let weights = |at: usize| taps[at].iter().map(|tap| (tap.step, tap.weight)).collect::<Vec<_>>();
        assert_eq!([weights(0), weights(1)], [vec![], vec![(0, 0.75), (1, 0.25)]]);
        assert_eq!([weights(2), weights(3)], [vec![(1, 0.5)], vec![]]);
    }

    #[test]
    fn an_empty_or_reversed_stretch_counts_as_one_step() {
        assert_eq!(WHOLE.taps(2.0, 2.0, 8), WHOLE.taps(2.0, 3.0, 8));
        assert_eq!(WHOLE.taps(2.0, -7.0, 8), WHOLE.taps(2.0, 3.0, 8));
    }

    proptest! {
        #[test]
        fn backward_is_the_transpose_of_forward(
            start in -9.0..30.0, length in -2.0..40.0, bins in 1usize..9, samples in proptest::option::of(1usize..5),
            x in proptest::collection::vec(-1.0..1.0, 20), upstream in proptest::collection::vec(-1.0..1.0, 8),
        ) {
            let align = Align1d { bins, samples };
            let stretches = [Stretch { window: 0, start, end: start + length }];
            let pooled = align.pool(&x, [1, 1, 20], &stretches);
            let handed_back = align.pool_backward(&upstream[..bins.min(8)], [1, 1, 20], &stretches);
            let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            prop_assume!(bins <= 8);
            prop_assert!((product(&pooled, &upstream) - product(&x, &handed_back)).abs() < 1e-12);
        }

        #[test]
        fn a_constant_within_the_window_stays_what_it_is(start in 0.0..10.0, length in 0.0..9.0, bins in 1usize..40) {
            let stretches = [Stretch { window: 0, start, end: start + length }];
            let pooled = Align1d::adaptive(bins).pool(&[2.5; 20], [1, 1, 20], &stretches);
            prop_assert!(pooled.iter().all(|value| (value - 2.5).abs() < 1e-12));
        }
    }
}
