//! From videos as they stand in a file to videos without fault.

use std::collections::HashMap;

use super::problem::{Fault, Problem, Problems};
use super::read::RawVideo;
use super::{Action, VideoEntry};

/// How many seconds an action may end after a video of this duration: half a second, or 1 % of the video.
///
/// Published files round durations, or take them from another copy of the video, so ends a little past the end are
/// common in them and harmless (what is past the end is cut off). Frames in place of seconds overshoot by far more.
pub fn end_slack(duration: f64) -> f64 {
    (0.01 * duration).max(0.5)
}

/// The sound videos, sorted by name and without their faulty actions, and what is wrong with the rest.
pub(super) fn check(mut videos: Vec<RawVideo>, mut problems: Problems) -> (Vec<VideoEntry>, Problems) {
    videos.sort_by(|a, b| a.name.cmp(&b.name)); // stable: of two videos of one name, the first in the file stays
    let (mut past, mut actions) = (0, 0);
    let mut sound: Vec<VideoEntry> = Vec::with_capacity(videos.len());
    let mut last = None;
    for mut video in videos {
        if last.as_ref() == Some(&video.name) {
            problems.add(&video.name, None, Fault::DuplicateVideo);
            continue;
        }
        last = Some(video.name.clone());
        if video.name.is_empty() {
            problems.add("", None, Fault::EmptyName);
        }
        for (field, value) in [("duration", &mut video.duration), ("fps", &mut video.fps)] {
            if value.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
                problems.add(&video.name, None, Fault::NotPositive { field, value: value.unwrap_or(f64::NAN) });
                *value = None;
            }
        }
        let frames = video.frames.and_then(|frames| whole(frames, &video.name, &mut problems));
        for (index, place) in video.actions.iter_mut().enumerate() {
            let Some(action) = place else { continue };
            actions += 1;
            if let Some(fault) = fault(action, video.duration) {
                past += usize::from(matches!(fault, Fault::PastEnd { .. }));
                problems.add(&video.name, Some(index), fault);
                *place = None;
            }
        }
        let RawVideo { name, subset: Some(subset), duration: Some(duration), fps, actions, .. } = video else {
            continue; // reported when it was read, or just above
        };
        if !name.is_empty() {
            let actions = actions.into_iter().flatten().collect();
            sound.push(VideoEntry { name, subset, duration, frames, fps, actions });
        }
    }
    // A few long actions may overshoot by mistake; when it is most of them, the unit is wrong.
    if past > 0 && past * 2 >= actions {
        problems.add_to_file(Fault::FramesForSeconds { past, actions });
    }
    (sound, problems)
}

fn whole(frames: f64, video: &str, problems: &mut Problems) -> Option<usize> {
    if !(frames.is_finite() && frames > 0.0) {
        problems.add(video, None, Fault::NotPositive { field: "frame", value: frames });
        None
    } else if frames.fract() != 0.0 || frames > u32::MAX as f64 {
        let wanted = "a whole number of frames below 2^32";
        problems.add(video, None, Fault::WrongType { field: "frame", found: frames.to_string(), wanted });
        None
    } else {
        Some(frames as usize)
    }
}

fn fault(action: &Action, duration: Option<f64>) -> Option<Fault> {
    let &Action { start, end, ref label } = action;
    if label.trim().is_empty() {
        return Some(Fault::EmptyLabel);
    }
    if !(start.is_finite() && end.is_finite()) {
        return Some(Fault::NotFinite { start, end });
    }
    if end < start {
        return Some(Fault::EndBeforeStart { start, end });
    }
    if start < 0.0 {
        return Some(Fault::NegativeTime { start, end });
    }
    match duration {
        Some(duration) if end > duration + end_slack(duration) => Some(Fault::PastEnd { start, end, duration }),
        _ => None,
    }
}

/// See [`super::Annotations::notes`].
pub(super) fn notes(video: &VideoEntry) -> Vec<Problem> {
    let mut first_seen = HashMap::new();
    let note = |index, fault| Problem { video: Some(video.name.clone()), annotation: Some(index), fault };
    let mut notes = Vec::new();
    for (index, action) in video.actions.iter().enumerate() {
        if action.start == action.end {
            notes.push(note(index, Fault::ZeroLength { at: action.start }));
        }
        let key = (action.label.as_str(), action.start.to_bits(), action.end.to_bits());
        let first = *first_seen.entry(key).or_insert(index);
        if first != index {
            notes.push(note(index, Fault::Repeated { first }));
        }
    }
    notes
}
