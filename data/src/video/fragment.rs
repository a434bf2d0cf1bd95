//! Fragmented files: the samples come in many small tables (moof), written while the recording ran.

use super::bytes::{Bytes, boxes};
use super::error::Problem;
use super::mp4::MAX_FRAMES;
use super::track::{Defaults, Sample};

/// Flags of a track fragment header (tfhd).
const BASE_OFFSET: u32 = 0x1;
const DESCRIPTION: u32 = 0x2;
const DEFAULT_DURATION: u32 = 0x8;
const DEFAULT_SIZE: u32 = 0x10;
const DEFAULT_FLAGS: u32 = 0x20;
const BASE_IS_MOOF: u32 = 0x2_0000;

/// Flags of a run of samples (trun).
const DATA_OFFSET: u32 = 0x1;
const FIRST_FLAGS: u32 = 0x4;
const DURATIONS: u32 = 0x100;
const SIZES: u32 = 0x200;
const FLAGS: u32 = 0x400;
const SHIFTS: u32 = 0x800;

/// Flag of a sample: decoding cannot start here.
const NOT_SYNC: u32 = 0x1_0000;

/// Collects the samples of one track from the fragments of a file.
#[derive(Debug)]
pub(crate) struct Fragments {
    track: u32,
    defaults: Vec<(u32, Defaults)>,
    /// When the next sample is decoded, in ticks of the media.
    decoded: i64,
}

/// Where the data of a track fragment lie, and what its samples inherit.
struct Header {
    track: u32,
    base: u64,
    defaults: Defaults,
}

impl Fragments {
    pub(crate) fn new(track: u32, defaults: Vec<(u32, Defaults)>) -> Self {
        Self { track, defaults, decoded: 0 }
    }

