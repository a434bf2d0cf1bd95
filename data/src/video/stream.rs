//! What the parameter sets of an H.264 stream say: its size, its colours, and whether we can decode it at all.
//!
//! All of it is checked before the first picture, because a few bytes can claim a picture of gigabytes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rust_h264::nal::{NalUnit, NalUnitType, SpsInfo, parse_avcc, parse_avcc_config, parse_sps_info};

use super::colour::{Colour, Matrix};
use super::error::Problem;
use super::mp4::{MAX_PIXELS, MAX_SIDE};

/// Reference pictures the standard allows.
const MAX_REFERENCES: u32 = 16;

/// The profile that encoders use for 4:4:4 chroma and for lossless video, which show only when decoded.
const HIGH_444_PREDICTIVE: u8 = 244;

/// An H.264 stream as its container and its sequence parameter set describe it.
#[derive(Debug, Clone)]
pub(crate) struct Stream {
    /// Content of the avcC box: the parameter sets that stand before the first picture.
    avcc: Vec<u8>,
    /// Bytes of the length before each unit of a sample.
    pub(crate) length_size: usize,
    /// In pixels, cropped, not yet turned.
    pub(crate) width: usize,
    /// In pixels, cropped, not yet turned.
    pub(crate) height: usize,
    pub(crate) colour: Colour,
    /// As RFC 6381 names it, such as `avc1.64001f`.
    pub(crate) codec: String,
}

impl Stream {
    /// Reads the description. `size` is what the container says in pixels, and `first` gives the first sample, in which
    /// recordings of broadcasts keep the parameter sets.
    pub(crate) fn new(
        avcc: &[u8],
        size: (u16, u16),
        container_colour: Option<(u8, bool)>,
        first: impl FnOnce() -> Result<Vec<u8>, Problem>,
    ) -> Result<Stream, Problem> {
        let config = guarded(|| parse_avcc_config(avcc))?.map_err(Problem::index)?;
        let info = match config.sps_nals.first() {
            Some(sps) => check_sps(sps)?,
            None => {
                let sample = first()?;
                let units = parse_avcc(&sample, config.length_size);
                let sps = units.iter().find(|unit| unit.nal_unit_type == NalUnitType::Sps);
                check_sps(sps.ok_or_else(|| Problem::index("no sequence parameter set"))?)?
            }
        };
        let (width, height) = (info.width as usize, info.height as usize);
        check_size((width, height), size)?;
        Ok(Stream {
            avcc: avcc.to_vec(),
            length_size: config.length_size,
            width,
            height,
            colour: colour(&info, container_colour)?,
            codec: format!("avc1.{:02x}{:02x}{:02x}", avcc[1], avcc[2], avcc[3]),
        })
    }

    /// The parameter sets of the container.
    pub(crate) fn parameter_sets(&self) -> Result<Vec<NalUnit<'_>>, Problem> {
        let config = guarded(|| parse_avcc_config(&self.avcc))?.map_err(Problem::index)?;
        Ok(config.sps_nals.into_iter().chain(config.pps_nals).collect())
    }
}

/// Runs code of the decoder, whose panics become errors.
pub(crate) fn guarded<T>(run: impl FnOnce() -> T) -> Result<T, Problem> {
    // Nothing that a panic may have left half done is used again: the caller drops it with the error.
    catch_unwind(AssertUnwindSafe(run)).map_err(|payload| {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Problem::Decoder(text.unwrap_or("panic").to_string())
    })
}

/// Refuses what cannot be decoded or would take too much memory.
pub(crate) fn check_sps(sps: &NalUnit) -> Result<SpsInfo, Problem> {
    let info = guarded(|| parse_sps_info(sps))?.map_err(|error| Problem::index(error.to_string()))?;
    let (coded_width, coded_height) = (info.coded_width as usize, info.coded_height as usize);
    if coded_width > MAX_SIDE || coded_height > MAX_SIDE || coded_width * coded_height > MAX_PIXELS {
        let limit = format!("{MAX_SIDE} on a side and {MAX_PIXELS} pixels");
        return Err(Problem::Limit(format!("a picture of {coded_width}x{coded_height}"), limit));
    }
    let inside = (1..=info.coded_width).contains(&info.width) && (1..=info.coded_height).contains(&info.height);
    if !inside || info.reference_frames > MAX_REFERENCES {
        return Err(Problem::index("an impossible sequence parameter set"));
    }
    if info.profile == HIGH_444_PREDICTIVE {
        return Err(Problem::Feature("H.264 of the profile High 4:4:4 Predictive (4:4:4 chroma, lossless)".into()));
    }
    let depth = info.bit_depth_luma;
    match info.chroma_format {
        0..=2 => {}
        3 => return Err(Problem::Feature("H.264 with 4:4:4 chroma".into())),
        _ => return Err(Problem::index("an impossible chroma format")),
    }
    if !matches!(depth, 8 | 10) || (info.chroma_format != 0 && info.bit_depth_chroma != depth) {
        return Err(Problem::Feature(format!("H.264 with {depth} bits per sample")));
    }
    Ok(info)
}

