//! Decoding of H.264 samples, one at a time.
//!
//! A sample of an MP4 file is one picture, so the decoder is asked for the picture right after each sample:
//! which frame a picture belongs to is then known from the container alone, whatever the stream says.

use rust_h264::decoder::{ChromaFormat, Decoder, Frame};
use rust_h264::error::DecodeError;
use rust_h264::nal::{NalUnit, NalUnitType, parse_avcc};

use super::Picture;
use super::colour::{ToRgb, Yuv};
use super::error::Problem;
use super::stream::{Stream, check_sps, guarded};

/// A decoder at some place of a stream.
pub(crate) struct PictureDecoder<'a> {
    decoder: Decoder,
    stream: &'a Stream,
}

/// What became of one sample.
pub(crate) enum Decoded {
    /// Its picture.
    Frame(Frame),
    /// No picture, and why.
    Damaged(String),
}

impl<'a> PictureDecoder<'a> {
    /// A decoder that has seen the parameter sets only.
    pub(crate) fn new(stream: &'a Stream) -> Result<Self, Problem> {
        let mut decoder = Decoder::new();
        for set in stream.parameter_sets()? {
            if set.nal_unit_type == NalUnitType::Sps {
                check_sps(&set)?;
            }
            // Sets that do not parse may be for pictures that never come; those that come say so.
            guarded(|| decoder.decode_nal(&set).ok())?;
        }
        Ok(Self { decoder, stream })
    }

    /// Decodes one sample.
    pub(crate) fn decode(&mut self, sample: &[u8]) -> Result<Decoded, Problem> {
        if units(sample, self.stream.length_size).is_none() {
            return Ok(Decoded::Damaged("a unit runs past its frame".into()));
        }
        let parsed = parse_avcc(sample, self.stream.length_size);
        for unit in parsed.iter().filter(|unit| unit.nal_unit_type == NalUnitType::Sps) {
            match check_sps(unit) {
                // Said before the decoder makes room for it.
                Ok(info) if (info.width as usize, info.height as usize) != (self.stream.width, self.stream.height) => {
                    return Err(size_changes());
                }
                Ok(_) => {}
                Err(Problem::Index(what)) => return Ok(Decoded::Damaged(what)),
                Err(problem) => return Err(problem),
            }
        }
        let decoder = &mut self.decoder;
        match guarded(|| feed(decoder, &parsed))? {
            Ok(Some(frame))
                if (frame.width as usize, frame.height as usize) == (self.stream.width, self.stream.height) =>
            {
                Ok(Decoded::Frame(frame))
            }
            Ok(Some(_)) => Err(size_changes()),
            Ok(None) => Ok(Decoded::Damaged("a frame without a picture".into())),
            Err(DecodeError::Unsupported(what)) => Err(Problem::Feature(format!("H.264 with {what}"))),
            Err(error) => Ok(Decoded::Damaged(error.to_string())),
        }
    }
}

fn size_changes() -> Problem {
    Problem::Feature("a change of the picture size within the video".into())
}

/// Feeds the units of one sample. After an error the picture is dropped, but the rest is still fed, so that the
/// decoder starts clean on the next sample.
fn feed(decoder: &mut Decoder, units: &[NalUnit]) -> Result<Option<Frame>, DecodeError> {
    let mut result = Ok(None);
    for unit in units {
        match decoder.decode_nal(unit) {
            // A second picture in a sample is a redundant copy: the first one counts.
            Ok(Some(frame)) if matches!(result, Ok(None)) => result = Ok(Some(frame)),
            Ok(_) => {}
            Err(error) => result = result.and(Err(error)),
        }
    }
    let last = decoder.flush();
    result.map(|first| first.or(last))
}

/// The units of a sample, each with its length in front; `None` when the lengths do not add up to the sample.
fn units(sample: &[u8], length_size: usize) -> Option<Vec<&[u8]>> {
    let mut units = Vec::new();
    let mut rest = sample;
    while !rest.is_empty() {
        let (length, after) = rest.split_at_checked(length_size)?;
        let length = length.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
        let (unit, after) = after.split_at_checked(length)?;
        units.push(unit);
        rest = after;
    }
    Some(units)
}

/// True when no other picture refers to this one, so that it can be left out.
pub(crate) fn is_disposable(sample: &[u8], length_size: usize) -> bool {
    let mut slices = 0;
    for unit in units(sample, length_size).unwrap_or_default() {
        let Some(&head) = unit.first() else { continue };
        let (kind, reference) = (head & 31, head >> 5 & 3);
        match (kind, reference) {
            (1, 0) => slices += 1,
            (6 | 9 | 12, _) => {} // side information, delimiter, filler
            _ => return false,
        }
    }
    slices > 0
}

/// From decoded planes to RGB, for one stream.
pub(crate) struct Converter {
    to_rgb: ToRgb,
    /// Planes reduced from 10 to 8 bits.
    reduced: [Vec<u8>; 3],
}

impl Converter {
    pub(crate) fn new(stream: &Stream) -> Self {
        Self { to_rgb: ToRgb::new(stream.colour), reduced: Default::default() }
    }

    /// The picture of a frame, in the memory of `spare`.
    pub(crate) fn convert(&mut self, frame: &Frame, spare: Picture) -> Picture {
        let mut planes = [&frame.y, &frame.u, &frame.v];
        if frame.bit_depth > 8 {
            for (plane, reduced) in planes.iter().zip(&mut self.reduced) {
                reduced.clear();
                reduced.extend(plane.chunks_exact(2).map(|pair| to_8_bits(u16::from_le_bytes([pair[0], pair[1]]))));
            }
            planes = self.reduced.each_ref();
        }
        let [y, u, v] = planes;
        let (width, height) = (frame.width as usize, frame.height as usize);
        let yuv = Yuv {
            width,
            height,
            y,
            u,
            v,
            chroma_width: frame.chroma_width() as usize,
            chroma_height: frame.chroma_height() as usize,
            columns_per_chroma: 2,
            rows_per_chroma: if frame.chroma_format == ChromaFormat::Yuv422 { 1 } else { 2 },
        };
        let mut rgb = spare.rgb;
        self.to_rgb.convert(&yuv, &mut rgb);
        Picture { width, height, rgb }
    }
}

/// The nearest 8-bit value of a 10-bit sample.
fn to_8_bits(sample: u16) -> u8 {
    ((sample + 2) >> 2).min(255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_must_fill_their_sample() {
        assert_eq!(units(&[0, 1, 7, 0, 2, 8, 9], 2), Some(vec![&[7][..], &[8, 9]]));
        assert_eq!(units(&[0, 3, 7, 8], 2), None);
        assert_eq!(units(&[0, 1, 7, 0], 2), None);
    }

    #[test]
    fn only_pictures_that_none_refers_to_can_be_left_out() {
        let delimiter = [1, 0x09];
        let (disposable, referred, key, set) = ([1, 0x01], [1, 0x21], [1, 0x65], [1, 0x67]);
        assert!(is_disposable(&[delimiter, disposable].concat(), 1));
        assert!(!is_disposable(&[delimiter, referred].concat(), 1));
        assert!(!is_disposable(&[disposable, key].concat(), 1));
        assert!(!is_disposable(&[set, disposable].concat(), 1));
        assert!(!is_disposable(&delimiter, 1));
        assert!(!is_disposable(&[9, 0x01], 1));
    }

    #[test]
    fn ten_bits_are_rounded_to_eight() {
        assert_eq!([0, 1, 2, 512, 1021, 1023].map(to_8_bits), [0, 0, 1, 128, 255, 255]);
    }
}
