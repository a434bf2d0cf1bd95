//! Settings of a detector that cannot be built, and the checks that all detectors share.

/// A configuration that cannot be built.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum DetectorConfigError {
    /// A size is no multiple of another.
    #[error("detector.{field} is {value}, not a multiple of {of}; the nearest are {below} and {above}")]
    Multiple {
        /// The field.
        field: &'static str,
        /// The size given.
        value: usize,
        /// What it must be a multiple of, in words.
        of: String,
        /// The nearest fitting size below.
        below: usize,
        /// The nearest fitting size above.
        above: usize,
    },
    /// A kernel without a middle.
    #[error("detector.{field} is {value}; it must be odd: the nearest are {} and {}", value.saturating_sub(1).max(1), value + 1)]
    Even {
        /// The field.
        field: &'static str,
        /// The kernel given.
        value: usize,
    },
    /// A size is zero.
    #[error("detector.{field} is 0; it must be at least 1")]
    Zero {
        /// The field.
        field: &'static str,
    },
    /// A list that has not one entry per level.
    #[error(
        "detector.{field} has {given} entries; it needs one for each of the {levels} levels (detector.regression-ranges)"
    )]
    Levels {
        /// The field.
        field: &'static str,
        /// Its length.
        given: usize,
        /// The number of levels.
        levels: usize,
    },
    /// A number outside its range.
    #[error("detector.{field} is {value}; it must lie in {range}")]
    Range {
        /// The field.
        field: &'static str,
        /// The value given.
        value: f64,
        /// What is allowed.
        range: &'static str,
    },
    /// The window cannot be halved often enough.
    #[error(
        "a window of {steps} grid steps cannot be halved {halvings} times for {levels} levels; the nearest are {below} and {above}"
    )]
    Window {
        /// The window's length in grid steps.
        steps: usize,
        /// How often it has to be halved.
        halvings: usize,
        /// The number of levels.
        levels: usize,
        /// The nearest fitting length below.
        below: usize,
        /// The nearest fitting length above.
        above: usize,
    },
}

/// A field and its value.
pub(crate) type Field<T> = (&'static str, T);

pub(crate) fn at_least_one(fields: &[Field<usize>]) -> Result<(), DetectorConfigError> {
    match fields.iter().find(|(_, value)| *value == 0) {
        Some((field, _)) => Err(DetectorConfigError::Zero { field }),
        None => Ok(()),
    }
}

pub(crate) fn odd(fields: &[Field<usize>]) -> Result<(), DetectorConfigError> {
    at_least_one(fields)?;
    match fields.iter().find(|(_, value)| value.is_multiple_of(2)) {
        Some(&(field, value)) => Err(DetectorConfigError::Even { field, value }),
        None => Ok(()),
    }
}

pub(crate) fn multiple((field, value): Field<usize>, unit: usize, of: &str) -> Result<(), DetectorConfigError> {
    if value.is_multiple_of(unit) {
        return Ok(());
    }
    let (below, above) = ((value / unit * unit).max(unit), (value / unit + 1) * unit);
    Err(DetectorConfigError::Multiple { field, value, of: of.to_owned(), below, above })
}

/// Probabilities: 0 up to 1, 1 left out.
pub(crate) fn probabilities(fields: &[Field<f64>]) -> Result<(), DetectorConfigError> {
    ranged(fields, |value| (0.0..1.0).contains(&value), "0..1")
}

pub(crate) fn positive(fields: &[Field<f64>]) -> Result<(), DetectorConfigError> {
    ranged(fields, |value| value > 0.0 && value.is_finite(), "the positive numbers")
}

/// 0 and up.
pub(crate) fn natural(fields: &[Field<f64>]) -> Result<(), DetectorConfigError> {
    ranged(fields, |value| value >= 0.0 && value.is_finite(), "the numbers from 0 up")
}

pub(crate) fn ranged(
    fields: &[Field<f64>],
    fits: impl Fn(f64) -> bool,
    range: &'static str,
) -> Result<(), DetectorConfigError> {
    match fields.iter().find(|(_, value)| !fits(*value)) {
        Some(&(field, value)) => Err(DetectorConfigError::Range { field, value, range }),
        None => Ok(()),
    }
}

/// Whether a window of `steps` can be halved for each level.
pub(crate) fn halvable(steps: usize, levels: usize) -> Result<(), DetectorConfigError> {
    let halvings = levels.saturating_sub(1);
    let unit = u32::try_from(halvings).ok().and_then(|halvings| 1usize.checked_shl(halvings)).unwrap_or(usize::MAX);
    if steps > 0 && steps.is_multiple_of(unit) {
        return Ok(());
    }
    let (below, above) = ((steps / unit).max(1).saturating_mul(unit), (steps / unit + 1).saturating_mul(unit));
    Err(DetectorConfigError::Window { steps, halvings, levels, below, above })
}
