//! Which grid steps of a window hold video and which are padding.

use burn::tensor::{Bool, Device, Tensor, TensorData};

/// One flag per video and grid step; true where the step holds video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    valid: Vec<Vec<bool>>,
}

impl Mask {
    /// From one row of flags per video, all of one length.
    pub fn new(valid: Vec<Vec<bool>>) -> Self {
        assert!(valid.windows(2).all(|rows| rows[0].len() == rows[1].len()), "rows of a mask have one length");
        Self { valid }
    }

    /// The first `count` of `steps` grid steps of each video are valid.
    pub fn prefix(counts: &[usize], steps: usize) -> Self {
        Self::new(counts.iter().map(|&count| (0..steps).map(|step| step < count).collect()).collect())
    }

    /// Number of videos.
    pub fn batch(&self) -> usize {
        self.valid.len()
    }

    /// Number of grid steps.
    pub fn steps(&self) -> usize {
        self.valid.first().map_or(0, Vec::len)
    }

    /// Flags of one video.
    pub fn row(&self, video: usize) -> &[bool] {
        &self.valid[video]
    }

    /// Every second step, from the first: PyTorch's nearest resizing to half the length.
    pub fn halved(&self) -> Self {
        Self { valid: self.valid.iter().map(|row| row.iter().copied().step_by(2).collect()).collect() }
    }

    /// Padding appended up to `steps`.
    pub fn padded(&self, steps: usize) -> Self {
        let pad = |row: &Vec<bool>| row.iter().copied().chain(std::iter::repeat(false)).take(steps).collect();
        Self { valid: self.valid.iter().map(pad).collect() }
    }

    /// The masks of the pyramid's levels one after another, with `gap` invalid steps between two levels.
    pub fn joined(levels: &[Mask], gap: usize) -> Self {
        let batch = levels.first().map_or(0, Mask::batch);
        let row = |video: usize| {
            let rows: Vec<_> = levels.iter().map(|level| level.row(video).to_vec()).collect();
            rows.join(&vec![false; gap][..])
        };
        Self { valid: (0..batch).map(row).collect() }
    }

    /// 1 where valid, 0 elsewhere: `[b, t, 1]`.
    pub fn tensor(&self, device: &Device) -> Tensor<3> {
        let flags: Vec<f32> = self.valid.iter().flatten().map(|&v| f32::from(u8::from(v))).collect();
        Tensor::from_data(TensorData::new(flags, [self.batch(), self.steps(), 1]), device)
    }

    /// Zeroes padding. `[b, t, c] -> [b, t, c]`.
    pub fn cover(&self, x: Tensor<3>) -> Tensor<3> {
        if self.all() {
            return x;
        }
        let valid = self.tensor(&x.device());
        x * valid
    }

    /// True at padding, for the keys of an attention: `[b, 1, 1, t]`.
    pub fn padding(&self, device: &Device) -> Tensor<4, Bool> {
        let flags: Vec<bool> = self.valid.iter().flatten().map(|v| !v).collect();
        Tensor::from_data(TensorData::new(flags, [self.batch(), 1, 1, self.steps()]), device)
    }

    /// Whether no step is padding.
    pub fn all(&self) -> bool {
        self.valid.iter().flatten().all(|&v| v)
    }
}
