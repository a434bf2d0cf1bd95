//! The index of an MP4 or MOV file: which bytes are the pictures of the first H.264 track, and when they are shown.
//!
//! Only the index is read (moov, and moof in fragmented files); the walk over the file skips everything else.
//! Every size in the file is a claim: nothing is allocated before it has been held against the length of the file.

use std::io::{Read, Seek, SeekFrom};

use super::bytes::{Bytes, boxes};
use super::error::Problem;
use super::fragment::Fragments;
use super::orientation::Orientation;
use super::track::{Defaults, Sample, Track};

/// Frames in one video: a day at 40 frames per second. The list takes 32 bytes for each.
pub const MAX_FRAMES: usize = 4_000_000;

/// Width and height in pixels, the largest H.264 level allows (8192x4320), turned either way.
pub const MAX_SIDE: usize = 8192;

/// Pixels in one frame: the largest frame of H.264 level 6.2. The decoder keeps up to 17 of them.
pub const MAX_PIXELS: usize = 8192 * 4352;

/// Bytes of one index box; the index of a day of video takes about 60 MB.
pub const MAX_INDEX: u64 = 256 << 20;

/// Boxes at the top of a file; a fragmented file has two for each fragment of some seconds.
pub const MAX_BOXES: usize = 1_000_000;

/// What the index says about the chosen track.
#[derive(Debug)]
pub(crate) struct Index {
    pub(crate) track: Track,
    /// Ticks per second of the edit list's durations.
    pub(crate) movie_timescale: u32,
}

/// Reads the index of a file of this many bytes.
pub(crate) fn read_index(file: &mut (impl Read + Seek), file_size: u64) -> Result<Index, Problem> {
    let mut movie: Option<Movie> = None;
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        let Some(found) = top_box(file, at, file_size)? else {
            return movie.ok_or(Problem::NoIndex)?.finish(file_size);
        };
        let is_index = matches!(&found.kind, b"moov" | b"moof");
        let Some(end) = found.end.filter(|&end| end <= file_size) else {
            // A cut box of media shows in the sample table; a cut index cannot be read at all.
            if is_index {
                return Err(Problem::CutIndex(found.kind.escape_ascii().to_string()));
            }
            return movie.ok_or(Problem::NoIndex)?.finish(file_size);
        };
        if is_index {
            let size = end - found.content;
            if size > MAX_INDEX {
                return Err(Problem::Limit(format!("an index of {size} bytes"), format!("{MAX_INDEX} bytes")));
            }
            let mut content = vec![0; size as usize];
            file.seek(SeekFrom::Start(found.content))?;
            file.read_exact(&mut content)?;
            match &mut movie {
                None if found.kind == *b"moov" => movie = Some(Movie::parse(&content, file_size)?),
                Some(movie) if found.kind == *b"moof" => movie.fragment(&content, at, file_size)?,
                _ => {}
            }
        }
        at = end;
    }
    Err(Problem::Limit("the number of boxes in the file".into(), format!("{MAX_BOXES} boxes")))
}

/// A box at the top of the file.
struct TopBox {
    kind: [u8; 4],
    /// Where its content starts.
    content: u64,
    /// Where it ends; `None` when it claims more than any file can have.
    end: Option<u64>,
}

fn top_box(file: &mut (impl Read + Seek), at: u64, file_size: u64) -> Result<Option<TopBox>, Problem> {
    let mut head = [0; 16];
    let length = file_size.saturating_sub(at).min(16) as usize;
    if length < 8 {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut head[..length])?;
    let mut bytes = Bytes::new(&head[..length]);
    let size = bytes.u32()?;
    let kind = bytes.kind()?.0;
    let (head_size, size) = match size {
        0 => (8, file_size - at),
        1 if length < 16 => return Ok(None),
        1 => (16, bytes.u64()?),
        size => (8, u64::from(size)),
    };
    if size < head_size {
        return Ok(None); // no box, so nothing after it can be found either
    }
    Ok(Some(TopBox { kind, content: at + head_size, end: at.checked_add(size) }))
}

/// A moov box: the movie and its H.264 track.
struct Movie {
    timescale: u32,
    track: Track,
    fragments: Fragments,
}

