//! Pillow's `ImageEnhance`: away from a picture that lacks something, by a factor above 1.

use super::table;

/// Weights of red, green and blue in grey, in 65536ths (ITU-R BT.601).
const GREY: [u32; 3] = [19595, 38470, 7471];

/// Strength of colours: away from grey.
pub(super) fn colour(rgb: &mut [u8], factor: f32) {
    for pixel in rgb.as_chunks_mut::<3>().0 {
        let grey = grey(pixel);
        *pixel = pixel.map(|value| blend(grey, value, factor));
    }
}

/// Away from the mean grey of the picture.
pub(super) fn contrast(rgb: &mut [u8], factor: f32) {
    let pixels = rgb.as_chunks::<3>().0;
    let sum: u64 = pixels.iter().map(|pixel| u64::from(grey(pixel))).sum();
    let mean = (sum as f64 / pixels.len() as f64 + 0.5) as u8;
    table::each(rgb, |value| blend(mean, value, factor));
}

/// Away from black.
pub(super) fn brightness(rgb: &mut [u8], factor: f32) {
    table::each(rgb, |value| blend(0, value, factor));
}

/// Away from the smoothed picture, in which a pixel counts five times as much as each of the eight around it. Pixels at
/// the edge stay as they are.
///
/// # Shapes
///
/// - `rgb`, `out`: `[height, width, 3]`, with the same numbers
pub(super) fn sharpness(rgb: &[u8], width: usize, out: &mut [u8], factor: f32) {
    let stride = width * 3;
    let lines: Vec<&[u8]> = rgb.chunks_exact(stride).collect();
    if width < 3 {
        return;
    }
    for (around, out) in lines.windows(3).zip(out.chunks_exact_mut(stride).skip(1)) {
        let [above, line, below] = around else { unreachable!("windows of three") };
        for (at, out) in out[3..stride - 3].iter_mut().enumerate() {
            let three = |line: &[u8]| u16::from(line[at]) + u16::from(line[at + 3]) + u16::from(line[at + 6]);
            let sum = three(above) + three(line) + three(below) + 4 * u16::from(line[at + 3]);
            let smooth = (2 * sum + 13) / 26; // a 13th, rounded
            *out = blend(smooth as u8, line[at + 3], factor);
        }
    }
}

fn grey(pixel: &[u8; 3]) -> u8 {
    let sum: u32 = pixel.iter().zip(GREY).map(|(&value, weight)| u32::from(value) * weight).sum();
    ((sum + 0x8000) >> 16) as u8
}

/// From the first value to the second, and beyond it.
fn blend(from: u8, to: u8, factor: f32) -> u8 {
    let difference = i16::from(to) - i16::from(from);
    (f32::from(from) + factor * f32::from(difference)) as u8 // `as` saturates
}
