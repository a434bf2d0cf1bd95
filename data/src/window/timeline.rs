//! From an entry of an annotation file to frames: how long a video is, how fast, and when its actions are.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::{Grid, Truth, WindowError};
use crate::annotation::{Action, VideoEntry};
use crate::classes::ClassList;

/// Shortest action of a [`super::Resize`] window, as a share of its video (`datasets/anet.py`).
const SHORTEST_SHARE: f64 = 0.01;

/// The clock of one video.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// Index of the video in the caller's list.
    pub video: usize,
    /// Name of the video.
    pub name: String,
    /// Frames that windows are laid over: those the annotations tell of.
    pub frames: usize,
    /// Frames the file really gives; often a few more or less than `frames`.
    pub decoded: usize,
    /// Frames a second.
    pub fps: f64,
    /// Length in seconds, as annotated.
    pub duration: f64,
}

impl Timeline {
    /// The clock of the `video`-th video, from its annotations.
    ///
    /// `fps` is the rate of the whole data set where it has one; `decoded` the frames of the file where it was opened.
    /// The number of frames comes from, in this order: `duration * fps`; `frame` of the entry; the file; `duration`
    /// times `fps` of the entry. Where the rate is not given it is `frames / duration`.
    pub fn new(
        video: usize,
        entry: &VideoEntry,
        fps: Option<f64>,
        decoded: Option<usize>,
    ) -> Result<Self, WindowError> {
        let VideoEntry { name, duration, .. } = entry;
        let at_rate = |fps: f64| ((duration * fps) as usize, fps);
        let counted = entry.frames.or(decoded).map(|frames| (frames, frames as f64 / duration));
        let (frames, fps) = fps
            .map(at_rate)
            .or(counted)
            .or(entry.fps.map(at_rate))
            .ok_or_else(|| WindowError::UnknownLength { name: name.clone() })?;
        let decoded = decoded.unwrap_or(frames);
        if frames == 0 || decoded == 0 {
            return Err(WindowError::NoFrames { name: name.clone(), duration: *duration, fps });
        }
        Ok(Self { video, name: name.clone(), frames, decoded, fps, duration: *duration })
    }
}

/// How seconds become frames. Published data sets differ, and a detector trained on one way sees the other as noise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conversion {
    /// `seconds / duration * frames`, cut to a whole frame: THUMOS-14, MultiTHUMOS, Ego4D.
    ByShare,
    /// `seconds * fps`, cut to a whole frame: EPIC-Kitchens, Charades, EPIC-Sounds.
    ByRate,
    /// `seconds * fps` as it is: ActivityNet, HACS, FineAction.
    #[default]
    Exact,
}

/// Which actions of a video are taught, and on which times.
#[derive(Debug, Clone, PartialEq)]
pub struct TruthRule {
    /// How seconds become frames.
    pub conversion: Conversion,
    /// Leave out actions without length (and, in [`Conversion::Exact`], those outside the video).
    pub filter_gt: bool,
    /// Labels that mark what is no class, such as `Ambiguous` in THUMOS-14.
    pub ignored: Vec<String>,
}

impl TruthRule {
    /// The actions of a video in frames, each one once.
    pub fn in_frames(
        &self,
        entry: &VideoEntry,
        timeline: &Timeline,
        grid: &Grid,
        classes: &ClassList,
    ) -> Result<Vec<Truth>, WindowError> {
        let frame = |seconds: f64| match self.conversion {
            Conversion::ByShare => (seconds / timeline.duration * timeline.frames as f64).trunc(),
            Conversion::ByRate => (seconds * timeline.fps).trunc(),
            Conversion::Exact => seconds * timeline.fps,
        };
        let kept = |truth: &Truth| {
            let inside = truth.end > grid.offset_frames as f64 && truth.start < timeline.frames as f64;
            truth.end > truth.start && (self.conversion != Conversion::Exact || inside)
        };
        self.collect(entry, classes, frame, kept)
    }

    /// The actions of a video in seconds, each one once, for [`super::Resize`].
    pub fn in_seconds(&self, entry: &VideoEntry, classes: &ClassList) -> Result<Vec<Truth>, WindowError> {
        let kept = |truth: &Truth| (truth.end - truth.start) / entry.duration > SHORTEST_SHARE;
        self.collect(entry, classes, |seconds| seconds, kept)
    }

