//! Where to cut.

use crate::random::Rng;

/// Share of the picture a random rectangle may cover (mmaction2 `RandomResizedCrop`).
pub const AREA: (f64, f64) = (0.08, 1.0);

/// Width over height a random rectangle may have.
pub const ASPECT: (f64, f64) = (3.0 / 4.0, 4.0 / 3.0);

/// Rectangles that are tried before the square in the middle is taken.
const TRIALS: usize = 10;

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rect {
    /// Pixels left of it.
    pub left: usize,
    /// Pixels above it.
    pub top: usize,
    /// Its width.
    pub width: usize,
    /// Its height.
    pub height: usize,
}

/// A rectangle of random area ([`AREA`]), shape ([`ASPECT`], uniform in the logarithm) and place.
pub fn resized_crop(width: usize, height: usize, rng: &mut Rng) -> Rect {
    for _ in 0..TRIALS {
        let area = (width * height) as f64 * rng.uniform(AREA.0, AREA.1);
        let aspect = rng.uniform(ASPECT.0.ln(), ASPECT.1.ln()).exp();
        let w = (area * aspect).sqrt().round_ties_even() as usize;
        let h = (area / aspect).sqrt().round_ties_even() as usize;
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            return Rect { left: rng.integer(0, width - w), top: rng.integer(0, height - h), width: w, height: h };
        }
    }
    let side = width.min(height);
    Rect { left: (width - side) / 2, top: (height - side) / 2, width: side, height: side }
}
