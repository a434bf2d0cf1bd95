//! The sample tables of a track, as the index writes them: in runs, to be short.

use super::bytes::{Bytes, Kind};
use super::error::Problem;
use super::mp4::MAX_FRAMES;
use super::track::Sample;

/// The tables of a sample table box, still compressed into runs.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Runs of (count, duration).
    durations: Vec<(u32, u32)>,
    /// Runs of (count, presentation minus decoding time).
    shifts: Vec<(u32, i32)>,
    /// Runs of chunks: (first chunk, samples per chunk).
    runs: Vec<(u32, u32)>,
    /// Where each chunk starts.
    chunks: Vec<u64>,
    sizes: Sizes,
    /// Numbers of the sync samples, from 1; absent when all are.
    sync: Option<Vec<u32>>,
}

#[derive(Debug)]
enum Sizes {
    Equal { size: u32, count: usize },
    Each(Vec<u32>),
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes::Each(Vec::new())
    }
}

impl Sizes {
    fn count(&self) -> usize {
        match self {
            Sizes::Equal { count, .. } => *count,
            Sizes::Each(sizes) => sizes.len(),
        }
    }

    fn of(&self, sample: usize) -> u32 {
        match self {
            Sizes::Equal { size, .. } => *size,
            Sizes::Each(sizes) => sizes[sample],
        }
    }
}

impl Tables {
    /// Reads one box, if it is one of the tables.
    pub(crate) fn read(&mut self, kind: Kind, mut content: Bytes) -> Result<(), Problem> {
        if !matches!(&kind.0, b"stts" | b"ctts" | b"stsc" | b"stco" | b"co64" | b"stss" | b"stsz" | b"stz2") {
            return Ok(());
        }
        content.skip(4)?; // version and flags: offsets of version 0 are read as signed too, as every reader does
        match &kind.0 {
            b"stts" => self.durations = entries(content, 8, |entry| Ok((entry.u32()?, entry.u32()?)))?,
            b"ctts" => self.shifts = entries(content, 8, |entry| Ok((entry.u32()?, entry.i32()?)))?,
            b"stsc" => {
                self.runs = entries(content, 12, |entry| {
                    let run = (entry.u32()?, entry.u32()?);
                    entry.skip(4)?;
                    Ok(run)
                })?;
            }
            b"stco" => self.chunks = entries(content, 4, |entry| entry.u32().map(u64::from))?,
            b"co64" => self.chunks = entries(content, 8, Bytes::u64)?,
            b"stss" => self.sync = Some(entries(content, 4, Bytes::u32)?),
            b"stsz" => {
                let size = content.u32()?;
                self.sizes = if size == 0 {
                    Sizes::Each(entries(content, 4, Bytes::u32)?)
                } else {
                    Sizes::Equal { size, count: content.count(0)? }
                };
            }
            _ => return Err(Problem::Feature("a compact sample size table (stz2)".into())),
        }
        Ok(())
    }

    /// Spells the runs out, one entry per sample.
    pub(crate) fn samples(&self, file_size: u64) -> Result<Vec<Sample>, Problem> {
        let count = self.sizes.count();
        if count > MAX_FRAMES {
            return Err(Problem::Limit(format!("{count} frames"), format!("{MAX_FRAMES} frames")));
        }
        if let Sizes::Equal { size, .. } = self.sizes {
            // One number stands for all sizes: only the length of the file shows whether that can be.
            let held = usize::try_from(file_size / u64::from(size)).unwrap_or(usize::MAX);
            if held < count {
                return Err(Problem::Truncated { held, frames: count });
            }
        }
        let mut durations = Runs::new(&self.durations);
        let mut shifts = Runs::new(&self.shifts);
        let mut samples = Vec::new();
        let mut decoded = 0i64;
        let mut runs = self.runs.iter().peekable();
        let mut per_chunk = 0;
        for (chunk, &start) in self.chunks.iter().enumerate() {
            while let Some(&&(_, samples)) = runs.peek().filter(|(first, _)| *first as usize <= chunk + 1) {
                per_chunk = samples;
                runs.next();
            }
            let mut offset = start;
            for _ in 0..per_chunk {
                if samples.len() == count {
                    break;
                }
                let size = self.sizes.of(samples.len());
                let duration =
                    durations.next().ok_or_else(|| Problem::index("the time table covers too few frames"))?;
                // A ctts that covers too few samples leaves the rest unshifted, as players do.
                let presented = decoded + i64::from(shifts.next().unwrap_or(0));
                samples.push(Sample { offset, size, duration, presented, sync: self.sync.is_none() });
                offset = offset.checked_add(size.into()).ok_or_else(|| Problem::index("a chunk offset overflows"))?;
                decoded += i64::from(duration);
            }
        }
        if samples.len() < count {
            return Err(Problem::index(format!("the chunk table covers {} of {count} frames", samples.len())));
        }
        for &number in self.sync.iter().flatten() {
            if let Some(sample) = (number as usize).checked_sub(1).and_then(|index| samples.get_mut(index)) {
                sample.sync = true;
            }
        }
        Ok(samples)
    }
}