    fn collect(
        &self,
        entry: &VideoEntry,
        classes: &ClassList,
        time: impl Fn(f64) -> f64,
        kept: impl Fn(&Truth) -> bool,
    ) -> Result<Vec<Truth>, WindowError> {
        let mut seen = HashSet::new();
        let mut truths = Vec::new();
        for Action { label, start, end } in &entry.actions {
            if self.ignored.contains(label) {
                continue;
            }
            let class =
                classes.index(label).map_err(|unknown| WindowError::Label { name: entry.name.clone(), unknown })?;
            let truth = Truth { start: time(*start), end: time(*end), class };
            let first = seen.insert((truth.start.to_bits(), truth.end.to_bits(), class));
            if first && (!self.filter_gt || kept(&truth)) {
                truths.push(truth);
            }
        }
        Ok(truths)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(frames: Option<usize>, fps: Option<f64>, actions: &[(&str, f64, f64)]) -> VideoEntry {
        let actions = actions.iter().map(|&(label, start, end)| Action { label: label.into(), start, end }).collect();
        VideoEntry { name: "v".into(), subset: "s".into(), duration: 10.0, frames, fps, actions }
    }

    const GRID: Grid = Grid { window_size: 8, feature_stride: 4, sample_stride: 1, scale_factor: 1, offset_frames: 8 };

    #[test]
    fn frames_come_from_the_surest_source_there_is() {
        let count = |entry: &VideoEntry, fps, decoded| {
            let line = Timeline::new(0, entry, fps, decoded).unwrap();
            (line.frames, line.decoded, line.fps)
        };
        let told = entry(Some(250), Some(99.0), &[]);
        assert_eq!(count(&told, Some(30.0), Some(251)), (300, 251, 30.0));
        assert_eq!(count(&told, None, Some(251)), (250, 251, 25.0));
        assert_eq!(count(&entry(None, Some(99.0), &[]), None, Some(251)), (251, 251, 25.1));
        assert_eq!(count(&entry(None, Some(24.0), &[]), None, None), (240, 240, 24.0));
        let error = Timeline::new(0, &entry(None, None, &[]), None, None).unwrap_err();
        assert_eq!(error, WindowError::UnknownLength { name: "v".into() });
        assert!(matches!(Timeline::new(0, &told, Some(0.01), None), Err(WindowError::NoFrames { .. })));
    }

    #[test]
    fn each_data_set_converts_times_in_its_own_way() {
        let entry = entry(Some(250), None, &[("a", 1.03, 2.99)]);
        let classes = ClassList::new(["a"]).unwrap();
        let times = |conversion, fps| {
            let line = Timeline::new(0, &entry, fps, None).unwrap();
            let rule = TruthRule { conversion, filter_gt: false, ignored: vec![] };
            rule.in_frames(&entry, &line, &GRID, &classes).unwrap()[0]
        };
        assert_eq!(times(Conversion::ByShare, None), Truth { start: 25.0, end: 74.0, class: 0 });
        assert_eq!(times(Conversion::ByRate, Some(30.0)), Truth { start: 30.0, end: 89.0, class: 0 });
        assert_eq!(times(Conversion::Exact, Some(30.0)), Truth { start: 1.03 * 30.0, end: 2.99 * 30.0, class: 0 });
    }

    #[test]
    fn what_cannot_be_taught_is_left_out() {
        let actions = [("a", 1.0, 1.0), ("b", 1.0, 2.0), ("b", 1.0, 2.001), ("x", 1.0, 2.0), ("a", 0.0, 0.3)];
        let entry = entry(Some(250), None, &actions);
        let classes = ClassList::new(["a", "b"]).unwrap();
        let line = Timeline::new(0, &entry, None, None).unwrap();
        let count = |conversion, filter_gt| {
            let rule = TruthRule { conversion, filter_gt, ignored: vec!["x".into()] };
            rule.in_frames(&entry, &line, &GRID, &classes).unwrap().len()
        };
        assert_eq!(count(Conversion::ByShare, false), 3, "the two b are the same frames");
        assert_eq!(count(Conversion::ByShare, true), 2, "the first a has no length");
        assert_eq!(count(Conversion::Exact, true), 2, "two b, but the last a ends before the first centre");
        let rule = TruthRule { conversion: Conversion::Exact, filter_gt: true, ignored: vec!["x".into()] };
        assert_eq!(rule.in_seconds(&entry, &classes).unwrap().len(), 3, "0.3 s are 3 % of the video");
        let all = TruthRule { ignored: vec![], ..rule };
        let error = all.in_seconds(&entry, &classes).unwrap_err();
        assert_eq!(error.to_string(), "video `v`: `x` is none of the 2 classes");
    }
}
