//! Sizes of memory on the command line: `16GiB`, `700 MiB`, `min`.

use adatad::memory::{self, Asked};

use super::device::DeviceName;

/// Bytes that a plan may use: where nothing is asked for, what is free, or what a device of its own memory is taken to
/// have; none for the least that will do.
pub(crate) fn available(asked: Option<Asked>, device: DeviceName) -> Option<u64> {
    match asked.unwrap_or_default() {
        Asked::Free => Some(device.own_memory().or_else(memory::free).unwrap_or(u64::MAX)),
        asked => asked.bytes(),
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
pub(crate) fn parse(text: &str) -> Result<Asked, String> {
    if text == "min" {
        return Ok(Asked::Least);
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
        true => Ok(Asked::Bytes(bytes as u64)),
        false => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse("16GiB"), Ok(Asked::Bytes(16 << 30)));
        assert_eq!(parse("1.5 MiB"), Ok(Asked::Bytes(3 << 19)));
        assert_eq!(parse("1024"), Ok(Asked::Bytes(1024)));
        assert_eq!(parse("min"), Ok(Asked::Least));
    }

    #[test]
    fn what_is_no_size_is_refused_with_one_that_is() {
        for text in ["", "GiB", "16 GB", "-1GiB", "nan", "1e400", "0"] {
            assert!(parse(text).unwrap_err().contains("16GiB"), "{text}");
        }
    }
}
