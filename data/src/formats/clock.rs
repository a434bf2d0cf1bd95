//! Times as clocks write them: `01:02:03.456`.

/// Seconds from `SS.s`, `MM:SS.s` or `HH:MM:SS.s`; the decimals may follow a comma. Never negative, always finite.
pub(crate) fn seconds(text: &str) -> Option<f64> {
    let text = text.trim();
    let mut parts = text.rsplit(':');
    let last = parts.next()?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, decimals) = last.split_once(['.', ',']).unwrap_or((last, "0"));
    if !plain(whole) || !plain(decimals) {
        return None;
    }
    let mut total = whole.parse::<u64>().ok()?;
    let mut unit = 60_u64;
    for part in parts {
        if !plain(part) || unit > 3600 {
            return None;
        }
        total = part.parse::<u64>().ok()?.checked_mul(unit)?.checked_add(total)?;
        unit *= 60;
    }
    // As one number, so that it is rounded once.
    format!("{total}.{decimals}").parse().ok().filter(|seconds: &f64| seconds.is_finite())
}

/// `HH:MM:SS.mmm` of whole milliseconds, with this mark before the decimals.
pub(crate) fn clock(milliseconds: u64, mark: char) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{mark}{rest:03}")
}

/// The nearest whole milliseconds; 0 for what is before the start.
pub(crate) fn milliseconds(seconds: f64) -> u64 {
    (seconds * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_all_kinds_are_read() {
        assert_eq!(seconds("7.25"), Some(7.25));
        assert_eq!(seconds("02:07,5"), Some(127.5));
        assert_eq!(seconds(" 01:00:00.001 "), Some(3600.001));
        assert_eq!(seconds("00:01:10.677"), Some(70.677), "rounded once");
        for text in ["", ":", "1:", "a", "1:2:3:4", "-1", "1.2.3", "NaN", "inf", "1e5", "1.", ".5"] {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_clock_shows_what_it_was_set_to() {
        assert_eq!(clock(3_723_004, '.'), "01:02:03.004");
        assert_eq!(clock(360_000_000, ','), "100:00:00,000");
        assert_eq!(seconds(&clock(milliseconds(12.3456), ',')), Some(12.346));
        assert_eq!(milliseconds(-1.0), 0);
    }
}
