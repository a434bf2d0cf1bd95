//! From the planes of a decoded frame (Y'CbCr, chroma at a lower resolution) to RGB, and back for the writer.
//!
//! The arithmetic is fixed point, within 1 of the real-valued formula: 16 bits towards RGB (the width at which
//! processors work on many pixels at once), 32 bits back. Chroma is repeated, not interpolated (as swscale does by
//! default), so a pixel depends on one luma and one chroma sample only.

use rusty_h264_common::YuvPlanes;

use super::Picture;

/// Fractional bits from RGB to Y'CbCr.
const BITS: u32 = 16;
const HALF: i32 = 1 << (BITS - 1);

/// Towards RGB: fractional bits of the samples, of the factors, and of their product after its lower half is cut.
/// A sample then takes all of 16 bits, and the largest factor (2.14) fits 16 bits too.
const SAMPLE_BITS: u32 = 7;
const FACTOR_BITS: u32 = 13;
const RESULT_BITS: u32 = SAMPLE_BITS + FACTOR_BITS - 16;

/// Half a unit of the result, and one more for what cutting two products loses on average.
const ROUND: i16 = (1 << (RESULT_BITS - 1)) + 1;

/// Pixels converted together; even, so that no pair that shares chroma is parted.
const BLOCK: usize = 32;

/// From this height on, video without a colour description is high definition, which uses BT.709.
const HIGH_DEFINITION: usize = 720;

/// How luma is weighted from red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matrix {
    /// Standard definition (also SMPTE 170M).
    Bt601,
    /// High definition.
    Bt709,
    /// Ultra high definition, non-constant luminance.
    Bt2020,
    /// FCC 1953.
    Fcc,
    /// SMPTE 240M.
    Smpte240,
}

impl Matrix {
    /// The matrix of this code (ITU-T H.273, table 4); `None` for "unspecified" and for what is no such matrix.
    pub(crate) fn from_code(code: u8) -> Option<Matrix> {
        match code {
            1 => Some(Matrix::Bt709),
            4 => Some(Matrix::Fcc),
            5 | 6 => Some(Matrix::Bt601),
            7 => Some(Matrix::Smpte240),
            9 | 10 => Some(Matrix::Bt2020),
            _ => None,
        }
    }

    /// The code of this matrix (ITU-T H.273, table 4).
    pub(crate) fn code(self) -> u8 {
        match self {
            Matrix::Bt709 => 1,
            Matrix::Fcc => 4,
            Matrix::Bt601 => 6,
            Matrix::Smpte240 => 7,
            Matrix::Bt2020 => 9,
        }
    }

    /// What a stream of this height in pixels uses when it does not say.
    pub(crate) fn usual(height: usize) -> Matrix {
        if height >= HIGH_DEFINITION { Matrix::Bt709 } else { Matrix::Bt601 }
    }

    /// Weights of red and blue in luma.
    fn weights(self) -> (f64, f64) {
        match self {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
            Matrix::Fcc => (0.30, 0.11),
            Matrix::Smpte240 => (0.212, 0.087),
        }
    }
}

/// How the numbers of a stream mean colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// Weights of the primaries.
    pub matrix: Matrix,
    /// True when samples use 0 to 255; false for the usual 16 to 235 (chroma 16 to 240).
    pub full_range: bool,
}

/// The planes of a decoded frame, 8 bits, rows without gaps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Yuv<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) y: &'a [u8],
    pub(crate) u: &'a [u8],
    pub(crate) v: &'a [u8],
    pub(crate) chroma_width: usize,
    pub(crate) chroma_height: usize,
    /// Columns of luma that share a column of chroma: 2 in 4:2:0 and 4:2:2, 1 in 4:4:4.
    pub(crate) columns_per_chroma: usize,
    /// Rows of luma that share a row of chroma: 2 in 4:2:0, 1 in 4:2:2.
    pub(crate) rows_per_chroma: usize,
}

