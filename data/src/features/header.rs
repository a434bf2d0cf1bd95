//! The header of a `.npy` file: a Python dictionary with three keys, read as text and never executed.
//!
//! Source: numpy's description of the format, `numpy/lib/_format_impl.py`, versions 1.0, 2.0 and 3.0.

use std::io::Read;

use super::error::FeatureFault;

/// What every file begins with.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longest header that is read; numpy's own limit. Real ones have 118 bytes.
const LONGEST: usize = 10_000;

/// A type of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// 16 bits.
    F16,
    /// 32 bits.
    F32,
    /// 64 bits.
    F64,
}

impl Number {
    /// Bytes of one.
    pub(super) fn size(self) -> usize {
        match self {
            Number::F16 => 2,
            Number::F32 => 4,
            Number::F64 => 8,
        }
    }
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) number: Number,
    pub(super) big_endian: bool,
    /// Columns follow one another, not rows.
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

impl Header {
    /// Reads up to the first number; also gives the bytes read.
    pub(super) fn read(file: &mut impl Read) -> Result<(Self, u64), FeatureFault> {
        let mut start = [0; 8];
        fill(file, &mut start, "it has no header")?;
        if start[..6] != *MAGIC {
            return Err(FeatureFault::NotNpy("it begins with other bytes"));
        }
        let [major, minor] = [start[6], start[7]];
        let mut length = [0; 4];
        let width = match major {
            1 => 2,
            2 | 3 => 4,
            _ => return Err(FeatureFault::Version { major, minor }),
        };
        fill(file, &mut length[..width], "its header is cut short")?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST {
            return Err(FeatureFault::Header(format!("claims {length} bytes; at most {LONGEST} are read")));
        }
        let mut text = vec![0; length];
        fill(file, &mut text, "its header is cut short")?;
        let Ok(text) = std::str::from_utf8(&text) else {
            return Err(FeatureFault::Header("is no text".into()));
        };
        Ok((Self::parse(text)?, (start.len() + width + length) as u64))
    }

    fn parse(text: &str) -> Result<Self, FeatureFault> {
        let mut text = Text(text);
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        text.expect('{')?;
        while !text.take('}') {
            let key = text.quoted()?;
            text.expect(':')?;
            match key {
                "descr" => descr = Some(text.descr()?),
                "fortran_order" => fortran_order = Some(text.boolean()?),
                "shape" => shape = Some(text.tuple()?),
                other => return Err(FeatureFault::Header(format!("has an unknown key `{other}`"))),
            }
            if !text.take(',') {
                text.expect('}')?;
                break;
            }
        }
        if !text.rest().is_empty() {
            return Err(FeatureFault::Header("goes on after its dictionary".into()));
        }
        let lacks = |key: &str| FeatureFault::Header(format!("lacks `{key}`"));
        let (number, big_endian) = descr.ok_or_else(|| lacks("descr"))?;
        Ok(Self {
            number,
            big_endian,
            fortran_order: fortran_order.ok_or_else(|| lacks("fortran_order"))?,
            shape: shape.ok_or_else(|| lacks("shape"))?,
        })
    }
}

fn fill(file: &mut impl Read, bytes: &mut [u8], what: &'static str) -> Result<(), FeatureFault> {
    file.read_exact(bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::UnexpectedEof => FeatureFault::NotNpy(what),
        _ => FeatureFault::Io(error),
    })
}

