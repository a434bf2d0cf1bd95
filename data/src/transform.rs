//! Pictures made ready for the model: resized, cropped, and for training varied at random.
//!
//! Chance is drawn once for a whole window ([`Transform::draw`]) and then applied to each of its frames
//! ([`Drawn::apply`]): a crop that jumped from frame to frame would look like motion.
//!
//! Pictures are `u8`, red-green-blue, interleaved: `[height, width, 3]`. [`to_planes`] puts them into the
//! `[3, frames, height, width]` of the model. Scaling to the model's numbers is the model's first step, not ours.
//!
//! Order and numbers are those of OpenTAD's end-to-end configs (mmaction2 `Resize`, `RandomResizedCrop`, `Flip`,
//! `Imgaug`, `ColorJitter`); [`Transform::reference`] is all of them.

mod crop;
mod hsv;
mod imgaug;
mod jitter;
mod resample;

pub use crop::{AREA, ASPECT, Rect, resized_crop};
pub use imgaug::Operation;
pub use resample::{Resampler, flip, short_side, to_planes};

use jitter::{Jitter, Spread};

use crate::random::Rng;

/// Which square of a picture is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crop {
    /// The square of `size` in the middle.
    Centre,
    /// A square of `size` anywhere.
    Random,
    /// A rectangle of random area and shape anywhere, stretched to the square ([`resized_crop`]).
    Resized,
}

/// How pictures are made ready. All lengths are pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Transform {
    /// Side of the square that comes out.
    pub size: usize,
    /// Length to which the short side of a picture is resized before the crop; at least `size`.
    pub short_side: usize,
    /// What is kept then.
    pub crop: Crop,
    /// Probability of swapping left and right.
    pub flip: f64,
    /// Brightness is multiplied by up to 1 ± this; from 0 to 1.
    pub brightness: f64,
    /// Contrast is multiplied by up to 1 ± this; from 0 to 1.
    pub contrast: f64,
    /// Saturation is multiplied by up to 1 ± this; from 0 to 1.
    pub saturation: f64,
    /// Hues are turned by up to ± this, in turns of the colour circle; from 0 to 0.5.
    pub hue: f64,
    /// How many of the [`Operation`]s are done.
    pub image_operations: usize,
}

impl Transform {
    /// Testing: the square in the middle, nothing random.
    pub fn testing(size: usize) -> Self {
        Self {
            size,
            short_side: size,
            crop: Crop::Centre,
            flip: 0.0,
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            hue: 0.0,
            image_operations: 0,
        }
    }

    /// Training: a random rectangle, flipped half of the time.
    pub fn training(size: usize) -> Self {
        let short_side = match size {
            160 => 182, // OpenTAD's configs round an eighth more, each in its own way
            192 => 220,
            _ => (size * 8).div_ceil(7),
        };
        Self { short_side, crop: Crop::Resized, flip: 0.5, ..Self::testing(size) }
    }

    /// Training as the reference trains end to end: also two of the operations, and colours varied.
    pub fn reference(size: usize) -> Self {
        let colours = Self { brightness: 0.5, contrast: 0.5, saturation: 0.5, hue: 0.1, ..Self::training(size) };
        Self { image_operations: 2, ..colours }
    }

    /// Draws what is done to all frames of a window, whose pictures are of this size.
    ///
    /// # Panics
    ///
    /// When a length is 0 or `short_side` is less than `size`.
    pub fn draw(&self, width: usize, height: usize, rng: &mut Rng) -> Drawn {
        let size = self.size;
        assert!(width > 0 && height > 0 && size > 0, "empty picture: {width} x {height} to {size}");
        assert!(self.short_side >= size, "no square of {size} in a short side of {}", self.short_side);
        let scaled = short_side(width, height, self.short_side);
        let rect = match self.crop {
            Crop::Centre => Rect { left: (scaled.0 - size) / 2, top: (scaled.1 - size) / 2, width: size, height: size },
            Crop::Random => Rect {
                left: rng.integer(0, scaled.0 - size),
                top: rng.integer(0, scaled.1 - size),
                width: size,
                height: size,
            },
            Crop::Resized => resized_crop(scaled.0, scaled.1, rng),
        };
        let flip = rng.chance(self.flip);
        let Self { brightness, contrast, saturation, hue, .. } = *self;
        let jitter = Jitter::draw(Spread { brightness, contrast, saturation, hue }, rng);
        let operations = Operation::draw(self.image_operations, rng);
        Drawn { source: (width, height), scaled, rect, size, flip, operations, jitter }
    }
}

/// What is done to every frame of one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    source: (usize, usize),
    scaled: (usize, usize),
    rect: Rect,
    size: usize,
    flip: bool,
    operations: Vec<Operation>,
    jitter: Jitter,
}

impl Drawn {
    /// Side of the square that comes out.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Makes one frame ready.
    ///
    /// `resampler` only lends its buffers: keep one for each thread.
    ///
    /// # Shapes
    ///
    /// - `rgb`: `[height, width, 3]` of the size given to [`Transform::draw`]
    /// - `out`: `[size, size, 3]`
    pub fn apply(&self, rgb: &[u8], resampler: &mut Resampler, out: &mut [u8]) {
        let square = (self.size, self.size);
        if (self.rect.width, self.rect.height) == square {
            resampler.scale_and_crop(rgb, self.source, self.scaled, self.rect, out);
        } else {
            let mut cropped = std::mem::take(&mut resampler.bytes);
            cropped.resize(self.rect.width * self.rect.height * 3, 0);
            resampler.scale_and_crop(rgb, self.source, self.scaled, self.rect, &mut cropped);
            resampler.resize(&cropped, (self.rect.width, self.rect.height), out, square);
            resampler.bytes = cropped;
        }
        if self.flip {
            flip(out, self.size);
        }
        for operation in &self.operations {
            operation.apply(out, square, &mut resampler.bytes);
        }
        self.jitter.apply(out, &mut resampler.values);
    }
}

#[cfg(test)]
mod tests;
