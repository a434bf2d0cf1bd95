//! Resizing, and moving pixels about.
//!
//! Resizing is bilinear interpolation between pixel centres: two pixels each way, however much a picture shrinks.
//! Backbones were trained on pictures that went through it, aliasing and all. The arithmetic is that of OpenCV's
//! `INTER_LINEAR` on bytes (weights of 11 bits, which side is rounded where), so that the bytes are the same.

use super::Rect;

/// One in the fixed point of weights: 11 bits.
const ONE: f32 = 2048.0;

/// Resizes pictures. Holds buffers only; results do not depend on what went through it before.
#[derive(Debug, Default)]
pub struct Resampler {
    columns: Vec<Tap>,
    rows: [Row; 2],
    /// For the steps between and after, with anything in them.
    pub(super) bytes: Vec<u8>,
    pub(super) values: Vec<f32>,
}

/// The two pixels of a line between which a place lies.
#[derive(Debug, Clone, Copy)]
struct Tap {
    low: usize,
    high: usize,
    /// Weights of the two; their sum is [`ONE`], give or take a rounding.
    weights: [i16; 2],
}

/// A row of the source that was resized across.
#[derive(Debug, Default)]
struct Row {
    /// Which row of the source it was.
    source: usize,
    /// Values with 7 bits after the point.
    values: Vec<i16>,
}

impl Resampler {
    /// Resizes a picture of `from` (width, height) to `to`, whatever that does to its shape.
    ///
    /// # Panics
    ///
    /// When a slice is not as long as its size says, or a size is 0.
    pub fn resize(&mut self, rgb: &[u8], from: (usize, usize), out: &mut [u8], to: (usize, usize)) {
        self.scale_and_crop(rgb, from, to, Rect { left: 0, top: 0, width: to.0, height: to.1 }, out);
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
        for (length, (width, height)) in [(rgb.len(), from), (out.len(), (width, height))] {
            assert!(length > 0 && length == width * height * 3, "{length} bytes are not {width} x {height} pixels");
        }
        let lines = rgb.chunks_exact(from.0 * 3);
        let outs = out.chunks_exact_mut(width * 3);
        if from == scaled {
            for (out, line) in outs.zip(lines.skip(top)) {
                out.copy_from_slice(&line[left * 3..][..width * 3]);
            }
            return;
        }
        self.columns.clear();
        self.columns.extend((left..left + width).map(|x| Tap::new(x, from.0, scaled.0)));
        for row in &mut self.rows {
            row.source = usize::MAX;
            row.values.resize(width * 3, 0);
        }
        for (y, out) in outs.enumerate() {
            let tap = Tap::new(top + y, from.1, scaled.1);
            self.fetch(rgb, from.0, tap);
            let [upper, lower] = &self.rows;
            blend(&upper.values, &lower.values, tap.weights, out);
        }
    }

    /// Makes `rows` those of `tap`, of which one or both may be there already.
    fn fetch(&mut self, rgb: &[u8], width: usize, tap: Tap) {
        let [upper, lower] = &mut self.rows;
        if upper.source != tap.low && lower.source == tap.low {
            std::mem::swap(upper, lower);
        }
        for (row, source) in [(upper, tap.low), (lower, tap.high)] {
            if row.source != source {
                across(&rgb[source * width * 3..][..width * 3], &self.columns, &mut row.values);
                row.source = source;
            }
        }
    }
}

impl Tap {
    /// Where place `at` of a line that is resized from `from` to `to` lies in it. Beyond the outer centres the outer
    /// pixels go on.
    fn new(at: usize, from: usize, to: usize) -> Self {
        let scale = 1.0 / (to as f64 / from as f64);
        let place = ((at as f64 + 0.5) * scale - 0.5) as f32;
        let low = place.floor();
        let inside = |pixel: f32| (pixel.max(0.0) as usize).min(from - 1);
        let weight = |share: f32| (share * ONE).round_ties_even() as i16;
        Self { low: inside(low), high: inside(low + 1.0), weights: [weight(1.0 - (place - low)), weight(place - low)] }
    }
}

/// Resizes one row across.
fn across(line: &[u8], columns: &[Tap], out: &mut [i16]) {
    for (out, tap) in out.as_chunks_mut::<3>().0.iter_mut().zip(columns) {
        let (low, high) = (&line[tap.low * 3..][..3], &line[tap.high * 3..][..3]);
        let [first, second] = tap.weights.map(i32::from);
        for channel in 0..3 {
            let sum = i32::from(low[channel]) * first + i32::from(high[channel]) * second;
            out[channel] = (sum >> 4) as i16; // at most 255 * 128
        }
    }
}

/// Mixes two rows. Each product loses its low 16 bits before they are added, as in OpenCV.
fn blend(upper: &[i16], lower: &[i16], weights: [i16; 2], out: &mut [u8]) {
    let high = |value: i16, weight: i16| ((i32::from(value) * i32::from(weight)) >> 16) as i16;
    for ((out, &upper), &lower) in out.iter_mut().zip(upper).zip(lower) {
        *out = ((high(upper, weights[0]) + high(lower, weights[1]) + 2) >> 2) as u8;
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