impl<'a> Yuv<'a> {
    /// A frame whose planes lie one after another. `shared` is how many columns and rows share a sample of chroma; none
    /// without chroma.
    pub(crate) fn planar(samples: &'a [u8], (width, height): (usize, usize), shared: Option<(usize, usize)>) -> Self {
        let (columns_per_chroma, rows_per_chroma) = shared.unwrap_or((1, 1));
        let (chroma_width, chroma_height) = match shared {
            Some((columns, rows)) => (width.div_ceil(columns), height.div_ceil(rows)),
            None => (0, 0),
        };
        let (y, chroma) = samples.split_at(width * height);
        let (u, v) = chroma.split_at(chroma_width * chroma_height);
        Self { width, height, y, u, v, chroma_width, chroma_height, columns_per_chroma, rows_per_chroma }
    }
}

/// A factor, once for each pixel of a block: the compiler then sees a product of 16-bit vectors, for which there is
/// an instruction; with a single number it widens to 32 bits and takes three times as long.
type Factor = [i16; BLOCK];

/// Fixed-point factors from Y'CbCr to RGB.
#[derive(Debug, Clone)]
pub(crate) struct ToRgb {
    black: i16,
    luma: Factor,
    red_v: Factor,
    green_u: Factor,
    green_v: Factor,
    blue_u: Factor,
}

impl ToRgb {
    pub(crate) fn new(colour: Colour) -> Self {
        let (red, blue) = colour.matrix.weights();
        let green = 1.0 - red - blue;
        let (black, luma, chroma) = if colour.full_range { (0, 1.0, 1.0) } else { (16, 255.0 / 219.0, 255.0 / 224.0) };
        let fixed = |value: f64| [(value * f64::from(1 << FACTOR_BITS)).round() as i16; BLOCK];
        Self {
            black,
            luma: fixed(luma),
            red_v: fixed(chroma * 2.0 * (1.0 - red)),
            green_u: fixed(-chroma * 2.0 * (1.0 - blue) * blue / green),
            green_v: fixed(-chroma * 2.0 * (1.0 - red) * red / green),
            blue_u: fixed(chroma * 2.0 * (1.0 - blue)),
        }
    }

