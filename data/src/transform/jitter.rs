//! Brightness and contrast.

/// Factors of a window; 1 changes nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jitter {
    /// Every value is multiplied by this.
    pub brightness: f64,
    /// Then its distance from the mean grey of the frame is multiplied by this.
    pub contrast: f64,
}

impl Jitter {
    /// Changes an interleaved picture in place. Values are cut to 0..=255 and to whole numbers once, at the end, as in
    /// mmaction2's `ColorJitter`.
    pub fn apply(&self, rgb: &mut [u8]) {
        if (self.brightness, self.contrast) == (1.0, 1.0) || rgb.is_empty() {
            return;
        }
        let slope = self.brightness * self.contrast;
        let offset = self.brightness * (1.0 - self.contrast) * grey(rgb);
        let table: [u8; 256] = std::array::from_fn(|value| (slope * value as f64 + offset) as u8); // `as` saturates
        for value in rgb {
            *value = table[usize::from(*value)];
        }
    }
}

/// Mean grey of a picture (weights of ITU-R BT.601).
fn grey(rgb: &[u8]) -> f64 {
    let mut sums = [0u64; 3];
    for pixel in rgb.chunks_exact(3) {
        for (sum, &value) in sums.iter_mut().zip(pixel) {
            *sum += u64::from(value);
        }
    }
    let weighted = 0.2989 * sums[0] as f64 + 0.587 * sums[1] as f64 + 0.114 * sums[2] as f64;
    weighted / (rgb.len() / 3) as f64
}
