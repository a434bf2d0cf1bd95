//! One track of a movie: what it holds, how it is to be shown, and the list of its samples.

use super::bytes::{Bytes, Kind, boxes};
use super::error::Problem;
use super::orientation::Orientation;
use super::tables::Tables;

/// One encoded picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sample {
    /// Where its bytes start in the file.
    pub(crate) offset: u64,
    /// Number of bytes.
    pub(crate) size: u32,
    /// Ticks it is shown for, in decoding order.
    pub(crate) duration: u32,
    /// When it is shown, in ticks of the media.
    pub(crate) presented: i64,
    /// True when decoding can start here.
    pub(crate) sync: bool,
}

/// One entry of an edit list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Edit {
    /// In ticks of the movie; 0 means "to the end".
    pub(crate) duration: u64,
    /// Where in the media it starts, in ticks of the media; `None` shows nothing.
    pub(crate) start: Option<i64>,
}

/// What fragments inherit when they do not say (trex box).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Defaults {
    pub(crate) duration: u32,
    pub(crate) size: u32,
    pub(crate) flags: u32,
}

/// A track as its trak box describes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Track {
    pub(crate) id: u32,
    /// `vide`, `soun`, ...
    pub(crate) handler: Kind,
    pub(crate) orientation: Orientation,
    pub(crate) edits: Vec<Edit>,
    /// Ticks of the media per second.
    pub(crate) timescale: u32,
    /// Four-character code of the first sample entry.
    pub(crate) codec: Kind,
    /// Width and height in pixels by the sample entry.
    pub(crate) size: (u16, u16),
    /// Width and height of a pixel, relative to each other.
    pub(crate) pixel_aspect: (u32, u32),
    /// Content of the avcC box.
    pub(crate) avcc: Vec<u8>,
    /// Matrix code and full range flag of a colr box.
    pub(crate) colour: Option<(u8, bool)>,
    pub(crate) samples: Vec<Sample>,
}

impl Track {
    /// Reads a trak box of a file of this many bytes.
    pub(crate) fn parse(trak: &[u8], file_size: u64) -> Result<Track, Problem> {
        let mut track = Track { pixel_aspect: (1, 1), ..Track::default() };
        let mut tables = Tables::default();
        for item in boxes(trak) {
            let (kind, content) = item?;
            match &kind.0 {
                b"tkhd" => track.header(content)?,
                b"edts" => track.edit_list(content)?,
                b"mdia" => track.media(content, &mut tables)?,
                _ => {}
            }
        }
        // Only a video track is worth spelling out; sound has many more samples.
        if track.is_video() {
            track.samples = tables.samples(file_size)?;
        }
        Ok(track)
    }

    pub(crate) fn is_video(&self) -> bool {
        self.handler.0 == *b"vide"
    }

    fn header(&mut self, mut content: Bytes) -> Result<(), Problem> {
        let (version, _) = content.version_and_flags()?;
        content.skip(if version == 1 { 16 } else { 8 })?; // created, modified
        self.id = content.u32()?;
        content.skip(if version == 1 { 12 } else { 8 })?; // reserved, duration
        content.skip(16)?; // reserved, layer, group, volume
        self.orientation = Orientation::from_matrix(&mut content)?;
        Ok(())
    }

    fn edit_list(&mut self, edts: Bytes) -> Result<(), Problem> {
        for item in boxes(edts.rest()) {
            let (kind, mut content) = item?;
            if kind.0 != *b"elst" {
                continue;
            }
            let (version, _) = content.version_and_flags()?;
            for _ in 0..content.count(if version == 1 { 20 } else { 12 })? {
                let duration = content.wide(version)?;
                let start = if version == 1 { content.u64()? as i64 } else { content.i32()?.into() };
                content.skip(4)?; // speed
                self.edits.push(Edit { duration, start: (start >= 0).then_some(start) });
            }
        }
        Ok(())
    }

    fn media(&mut self, mdia: Bytes, tables: &mut Tables) -> Result<(), Problem> {
        for item in boxes(mdia.rest()) {
            let (kind, mut content) = item?;
            match &kind.0 {
                b"mdhd" => {
                    let (version, _) = content.version_and_flags()?;
                    content.skip(if version == 1 { 16 } else { 8 })?;
                    self.timescale = content.u32()?;
                }
                b"hdlr" => {
                    content.skip(8)?;
                    self.handler = content.kind()?;
                }
                b"minf" => {
                    for item in boxes(content.rest()) {
                        let (kind, content) = item?;
                        if kind.0 == *b"stbl" {
                            self.sample_table(content, tables)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn sample_table(&mut self, stbl: Bytes, tables: &mut Tables) -> Result<(), Problem> {
        for item in boxes(stbl.rest()) {
            let (kind, content) = item?;
            if kind.0 == *b"stsd" {
                self.sample_entry(content)?;
            } else {
                tables.read(kind, content)?;
            }
        }
        Ok(())
    }

    /// The first sample entry; a second one would be a change of codec in mid-stream, which the decoder notices.
    fn sample_entry(&mut self, mut stsd: Bytes) -> Result<(), Problem> {
        stsd.skip(8)?; // version, flags, count
        let Some(entry) = boxes(stsd.rest()).next() else { return Ok(()) };
        let (kind, mut content) = entry?;
        self.codec = kind;
        if !matches!(&kind.0, b"avc1" | b"avc3") {
            return Ok(());
        }
        content.skip(24)?;
        self.size = (content.u16()?, content.u16()?);
        content.skip(50)?; // resolution, frames per sample, compressor, depth, palette
        // Old writers pad the entry with bytes that are no boxes: what does not parse is not read.
        for (kind, mut content) in boxes(content.rest()).map_while(Result::ok) {
            match &kind.0 {
                b"avcC" => self.avcc = content.rest().to_vec(),
                b"colr" => self.colour = colour(&mut content),
                b"pasp" => self.pixel_aspect = aspect(&mut content).unwrap_or(self.pixel_aspect),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Width and height of a pixel by a pasp box; none if one is 0.
fn aspect(content: &mut Bytes) -> Option<(u32, u32)> {
    let pair = (content.u32().ok()?, content.u32().ok()?);
    (pair.0 > 0 && pair.1 > 0).then_some(pair)
}

/// Matrix code and range of a colr box, if it holds such (it may hold a profile instead).
fn colour(content: &mut Bytes) -> Option<(u8, bool)> {
    let kind = content.kind().ok()?;
    content.skip(4).ok()?; // primaries, transfer
    let matrix = content.u16().ok()?;
    match &kind.0 {
        b"nclx" => Some((matrix as u8, content.u8().ok()? & 0x80 != 0)),
        b"nclc" => Some((matrix as u8, false)),
        _ => None,
    }
}
