//! From the planes of a decoded frame (Y'CbCr, chroma at a lower resolution) to RGB, and back for the writer.
//!
//! The arithmetic is 16-bit fixed point, within 1 of the real-valued formula. Chroma is repeated, not interpolated
//! (as swscale does by default), so a pixel depends on one luma and one chroma sample only.

use rusty_h264_common::YuvPlanes;

use super::Picture;

/// Fractional bits of the fixed-point factors.
const BITS: u32 = 16;
const HALF: i32 = 1 << (BITS - 1);

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

/// The planes of a decoded frame, 8 bits, rows without gaps; chroma is half as wide as luma.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Yuv<'a> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) y: &'a [u8],
    pub(crate) u: &'a [u8],
    pub(crate) v: &'a [u8],
    pub(crate) chroma_width: usize,
    pub(crate) chroma_height: usize,
    /// Rows of luma that share a row of chroma: 2 in 4:2:0, 1 in 4:2:2.
    pub(crate) rows_per_chroma: usize,
}

/// Fixed-point factors from Y'CbCr to RGB.
#[derive(Debug, Clone)]
pub(crate) struct ToRgb {
    black: i32,
    luma: i32,
    red_v: i32,
    green_u: i32,
    green_v: i32,
    blue_u: i32,
}

impl ToRgb {
    pub(crate) fn new(colour: Colour) -> Self {
        let (red, blue) = colour.matrix.weights();
        let green = 1.0 - red - blue;
        let (black, luma, chroma) =
            if colour.full_range { (0, 1.0, 1.0) } else { (16, 255.0 / 219.0, 255.0 / 224.0) };
        let fixed = |value: f64| (value * f64::from(1 << BITS)).round() as i32;
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
        for (row, (out, luma)) in rows.enumerate() {
            // An odd size leaves the last row or column without chroma of its own; it takes its neighbour's.
            let chroma_row = (row / yuv.rows_per_chroma).min(yuv.chroma_height.saturating_sub(1));
            let at = chroma_row * yuv.chroma_width;
            let of = |plane: &'a [u8]| plane.get(at..at + yuv.chroma_width).unwrap_or(&[]);
            self.convert_row(luma, of(yuv.u), of(yuv.v), out);
        }
    }

    fn convert_row(&self, luma: &[u8], u: &[u8], v: &[u8], out: &mut [u8]) {
        let pairs = out.chunks_mut(6).zip(luma.chunks(2));
        let chroma = u.iter().zip(v).chain(std::iter::repeat(match (u.last(), v.last()) {
            (Some(u), Some(v)) => (u, v),
            _ => (&128, &128),
        }));
        for ((out, luma), (&u, &v)) in pairs.zip(chroma) {
            let (u, v) = (i32::from(u) - 128, i32::from(v) - 128);
            let red = self.red_v * v + HALF;
            let green = self.green_u * u + self.green_v * v + HALF;
            let blue = self.blue_u * u + HALF;
            for (pixel, &y) in out.chunks_exact_mut(3).zip(luma) {
                let y = (i32::from(y) - self.black) * self.luma;
                pixel[0] = clip(y + red);
                pixel[1] = clip(y + green);
                pixel[2] = clip(y + blue);
            }
        }
    }
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
        Self {
            y: weights.map(|weight| fixed(luma_span * weight)),
            u: difference(2, blue),
            v: difference(0, red),
        }
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
