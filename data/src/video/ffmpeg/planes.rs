//! How ffmpeg hands over a frame, and from its bytes to a picture.
//!
//! Planes are asked for as they are stored, whatever their depth, so that colour conversion is ours. What is stored as RGB,
//! or in some rare way, is asked for as RGB.

use crate::video::Picture;
use crate::video::colour::{Colour, ToRgb, Yuv};

/// How a frame's bytes lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Layout {
    /// Red, green and blue of each pixel.
    Rgb,
    /// Three planes, or luma alone.
    Planes {
        /// ffmpeg's name.
        name: String,
        /// Bits of a sample; above 8 it takes two bytes, the lower one first.
        bits: u32,
        /// Columns and rows that share a sample of chroma; none without chroma.
        shared: Option<(usize, usize)>,
        /// The name alone says that samples use all their range.
        full: bool,
    },
}

impl Layout {
    /// That for frames which are stored in a pixel format of ffmpeg.
    pub(super) fn of(format: &str) -> Layout {
        let plain = format.strip_suffix("le").or(format.strip_suffix("be")).unwrap_or(format);
        let packed = match plain {
            "nv12" | "nv21" => "yuv420p",
            "nv16" | "yuyv422" | "yvyu422" | "uyvy422" => "yuv422p",
            "nv24" | "nv42" => "yuv444p",
            "p010" => "yuv420p10",
            "p210" | "nv20" => "yuv422p10",
            "ya8" => "gray",
            other => other,
        };
        if let Some(depth) = packed.strip_prefix("gray")
            && let Some(bits) = bits(depth)
        {
            let name = if bits > 8 { format!("gray{bits}le") } else { "gray".into() };
            return Layout::Planes { name, bits, shared: None, full: false };
        }
        let full = packed.starts_with("yuvj");
        let kind = ["yuvj", "yuva", "yuv"].iter().find_map(|start| packed.strip_prefix(start));
        let Some((kind, depth)) = kind.and_then(|kind| kind.split_once('p')) else { return Layout::Rgb };
        let shared = match kind {
            "420" => (2, 2),
            "422" => (2, 1),
            "444" => (1, 1),
            "440" => (1, 2),
            "411" => (4, 1),
            "410" => (4, 4),
            _ => return Layout::Rgb,
        };
        let Some(bits) = bits(depth) else { return Layout::Rgb };
        let start = if full { "yuvj" } else { "yuv" };
        let name = if bits > 8 { format!("{start}{kind}p{bits}le") } else { format!("{start}{kind}p") };
        Layout::Planes { name, bits, shared: Some(shared), full }
    }

    /// ffmpeg's name of it.
    pub(super) fn name(&self) -> &str {
        match self {
            Layout::Rgb => "rgb24",
            Layout::Planes { name, .. } => name,
        }
    }

    pub(super) fn is_rgb(&self) -> bool {
        *self == Layout::Rgb
    }

    /// Whether samples use all their range where the stream does not say.
    pub(super) fn full_range(&self, limited_grey: bool) -> bool {
        match self {
            Layout::Rgb => true,
            Layout::Planes { shared: None, .. } => !limited_grey,
            Layout::Planes { full, .. } => *full,
        }
    }

    /// Bytes of a frame of this size in pixels.
    pub(super) fn bytes(&self, (width, height): (usize, usize)) -> usize {
        match self {
            Layout::Rgb => width * height * 3,
            Layout::Planes { bits, shared, .. } => {
                let chroma = shared.map_or(0, |(columns, rows)| width.div_ceil(columns) * height.div_ceil(rows));
                (width * height + 2 * chroma) * if *bits > 8 { 2 } else { 1 }
            }
        }
    }
}

fn bits(depth: &str) -> Option<u32> {
    match depth {
        "" => Some(8),
        "9" | "10" | "12" | "14" | "16" => depth.parse().ok(),
        _ => None,
    }
}

/// From a frame's bytes to a picture, for one stream.
pub(super) struct Converter {
    layout: Layout,
    size: (usize, usize),
    to_rgb: ToRgb,
    /// Samples reduced to 8 bits.
    reduced: Vec<u8>,
}

impl Converter {
    pub(super) fn new(layout: Layout, size: (usize, usize), colour: Colour) -> Self {
        Self { layout, size, to_rgb: ToRgb::new(colour), reduced: Vec::new() }
    }