fn entries<'a, T>(
    mut content: Bytes<'a>,
    size: usize,
    read: impl Fn(&mut Bytes<'a>) -> Result<T, Problem>,
) -> Result<Vec<T>, Problem> {
    let count = content.count(size)?;
    (0..count).map(|_| read(&mut content)).collect()
}

/// Spells out runs of (count, value).
struct Runs<'a, T> {
    runs: std::slice::Iter<'a, (u32, T)>,
    left: u32,
    value: Option<T>,
}

impl<'a, T: Copy> Runs<'a, T> {
    fn new(runs: &'a [(u32, T)]) -> Self {
        Self { runs: runs.iter(), left: 0, value: None }
    }
}

impl<T: Copy> Iterator for Runs<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        while self.left == 0 {
            let &(count, value) = self.runs.next()?;
            (self.left, self.value) = (count, Some(value));
        }
        self.left -= 1;
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> Tables {
        Tables {
            durations: vec![(2, 10), (3, 20)],
            shifts: vec![(1, 5), (1, -5)],
            runs: vec![(1, 2), (3, 1)],
            chunks: vec![100, 200, 300],
            sizes: Sizes::Each(vec![1, 2, 3, 4, 5]),
            sync: Some(vec![1, 4, 0, 99]),
        }
    }

    #[test]
    fn runs_are_spelled_out_per_sample() {
        let samples = tables().samples(1000).unwrap();
        let offsets: Vec<_> = samples.iter().map(|sample| sample.offset).collect();
        let presented: Vec<_> = samples.iter().map(|sample| sample.presented).collect();
        let sync: Vec<_> = samples.iter().map(|sample| sample.sync).collect();
        assert_eq!(offsets, [100, 101, 200, 203, 300]);
        assert_eq!(presented, [5, 5, 20, 40, 60]);
        assert_eq!(sync, [true, false, false, true, false]);
    }

    #[test]
    fn without_a_sync_table_every_sample_is_a_key_frame() {
        let tables = Tables { sync: None, ..tables() };
        assert!(tables.samples(1000).unwrap().iter().all(|sample| sample.sync));
    }

    #[test]
    fn tables_that_cover_too_few_samples_are_refused() {
        let short = Tables { chunks: vec![100], ..tables() };
        assert!(matches!(short.samples(1000), Err(Problem::Index(_))));
        let short = Tables { durations: vec![(4, 10)], ..tables() };
        assert!(matches!(short.samples(1000), Err(Problem::Index(_))));
    }

    #[test]
    fn a_claimed_count_is_held_against_the_file() {
        let claim = Tables { sizes: Sizes::Equal { size: 10, count: 3_000_000 }, ..tables() };
        assert!(matches!(claim.samples(1000), Err(Problem::Truncated { held: 100, frames: 3_000_000 })));
        let claim = Tables { sizes: Sizes::Equal { size: 1, count: MAX_FRAMES + 1 }, ..tables() };
        assert!(matches!(claim.samples(u64::MAX), Err(Problem::Limit(..))));
    }
}
