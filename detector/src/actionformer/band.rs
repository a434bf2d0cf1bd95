//! Attention over a window around each step: time cut into chunks, so that the work grows with the window and not with
//! the length squared.
//!
//! Axis names: `b` videos, `h` heads, `n` chunks, `q` queries of a chunk, `k` the keys they see, `d` channels of a head.

use burn::tensor::{Device, Tensor, TensorData};

use crate::mask::Mask;

/// Added to the logits of masked keys inside a local window (the reference masks softly there, unlike the global
/// form's minus infinity).
const LOCAL_PADDING: f32 = -1e4;
/// Chunks are about this long, where the length allows it.
const CHUNK: usize = 64;

/// How a sequence is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Band {
    steps: usize,
    reach: usize,
    chunk: usize,
}

impl Band {
    /// For `steps` steps, of which each sees `reach` others to both sides.
    pub(super) fn new(steps: usize, reach: usize) -> Self {
        let fits = |chunk: &usize| steps.is_multiple_of(*chunk);
        let chunk = (2 * reach.max(1)..=steps / 2).filter(fits).min_by_key(|chunk| chunk.abs_diff(CHUNK));
        Self { steps, reach, chunk: chunk.unwrap_or(steps) }
    }

    fn chunks(self) -> usize {
        self.steps / self.chunk
    }

    /// Keys that a chunk's queries see together.
    fn seen(self) -> usize {
        self.chunk + 2 * self.reach
    }

    /// `[b, h, t, d] -> [b, h, n, q, d]`.
    pub(super) fn queries(self, x: Tensor<4>) -> Tensor<5> {
        let [b, h, _, d] = x.dims();
        x.reshape([b, h, self.chunks(), self.chunk, d])
    }

    /// `[b, h, t, d] -> [b, h, n, k, d]`, zero beyond the ends.
    pub(super) fn keys(self, x: Tensor<4>) -> Tensor<5> {
        let [b, h, _, d] = x.dims();
        let (n, device) = (self.chunks(), x.device());
        let zeros = |steps| Tensor::zeros([b, h, steps, d], &device);
        if n == 1 {
            let padded = Tensor::cat(vec![zeros(self.reach), x, zeros(self.reach)], 2);
            return padded.reshape([b, h, 1, self.seen(), d]);
        }
        // One chunk more than there are: of the next one, every chunk sees the first steps.
        let padded = Tensor::cat(vec![zeros(self.reach), x, zeros(self.chunk - self.reach)], 2);
        let padded = padded.reshape([b, h, n + 1, self.chunk, d]);
        let next = padded.clone().narrow(2, 1, n).narrow(3, 0, 2 * self.reach);
        Tensor::cat(vec![padded.narrow(2, 0, n), next], 3)
    }

    /// `[b, h, n, q, d] -> [b, h, t, d]`.
    pub(super) fn joined(self, x: Tensor<5>) -> Tensor<4> {
        let [b, h, _, _, d] = x.dims();
        x.reshape([b, h, self.steps, d])
    }

    /// What is added to the logits: minus infinity outside the window and beyond the ends, [`LOCAL_PADDING`] at keys that
    /// are padding. `[b or 1, 1, n or 1, q, k]`.
    pub(super) fn bias(self, mask: &Mask, device: &Device) -> Tensor<5> {
        let (n, seen) = (self.chunks(), self.seen());
        let outside = |q: usize, k: usize| k < q || k > q + 2 * self.reach;
        let band = |q: usize| (0..seen).map(move |k| if outside(q, k) { f32::NEG_INFINITY } else { 0.0 });
        let band: Vec<f32> = (0..self.chunk).flat_map(band).collect();
        let band = Tensor::<5>::from_data(TensorData::new(band, [1, 1, 1, self.chunk, seen]), device);
        let key = |row: &[bool], chunk: usize, k: usize| match (chunk * self.chunk + k).checked_sub(self.reach) {
            Some(step) if step < self.steps => {
                if row[step] {
                    0.0
                } else {
                    LOCAL_PADDING
                }
            }
            _ => f32::NEG_INFINITY,
        };
        let mut keys = Vec::with_capacity(mask.batch() * n * seen);
        for video in 0..mask.batch() {
            let row = mask.row(video);
            keys.extend((0..n * seen).map(|at| key(row, at / seen, at % seen)));
        }
        band + Tensor::from_data(TensorData::new(keys, [mask.batch(), 1, n, 1, seen]), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of `steps` valid steps each step sees, from the bias.
    fn seen(steps: usize, reach: usize) -> Vec<Vec<usize>> {
        let (device, band) = (Device::flex(), Band::new(steps, reach));
        let index: Vec<f32> = (0..steps).map(|step| step as f32).collect();
        let index = Tensor::<1>::from_data(index.as_slice(), &device).reshape([1, 1, steps, 1]);
        let keys: Vec<f32> = band.keys(index).into_data().iter::<f32>().collect();
        let bias: Vec<f32> = band.bias(&Mask::prefix(&[steps], steps), &device).into_data().iter::<f32>().collect();
        let width = band.seen();
        let row = |step: usize| {
            let visible = (0..width).filter(|k| bias[step * width + k] == 0.0);
            visible.map(|k| keys[step / band.chunk * width + k] as usize).collect()
        };
        (0..steps).map(row).collect()
    }

    #[test]
    fn every_step_sees_its_window_and_nothing_beyond_the_ends() {
        for (steps, reach) in [(1, 1), (7, 2), (8, 9), (96, 2), (144, 9), (2304, 9)] {
            for (step, seen) in seen(steps, reach).into_iter().enumerate() {
                let window: Vec<usize> = (step.saturating_sub(reach)..=(step + reach).min(steps - 1)).collect();
                assert_eq!(seen, window, "step {step} of {steps}");
            }
        }
    }

    #[test]
    fn long_sequences_are_cut() {
        assert_eq!(Band::new(2304, 9).chunk, 64);
        assert_eq!(Band::new(2304, 9).seen(), 82);
        assert_eq!(Band::new(96, 2).chunk, 48);
    }
}