impl Movie {
    fn parse(moov: &[u8], file_size: u64) -> Result<Movie, Problem> {
        let mut timescale = 0;
        let mut orientation = Orientation::default();
        let mut defaults = Vec::new();
        let mut chosen: Option<Track> = None;
        let mut other_codec = None;
        for item in boxes(moov) {
            let (kind, mut content) = item?;
            match &kind.0 {
                b"mvhd" => {
                    let (version, _) = content.version_and_flags()?;
                    content.skip(if version == 1 { 16 } else { 8 })?; // created, modified
                    timescale = content.u32()?;
                    content.skip(if version == 1 { 8 } else { 4 })?; // duration
                    content.skip(16)?; // rate, volume, reserved
                    orientation = Orientation::from_matrix(&mut content)?;
                }
                b"trak" if chosen.is_none() => {
                    let track = Track::parse(content.rest(), file_size)?;
                    if track.is_video() && matches!(&track.codec.0, b"avc1" | b"avc3") {
                        chosen = Some(track);
                    } else if track.is_video() {
                        other_codec.get_or_insert(track.codec);
                    }
                }
                b"mvex" => defaults = fragment_defaults(content)?,
                _ => {}
            }
        }
        let mut track = match (chosen, other_codec) {
            (Some(track), _) => track,
            (None, Some(codec)) => return Err(Problem::Codec(codec.to_string())),
            (None, None) => return Err(Problem::NoVideo),
        };
        track.orientation = track.orientation.then(orientation);
        let fragments = Fragments::new(track.id, defaults);
        Ok(Movie { timescale, track, fragments })
    }

    fn fragment(&mut self, moof: &[u8], at: u64, file_size: u64) -> Result<(), Problem> {
        self.fragments.add(moof, at, file_size, &mut self.track.samples)
    }

    fn finish(self, file_size: u64) -> Result<Index, Problem> {
        let track = self.track;
        if track.timescale == 0 {
            return Err(Problem::index("the video track has no time scale"));
        }
        let frames = track.samples.len();
        let inside =
            |sample: &&Sample| sample.offset.checked_add(sample.size.into()).is_some_and(|end| end <= file_size);
        let held = track.samples.iter().filter(inside).count();
        if held < frames {
            return Err(Problem::Truncated { held, frames });
        }
        let bytes = track.samples.iter().map(|sample| u64::from(sample.size)).sum::<u64>();
        if bytes > file_size {
            // A small file could otherwise claim hours of work by listing the same bytes again and again.
            return Err(Problem::index("its frames overlap"));
        }
        Ok(Index { track, movie_timescale: self.timescale })
    }
}

/// The trex boxes of all tracks.
fn fragment_defaults(mvex: Bytes) -> Result<Vec<(u32, Defaults)>, Problem> {
    let mut defaults = Vec::new();
    for item in boxes(mvex.rest()) {
        let (kind, mut content) = item?;
        if kind.0 == *b"trex" {
            content.skip(4)?; // version and flags
            let track = content.u32()?;
            content.skip(4)?; // sample description
            let (duration, size, flags) = (content.u32()?, content.u32()?, content.u32()?);
            defaults.push((track, Defaults { duration, size, flags }));
        }
    }
    Ok(defaults)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn problem(file: &[u8]) -> Problem {
        read_index(&mut Cursor::new(file), file.len() as u64).unwrap_err()
    }

    #[test]
    fn what_is_no_mp4_has_no_index() {
        let text = b"Good morning, this is no video at all.".as_slice();
        let mut only_type = b"\0\0\0\x14ftypisom\0\0\x02\0isom".to_vec();
        for file in [text, b"x", &[0; 1000], &[255; 1000], &only_type] {
            assert!(matches!(problem(file), Problem::NoIndex), "{:?}", problem(file));
        }
        only_type.extend(b"\0\0\0\x09moov");
        assert!(matches!(problem(&only_type), Problem::CutIndex(kind) if kind == "moov"));
    }

    #[test]
    fn a_movie_without_tracks_has_no_video() {
        assert!(matches!(problem(b"\0\0\0\x08moov"), Problem::NoVideo));
    }

    #[test]
    fn an_index_of_many_bytes_is_refused_before_it_is_read() {
        let claim = [&1u32.to_be_bytes()[..], b"moov", &(MAX_INDEX + 17).to_be_bytes()].concat();
        let problem = read_index(&mut Cursor::new(claim), MAX_INDEX * 2).unwrap_err();
        assert!(matches!(problem, Problem::Limit(..)));
    }

    #[test]
    fn a_file_of_empty_boxes_ends_at_the_limit() {
        let file = b"\0\0\0\x08free".repeat(MAX_BOXES + 1);
        assert!(matches!(problem(&file), Problem::Limit(..)));
    }
}
