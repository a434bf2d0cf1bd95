//! A corrected file of labels, and what was changed in it.
//!
//! Only what has one likely meaning is changed; the rest stays as it is and goes on being found.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::path::Path;

use super::files::Videos;
use super::finding::{Finding, Trouble};
use crate::annotation::{Action, Fault, RawVideo, end_slack};
use crate::formats::{Format, LabelledVideo, Written, same_rate};
use crate::video::VideoInfo;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where, as a [`Finding`] says it: indices are those of the file as it was.
    pub place: String,
    /// What was done.
    pub what: String,
}

/// A corrected file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fixed {
    /// The videos, in the order of the file.
    pub videos: Vec<LabelledVideo>,
    /// What was changed.
    pub changes: Vec<Change>,
}

impl Fixed {
    /// Writes it, whole or not at all.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        match Format::ActivityNet.text(&self.videos, None) {
            Ok(Written::One(text)) => crate::atomic::write(path, |out| out.write_all(text.as_bytes())),
            Ok(Written::PerVideo(_)) => Err(io::Error::other("one file is written for all videos")),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }
}

pub(super) fn fix(
    raw: Vec<RawVideo>,
    videos: Option<&Videos>,
    meant: &BTreeMap<String, String>,
    findings: &[Finding],
) -> Fixed {
    let in_frames = findings.iter().any(|f| matches!(f.trouble, Trouble::Labels(Fault::FramesForSeconds { .. })));
    let mut fixed = Fixed::default();
    let mut places = HashMap::new();
    for video in raw {
        if video.name.is_empty() {
            fixed.say(&video.name, None, "removed: it has no name".into());
            continue;
        }
        let info = videos.and_then(|videos| videos.info(&video.name));
        let mut clean = fixed.head(&video, info);
        let scale = if in_frames { frames_scale(&video, &clean) } else { Scale::Seconds };
        if let Scale::Frames { fps } = scale {
            fixed.say(&video.name, None, format!("times divided by {fps}: they were frames"));
        }
        if scale == Scale::Unclear {
            fixed.say(&video.name, None, "left as it is: its times seem to be frames of an unknown rate".into());
        }
        let mut seen = HashSet::new();
        for (index, action) in video.actions.into_iter().enumerate() {
            let Some(action) = action else {
                fixed.say(&video.name, Some(index), "removed: it could not be read".into());
                continue;
            };
            let action = match scale {
                Scale::Seconds => action,
                Scale::Frames { fps } => Action { start: action.start / fps, end: action.end / fps, ..action },
                Scale::Unclear => {
                    clean.actions.push(action);
                    continue;
                }
            };
            let (action, whats) = mend(action, clean.duration, meant);
            whats.into_iter().for_each(|what| fixed.say(&video.name, Some(index), what));
            let Some(action) = action else { continue };
            if seen.insert((action.label.clone(), action.start.to_bits(), action.end.to_bits())) {
                clean.actions.push(action);
            } else {
                fixed.say(&video.name, Some(index), "removed: the same stands before it".into());
            }
        }
        match places.get(&clean.name) {
            Some(&place) => {
                let known: &mut LabelledVideo = &mut fixed.videos[place];
                known.actions.extend(clean.actions);
                fixed.say(&video.name, None, "joined with the video of the same name before it".into());
            }
            None => {
                places.insert(clean.name.clone(), fixed.videos.len());
                fixed.videos.push(clean);
            }
        }
    }
    fixed
}

/// What the times of a video are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    Seconds,
    Frames { fps: f64 },
    Unclear,
}

/// Frames, if all segments lie in the video then.
fn frames_scale(video: &RawVideo, clean: &LabelledVideo) -> Scale {
    let Some((duration, fps)) = clean.duration.zip(clean.fps) else { return Scale::Unclear };
    let fits = |action: &Action| action.end / fps <= duration + end_slack(duration);
    if video.actions.iter().flatten().all(fits) { Scale::Frames { fps } } else { Scale::Unclear }
}

/// The segment as it should be, if there is one, and what was done to it.
fn mend(action: Action, duration: Option<f64>, meant: &BTreeMap<String, String>) -> (Option<Action>, Vec<String>) {
    let Action { mut label, mut start, mut end } = action;
    let mut whats = Vec::new();
    let removed = |mut whats: Vec<String>, why: &str| {
        whats.push(format!("removed: {why}"));
        (None, whats)
    };
    if label.trim().is_empty() {
        return removed(whats, "it has no label");
    }
    if !(start.is_finite() && end.is_finite()) {
        return removed(whats, "its times are no numbers");
    }
    if let Some(right) = meant.get(&label) {
        whats.push(format!("`{label}` is now `{right}`"));
        label.clone_from(right);
    }
    if end < start {
        whats.push(format!("[{start}, {end}] turned round"));
        (start, end) = (end, start);
    }
    if start == end {
        return removed(whats, &format!("[{start}, {end}] has no length"));
    }
    if end <= 0.0 {
        return removed(whats, &format!("[{start}, {end}] lies before the video"));
    }
    if start < 0.0 {
        whats.push(format!("start {start} is now 0"));
        start = 0.0;
    }
    if let Some(duration) = duration {
        if start >= duration {
            return removed(whats, &format!("[{start}, {end}] lies after the video, which is {duration} s long"));
        }
        if end > duration + end_slack(duration) {
            whats.push(format!("end {end} is now {duration}, where the video ends"));
            end = duration;
        }
    }
    (Some(Action { label, start, end }), whats)
}

impl Fixed {
    fn say(&mut self, video: &str, annotation: Option<usize>, what: String) {
        let place = match annotation {
            Some(index) => format!("video {video:?}, annotations[{index}]"),
            None => format!("video {video:?}"),
        };
        self.changes.push(Change { place, what });
    }

    /// What is said of a video as a whole; its file knows better.
    fn head(&mut self, video: &RawVideo, info: Option<&VideoInfo>) -> LabelledVideo {
        let sound = |value: Option<f64>| value.filter(|value| value.is_finite() && *value > 0.0);
        let (mut duration, mut fps) = (sound(video.duration), sound(video.fps));
        let mut frames = video.frames.filter(|frames| *frames >= 1.0 && frames.fract() == 0.0 && *frames <= 4e9);
        if let Some(info) = info.filter(|info| info.duration > 0.0) {
            let name = &video.name;
            if duration.is_none_or(|told| (told - info.duration).abs() > end_slack(info.duration)) {
                self.say(name, None, format!("duration {} is now {}", told(video.duration), info.duration));
                duration = Some(info.duration);
                frames = None; // it was counted in another file
            }
            if info.fps > 0.0 && video.fps.is_some() && fps.is_none_or(|told| !same_rate(told, info.fps)) {
                self.say(name, None, format!("fps {} is now {}", told(video.fps), info.fps));
                fps = Some(info.fps);
            }
            let counted = info.frames as f64;
            let apart = |told: f64| (told - counted).abs() > 3f64.max(0.01 * counted);
            if video.frames.is_some() && frames.is_none_or(apart) {
                self.say(name, None, format!("frame {} is now {counted}", told(video.frames)));
                frames = Some(counted);
            }
        } else if duration.is_none() {
            self.say(&video.name, None, "left as it is: its duration is not known, and no file tells it".into());
        }
        let subset = video.subset.clone();
        let frames = frames.map(|frames| frames as usize);
        LabelledVideo { name: video.name.clone(), subset, duration, frames, fps, actions: Vec::new() }
    }
}

fn told(value: Option<f64>) -> String {
    value.map_or_else(|| "(none)".to_owned(), |value| value.to_string())
}
