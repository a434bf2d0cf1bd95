//! Reading big-endian numbers from a slice that may end too early.

use super::error::Problem;

/// A position in a slice. Every read checks the end.
#[derive(Debug, Clone)]
pub(crate) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Problem> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or_else(|| Problem::index("a box ends too early"))?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn skip(&mut self, count: usize) -> Result<(), Problem> {
        self.take(count).map(drop)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Problem> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Problem> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Problem> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Result<i32, Problem> {
        self.array().map(i32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Problem> {
        self.array().map(u64::from_be_bytes)
    }

    pub(crate) fn kind(&mut self) -> Result<Kind, Problem> {
        self.array().map(Kind)
    }

    /// A 64-bit number in version 1 of a box, a 32-bit one in version 0.
    pub(crate) fn wide(&mut self, version: u8) -> Result<u64, Problem> {
        if version == 1 { self.u64() } else { self.u32().map(u64::from) }
    }

    /// Version and flags, with which many boxes start.
    pub(crate) fn version_and_flags(&mut self) -> Result<(u8, u32), Problem> {
        let word = self.u32()?;
        Ok(((word >> 24) as u8, word & 0x00ff_ffff))
    }

    /// The number of entries of a table, checked against the bytes that are there.
    pub(crate) fn count(&mut self, entry_size: usize) -> Result<usize, Problem> {
        let count = self.u32()? as usize;
        if entry_size > 0 && count > self.rest.len() / entry_size {
            return Err(Problem::index("a table is longer than its box"));
        }
        Ok(count)
    }
}

/// The four-character code of a box, a codec or a handler.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Kind(pub(crate) [u8; 4]);

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// The boxes in `bytes`, in order: kind and content. Ends after the first error.
pub(crate) fn boxes(bytes: &[u8]) -> impl Iterator<Item = Result<(Kind, Bytes<'_>), Problem>> {
    let mut bytes = Bytes::new(bytes);
    std::iter::from_fn(move || {
        // QuickTime may end a list of boxes with four zero bytes.
        if bytes.rest.len() < 8 {
            return None;
        }
        let next = next_box(&mut bytes);
        if next.is_err() {
            bytes.rest = &[];
        }
        Some(next)
    })
}

fn next_box<'a>(bytes: &mut Bytes<'a>) -> Result<(Kind, Bytes<'a>), Problem> {
    let whole = bytes.rest.len() as u64;
    let size = bytes.u32()?;
    let kind = bytes.kind()?;
    let (head, size) = match size {
        0 => (8, whole),
        1 => (16, bytes.u64()?),
        size => (8, u64::from(size)),
    };
    if size < head || size > whole {
        return Err(Problem::index(format!("box {kind} does not fit where it stands")));
    }
    Ok((kind, Bytes::new(bytes.take((size - head) as usize)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_of_all_three_size_forms_are_read() {
        let mut file = vec![0, 0, 0, 9, b'a', b'a', b'a', b'a', 7];
        file.extend([0, 0, 0, 1, b'b', b'b', b'b', b'b', 0, 0, 0, 0, 0, 0, 0, 17, 8]);
        file.extend([0, 0, 0, 0, b'c', b'c', b'c', b'c', 9, 9]);
        let found: Vec<_> = boxes(&file).map(|found| found.unwrap()).collect();
        assert_eq!(found.iter().map(|(kind, _)| kind.0).collect::<Vec<_>>(), [*b"aaaa", *b"bbbb", *b"cccc"]);
        assert_eq!(found.iter().map(|(_, content)| content.rest()).collect::<Vec<_>>(), [&[7][..], &[8], &[9, 9]]);
    }

    #[test]
    fn a_box_larger_than_its_parent_is_an_error_and_the_end() {
        let file = [0, 0, 0, 99, b'a', b'a', b'a', b'a', 0, 0, 0, 8, b'b', b'b', b'b', b'b'];
        let found: Vec<_> = boxes(&file).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].is_err());
    }

    #[test]
    fn a_table_cannot_claim_more_entries_than_bytes() {
        let mut bytes = Bytes::new(&[0, 0, 0, 3, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert!(bytes.count(4).is_err());
    }
}
