//! Resizing, and moving pixels about.
//!
//! Resizing is plain bilinear interpolation between pixel centres, as OpenCV's `INTER_LINEAR`: two pixels each way,
//! however much a picture shrinks. Backbones were trained on pictures that went through it, aliasing and all.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::Rect;

/// Resizes pictures. Holds buffers only; results do not depend on what went through it before.
#[derive(Debug, Default)]
pub struct Resampler {
    resizer: Resizer,
    buffer: Vec<u8>,
}

impl Resampler {
    /// Resizes a picture of `from` (width, height) to `to`, whatever that does to its shape.
    ///
    /// # Panics
    ///
    /// When a slice is not as long as its size says, or a size is 0.
    pub fn resize(&mut self, rgb: &[u8], from: (usize, usize), out: &mut [u8], to: (usize, usize)) {
        self.run(rgb, from, [0.0, 0.0, from.0 as f64, from.1 as f64], out, to);
    }

    /// The part `rect` of what [`Self::resize`] would make of a picture of size `from` at size `scaled`, without
    /// making the rest.
    ///
    /// # Panics
    ///
    /// As [`Self::resize`], and when `rect` is not inside `scaled`.
    pub fn scale_and_crop(
        &mut self,
        rgb: &[u8],
        from: (usize, usize),
        scaled: (usize, usize),
        rect: Rect,
        out: &mut [u8],
    ) {
        let Rect { left, top, width, height } = rect;
        assert!(left + width <= scaled.0 && top + height <= scaled.1, "{rect:?} is not inside {scaled:?}");
        let (x, y) = (from.0 as f64 / scaled.0 as f64, from.1 as f64 / scaled.1 as f64);
        // Rounding must not carry the far sides over the edge by the last bit: the resizer would refuse.
        let (left, top) = (left as f64 * x, top as f64 * y);
        let region =
            [left, top, (width as f64 * x).min(from.0 as f64 - left), (height as f64 * y).min(from.1 as f64 - top)];
        self.run(rgb, from, region, out, (width, height));
    }

    fn run(&mut self, rgb: &[u8], from: (usize, usize), region: [f64; 4], out: &mut [u8], to: (usize, usize)) {
        for (length, (width, height)) in [(rgb.len(), from), (out.len(), to)] {
            assert!(length > 0 && length == width * height * 3, "{length} bytes are not {width} x {height} pixels");
        }
        let [left, top, width, height] = region;
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Interpolation(FilterType::Bilinear))
            .crop(left, top, width, height);
        let source = TypedImageRef::<U8x3>::from_buffer(from.0 as u32, from.1 as u32, rgb);
        let target = TypedImage::<U8x3>::from_buffer(to.0 as u32, to.1 as u32, out);
        let (Ok(source), Ok(mut target)) = (source, target) else { unreachable!("lengths were checked") };
        if let Err(error) = self.resizer.resize_typed(&source, &mut target, &options) {
            unreachable!("a region inside the picture was refused: {error}");
        }
    }

    /// A buffer of this length with anything in it; to be given back.
    pub(super) fn take_buffer(&mut self, length: usize) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.resize(length, 0);
        buffer
    }

    pub(super) fn give_buffer(&mut self, buffer: Vec<u8>) {
        self.buffer = buffer;
    }
}

/// Width and height of a picture whose short side is resized to `length` (mmcv `rescale_size`).
pub fn short_side(width: usize, height: usize, length: usize) -> (usize, usize) {
    let scale = length as f64 / width.min(height) as f64;
    let scaled = |side: usize| (side as f64 * scale + 0.5) as usize;
    (scaled(width), scaled(height))
}

/// Swaps left and right of an interleaved picture in place.
pub fn flip(rgb: &mut [u8], width: usize) {
    for row in rgb.chunks_exact_mut(width * 3) {
        let (pixels, _) = row.as_chunks_mut::<3>();
        pixels.reverse();
    }
}

/// Puts a picture in its place in a window.
///
/// # Shapes
///
/// - `rgb`: `[height, width, 3]`
/// - `window`: `[3, frames, height, width]`, of which frame `frame` is written
pub fn to_planes(rgb: &[u8], window: &mut [u8], frame: usize, frames: usize) {
    let area = rgb.len() / 3;
    assert_eq!(window.len(), 3 * frames * area, "a window of {frames} frames of {area} pixels");
    assert!(frame < frames, "frame {frame} of {frames}");
    for channel in 0..3 {
        let start = (channel * frames + frame) * area;
        for (place, pixel) in window[start..start + area].iter_mut().zip(rgb.as_chunks::<3>().0) {
            *place = pixel[channel];
        }
    }
}
