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
    /// Reads the description; `first` is the first sample, in which old and broadcast files keep the parameter sets.
    pub(crate) fn new(
        avcc: &[u8],
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

/// The stream's own word on colour first, then the container's, then custom.
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