    /// Fills `rgb` (interleaved, row by row) from the planes.
    pub(crate) fn convert<'a>(&self, yuv: &Yuv<'a>, rgb: &mut Vec<u8>) {
        rgb.resize(yuv.width * yuv.height * 3, 0);
        let rows = rgb.chunks_exact_mut(yuv.width * 3).zip(yuv.y.chunks_exact(yuv.width));
        let mut repeated = [Vec::new(), Vec::new()];
        for (row, (out, luma)) in rows.enumerate() {
            // An odd size leaves the last row or column without chroma of its own; it takes its neighbour's.
            let chroma_row = (row / yuv.rows_per_chroma).min(yuv.chroma_height.saturating_sub(1));
            let at = chroma_row * yuv.chroma_width;
            let of = |plane: &'a [u8]| plane.get(at..at + yuv.chroma_width).unwrap_or(&[]);
            let (u, v) = (of(yuv.u), of(yuv.v));
            if yuv.columns_per_chroma == 2 {
                self.convert_row(luma, u, v, out, widen_pairs);
            } else {
                // Rare, so it need not be fast: a sample for each pixel.
                for (plane, repeated) in [u, v].into_iter().zip(&mut repeated) {
                    repeated.clear();
                    let each = |&sample: &u8| std::iter::repeat_n(sample, yuv.columns_per_chroma);
                    repeated.extend(plane.iter().flat_map(each));
                }
                self.convert_row(luma, &repeated[0], &repeated[1], out, widen_all);
            }
        }
    }

    /// `N` samples of chroma are those of a block.
    fn convert_row<const N: usize>(
        &self,
        luma: &[u8],
        u: &[u8],
        v: &[u8],
        out: &mut [u8],
        widen: impl Fn(&[u8; N]) -> [i16; BLOCK],
    ) {
        // Of a picture one pixel wide there may be no chroma at all: grey.
        let chroma_at = |plane: &[u8], at: usize| plane.get(at).or(plane.last()).copied().unwrap_or(128);
        let mut planes = [[0; BLOCK]; 3];
        for (block, (out, luma)) in out.chunks_mut(BLOCK * 3).zip(luma.chunks(BLOCK)).enumerate() {
            let (mut y, mut block_u, mut block_v) = ([0; BLOCK], [128; N], [128; N]);
            y[..luma.len()].copy_from_slice(luma);
            let first = block * N;
            if let (Some(u), Some(v)) = (u.get(first..first + N), v.get(first..first + N)) {
                block_u.copy_from_slice(u);
                block_v.copy_from_slice(v);
            } else {
                block_u = std::array::from_fn(|at| chroma_at(u, first + at));
                block_v = std::array::from_fn(|at| chroma_at(v, first + at));
            }
            self.convert_block(&y, &widen(&block_u), &widen(&block_v), &mut planes);
            let [red, green, blue] = &planes;
            for (pixel, ((&red, &green), &blue)) in out.chunks_exact_mut(3).zip(red.iter().zip(green).zip(blue)) {
                pixel[0] = red;
                pixel[1] = green;
                pixel[2] = blue;
            }
        }
    }

    /// Plain loops over arrays, which the compiler turns into vector instructions.
    fn convert_block(&self, y: &[u8; BLOCK], u: &[i16; BLOCK], v: &[i16; BLOCK], rgb: &mut [[u8; BLOCK]; 3]) {
        for at in 0..BLOCK {
            let (u, v) = (u[at], v[at]);
            let luma = times(widen(y[at], self.black), self.luma[at]) + ROUND;
            rgb[0][at] = narrow(luma + times(v, self.red_v[at]));
            rgb[1][at] = narrow(luma + times(u, self.green_u[at]) + times(v, self.green_v[at]));
            rgb[2][at] = narrow(luma + times(u, self.blue_u[at]));
        }
    }
}

fn widen(sample: u8, zero: i16) -> i16 {
    (i16::from(sample) - zero) << SAMPLE_BITS
}

/// Chroma that two pixels share.
fn widen_pairs(chroma: &[u8; BLOCK / 2]) -> [i16; BLOCK] {
    let mut wide = [0; BLOCK];
    for pair in 0..BLOCK / 2 {
        let sample = widen(chroma[pair], 128);
        (wide[2 * pair], wide[2 * pair + 1]) = (sample, sample);
    }
    wide
}

/// Chroma of each pixel.
fn widen_all(chroma: &[u8; BLOCK]) -> [i16; BLOCK] {
    chroma.map(|sample| widen(sample, 128))
}

/// The upper half of a product.
fn times(sample: i16, factor: i16) -> i16 {
    ((i32::from(sample) * i32::from(factor)) >> 16) as i16
}

fn narrow(result: i16) -> u8 {
    (result >> RESULT_BITS).clamp(0, 255) as u8
}

fn clip(fixed: i32) -> u8 {
    (fixed >> BITS).clamp(0, 255) as u8
}

/// Planes that the encoder reads: 4:2:0, limited range.
pub(crate) struct Planes {
    width: usize,
    height: usize,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl Planes {
    /// Both sides must be even.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let quarter = width * height / 4;
        Self { width, height, y: vec![16; width * height], u: vec![128; quarter], v: vec![128; quarter] }
    }

