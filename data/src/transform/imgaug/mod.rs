//! The list of operations that mmaction2 calls `Imgaug` with transforms `default`: of 15, some are done, in the order of
//! the list. Their strengths are those of RandAugment (<https://arxiv.org/abs/1909.13719>) at magnitude 9 of 10.
//!
//! The arithmetic is that of imgaug 0.4.0 and the libraries under it: OpenCV turns and shears, Pillow's
//! `ImageEnhance` and `ImageOps` do the rest.
//!
//! Differs from OpenTAD: the directions of shears, shifts and turns are drawn for every window, not once for a run.

mod affine;
mod enhance;
mod table;

use affine::Affine;

use crate::random::Rng;

/// Level of RandAugment, from 0 to 1.
const LEVEL: f64 = 0.9;

/// Angle of a shear, in degrees: a tangent of 0.3 at full level.
const SHEAR: f64 = 17.19 * LEVEL;

/// Length of a shift, in sides of the picture.
const SHIFT: f64 = 0.2 * LEVEL;

/// Angle of a turn, in degrees.
const TURN: f64 = 30.0 * LEVEL;

/// What colour, contrast, brightness and sharpness are multiplied by.
const ENHANCE: f32 = (1.8 * LEVEL + 0.1) as f32;

/// The least value that is inverted by `Solarize`: 256 at full level, cut to a whole number.
const BRIGHT: u8 = (256.0 * LEVEL) as u8;

/// Side of the square that is cut out, in sides of the picture.
const HOLE: f64 = 0.2 * LEVEL;

/// What is put into it.
const HOLE_VALUE: u8 = 128;

/// An operation, with what was drawn for it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    /// Rows are moved sideways, by their distance from the middle one; backwards if `back`.
    ShearX {
        /// The other way.
        back: bool,
    },
    /// Columns are moved up and down.
    ShearY {
        /// The other way.
        back: bool,
    },
    /// The picture is moved sideways.
    TranslateX {
        /// The other way.
        back: bool,
    },
    /// The picture is moved up or down.
    TranslateY {
        /// The other way.
        back: bool,
    },
    /// The picture is turned about its middle.
    Rotate {
        /// The other way.
        back: bool,
    },
    /// Values keep their three highest bits.
    Posterize,
    /// Bright values are inverted.
    Solarize,
    /// Colours are moved away from grey.
    EnhanceColor,
    /// Values are moved away from the mean grey.
    EnhanceContrast,
    /// Values are multiplied.
    EnhanceBrightness,
    /// Values are moved away from those of a blurred picture.
    EnhanceSharpness,
    /// Each colour is stretched to the whole range.
    Autocontrast,
    /// Each colour gets an even histogram.
    Equalize,
    /// All values are inverted.
    Invert,
    /// A square is painted over.
    Cutout {
        /// Its middle, in widths and heights of the picture, from the top left.
        middle: (f64, f64),
    },
}

impl Operation {
    /// How many there are.
    pub const KINDS: usize = 15;

    /// Draws `count` of them, none twice; they stand in the order of the list.
    ///
    /// # Panics
    ///
    /// When `count` is more than there are.
    pub fn draw(count: usize, rng: &mut Rng) -> Vec<Self> {
        assert!(count <= Self::KINDS, "{count} of {} operations", Self::KINDS);
        if count == 0 {
            return Vec::new();
        }
        let mut places: Vec<usize> = (0..Self::KINDS).collect();
        rng.shuffle(&mut places);
        places.truncate(count);
        places.sort_unstable();
        places.into_iter().map(|place| Self::at(place, rng)).collect()
    }

    /// The operation at a place of the list, from 0.
    fn at(place: usize, rng: &mut Rng) -> Self {
        match place {
            0 => Self::ShearX { back: rng.chance(0.5) },
            1 => Self::ShearY { back: rng.chance(0.5) },
            2 => Self::TranslateX { back: rng.chance(0.5) },
            3 => Self::TranslateY { back: rng.chance(0.5) },
            4 => Self::Rotate { back: rng.chance(0.5) },
            5 => Self::Posterize,
            6 => Self::Solarize,
            7 => Self::EnhanceColor,
            8 => Self::EnhanceContrast,
            9 => Self::EnhanceBrightness,
            10 => Self::EnhanceSharpness,
            11 => Self::Autocontrast,
            12 => Self::Equalize,
            13 => Self::Invert,
            _ => Self::Cutout { middle: (rng.unit(), rng.unit()) },
        }
    }

    /// Changes an interleaved picture of `size` (width, height) in place. `spare` is only lent.
    pub(super) fn apply(&self, rgb: &mut [u8], size: (usize, usize), spare: &mut Vec<u8>) {
        let signed = |amount: f64, back: bool| if back { -amount } else { amount };
        let warp = |affine: Affine, rgb: &mut [u8], spare: &mut Vec<u8>| {
            affine.warp(copied(rgb, spare), size, rgb);
        };
        match *self {
            Self::ShearX { back } => warp(Affine::shear_x(size, signed(SHEAR, back)), rgb, spare),
            Self::ShearY { back } => warp(Affine::shear_y(size, signed(SHEAR, back)), rgb, spare),
            Self::TranslateX { back } => {
                warp(Affine::translate(signed(SHIFT, back) * size.0 as f64, 0.0), rgb, spare);
            }
            Self::TranslateY { back } => {
                warp(Affine::translate(0.0, signed(SHIFT, back) * size.1 as f64), rgb, spare);
            }
            Self::Rotate { back } => warp(Affine::rotate(size, signed(TURN, back)), rgb, spare),
            Self::Posterize => table::each(rgb, |value| value & 0b1110_0000),
            Self::Solarize => table::each(rgb, |value| if value < BRIGHT { value } else { 255 - value }),
            Self::EnhanceColor => enhance::colour(rgb, ENHANCE),
            Self::EnhanceContrast => enhance::contrast(rgb, ENHANCE),
            Self::EnhanceBrightness => enhance::brightness(rgb, ENHANCE),
            Self::EnhanceSharpness => enhance::sharpness(copied(rgb, spare), size.0, rgb, ENHANCE),
            Self::Autocontrast => table::autocontrast(rgb),
            Self::Equalize => table::equalize(rgb),
            Self::Invert => table::each(rgb, |value| 255 - value),
            Self::Cutout { middle } => cut_out(rgb, size, middle),
        }
    }
}

fn copied<'a>(rgb: &[u8], spare: &'a mut Vec<u8>) -> &'a [u8] {
    spare.clear();
    spare.extend_from_slice(rgb);
    spare
}

/// Paints a square; what of it lies outside is left out.
fn cut_out(rgb: &mut [u8], (width, height): (usize, usize), middle: (f64, f64)) {
    // The square has its side from the height, so that it is one in wide pictures too.
    let half = HOLE / 2.0 * height as f64;
    let span = |middle: f64, length: usize| {
        let (start, end) = (middle * length as f64 - half, middle * length as f64 + half);
        (start as usize).min(length)..(end as usize).min(length) // `as` takes what is below 0 for 0
    };
    let (columns, rows) = (span(middle.0, width), span(middle.1, height));
    for line in rgb.chunks_exact_mut(width * 3).take(rows.end).skip(rows.start) {
        line[columns.start * 3..columns.end * 3].fill(HOLE_VALUE);
    }
}

#[cfg(test)]
mod tests;
