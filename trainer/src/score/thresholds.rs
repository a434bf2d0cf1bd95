//! Overlaps from which a detection is right, as one writes them: `0.3:0.7:0.1`, or `0.5,0.75,0.95`.

use std::str::FromStr;

/// At least one threshold, each above 0 and at most 1, in growing order.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds(Vec<f64>);

/// Why a text is no list of thresholds.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("`{text}` is no list of overlaps: {why}; write FIRST:LAST:STEP as in 0.3:0.7:0.1, or 0.5,0.75,0.95")]
pub struct InvalidThresholds {
    text: String,
    why: &'static str,
}

impl Thresholds {
    /// The numbers.
    pub fn into_vec(self) -> Vec<f64> {
        self.0
    }
}

impl FromStr for Thresholds {
    type Err = InvalidThresholds;

    fn from_str(text: &str) -> Result<Self, InvalidThresholds> {
        let wrong = |why| InvalidThresholds { text: text.to_owned(), why };
        let number = |part: &str| part.trim().parse::<f64>().map_err(|_no_number| wrong("not a number"));
        let thresholds = if text.contains(':') {
            let parts = text.split(':').map(number).collect::<Result<Vec<_>, _>>()?;
            let [first, last, step] = parts[..] else { return Err(wrong("a range has three parts")) };
            if !(step >= 1e-4 && first <= last && (last - first).is_finite()) {
                return Err(wrong("a range must go up, in steps of at least 0.0001"));
            }
            let steps = ((last - first) / step + 1e-6) as usize;
            // The decimal number that is meant, not the sum of steps: 0.3 + 3 * 0.1 lies above 0.6.
            (0..=steps.min(10_000)).map(|at| ((first + at as f64 * step) * 1e6).round() / 1e6).collect()
        } else {
            text.split(',').map(number).collect::<Result<Vec<_>, _>>()?
        };
        if !thresholds.iter().all(|threshold| *threshold > 0.0 && *threshold <= 1.0) {
            return Err(wrong("an overlap is above 0 and at most 1"));
        }
        if !thresholds.is_sorted_by(|a, b| a < b) {
            return Err(wrong("overlaps must grow"));
        }
        Ok(Self(thresholds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<f64> {
        text.parse::<Thresholds>().unwrap().into_vec()
    }

    #[test]
    fn a_range_has_the_decimals_that_are_meant() {
        assert_eq!(read("0.3:0.7:0.1"), [0.3, 0.4, 0.5, 0.6, 0.7]);
        assert_eq!(read("0.5:0.95:0.05"), [0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]);
        assert_eq!(read("0.5:0.5:0.1"), [0.5]);
        assert_eq!(read("0.5, 0.75,1"), [0.5, 0.75, 1.0]);
    }

    #[test]
    fn what_is_no_list_of_overlaps_is_refused_with_a_reason() {
        for wrong in [
            "",
            "x",
            "0.3:0.7",
            "0.7:0.3:0.1",
            "0.3:0.7:0",
            "0.3:0.7:NaN",
            "0:0.5:0.1",
            "0.5:1.5:0.5",
            "0.7,0.5",
            "NaN",
            "0.1:1e300:1",
        ] {
            let error = wrong.parse::<Thresholds>().unwrap_err().to_string();
            assert!(error.contains("0.3:0.7:0.1"), "{error}");
        }
    }
}
