//! Features of many videos, read once where memory allows.

use std::borrow::Cow;
use std::path::PathBuf;

use rayon::prelude::*;

use super::{FeatureError, FeatureFault, Layout, Rows, Standard};
use crate::window::FramePlan;

/// Features of a list of videos.
#[derive(Debug)]
pub struct FeatureStore {
    layout: Layout,
    standard: Option<Standard>,
    videos: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    path: PathBuf,
    rows: usize,
    kept: Option<Rows>,
}

impl FeatureStore {
    /// Opens the files and checks what their headers say; no number is read yet.
    ///
    /// # Errors
    ///
    /// The first file that does not fit the layout.
    pub fn open(paths: Vec<PathBuf>, layout: Layout) -> Result<Self, FeatureError> {
        let open = |path: PathBuf| {
            let (_, rows) = layout.open(&path)?;
            Ok(Source { path, rows, kept: None })
        };
        let videos = paths.into_iter().map(open).collect::<Result<_, FeatureError>>()?;
        Ok(Self { layout, standard: None, videos })
    }

    /// What is in the files.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Rows of a file.
    pub fn rows(&self, video: usize) -> usize {
        self.videos[video].rows
    }

    /// Time steps of a video.
    pub fn steps(&self, video: usize) -> usize {
        self.layout.steps(self.rows(video))
    }

    /// Reads and keeps as many files as fit into so many bytes, first to last, in parallel.
    ///
    /// # Errors
    ///
    /// A file that cannot be used.
    pub fn fill(&mut self, memory: usize) -> Result<(), FeatureError> {
        let (layout, standard, mut left) = (self.layout, &self.standard, memory);
        let fitting = self.videos.iter().take_while(|source| {
            let bytes = source.rows * layout.channels * size_of::<f32>();
            let fits = bytes <= left;
            left = left.saturating_sub(bytes);
            fits
        });
        let fitting = fitting.count();
        self.videos[..fitting].par_iter_mut().try_for_each(|source| {
            let mut rows = source.read(&layout)?;
            if let Some(standard) = standard {
                standard.apply(&mut rows);
            }
            source.kept = Some(rows);
            Ok(())
        })
    }

    /// Mean and spread of the channels over all files.
    ///
    /// # Errors
    ///
    /// A file that cannot be used.
    pub fn standard(&self) -> Result<Standard, FeatureError> {
        Standard::of(self.layout.channels, || (0..self.videos.len()).map(|video| self.read(video)))
    }

    /// Standardises all that is given out from now on.
    pub fn standardise(&mut self, standard: Standard) {
        self.videos.iter_mut().filter_map(|source| source.kept.as_mut()).for_each(|rows| standard.apply(rows));
        self.standard = Some(standard);
    }

    fn read(&self, video: usize) -> Result<Cow<'_, Rows>, FeatureError> {
        let source = &self.videos[video];
        if let Some(kept) = &source.kept {
            return Ok(Cow::Borrowed(kept));
        }
        let mut rows = source.read(&self.layout)?;
        if let Some(standard) = &self.standard {
            standard.apply(&mut rows);
        }
        Ok(Cow::Owned(rows))
    }

    /// The features of a window, with zeros for padding. The frames of `plan` are those of time steps.
    ///
    /// # Shapes
    ///
    /// - returns: `[window_size, step_channels]`
    ///
    /// # Errors
    ///
    /// The file is not kept and cannot be read again.
    pub fn window(
        &self,
        video: usize,
        plan: &FramePlan,
        valid: usize,
        window_size: usize,
    ) -> Result<Vec<f32>, FeatureError> {
        let rows = self.read(video)?;
        let (channels, stride) = (self.layout.channels, self.layout.feature_stride);
        let width = self.layout.step_channels();
        let mut values = vec![0.0; window_size * width];
        for (step, out) in values.chunks_exact_mut(width).take(valid).enumerate() {
            let frame = plan.index(step);
            let row = if self.layout.signal_window.is_some() { frame } else { frame / stride };
            out.copy_from_slice(&rows.values[row * channels..][..width]);
        }
        Ok(values)
    }
}

impl Source {
    fn read(&self, layout: &Layout) -> Result<Rows, FeatureError> {
        let rows = layout.read(&self.path)?;
        match rows.count == self.rows {
            true => Ok(rows),
            false => {
                let fault = FeatureFault::Changed { rows: rows.count, opened: self.rows };
                Err(FeatureError::at(&self.path, fault))
            }
        }
    }
}
