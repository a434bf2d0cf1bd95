//! Numbers as people read them.

use std::borrow::Borrow;

/// Rounded to a tenth, which is finer than a screen shows and short in the page.
pub(super) fn tenth(value: f64) -> f64 {
    (value * 10.0).round() / 10.0 + 0.0 // + 0.0 turns -0.0 into 0.0
}

/// A fraction of 1 as a percentage with one decimal, or a dash.
pub(super) fn percent(fraction: f64) -> String {
    if fraction.is_finite() { format!("{:.1}", fraction * 100.0) } else { "–".into() }
}

/// The same with its sign, for where it stands alone.
pub(super) fn signed_percent(fraction: f64) -> String {
    percent(fraction) + if fraction.is_finite() { "%" } else { "" }
}

/// 12345 as "12,345"; by value or, as templates pass it, by reference.
pub(super) fn count(number: impl Borrow<usize>) -> String {
    let digits = number.borrow().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A moment of a video to a tenth of a second: "12.3 s", "4:05.0", "1:02:03.4".
pub(super) fn clock(seconds: f64) -> String {
    let tenths = (seconds.abs() * 10.0).round() as u64;
    let sign = if seconds < 0.0 && tenths > 0 { "−" } else { "" };
    let (whole, tenth) = (tenths / 10, tenths % 10);
    match whole {
        0..60 => format!("{sign}{whole}.{tenth} s"),
        _ => format!("{sign}{}.{tenth}", minutes(whole)),
    }
}

/// Whole seconds as "4:05" or "1:02:03".
pub(super) fn minutes(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A value to four figures, without idle zeros: "0.2314", "12.35", "1.2e-5".
pub(super) fn short(value: f64) -> String {
    if value.abs() < f64::MIN_POSITIVE {
        return "0".into();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..6).contains(&magnitude) {
        let text = format!("{value:.2e}");
        return match text.split_once('e') {
            Some((digits, power)) => format!("{}e{power}", without_idle_zeros(digits)),
            None => text,
        };
    }
    without_idle_zeros(&format!("{value:.*}", (3 - magnitude).max(0) as usize)).into()
}

/// "0.50" as "0.5", "3.0" as "3"; whole numbers stay.
pub(super) fn without_idle_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// At most `most` characters, the last of which is an ellipsis if any had to go.
pub(super) fn clipped(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.into();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_carries_into_the_next_minute() {
        assert_eq!(clock(59.96), "1:00.0");
        assert_eq!(clock(12.34), "12.3 s");
        assert_eq!(clock(3723.4), "1:02:03.4");
        assert_eq!(clock(-0.51), "−0.5 s");
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn values_keep_four_figures() {
        let shown = [0.231_44, 12.346, 1e-5, 0.0, 200.0, 1_500_000.0].map(short);
        assert_eq!(shown, ["0.2314", "12.35", "1e-5", "0", "200", "1.5e6"]);
    }

    #[test]
    fn a_percentage_of_nothing_is_a_dash() {
        assert_eq!((percent(f64::NAN), signed_percent(f64::NAN)), ("–".into(), "–".into()));
        assert_eq!((percent(0.6321), signed_percent(0.6321)), ("63.2".into(), "63.2%".into()));
    }
}
