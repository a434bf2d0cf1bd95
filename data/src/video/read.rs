//! Reading wanted frames: where to start, what to decode, what to convert, and what to do about damage.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::decode::{Converter, Decoded, PictureDecoder, is_disposable};
use super::error::Problem;
use super::orientation::Orientation;
use super::reader::{Each, beyond};
use super::stream::Stream;
use super::timeline::{MAX_AHEAD, Timeline, disorder};
use super::track::Sample;
use super::{Picture, ReadReport};

/// Everything about an opened video that a read needs.
pub(crate) struct Source<'a> {
    pub(crate) samples: &'a [Sample],
    pub(crate) timeline: &'a Timeline,
    pub(crate) stream: &'a Stream,
    pub(crate) orientation: Orientation,
    /// Damaged frames that are borne, in percent.
    pub(crate) damage_limit: f64,
}

/// One pass over a file.
struct Pass<'a> {
    source: &'a Source<'a>,
    file: File,
    wanted: &'a [usize],
    decoder: PictureDecoder<'a>,
    converter: Converter,
    /// The sample the decoder started at.
    start: usize,
    /// The sample the decoder takes next.
    next: usize,
    /// Wanted frames that are decoded but not shown yet.
    ready: BTreeMap<usize, Picture>,
    /// Memory to use again.
    spare: Picture,
    bytes: Vec<u8>,
    report: ReadReport,
    /// What the decoder said about the first damaged frame.
    reason: String,
}

/// Decodes the wanted frames of `file` and hands them out in order.
pub(crate) fn read(source: &Source, file: File, wanted: &[usize], each: &mut Each) -> Result<ReadReport, Problem> {
    let Some(&first) = wanted.first() else { return Ok(ReadReport::default()) };
    let start = source.timeline.start_for(first, source.samples)?;
    let mut pass = Pass {
        source,
        file,
        wanted,
        decoder: PictureDecoder::new(source.stream)?,
        converter: Converter::new(source.stream),
        start,
        next: start,
        ready: BTreeMap::new(),
        spare: Picture::default(),
        bytes: Vec::new(),
        report: ReadReport::default(),
        reason: String::new(),
    };

    let mut shown: Option<(usize, Picture)> = None;
    for (position, &frame) in wanted.iter().enumerate() {
        let repeated = shown.as_ref().is_some_and(|(last, _)| *last == frame);
        if !repeated {
            let last = shown.take().map(|(_, picture)| picture);
            shown = Some((frame, pass.frame(frame, last)?));
        }
        if let Some((_, picture)) = &shown
            && each(position, picture).is_break()
        {
            break;
        }
    }
    pass.judge()
}

impl Pass<'_> {
    /// One wanted frame; `last` is the one handed out before, which stands in for a lost one.
    fn frame(&mut self, frame: usize, last: Option<Picture>) -> Result<Picture, Problem> {
        if !self.ready.contains_key(&frame) {
            self.decode_up_to(frame)?;
        }
        match (self.ready.remove(&frame), last) {
            (Some(picture), last) => {
                self.spare = last.unwrap_or_default();
                Ok(picture)
            }
            (None, Some(last)) => {
                self.report.filled += 1;
                Ok(last)
            }
            (None, None) => Err(self.too_damaged()),
        }
    }

    fn decode_up_to(&mut self, frame: usize) -> Result<(), Problem> {
        let sample = self.source.timeline.sample_of(frame);
        let start = self.source.timeline.start_for(frame, self.source.samples)?;
        if sample < self.start {
            return Err(disorder());
        }
        if start > self.next {
            // Nothing between here and a later key frame is wanted.
            self.decoder = PictureDecoder::new(self.source.stream)?;
            (self.start, self.next) = (start, start);
        }
        while self.next <= sample {
            self.decode_next(frame)?;
        }
        Ok(())
    }

    /// Decodes the next sample, and keeps its picture if it is wanted now or later.
    fn decode_next(&mut self, now: usize) -> Result<(), Problem> {
        let index = self.next;
        self.next += 1;
        let shown = self.source.timeline.frame_of(index);
        let keep = shown.filter(|&frame| frame >= now && self.wanted.binary_search(&frame).is_ok());

        let sample = &self.source.samples[index];
        self.bytes.resize(sample.size as usize, 0);
        self.file.seek(SeekFrom::Start(sample.offset))?;
        self.file.read_exact(&mut self.bytes)?;
        if keep.is_none() && is_disposable(&self.bytes, self.source.stream.length_size) {
            return Ok(());
        }
        match self.decoder.decode(&self.bytes)? {
            Decoded::Frame(decoded) => {
                self.report.decoded += 1;
                if let Some(frame) = keep {
                    if self.ready.len() == MAX_AHEAD {
                        return Err(disorder());
                    }
                    let picture = self.converter.convert(&decoded, std::mem::take(&mut self.spare));
                    self.ready.insert(frame, self.source.orientation.apply(picture));
                }
            }
            Decoded::Damaged(reason) => {
                tracing::warn!("sample {index} could not be decoded: {reason}");
                if self.report.damaged == 0 {
                    self.reason = reason;
                }
                self.report.damaged += 1;
            }
        }
        Ok(())
    }

    fn judge(self) -> Result<ReadReport, Problem> {
        if beyond(self.source.damage_limit, self.report) { Err(self.too_damaged()) } else { Ok(self.report) }
    }

    fn too_damaged(&self) -> Problem {
        let ReadReport { decoded, damaged, .. } = self.report;
        Problem::Damaged { damaged, read: decoded + damaged, reason: self.reason.clone() }
    }
}
