//! Sizes of memory on the command line: `16GiB`, `700 MiB`, `min`.

use adatad::memory;

use super::device::DeviceName;

/// An amount of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// As little as will do.
    Least,
    /// So many bytes.
    Bytes(u64),
}

impl Size {
    /// Bytes; for the least that will do, 0: nothing fits, and the error says how much would.
    pub(crate) fn bytes(self) -> u64 {
        match self {
            Size::Least => 0,
            Size::Bytes(bytes) => bytes,
        }
    }
}

/// Bytes that a plan may use: where nothing is asked for, what is free, or what a device of its own memory is taken to have; none for the least that will do.
pub(crate) fn available(asked: Option<Size>, device: DeviceName) -> Option<u64> {
    match asked {
        Some(Size::Least) => None,
        Some(Size::Bytes(bytes)) => Some(bytes),
        None => Some(device.own_memory().or_else(memory::free).unwrap_or(u64::MAX)),
    }
}

/// Reads a number of things of which there is one at least.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("0 is too few; the nearest that will do is 1".into()),
        Ok(count) => Ok(count),
        Err(_) => Err(format!("`{text}` is no number of things")),
    }
}

/// Units, each 1024 times the one before.
const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];

/// Reads a size.
pub(crate) fn parse(text: &str) -> Result<Size, String> {
    if text == "min" {
        return Ok(Size::Least);
    }
    let wrong = || format!("`{text}` is no size; write 16GiB, 700MiB, or min");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].trim();
    let power = match unit {
        "" | "B" => 0,
        unit => 1 + UNITS.iter().position(|known| known.eq_ignore_ascii_case(unit)).ok_or_else(wrong)?,
    };
    let number: f64 = digits.trim().parse().map_err(|_unreadable| wrong())?;
    let bytes = number * 1024f64.powi(power as i32);
    match bytes.is_finite() && bytes >= 1.0 && bytes < u64::MAX as f64 {
        true => Ok(Size::Bytes(bytes as u64)),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse("16GiB"), Ok(Size::Bytes(16 << 30)));
        assert_eq!(parse("1.5 MiB"), Ok(Size::Bytes(3 << 19)));
        assert_eq!(parse("1024"), Ok(Size::Bytes(1024)));
        assert_eq!(parse("min"), Ok(Size::Least));
    }

    #[test]
    fn what_is_no_size_is_refused_with_one_that_is() {
        for text in ["", "GiB", "16 GB", "-1GiB", "nan", "1e400", "0"] {
            assert!(parse(text).unwrap_err().contains("16GiB"), "{text}");
        }
    }
}