    /// Adds the samples of one moof box that starts at `at` in the file.
    pub(crate) fn add(
        &mut self,
        moof: &[u8],
        at: u64,
        file_size: u64,
        samples: &mut Vec<Sample>,
    ) -> Result<(), Problem> {
        // Without a base of its own, a track fragment follows the data of the one before it.
        let mut data_end = at;
        for item in boxes(moof) {
            let (kind, traf) = item?;
            if kind.0 != *b"traf" {
                continue;
            }
            let mut header: Option<Header> = None;
            for item in boxes(traf.rest()) {
                let (kind, content) = item?;
                match (&kind.0, &header) {
                    (b"tfhd", _) => {
                        let found = self.header(content, at, data_end)?;
                        data_end = found.base;
                        header = Some(found);
                    }
                    (b"tfdt", Some(header)) if header.track == self.track => self.decoded = decode_time(content)?,
                    (b"trun", Some(header)) => {
                        let run = Run { fragments: self, header, file_size };
                        data_end = run.read(content, data_end, samples)?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn header(&self, mut tfhd: Bytes, moof: u64, data_end: u64) -> Result<Header, Problem> {
        let (_, flags) = tfhd.version_and_flags()?;
        let track = tfhd.u32()?;
        let mut defaults = match self.defaults.iter().find(|(id, _)| *id == track) {
            Some((_, defaults)) => *defaults,
            None => Defaults::default(),
        };
        let base = if flags & BASE_OFFSET != 0 {
            tfhd.u64()?
        } else if flags & BASE_IS_MOOF != 0 {
            moof
        } else {
            data_end
        };
        if flags & DESCRIPTION != 0 {
            tfhd.skip(4)?;
        }
        for (flag, slot) in [
            (DEFAULT_DURATION, &mut defaults.duration),
            (DEFAULT_SIZE, &mut defaults.size),
            (DEFAULT_FLAGS, &mut defaults.flags),
        ] {
            if flags & flag != 0 {
                *slot = tfhd.u32()?;
            }
        }
        Ok(Header { track, base, defaults })
    }
}

fn decode_time(mut tfdt: Bytes) -> Result<i64, Problem> {
    let (version, _) = tfdt.version_and_flags()?;
    i64::try_from(tfdt.wide(version)?).map_err(|error| Problem::index(format!("a decode time is {error}")))
}

/// Reading of one trun box.
struct Run<'a> {
    fragments: &'a mut Fragments,
    header: &'a Header,
    file_size: u64,
}

impl Run<'_> {
    /// Adds the samples if they are of the wanted track; says where their data end.
    fn read(self, mut trun: Bytes, data_end: u64, samples: &mut Vec<Sample>) -> Result<u64, Problem> {
        let (_, flags) = trun.version_and_flags()?;
        let per_sample = [DURATIONS, SIZES, FLAGS, SHIFTS].iter().filter(|&flag| flags & flag != 0).count() * 4;
        let count = trun.u32()? as usize;
        let mut offset = data_end;
        if flags & DATA_OFFSET != 0 {
            let shift = i64::from(trun.i32()?);
            offset = self.header.base.checked_add_signed(shift).ok_or_else(|| Problem::index("a data offset"))?;
        }
        let first_flags = if flags & FIRST_FLAGS != 0 { Some(trun.u32()?) } else { None };
        self.check(count, per_sample, trun.rest().len(), samples.len())?;

        let wanted = self.header.track == self.fragments.track;
        let defaults = self.header.defaults;
        for index in 0..count {
            let mut or = |flag: u32, default: u32| if flags & flag != 0 { trun.u32() } else { Ok(default) };
            let duration = or(DURATIONS, defaults.duration)?;
            let size = or(SIZES, defaults.size)?;
            let inherited = first_flags.filter(|_| index == 0).unwrap_or(defaults.flags);
            let sample_flags = or(FLAGS, inherited)?;
            let shift = or(SHIFTS, 0)? as i32; // signed in version 0 too, as every reader takes it
            if wanted {
                let presented = self.fragments.decoded.saturating_add(shift.into());
                let sync = sample_flags & NOT_SYNC == 0;
                samples.push(Sample { offset, size, duration, presented, sync });
                self.fragments.decoded = self.fragments.decoded.saturating_add(duration.into());
            }
            offset = offset.saturating_add(size.into());
        }
        Ok(offset)
    }

    /// Holds a claimed count against the bytes that could back it.
    fn check(&self, count: usize, per_sample: usize, bytes: usize, before: usize) -> Result<(), Problem> {
        if count > MAX_FRAMES - before.min(MAX_FRAMES) {
            return Err(Problem::Limit(format!("{count} frames in a fragment"), format!("{MAX_FRAMES} frames")));
        }
        let listed = per_sample == 0 || count <= bytes / per_sample;
        let size = u64::from(self.header.defaults.size);
        let backed = per_sample > 0 || (size > 0 && count as u64 <= self.file_size / size);
        if count > 0 && !(listed && backed) {
            return Err(Problem::index("a fragment lists more samples than it can hold"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], words: &[u32], inner: &[Vec<u8>]) -> Vec<u8> {
        let mut content: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
        content.extend(inner.concat());
        [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
    }

    fn samples(trafs: &[Vec<u8>]) -> Result<Vec<Sample>, Problem> {
        let defaults = vec![(1, Defaults { duration: 10, size: 7, flags: NOT_SYNC }), (2, Defaults::default())];
        let mut found = Vec::new();
        Fragments::new(1, defaults).add(&trafs.concat(), 1000, 5000, &mut found)?;
        Ok(found)
    }

    #[test]
    fn a_run_inherits_what_it_does_not_say() {
        let header = boxed(b"tfhd", &[BASE_IS_MOOF, 1], &[]);
        let time = boxed(b"tfdt", &[0, 500], &[]);
        let run = boxed(b"trun", &[DATA_OFFSET | FIRST_FLAGS, 2, 100, 0], &[]);
        let found = samples(&[boxed(b"traf", &[], &[header, time, run])]).unwrap();
        let expected = |offset, presented, sync| Sample { offset, size: 7, duration: 10, presented, sync };
        assert_eq!(found, [expected(1100, 500, true), expected(1107, 510, false)]);
    }

    #[test]
    fn a_run_may_say_everything_of_each_sample() {
        let header = boxed(b"tfhd", &[BASE_OFFSET, 1, 0, 300], &[]);
        let each = DURATIONS | SIZES | FLAGS | SHIFTS;
        let run = boxed(b"trun", &[each, 2, 5, 50, 0, 8, 6, 60, NOT_SYNC, -3i32 as u32], &[]);
        let found = samples(&[boxed(b"traf", &[], &[header, run])]).unwrap();
        let first = Sample { offset: 300, size: 50, duration: 5, presented: 8, sync: true };
        assert_eq!(found, [first, Sample { offset: 350, size: 60, duration: 6, presented: 2, sync: false }]);
    }

    #[test]
    fn without_a_base_a_track_follows_the_data_of_the_one_before() {
        let sound = boxed(b"trun", &[DATA_OFFSET | SIZES, 2, 100, 11, 22], &[]);
        let sound = boxed(b"traf", &[], &[boxed(b"tfhd", &[0, 2], &[]), sound]);
        let video = boxed(b"trun", &[0, 1], &[]);
        let video = boxed(b"traf", &[], &[boxed(b"tfhd", &[0, 1], &[]), video]);
        let found = samples(&[sound, video]).unwrap();
        assert_eq!(found.iter().map(|sample| sample.offset).collect::<Vec<_>>(), [1133]);
    }

    #[test]
    fn claims_that_nothing_backs_are_refused() {
        let run = |words: &[u32], size: u32| {
            let header = boxed(b"tfhd", &[DEFAULT_SIZE, 1, size], &[]);
            samples(&[boxed(b"traf", &[], &[header, boxed(b"trun", words, &[])])])
        };
        assert!(matches!(run(&[0, u32::MAX], 1), Err(Problem::Limit(..))));
        assert!(matches!(run(&[0, 1_000_000], 0), Err(Problem::Index(_))));
        assert!(matches!(run(&[0, 1_000_000], 7), Err(Problem::Index(_))));
        assert!(matches!(run(&[SIZES, 3, 1, 2], 0), Err(Problem::Index(_))));
    }
}