    pub(crate) fn view(&self) -> YuvPlanes<'_> {
        YuvPlanes {
            width: self.width,
            height: self.height,
            y: &self.y,
            u: &self.u,
            v: &self.v,
            stride_y: self.width,
            stride_c: self.width / 2,
        }
    }

    /// Converts a picture of the same size; chroma is the mean of four pixels.
    pub(crate) fn fill(&mut self, picture: &Picture, matrix: Matrix) {
        let factors = FromRgb::new(matrix);
        let (width, half) = (self.width, self.width / 2);
        let row_pairs = picture.rgb.chunks_exact(width * 6).zip(self.y.chunks_exact_mut(width * 2));
        let chroma = self.u.chunks_exact_mut(half).zip(self.v.chunks_exact_mut(half));
        for ((rgb, y), (u, v)) in row_pairs.zip(chroma) {
            for (pixel, y) in rgb.chunks_exact(3).zip(y.iter_mut()) {
                *y = factors.luma([pixel[0].into(), pixel[1].into(), pixel[2].into()]);
            }
            let (upper, lower) = rgb.split_at(width * 3);
            let blocks = upper.chunks_exact(6).zip(lower.chunks_exact(6));
            for ((upper, lower), (u, v)) in blocks.zip(u.iter_mut().zip(v.iter_mut())) {
                let sum = |c: usize| {
                    i32::from(upper[c]) + i32::from(upper[c + 3]) + i32::from(lower[c]) + i32::from(lower[c + 3])
                };
                (*u, *v) = factors.chroma([sum(0), sum(1), sum(2)]);
            }
        }
    }
}

/// Fixed-point factors from RGB to Y'CbCr of limited range.
struct FromRgb {
    y: [i32; 3],
    u: [i32; 3],
    v: [i32; 3],
}

impl FromRgb {
    fn new(matrix: Matrix) -> Self {
        let (red, blue) = matrix.weights();
        let weights = [red, 1.0 - red - blue, blue];
        let fixed = |value: f64| (value * f64::from(1 << BITS)).round() as i32;
        let luma_span = 219.0 / 255.0;
        // Half the span, because (blue - luma) reaches 1 - its weight; a quarter more, because four pixels are summed.
        let chroma_span = |weight: f64| 224.0 / 255.0 / (2.0 * (1.0 - weight)) / 4.0;
        let difference = |of: usize, weight: f64| {
            let unit = |c: usize| f64::from(u8::from(c == of)) - weights[c];
            [0, 1, 2].map(|c| fixed(chroma_span(weight) * unit(c)))
        };
        Self { y: weights.map(|weight| fixed(luma_span * weight)), u: difference(2, blue), v: difference(0, red) }
    }

    fn luma(&self, rgb: [i32; 3]) -> u8 {
        clip(dot(self.y, rgb) + (16 << BITS) + HALF)
    }

    /// Chroma of the sum of four pixels.
    fn chroma(&self, rgb: [i32; 3]) -> (u8, u8) {
        let middle = (128 << BITS) + HALF;
        (clip(dot(self.u, rgb) + middle), clip(dot(self.v, rgb) + middle))
    }
}

fn dot(a: [i32; 3], b: [i32; 3]) -> i32 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

#[cfg(test)]
mod tests {
    use super::*;

    const MATRICES: [Matrix; 5] = [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020, Matrix::Fcc, Matrix::Smpte240];

    /// A row of pixels that all have this colour, of an awkward width.
    fn convert(colour: Colour, [y, u, v]: [u8; 3]) -> Vec<u8> {
        let yuv = Yuv {
            width: 37,
            height: 1,
            y: &[y; 37],
            u: &[u; 18],
            v: &[v; 18],
            chroma_width: 18,
            chroma_height: 1,
            columns_per_chroma: 2,
            rows_per_chroma: 2,
        };
        let mut rgb = Vec::new();
        ToRgb::new(colour).convert(&yuv, &mut rgb);
        rgb
    }

    /// The formula of ITU-T H.273 in real numbers.
    fn formula(colour: Colour, [y, u, v]: [u8; 3]) -> [f64; 3] {
        let (red, blue) = colour.matrix.weights();
        let (y, u, v) = (f64::from(y), f64::from(u) - 128.0, f64::from(v) - 128.0);
        let (y, u, v) = match colour.full_range {
            true => (y, u, v),
            false => ((y - 16.0) * 255.0 / 219.0, u * 255.0 / 224.0, v * 255.0 / 224.0),
        };
        let (r, b) = (y + 2.0 * (1.0 - red) * v, y + 2.0 * (1.0 - blue) * u);
        let g = (y - red * r - blue * b) / (1.0 - red - blue);
        [r, g, b].map(|value| value.clamp(0.0, 255.0))
    }