    /// The picture of a frame of [`Layout::bytes`] bytes, in the memory of `spare`.
    pub(super) fn convert(&mut self, frame: &[u8], spare: Picture) -> Picture {
        let (width, height) = self.size;
        let mut rgb = spare.rgb;
        let Layout::Planes { bits, shared, .. } = &self.layout else {
            rgb.clear();
            rgb.extend_from_slice(frame);
            return Picture { width, height, rgb };
        };
        let samples = if *bits > 8 {
            self.reduced.clear();
            self.reduced
                .extend(frame.chunks_exact(2).map(|pair| reduce(u16::from_le_bytes([pair[0], pair[1]]), *bits)));
            self.reduced.as_slice()
        } else {
            frame
        };
        let yuv = Yuv::planar(samples, self.size, *shared);
        self.to_rgb.convert(&yuv, &mut rgb);
        Picture { width, height, rgb }
    }
}

/// The nearest 8-bit value of a sample of 9 to 16 bits.
fn reduce(sample: u16, bits: u32) -> u8 {
    let rounded = (u32::from(sample) + (1 << (bits - 9))) >> (bits - 8);
    rounded.min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::colour::Matrix;

    fn planes(format: &str) -> (String, u32, Option<(usize, usize)>) {
        match Layout::of(format) {
            Layout::Rgb => ("rgb24".into(), 8, None),
            Layout::Planes { name, bits, shared, .. } => (name, bits, shared),
        }
    }

    #[test]
    fn planes_are_asked_for_as_they_are_stored() {
        assert_eq!(planes("yuv420p"), ("yuv420p".into(), 8, Some((2, 2))));
        assert_eq!(planes("yuvj422p"), ("yuvj422p".into(), 8, Some((2, 1))));
        assert_eq!(planes("yuv444p12be"), ("yuv444p12le".into(), 12, Some((1, 1))));
        assert_eq!(planes("yuva420p"), ("yuv420p".into(), 8, Some((2, 2))));
        assert_eq!(planes("p010le"), ("yuv420p10le".into(), 10, Some((2, 2))));
        assert_eq!(planes("gray10le"), ("gray10le".into(), 10, None));
        for rgb in ["rgb24", "bgr0", "gbrp", "pal8", "xyz12le", "yuv999p", "vaapi"] {
            assert!(Layout::of(rgb).is_rgb(), "{rgb}");
        }
    }

    #[test]
    fn an_odd_size_has_chroma_for_its_last_row_and_column() {
        assert_eq!(Layout::of("yuv420p").bytes((161, 119)), 161 * 119 + 2 * 81 * 60);
        assert_eq!(Layout::of("yuv444p10le").bytes((3, 3)), 54);
        assert_eq!(Layout::of("gray").bytes((3, 3)), 9);
    }

    #[test]
    fn depths_are_rounded_to_eight_bits() {
        assert_eq!([0, 1, 2, 512, 1021, 1023].map(|sample| reduce(sample, 10)), [0, 0, 1, 128, 255, 255]);
        assert_eq!([0, 127, 128, 0xffff].map(|sample| reduce(sample, 16)), [0, 0, 1, 255]);
    }

    #[test]
    fn chroma_of_every_sharing_is_that_of_its_pixels() {
        let colour = Colour { matrix: Matrix::Bt601, full_range: true };
        for (format, columns, rows) in [("yuv444p", 1, 1), ("yuv420p", 2, 2), ("yuv411p", 4, 1), ("yuv440p", 1, 2)] {
            let layout = Layout::of(format);
            let (width, height) = (35, 5);
            let chroma_width = 35usize.div_ceil(columns);
            let mut frame = vec![100; width * height];
            let v = |plane: usize| if plane.is_multiple_of(2) { 128 } else { 200 };
            let chroma = chroma_width * height.div_ceil(rows);
            frame.extend(vec![128; chroma]);
            frame.extend((0..chroma).map(|at| v(at % chroma_width + at / chroma_width)));
            assert_eq!(frame.len(), layout.bytes((width, height)));
            let picture = Converter::new(layout, (width, height), colour).convert(&frame, Picture::default());
            for (at, pixel) in picture.rgb.chunks_exact(3).enumerate() {
                let (x, y) = (at % width, at / width);
                let expected = if v(x / columns + y / rows) == 128 { 100 } else { 201 };
                assert!(pixel[0].abs_diff(expected) <= 1, "{format} at {x}, {y}: {pixel:?}, not {expected}");
            }
        }
    }
}