/// What is left of the header.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    fn rest(&self) -> &'a str {
        self.0.trim_start()
    }

    fn take(&mut self, wanted: char) -> bool {
        match self.rest().strip_prefix(wanted) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, wanted: char) -> Result<(), FeatureFault> {
        match self.take(wanted) {
            true => Ok(()),
            false => Err(FeatureFault::Header(format!("lacks a `{wanted}`"))),
        }
    }

    fn quoted(&mut self) -> Result<&'a str, FeatureFault> {
        let quote = if self.take('\'') { '\'' } else { '"' };
        if quote == '"' {
            self.expect('"')?;
        }
        let (inside, rest) =
            self.0.split_once(quote).ok_or_else(|| FeatureFault::Header("has a text without end".into()))?;
        self.0 = rest;
        Ok(inside)
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        self.0 = &rest[end..];
        &rest[..end]
    }

    /// The type of the numbers; whether their first byte is the largest.
    fn descr(&mut self) -> Result<(Number, bool), FeatureFault> {
        if self.rest().starts_with('[') {
            return Err(FeatureFault::Type { descr: "a record of several numbers".into() });
        }
        let descr = self.quoted()?;
        let number = match descr.get(1..) {
            Some("f2") => Number::F16,
            Some("f4") => Number::F32,
            Some("f8") => Number::F64,
            Some(other) if other.starts_with('O') => return Err(FeatureFault::Objects),
            _ => return Err(FeatureFault::Type { descr: descr.into() }),
        };
        match &descr[..1] {
            "<" => Ok((number, false)),
            ">" => Ok((number, true)),
            _ => Err(FeatureFault::Type { descr: descr.into() }),
        }
    }

    fn boolean(&mut self) -> Result<bool, FeatureFault> {
        match self.word() {
            "True" => Ok(true),
            "False" => Ok(false),
            other => Err(FeatureFault::Header(format!("has `{other}` for True or False"))),
        }
    }

    fn tuple(&mut self) -> Result<Vec<usize>, FeatureFault> {
        let mut numbers = Vec::new();
        self.expect('(')?;
        while !self.take(')') {
            let word = self.word();
            let Ok(number) = word.parse() else {
                return Err(FeatureFault::Header(format!("has `{word}` for a length")));
            };
            numbers.push(number);
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_header_is_read_as_numpy_writes_it() {
        let text = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }          \n";
        let header = Header::parse(text).unwrap();
        let expected = Header { number: Number::F32, big_endian: false, fortran_order: false, shape: vec![3, 4] };
        assert_eq!(header, expected);
        assert_eq!(Header::parse("{'descr': '<f8', 'fortran_order': True, 'shape': (3,)}").unwrap().shape, [3]);
        assert!(Header::parse("{'descr': '>f2', 'fortran_order': True, 'shape': ()}").unwrap().big_endian);
    }

    #[test]
    fn what_a_header_lacks_or_has_too_much_is_named() {
        let error = |text: &str| Header::parse(text).unwrap_err().to_string();
        assert_eq!(error("{'descr': '<f4', 'shape': (3, 4)}"), "its header lacks `fortran_order`");
        assert_eq!(error("{'order': 'C'}"), "its header has an unknown key `order`");
        assert_eq!(error("{'shape': (3, -4)}"), "its header has `` for a length");
        assert_eq!(
            error("{'shape': (3, 99999999999999999999999)}"),
            "its header has `99999999999999999999999` for a length"
        );
        assert_eq!(error("{'fortran_order': Maybe}"), "its header has `Maybe` for True or False");
        assert_eq!(error("{'descr"), "its header has a text without end");
        assert_eq!(
            error("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1)} x"),
            "its header goes on after its dictionary"
        );
        assert!(error("{'descr': '<i4'}").starts_with("holds `<i4`, not f2, f4 or f8"));
        assert!(error("{'descr': [('a', '<f4')]}").starts_with("holds `a record"));
        assert!(error("{'descr': '|O'}").starts_with("holds Python objects"));
        assert!(error("{'descr': 'ö4'}").starts_with("holds `ö4`"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[{}()',:<>|fO0-9 TrueFalse\"descrshapö]{0,80}") {
            Header::parse(&text).ok();
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            Header::read(&mut &bytes[..]).ok();
            let begun: Vec<u8> = MAGIC.iter().copied().chain(bytes).collect();
            Header::read(&mut &begun[..]).ok();
        }
    }
}
