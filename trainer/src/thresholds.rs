//! Scores below which a detection is not told.

use adatad_data::classes::ClassList;
use adatad_detector::segment::Detection;

use crate::config::nearest;

/// A least score, and others for some classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Thresholds {
    all: f64,
    of_class: Vec<Option<f64>>,
}

/// A threshold that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// No number.
    #[error("`{given}` is no threshold: a number from 0 to 1, or CLASS=NUMBER")]
    NotANumber {
        /// What was given.
        given: String,
    },
    /// No class of the run.
    #[error("the run has no class `{class}`{}", nearest.as_ref().map(|n| format!("; the nearest is `{n}`")).unwrap_or_default())]
    UnknownClass {
        /// What was given.
        class: String,
        /// The nearest that there is.
        nearest: Option<String>,
    },
}

impl Thresholds {
    /// The same for all classes.
    pub fn new(all: f64) -> Self {
        Self { all, of_class: Vec::new() }
    }

    /// From `0.3` (for all classes) and `press=0.4` (for one); later ones count.
    ///
    /// # Errors
    ///
    /// One is no number from 0 to 1, or names no class.
    pub fn parse(given: &[String], default: f64, classes: &ClassList) -> Result<Self, ThresholdError> {
        let mut thresholds = Self { all: default, of_class: vec![None; classes.len()] };
        for text in given {
            let score = |text: &str| {
                let score = text.trim().parse::<f64>().ok().filter(|score| (0.0..=1.0).contains(score));
                score.ok_or_else(|| ThresholdError::NotANumber { given: text.into() })
            };
            // A class may have an equals sign in its name, a number has none.
            let Some((class, value)) = text.rsplit_once('=') else {
                thresholds.all = score(text)?;
                continue;
            };
            let value = score(value)?;
            let labels = || (0..classes.len()).filter_map(|index| classes.label(index));
            let index = labels().position(|label| label == class).ok_or_else(|| ThresholdError::UnknownClass {
                class: class.into(),
                nearest: nearest(class, labels()).map(str::to_owned),
            })?;
            thresholds.of_class[index] = Some(value);
        }
        Ok(thresholds)
    }

    /// Whether no class is told whatever its scores.
    pub fn are_above_zero(&self) -> bool {
        self.all > 0.0 && self.of_class.iter().flatten().all(|least| *least > 0.0)
    }

    /// Whether a detection is told.
    pub fn pass(&self, detection: &Detection) -> bool {
        detection.score >= self.of_class.get(detection.label).copied().flatten().unwrap_or(self.all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_its_own_has_a_threshold_of_its_own() {
        let classes = ClassList::new(["press", "a=b"]).unwrap();
        let parse = |given: &[&str]| {
            Thresholds::parse(&given.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), 0.1, &classes)
        };
        let found = |label, score| Detection { start: 0.0, end: 1.0, label, score };
        let thresholds = parse(&["press=0.4", "0.2", "a=b=0.9"]).unwrap();
        let passes = [found(0, 0.39), found(0, 0.4), found(1, 0.89), found(1, 0.9)].map(|d| thresholds.pass(&d));
        assert_eq!(passes, [false, true, false, true]);
        assert!(parse(&[]).unwrap().pass(&found(0, 0.1)));
        assert!(parse(&["pres=0.4"]).unwrap_err().to_string().contains("the nearest is `press`"));
        for wrong in ["x", "press=2", "NaN", "-1"] {
            assert!(matches!(parse(&[wrong]), Err(ThresholdError::NotANumber { .. })), "{wrong}");
        }
    }
}
