//! Windows as one tensor.

use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use burn::tensor::{Device, Tensor, TensorData};

use crate::model::ModelInput;
use crate::source::{Sample, Shown};

/// Some windows side by side.
#[derive(Debug)]
pub struct Batch {
    /// What the model takes.
    pub input: ModelInput,
    /// Which grid steps hold video.
    pub mask: Mask,
    /// What happens in each window, in grid steps.
    pub truth: Vec<Vec<Truth>>,
}

impl Batch {
    /// One window.
    pub fn of(Sample { shown, window }: Sample, device: &Device) -> Self {
        let actions = window.truth.iter();
        let truth = actions.map(|t| Truth { start: t.start as f32, end: t.end as f32, label: t.class }).collect();
        let input = match shown {
            Shown::Frames(bytes) => {
                let count = window.frames.len();
                let side = ((bytes.len() / (3 * count)) as f64).sqrt() as usize;
                let data = TensorData::new(bytes, [1, 3, count, side, side]);
                ModelInput::Frames(adatad_backbone::frames(data, device))
            }
            Shown::Features(values) => {
                let channels = values.len() / window.window_size;
                let data = TensorData::new(values, [1, window.window_size, channels]);
                ModelInput::Features(Tensor::from_data(data, device))
            }
        };
        Self { input, mask: Mask::prefix(&[window.mask_valid], window.window_size), truth: vec![truth] }
    }
}