/// Refuses a stream far larger than its container says: a damaged bit would otherwise cost gigabytes and minutes.
///
/// Small differences are common (some writers forget the cropping), and 0 says nothing.
fn check_size((width, height): (usize, usize), container: (u16, u16)) -> Result<(), Problem> {
    let (told_width, told_height) = (usize::from(container.0), usize::from(container.1));
    let told = told_width > 0 && told_height > 0;
    if told && (width > 2 * told_width.max(16) || height > 2 * told_height.max(16)) {
        return Err(Problem::index(format!(
            "the stream is {width}x{height} pixels, the index says {told_width}x{told_height}"
        )));
    }
    Ok(())
}

/// The stream's own word on colour first, then the container's, then what is usual for the size.
fn colour(info: &SpsInfo, container: Option<(u8, bool)>) -> Result<Colour, Problem> {
    const UNSPECIFIED: u8 = 2;
    let code = match (info.matrix, container) {
        (UNSPECIFIED, Some((code, _))) => code,
        (code, _) => code,
    };
    if matches!(code, 8 | 11..=14) {
        return Err(Problem::Feature(format!("H.264 with colour matrix {code}")));
    }
    let matrix = Matrix::from_code(code).unwrap_or_else(|| Matrix::usual(info.height as usize));
    Ok(Colour { matrix, full_range: info.full_range || container.is_some_and(|(_, full)| full) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits of a sequence parameter set.
    #[derive(Default)]
    struct Bits(Vec<bool>);

    impl Bits {
        fn plain(&mut self, value: u32, count: u32) {
            self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
        }

        /// Exponential Golomb code.
        fn golomb(&mut self, value: u32) {
            let length = (value + 1).ilog2();
            self.plain(0, length);
            self.plain(value + 1, length + 1);
        }

        fn bytes(&self) -> Vec<u8> {
            let byte = |bits: &[bool]| bits.iter().enumerate().map(|(at, &bit)| u8::from(bit) << (7 - at)).sum();
            self.0.chunks(8).map(byte).collect()
        }
    }

    /// A High profile set of so many macroblocks, chroma format and bit depth.
    fn sps(columns: u32, rows: u32, chroma: u32, depth: u32) -> NalUnit<'static> {
        let mut bits = Bits::default();
        for byte in [100, 0, 62] {
            bits.plain(byte, 8);
        }
        bits.golomb(0);
        bits.golomb(chroma);
        if chroma == 3 {
            bits.plain(0, 1);
        }
        bits.golomb(depth - 8);
        bits.golomb(depth - 8);
        bits.plain(0, 2);
        for value in [0, 0, 0, 1] {
            bits.golomb(value); // frame number bits, order type and bits, reference frames
        }
        bits.plain(0, 1);
        bits.golomb(columns - 1);
        bits.golomb(rows - 1);
        bits.plain(0b1100, 4); // frames only, direct inference, no cropping, no description
        bits.plain(0x80, 8);
        NalUnit { nal_ref_idc: 3, nal_unit_type: NalUnitType::Sps, rbsp: bits.bytes().into() }
    }

    #[test]
    fn an_ordinary_set_passes() {
        let info = check_sps(&sps(8, 6, 1, 8)).unwrap();
        assert_eq!((info.width, info.height), (128, 96));
    }

    #[test]
    fn a_picture_that_would_exhaust_the_memory_is_refused() {
        for (columns, rows) in [(1024, 1024), (512, 512), (1, 513), (60_000, 60_000)] {
            let problem = check_sps(&sps(columns, rows, 1, 8)).unwrap_err();
            assert!(matches!(problem, Problem::Limit(..)), "{columns}x{rows}: {problem}");
        }
    }

    #[test]
    fn what_cannot_be_decoded_is_named() {
        let told = |chroma, depth| check_sps(&sps(8, 6, chroma, depth)).unwrap_err().to_string();
        assert!(told(3, 8).starts_with("H.264 with 4:4:4 chroma is not supported"));
        assert!(told(1, 12).starts_with("H.264 with 12 bits per sample is not supported"));
    }

    #[test]
    fn the_stream_may_be_a_little_larger_than_the_index_says_but_not_much() {
        assert!(check_size((1920, 1088), (1920, 1080)).is_ok());
        assert!(check_size((640, 360), (0, 0)).is_ok());
        assert!(check_size((8192, 4096), (128, 96)).is_err());
    }

    #[test]
    fn colour_comes_from_the_stream_then_the_container_then_the_size() {
        let mut info = check_sps(&sps(8, 6, 1, 8)).unwrap();
        assert_eq!(colour(&info, None).unwrap(), Colour { matrix: Matrix::Bt601, full_range: false });
        assert_eq!(colour(&info, Some((1, true))).unwrap(), Colour { matrix: Matrix::Bt709, full_range: true });
        info.matrix = 9;
        assert_eq!(colour(&info, Some((1, false))).unwrap().matrix, Matrix::Bt2020);
        info.matrix = 8;
        assert!(matches!(colour(&info, None), Err(Problem::Feature(_))));
        let large = check_sps(&sps(80, 45, 1, 8)).unwrap();
        assert_eq!(colour(&large, None).unwrap().matrix, Matrix::Bt709);
    }

    #[test]
    fn a_panic_of_the_decoder_is_an_error_with_its_words() {
        let problem = guarded(|| panic!("index 5 out of bounds")).unwrap_err();
        assert!(problem.to_string().contains("index 5 out of bounds"));
    }
}
