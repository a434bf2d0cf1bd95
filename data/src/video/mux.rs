//! Writing an MP4 file around H.264 pictures: one video track at a constant frame rate, index at the end.
//!
//! The pictures stream to the file as they are encoded; only their sizes stay in memory.

use std::io::{self, Seek, SeekFrom, Write};

use super::colour::Matrix;
use super::error::Problem;

/// Ticks per frame. The time scale is a multiple of the frame rate, so that frame `k` starts at exactly `k / fps`.
const TICKS_PER_FRAME: u32 = 1000;

/// Horizontal and vertical resolution of 72 dots per inch, the value every writer uses.
const DOTS_PER_INCH: u32 = 72 << 16;

/// No rotation, no scaling (16.16 fixed point; the last column is 2.30).
const IDENTITY: [u32; 9] = [1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30];

/// What the index says about all pictures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    pub(crate) width: u16,
    pub(crate) height: u16,
    /// Frames per second.
    pub(crate) fps: u32,
    pub(crate) matrix: Matrix,
}

/// An MP4 file in the making.
pub(crate) struct Muxer<W> {
    out: W,
    format: Format,
    /// Where the media box starts, whose size is known only at the end.
    media: u64,
    /// Bytes of each sample.
    sizes: Vec<u32>,
    /// Numbers of the key frames, from 1.
    keys: Vec<u32>,
    sequence: Vec<u8>,
    picture: Vec<u8>,
}

impl<W: Write + Seek> Muxer<W> {
    /// Writes the head of the file.
    pub(crate) fn new(mut out: W, format: Format) -> io::Result<Self> {
        let head = boxed(b"ftyp", &[b"isom", &words(&[512]), b"isomiso2avc1mp41"]);
        out.write_all(&head)?;
        let media = head.len() as u64;
        out.write_all(&media_head(0))?;
        Ok(Self { out, format, media, sizes: Vec::new(), keys: Vec::new(), sequence: Vec::new(), picture: Vec::new() })
    }

    /// Adds one encoded picture, given as an Annex B access unit.
    ///
    /// The parameter sets go to the index, which holds one of each: a change of them in mid-stream is refused.
    pub(crate) fn add(&mut self, unit: &[u8]) -> Result<(), Problem> {
        let mut sample = Vec::with_capacity(unit.len() + 16);
        let (mut pictures, mut key) = (0, false);
        for nal in split_annex_b(unit) {
            let Some(&head) = nal.first() else { continue };
            match head & 31 {
                7 => keep(&mut self.sequence, nal)?,
                8 => keep(&mut self.picture, nal)?,
                9 => {} // access unit delimiter: the container says where pictures start
                kind => {
                    // A first macroblock number of 0 is coded as a single 1 bit.
                    pictures += usize::from(matches!(kind, 1 | 5) && nal.get(1).is_some_and(|b| b & 0x80 != 0));
                    key |= kind == 5;
                    sample.extend((nal.len() as u32).to_be_bytes());
                    sample.extend_from_slice(nal);
                }
            }
        }
        if pictures != 1 {
            return Err(Problem::Encoder(format!("{pictures} pictures in one access unit")));
        }
        self.out.write_all(&sample)?;
        self.sizes.push(sample.len() as u32);
        if key {
            self.keys.push(self.sizes.len() as u32);
        }
        Ok(())
    }

