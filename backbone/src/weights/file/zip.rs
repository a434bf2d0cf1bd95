//! The directory of a zip archive, including the 64-bit form, as far as torch.save uses it.
//!
//! Nothing is ever unpacked to disk or decompressed: entries are stored as they are, and read in place. Checksums are
//! not compared, because torch.save can be told to leave them out and then writes numbers that mean nothing.

use std::collections::BTreeMap;

use super::disk::Disk;
use super::error::{Problem, shortened};
use super::tensor::Span;

/// Bytes of the directory, which has about 100 for each tensor.
pub const MAX_DIRECTORY: u64 = 32 << 20;

/// The entries of an archive by their names, which need not be UTF-8.
#[derive(Debug)]
pub(super) struct Archive {
    entries: BTreeMap<Vec<u8>, Entry>,
}

#[derive(Debug)]
struct Entry {
    compressed: bool,
    size: u64,
    /// Where the entry begins, with a header of its own.
    header: u64,
}

impl Archive {
    /// Reads the directory at the end of the file.
    pub(super) fn open(disk: &Disk) -> Result<Archive, Problem> {
        let (start, size) = find_directory(disk)?;
        if size > MAX_DIRECTORY {
            let what = format!("the directory of the zip archive with {size} bytes");
            return Err(Problem::Limit { what, limit: format!("{MAX_DIRECTORY} bytes") });
        }
        let bytes = disk.bytes(start, size, "the directory of the zip archive")?;
        let mut rest = &bytes[..];
        let mut entries = BTreeMap::new();
        while !rest.is_empty() {
            let offset = start + (bytes.len() - rest.len()) as u64;
            let (name, entry) = read_entry(&mut rest).map_err(|what| damaged(offset, what))?;
            if name.split(|&byte| byte == b'/' || byte == b'\\').any(|part| part == b"..") || name.starts_with(b"/") {
                return Err(unusual(&name, "has a name that leads out of the archive"));
            }
            if entries.contains_key(&name) {
                return Err(unusual(&name, "stands in it twice"));
            }
            entries.insert(name, entry);
        }
        Ok(Archive { entries })
    }

    /// The names of all entries, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.entries.keys().map(Vec::as_slice)
    }

    /// Where the content of an entry lies in the file; `None` if there is no such entry.
    pub(super) fn find(&self, disk: &Disk, name: &[u8]) -> Result<Option<Span>, Problem> {
        let Some(entry) = self.entries.get(name) else { return Ok(None) };
        if entry.compressed {
            return Err(unusual(name, "is compressed or encrypted"));
        }
        let what = format!("the entry `{}`", shortened(&String::from_utf8_lossy(name)));
        let header = disk.bytes(entry.header, LOCAL_HEADER, &what)?;
        if header[..4] != *b"PK\x03\x04" {
            return Err(damaged(entry.header, "no entry where the directory says"));
        }
        let mut lengths = &header[26..];
        let name_len = number::<2>(&mut lengths).unwrap_or(0);
        let extra_len = number::<2>(&mut lengths).unwrap_or(0);
        if disk.bytes(entry.header + LOCAL_HEADER, name_len, &what)? != name {
            return Err(damaged(entry.header, "an entry of another name than the directory says"));
        }
        let start = entry.header + LOCAL_HEADER + name_len + extra_len;
        let needs = start.saturating_add(entry.size);
        if needs > disk.len() {
            return Err(Problem::Truncated { what, needs, has: disk.len() });
        }
        Ok(Some(Span { start, len: entry.size }))
    }
}

const LOCAL_HEADER: u64 = 30;

