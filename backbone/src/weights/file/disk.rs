//! Reading pieces of a file: anywhere by offset, or in order as a stream. Every read checks the end first.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::error::Problem;

/// Bytes of a pickle, and so of any piece that one asks for. That of a large checkpoint has a few megabytes.
pub const MAX_PICKLE: u64 = 256 << 20;

/// An open file that many readers may share.
#[derive(Debug)]
pub(super) struct Disk {
    // One cursor for all readers, so a seek and its read must not be torn apart.
    file: Mutex<File>,
    len: u64,
}

impl Disk {
    /// Opens a regular file. A pipe or a device would never end, so it is refused unopened.
    pub(super) fn open(path: &Path) -> Result<Disk, Problem> {
        let metadata = std::fs::metadata(path)?;
        if !metadata.is_file() {
            return Err(Problem::NotAFile);
        }
        Ok(Disk { file: Mutex::new(File::open(path)?), len: metadata.len() })
    }

    /// How long the file was when it was opened.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `bytes` from the file, starting at `offset`.
    pub(super) fn read_at(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Problem> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(bytes)?;
        Ok(())
    }

    /// Reads `count` bytes at `offset`; what the file does not hold is not allocated either.
    pub(super) fn bytes(&self, offset: u64, count: u64, what: &str) -> Result<Vec<u8>, Problem> {
        let needs = offset.saturating_add(count);
        if needs > self.len {
            return Err(Problem::Truncated { what: what.into(), needs, has: self.len });
        }
        let Ok(count) = usize::try_from(count) else { return Err(Problem::Memory(count)) };
        let mut bytes = vec![0; count];
        self.read_at(offset, &mut bytes)?;
        Ok(bytes)
    }
}

/// A pickle in a file, read from front to back.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    disk: &'a Disk,
    /// Which pickle of the file, for messages.
    part: &'static str,
    buffer: Vec<u8>,
    /// How much of the buffer has been read.
    read: usize,
    /// Where in the file the buffer ends.
    at: u64,
    end: u64,
}

impl<'a> Stream<'a> {
    const BUFFER: u64 = 1 << 16;

    /// Reads the bytes from `start` to `end` of the file.
    pub(super) fn new(disk: &'a Disk, part: &'static str, start: u64, end: u64) -> Self {
        Self { disk, part, buffer: Vec::new(), read: 0, at: start, end }
    }

    /// The same bytes from here on, under another name.
    pub(super) fn part(&mut self, part: &'static str) {
        self.part = part;
    }

    /// Where in the file the next byte lies.
    pub(super) fn position(&self) -> u64 {
        self.at - (self.buffer.len() - self.read) as u64
    }

    /// A fault at the current position.
    pub(super) fn fault(&self, what: impl Into<String>) -> Problem {
        Problem::Pickle { part: self.part, offset: self.position(), what: what.into() }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Problem> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut array = [0; N];
        self.fill(&mut array)?;
        Ok(array)
    }

    pub(super) fn take(&mut self, count: u64) -> Result<Vec<u8>, Problem> {
        let mut bytes = vec![0; self.checked(count)?];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn skip(&mut self, count: u64) -> Result<(), Problem> {
        let count = self.checked(count)?;
        let held = self.buffer.len() - self.read;
        if count <= held {
            self.read += count;
        } else {
            self.at += (count - held) as u64;
            self.buffer.clear();
            self.read = 0;
        }
        Ok(())
    }

    /// Text up to the end of the line, which is read but not returned.
    pub(super) fn line(&mut self) -> Result<Vec<u8>, Problem> {
        const MOST: usize = 1024;
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(line),
                _ if line.len() == MOST => return Err(self.fault("a name of more than 1024 bytes")),
                byte => line.push(byte),
            }
        }
    }

    fn checked(&self, count: u64) -> Result<usize, Problem> {
        let left = self.end - self.position();
        match usize::try_from(count) {
            Ok(_) if count <= left && count > MAX_PICKLE => {
                Err(Problem::Limit { what: self.part.into(), limit: format!("{MAX_PICKLE} bytes") })
            }
            Ok(size) if count <= left => Ok(size),
            _ => {
                Err(self.fault(format!("it ends too early ({left} bytes left of {count}); copy or download it again")))
            }
        }
    }

    fn fill(&mut self, mut bytes: &mut [u8]) -> Result<(), Problem> {
        self.checked(bytes.len() as u64)?;
        while !bytes.is_empty() {
            if self.read == self.buffer.len() {
                let count = (self.end - self.at).min(Self::BUFFER);
                self.buffer.resize(count as usize, 0);
                self.disk.read_at(self.at, &mut self.buffer)?;
                self.at += count;
                self.read = 0;
            }
            let count = bytes.len().min(self.buffer.len() - self.read);
            let (now, later) = bytes.split_at_mut(count);
            now.copy_from_slice(&self.buffer[self.read..self.read + count]);
            self.read += count;
            bytes = later;
        }
        Ok(())
    }
}
