//! Windows as one tensor.

use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use crate::dataset::Sample;

/// Some windows side by side.
#[derive(Debug)]
pub struct Batch {
    /// `[b, 3, frames, size, size]`, bytes.
    pub frames: Tensor<5, Int>,
    /// Which grid steps hold video.
    pub mask: Mask,
    /// What happens in each window, in grid steps.
    pub truth: Vec<Vec<Truth>>,
}

impl Batch {
    /// Joins windows of one size.
    pub fn new(samples: Vec<Sample>, device: &Device) -> Self {
        let (b, steps) = (samples.len(), samples[0].window.window_size);
        let count = samples[0].window.frames.len();
        let side = ((samples[0].frames.len() / (3 * count)) as f64).sqrt() as usize;
        let counts: Vec<usize> = samples.iter().map(|sample| sample.window.mask_valid).collect();
        let truth = samples.iter().map(|sample| {
            let actions = sample.window.truth.iter();
            actions.map(|t| Truth { start: t.start as f32, end: t.end as f32, label: t.class }).collect()
        });
        let truth = truth.collect();
        let mut samples = samples.into_iter().map(|sample| sample.frames);
        // The first one's memory is taken over: a batch of one copies nothing.
        let mut bytes = samples.next().unwrap_or_default();
        samples.for_each(|frames| bytes.extend_from_slice(&frames));
        let data = TensorData::new(bytes, [b, 3, count, side, side]);
        Self { frames: Tensor::from_data(data, (device, DType::U8)), mask: Mask::prefix(&counts, steps), truth }
    }
}