    /// Writes the index and hands back the output.
    pub(crate) fn finish(mut self) -> Result<W, Problem> {
        let [_, profile, compatibility, level, ..] = self.sequence[..] else {
            return Err(Problem::Encoder("no sequence parameter set".into()));
        };
        let end = self.out.stream_position()?;
        self.out.seek(SeekFrom::Start(self.media))?;
        self.out.write_all(&media_head(end - self.media))?;
        self.out.seek(SeekFrom::Start(end))?;
        let index = self.index([profile, compatibility, level]);
        self.out.write_all(&index)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn index(&self, profile: [u8; 3]) -> Vec<u8> {
        let duration = self.sizes.len() as u32 * TICKS_PER_FRAME;
        let scale = self.format.fps * TICKS_PER_FRAME;
        let (width, height) = (u32::from(self.format.width), u32::from(self.format.height));

        let rate_and_volume = [1 << 16, 1 << 24, 0, 0];
        let movie = [&[0, 0, scale, duration][..], &rate_and_volume, &IDENTITY, &[0; 6], &[2]].concat();
        let track = [&[0, 0, 1, 0, duration, 0, 0, 0, 0][..], &IDENTITY, &[width << 16, height << 16]].concat();
        let language = 0x55c4_0000; // "und"
        let media = [0, 0, scale, duration, language];
        let handler = [&words(&[0])[..], b"vide", &[0; 12], b"video\0"].concat();
        let reference = [&words(&[1])[..], &full_box(b"url ", 1, &[])].concat();

        let information = boxed(
            b"minf",
            &[
                &full_box(b"vmhd", 1, &[0; 8]),
                &boxed(b"dinf", &[&full_box(b"dref", 0, &reference)]),
                &self.sample_table(profile),
            ],
        );
        let media =
            boxed(b"mdia", &[&full_box(b"mdhd", 0, &words(&media)), &full_box(b"hdlr", 0, &handler), &information]);
        let shown_in_movie = 7;
        let track = boxed(b"trak", &[&full_box(b"tkhd", shown_in_movie, &words(&track)), &media]);
        boxed(b"moov", &[&full_box(b"mvhd", 0, &words(&movie)), &track])
    }

    fn sample_table(&self, profile: [u8; 3]) -> Vec<u8> {
        let count = self.sizes.len() as u32;
        let first = self.media as u32 + media_head(0).len() as u32;
        let sizes = [&words(&[0, count])[..], &words(&self.sizes)].concat();
        let keys = [&words(&[self.keys.len() as u32])[..], &words(&self.keys)].concat();
        boxed(
            b"stbl",
            &[
                &full_box(b"stsd", 0, &[&words(&[1])[..], &self.sample_entry(profile)].concat()),
                &full_box(b"stts", 0, &words(&[1, count, TICKS_PER_FRAME])),
                &full_box(b"stss", 0, &keys),
                &full_box(b"stsc", 0, &words(&[1, 1, count, 1])), // one chunk holds every sample
                &full_box(b"stsz", 0, &sizes),
                &full_box(b"stco", 0, &words(&[1, first])),
            ],
        )
    }

    fn sample_entry(&self, profile: [u8; 3]) -> Vec<u8> {
        let Format { width, height, matrix, .. } = self.format;
        let mut entry = vec![0; 6];
        entry.extend([0, 1]); // data reference
        entry.extend([0; 16]);
        entry.extend(width.to_be_bytes());
        entry.extend(height.to_be_bytes());
        entry.extend(words(&[DOTS_PER_INCH, DOTS_PER_INCH, 0]));
        entry.extend([0, 1]); // one frame per sample
        entry.extend([0; 32]); // name of the compressor
        entry.extend([0, 24, 0xff, 0xff]); // 24 bits, no palette

        let length_size_4 = 0xff;
        let one_sequence_set = 0xe1;
        let mut sets = vec![1, profile[0], profile[1], profile[2], length_size_4, one_sequence_set];
        sets.extend((self.sequence.len() as u16).to_be_bytes());
        sets.extend(&self.sequence);
        sets.push(1);
        sets.extend((self.picture.len() as u16).to_be_bytes());
        sets.extend(&self.picture);
        if profile[0] >= 100 {
            sets.extend([0xfd, 0xf8, 0xf8, 0]); // 4:2:0, 8 bits, 8 bits, no extensions
        }

        // The encoder writes no colour description of its own, so the container carries it.
        let code = matrix.code();
        let limited_range = 0;
        let colour = [&b"nclx"[..], &[0, code, 0, code, 0, code, limited_range]].concat();
        boxed(b"avc1", &[&entry, &boxed(b"avcC", &[&sets]), &boxed(b"colr", &[&colour])])
    }
}

/// The head of a media box of this many bytes, in the form that allows more than 4 GiB.
fn media_head(size: u64) -> [u8; 16] {
    let mut head = [0; 16];
    head[..4].copy_from_slice(&1u32.to_be_bytes());
    head[4..8].copy_from_slice(b"mdat");
    head[8..].copy_from_slice(&size.to_be_bytes());
    head
}

fn keep(slot: &mut Vec<u8>, nal: &[u8]) -> Result<(), Problem> {
    if slot.is_empty() {
        slot.extend_from_slice(nal);
    }
    if slot != nal {
        return Err(Problem::Encoder("the parameter sets change between pictures".into()));
    }
    Ok(())
}

/// The units between start codes (00 00 01), without the zeros that may pad them.
fn split_annex_b(stream: &[u8]) -> Vec<&[u8]> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at + 3 <= stream.len() {
        if stream[at..at + 3] == [0, 0, 1] {
            starts.push(at);
            at += 3;
        } else {
            at += 1;
        }
    }
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(&start, end)| {
            let unit = &stream[start + 3..end];
            let padding = unit.iter().rev().take_while(|&&byte| byte == 0).count();
            &unit[..unit.len() - padding]
        })
        .collect()
}

/// Big-endian 32-bit numbers.
fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_be_bytes()).collect()
}

fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let size = 8 + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(size);
    out.extend((size as u32).to_be_bytes());
    out.extend(kind);
    for part in parts {
        out.extend_from_slice(part);
    }
    out
}

/// A box that starts with a version (0) and flags.
fn full_box(kind: &[u8; 4], flags: u32, payload: &[u8]) -> Vec<u8> {
    boxed(kind, &[&flags.to_be_bytes(), payload])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_splits_at_start_codes_of_three_and_four_bytes() {
        let stream = [0, 0, 0, 1, 0x67, 5, 0, 0, 1, 0x65, 6, 0, 7, 0];
        assert_eq!(split_annex_b(&stream), [&[0x67, 5][..], &[0x65, 6, 0, 7]]);
    }

    #[test]
    fn a_box_knows_its_size() {
        assert_eq!(boxed(b"free", &[&[1, 2], &[3]]), [0, 0, 0, 11, b'f', b'r', b'e', b'e', 1, 2, 3]);
    }

    #[test]
    fn two_pictures_glued_together_are_refused() {
        let format = Format { width: 16, height: 16, fps: 25, matrix: Matrix::Bt601 };
        let mut muxer = Muxer::new(io::Cursor::new(Vec::new()), format).unwrap();
        let picture = [0, 0, 1, 0x65, 0x80, 1];
        assert!(muxer.add(&picture).is_ok());
        assert!(matches!(muxer.add(&[picture, picture].concat()), Err(Problem::Encoder(_))));
    }
}