/// Offset and size of the directory, from the record at the very end of the file.
fn find_directory(disk: &Disk) -> Result<(u64, u64), Problem> {
    const RECORD: usize = 22;
    const LONGEST_COMMENT: u64 = 0xffff;
    let tail_len = disk.len().min(RECORD as u64 + LONGEST_COMMENT);
    let tail_start = disk.len() - tail_len;
    let tail = disk.bytes(tail_start, tail_len, "the end of the zip archive")?;

    let ends_here = |at: &usize| {
        let record = &tail[*at..];
        let comment = usize::from(u16::from_le_bytes([record[20], record[21]]));
        record.starts_with(b"PK\x05\x06") && record.len() == RECORD + comment
    };
    let last = tail.len().checked_sub(RECORD);
    let Some(at) = last.and_then(|last| (0..=last).rev().find(ends_here)) else {
        return Err(damaged(disk.len(), "no directory at its end, so the file is cut short"));
    };
    let offset = tail_start + at as u64;
    let mut fields = &tail[at + 12..];
    let size = number::<4>(&mut fields).unwrap_or(0);
    let start = number::<4>(&mut fields).unwrap_or(0);
    let count = u16::from_le_bytes([tail[at + 10], tail[at + 11]]);
    if size != NARROW && start != NARROW && count != 0xffff {
        return Ok((start, size));
    }

    // The numbers did not fit: a locator of 20 bytes stands before this record and points to a wider one.
    let locator_at = offset.checked_sub(20).ok_or_else(|| damaged(offset, "no 64-bit record before the last one"))?;
    let locator = disk.bytes(locator_at, 20, "the 64-bit locator")?;
    if locator[..4] != *b"PK\x06\x07" {
        // The count may be 65535 by chance.
        return if size != NARROW && start != NARROW {
            Ok((start, size))
        } else {
            Err(damaged(locator_at, "no 64-bit record before the last one"))
        };
    }
    let wide_at = number::<8>(&mut &locator[8..]).unwrap_or(u64::MAX);
    let wide = disk.bytes(wide_at, 56, "the 64-bit record of the zip archive")?;
    if wide[..4] != *b"PK\x06\x06" {
        return Err(damaged(wide_at, "no 64-bit record where its locator points"));
    }
    let mut fields = &wide[40..];
    let size = number::<8>(&mut fields).unwrap_or(u64::MAX);
    let start = number::<8>(&mut fields).unwrap_or(u64::MAX);
    Ok((start, size))
}

/// In the place of a number that does not fit in 32 bits.
const NARROW: u64 = 0xffff_ffff;

fn read_entry(rest: &mut &[u8]) -> Result<(Vec<u8>, Entry), &'static str> {
    const SHORT: &str = "the directory ends in an entry";
    let record = take(rest, 46).ok_or(SHORT)?;
    if !record.starts_with(b"PK\x01\x02") {
        return Err("no entry where one should stand");
    }
    let half = |at: usize| usize::from(u16::from_le_bytes([record[at], record[at + 1]]));
    let word = |at: usize| number::<4>(&mut &record[at..]).unwrap_or(NARROW);
    let (flags, method) = (half(8), half(10));
    let (mut packed, mut size, mut header) = (word(20), word(24), word(42));
    let name = take(rest, half(28)).ok_or(SHORT)?.to_vec();
    let mut extra = take(rest, half(30)).ok_or(SHORT)?;
    take(rest, half(32)).ok_or(SHORT)?; // a comment

    // Wider forms of exactly those numbers that did not fit, in this order.
    while let (Some(kind), Some(len)) = (number::<2>(&mut extra), number::<2>(&mut extra)) {
        let mut field = take(&mut extra, len as usize).ok_or("an extra field ends too late")?;
        if kind == 1 {
            for narrow in [&mut size, &mut packed, &mut header].into_iter().filter(|narrow| **narrow == NARROW) {
                *narrow = number::<8>(&mut field).ok_or("a 64-bit number is missing")?;
            }
        }
    }
    let encrypted = flags & 1 == 1;
    if method == 0 && !encrypted && packed != size {
        return Err("a stored entry has two sizes");
    }
    if header > u64::MAX / 2 {
        return Err("an entry lies beyond any file");
    }
    Ok((name, Entry { compressed: method != 0 || encrypted, size, header }))
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

/// The next `N` bytes as a little-endian number.
fn number<const N: usize>(rest: &mut &[u8]) -> Option<u64> {
    let mut word = [0; 8];
    word[..N].copy_from_slice(take(rest, N)?);
    Some(u64::from_le_bytes(word))
}

fn damaged(offset: u64, what: &str) -> Problem {
    Problem::Zip { offset, what: what.into() }
}

fn unusual(name: &[u8], what: &'static str) -> Problem {
    Problem::Entry { entry: shortened(&String::from_utf8_lossy(name)), what }
}
