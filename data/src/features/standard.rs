//! Mean and spread of each channel over the training recordings, and channels brought to mean 0 and spread 1 with them.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::npy::Rows;
use crate::atomic;

/// Channels that hardly vary are not blown up.
const LEAST_SPREAD: f64 = 1e-6;

/// Mean and standard deviation of each channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standard {
    /// Mean of each channel.
    mean: Vec<f64>,
    /// Standard deviation of each channel (of the population); what is below a millionth counts as 1.
    deviation: Vec<f64>,
}

/// A file of means and deviations that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StandardError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It holds something else.
    #[error("{}: {reason}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl Standard {
    /// Over all rows of all recordings, which have the same channels. `recordings` gives them twice.
    ///
    /// # Errors
    ///
    /// Those of `recordings`.
    pub fn of<'a, E, I>(channels: usize, recordings: impl Fn() -> I) -> Result<Self, E>
    where
        I: Iterator<Item = Result<std::borrow::Cow<'a, Rows>, E>>,
    {
        let sums = |add: &dyn Fn(usize, f64) -> f64| -> Result<Vec<f64>, E> {
            let (mut sums, mut count) = (vec![0.0; channels], 0usize);
            for rows in recordings() {
                let rows = rows?;
                count += rows.count;
                for row in rows.values.chunks_exact(channels) {
                    sums.iter_mut().zip(row).enumerate().for_each(|(c, (sum, &v))| *sum += add(c, f64::from(v)));
                }
            }
            sums.iter_mut().for_each(|sum| *sum /= count.max(1) as f64);
            Ok(sums)
        };
        let mean = sums(&|_, value| value)?;
        // About the mean and not about 0: of two large squares little would be left.
        let variance = sums(&|channel, value| (value - mean[channel]).powi(2))?;
        let spread = |variance: f64| if variance.sqrt() < LEAST_SPREAD { 1.0 } else { variance.sqrt() };
        Ok(Self { deviation: variance.into_iter().map(spread).collect(), mean })
    }

    /// `(value - mean) / deviation` of every channel.
    pub fn apply(&self, rows: &mut Rows) {
        let channels = self.mean.len();
        for row in rows.values.chunks_exact_mut(channels) {
            for ((value, mean), deviation) in row.iter_mut().zip(&self.mean).zip(&self.deviation) {
                *value = ((f64::from(*value) - mean) / deviation) as f32;
            }
        }
    }

    /// Writes it as JSON, whole or not at all.
    ///
    /// # Errors
    ///
    /// The operating system refused.
    pub fn save(&self, path: &Path) -> Result<(), StandardError> {
        let io = |source| StandardError::Io { path: path.into(), source };
        let text = serde_json::to_string_pretty(self).map_err(|error| io(error.into()))?;
        atomic::write(path, |out| writeln!(out, "{text}")).map_err(io)
    }

    /// Reads what [`save`](Self::save) wrote, for files of `channels` channels.
    ///
    /// # Errors
    ///
    /// No such file, or it holds something else.
    pub fn load(path: &Path, channels: usize) -> Result<Self, StandardError> {
        let text = std::fs::read_to_string(path).map_err(|source| StandardError::Io { path: path.into(), source })?;
        let content = |reason: String| StandardError::Content { path: path.into(), reason };
        let standard: Self = serde_json::from_str(&text).map_err(|error| content(error.to_string()))?;
        let found = [standard.mean.len(), standard.deviation.len()];
        if found != [channels; 2] {
            return Err(content(format!("is about {found:?} channels, not {channels}")));
        }
        if !standard.deviation.iter().all(|&deviation| deviation > 0.0) {
            return Err(content("has a deviation that is not above 0".into()));
        }
        Ok(standard)
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::convert::Infallible;

    use super::*;

    fn recordings() -> impl Iterator<Item = Result<Cow<'static, Rows>, Infallible>> {
        let rows = |values: &[f32]| Rows { count: values.len() / 2, channels: 2, values: values.to_vec() };
        [rows(&[1.0, 5.0, 3.0, 5.0]), rows(&[8.0, 5.0])].into_iter().map(|rows| Ok(Cow::Owned(rows)))
    }

    #[test]
    fn channels_get_mean_zero_and_spread_one_over_all_recordings() {
        let Ok(standard) = Standard::of(2, recordings);
        assert_eq!((standard.mean[0], standard.deviation[0]), (4.0, (26.0f64 / 3.0).sqrt()));
        let mut all = Rows { count: 3, channels: 2, values: vec![1.0, 5.0, 3.0, 5.0, 8.0, 5.0] };
        standard.apply(&mut all);
        let first: Vec<f32> = all.values.iter().copied().step_by(2).collect();
        assert!(first.iter().sum::<f32>().abs() < 1e-6);
        assert!((first.iter().map(|v| v * v).sum::<f32>() / 3.0 - 1.0).abs() < 1e-6);
    }

    #[test]
    fn a_channel_that_never_changes_is_only_moved() {
        let Ok(standard) = Standard::of(2, recordings);
        let mut row = Rows { count: 1, channels: 2, values: vec![4.0, 5.5] };
        standard.apply(&mut row);
        assert_eq!(row.values, [0.0, 0.5]);
    }

    #[test]
    fn what_was_written_is_read_back_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("standard.json");
        let Ok(standard) = Standard::of(2, recordings);
        standard.save(&path).unwrap();
        assert_eq!(Standard::load(&path, 2).unwrap(), standard);
        assert!(Standard::load(&path, 3).unwrap_err().to_string().ends_with("is about [2, 2] channels, not 3"));
        for text in ["", "{\"mean\": [1, 2], \"deviation\": [1, 0]}", "{\"mean\": [1, 2]}"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Standard::load(&path, 2), Err(StandardError::Content { .. })), "{text}");
        }
    }
}