    #[test]
    fn every_matrix_and_range_is_within_1_of_the_formula() {
        for matrix in MATRICES {
            for full_range in [false, true] {
                let colour = Colour { matrix, full_range };
                for yuv in (0..=255).step_by(15).flat_map(|y| {
                    (0..=255).step_by(17).flat_map(move |u| (0..=255).step_by(17).map(move |v| [y, u, v]))
                }) {
                    let rgb = convert(colour, yuv);
                    let expected = formula(colour, yuv);
                    for pixel in rgb.chunks_exact(3) {
                        let close = pixel.iter().zip(expected).all(|(&got, real)| (f64::from(got) - real).abs() <= 1.0);
                        assert!(close, "{colour:?} {yuv:?}: {pixel:?}, not {expected:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn black_white_and_red_of_bt601_are_what_the_standard_lists() {
        let colour = Colour { matrix: Matrix::Bt601, full_range: false };
        assert_eq!(convert(colour, [16, 128, 128])[..3], [0, 0, 0]);
        assert_eq!(convert(colour, [235, 128, 128])[..3], [255, 255, 255]);
        assert_eq!(convert(colour, [81, 90, 240])[1..3], [0, 0]);
        assert!(convert(colour, [81, 90, 240])[0] >= 254);
    }

    #[test]
    fn there_and_back_moves_a_flat_colour_by_2_at_most() {
        for matrix in MATRICES {
            for rgb in [[0, 0, 0], [255, 255, 255], [200, 30, 60], [10, 250, 90], [1, 2, 254], [127, 128, 129]] {
                let picture = Picture { width: 2, height: 2, rgb: rgb.repeat(4) };
                let mut planes = Planes::new(2, 2);
                planes.fill(&picture, matrix);
                let back = convert(Colour { matrix, full_range: false }, [planes.y[0], planes.u[0], planes.v[0]]);
                for (was, is) in rgb.iter().zip(&back) {
                    assert!(was.abs_diff(*is) <= 2, "{matrix:?}: {rgb:?} came back as {:?}", &back[..3]);
                }
            }
        }
    }

    #[test]
    fn chroma_rows_are_shared_by_two_rows_in_4_2_0_and_by_none_in_4_2_2() {
        let colour = Colour { matrix: Matrix::Bt601, full_range: true };
        let mut yuv = Yuv {
            width: 2,
            height: 4,
            y: &[100; 8],
            u: &[128; 4],
            v: &[128, 255, 128, 128],
            chroma_width: 1,
            chroma_height: 2,
            columns_per_chroma: 2,
            rows_per_chroma: 2,
        };
        let red = |yuv: &Yuv| -> Vec<u8> {
            let mut rgb = Vec::new();
            ToRgb::new(colour).convert(yuv, &mut rgb);
            rgb.chunks_exact(6).map(|row| row[0]).collect()
        };
        assert_eq!(red(&yuv), [100, 100, 255, 255]);
        (yuv.chroma_height, yuv.rows_per_chroma) = (4, 1);
        assert_eq!(red(&yuv), [100, 255, 100, 100]);
    }

    #[test]
    fn a_picture_of_one_grey_pixel_needs_no_chroma() {
        let yuv = Yuv {
            width: 1,
            height: 1,
            y: &[126],
            u: &[],
            v: &[],
            chroma_width: 0,
            chroma_height: 0,
            columns_per_chroma: 2,
            rows_per_chroma: 2,
        };
        let mut rgb = Vec::new();
        ToRgb::new(Colour { matrix: Matrix::Bt601, full_range: false }).convert(&yuv, &mut rgb);
        assert_eq!(rgb, [128, 128, 128]);
    }
}
