//! Windows held against numbers of the reference implementation: a file of settings, and what OpenTAD made of them.
//!
//! The file holds a small annotation base (`database`, `class_map`) and lists of cases: `sliding`, `padding`, `frames`,
//! `random_trunc`. Used by the tests of this crate and by `adatad parity`, which differ in what they do with a difference.

use std::path::Path;

use serde_json::Value;

use super::{
    Conversion, Grid, Resize, Sliding, SlidingConfig, Timeline, Timing, TruncationConfig, Truth, TruthRule, Window,
};
use crate::annotation::{Annotations, VideoEntry};
use crate::classes::ClassList;

/// Numbers of one kind, found and expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// Which case, and what of it.
    pub what: String,
    /// What this crate makes.
    pub found: Vec<f64>,
    /// What the reference made.
    pub expected: Vec<f64>,
}

/// A file that cannot be compared with, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

/// Numbers may differ by this share of what is expected: the reference keeps times in 32 bits.
pub const TOLERANCE: f64 = 1e-6;

type Each<'a> = &'a mut dyn FnMut(Comparison);

/// Compares every case of a file; `each` hears of one comparison after another. Says how many cases of each part there were.
///
/// # Errors
///
/// The file lacks something, or has a part that is not known.
pub fn compare(path: &Path, each: &mut dyn FnMut(Comparison)) -> Result<Vec<(&'static str, usize)>, Unfit> {
    let bytes = std::fs::read(path).map_err(|error| Unfit(error.to_string()))?;
    let json: Value = serde_json::from_slice(&bytes).map_err(|error| Unfit(error.to_string()))?;
    let labels = list(&json, "class_map")?.iter().filter_map(Value::as_str);
    let classes = ClassList::new(labels).map_err(|error| Unfit(error.to_string()))?;
    // The file holds a `database` as an annotation file does, with more keys beside it.
    let annotations = Annotations::load(path).map_err(|error| Unfit(error.to_string()))?;
    let known = ["database", "class_map", "sliding", "padding", "frames", "random_trunc"];
    if let Some(part) = json.as_object().and_then(|parts| parts.keys().find(|part| !known.contains(&part.as_str()))) {
        return Err(Unfit(format!("cases of the part `{part}` are not known")));
    }
    let base = Base { annotations, classes };
    let mut counts = Vec::new();
    for part in ["sliding", "padding", "frames", "random_trunc"] {
        let cases = list(&json, part)?;
        for (index, case) in cases.iter().enumerate() {
            let named = |what: &str| format!("{part}[{index}] {what}");
            match part {
                "sliding" => sliding(&base, case, &named, each)?,
                "padding" => padding(&base, case, &named, each)?,
                "frames" => frames(case, &named, each)?,
                _ => random_trunc(case, &named, each)?,
            }
        }
        counts.push((part, cases.len()));
    }
    Ok(counts)
}

struct Base {
    annotations: Annotations,
    classes: ClassList,
}

impl Base {
    fn truth(&self, entry: &VideoEntry, line: &Timeline, grid: &Grid, filter_gt: bool) -> Result<Vec<Truth>, Unfit> {
        let ignored = vec!["Ambiguous".to_string()];
        let rule = TruthRule { conversion: Conversion::ByShare, filter_gt, ignored };
        rule.in_frames(entry, line, grid, &self.classes).map_err(|error| Unfit(error.to_string()))
    }
}

type Named<'a> = &'a dyn Fn(&str) -> String;

fn sliding(base: &Base, case: &Value, named: Named, each: Each) -> Result<(), Unfit> {
    let grid = Grid {
        window_size: whole(case, "window_size")?,
        feature_stride: whole(case, "feature_stride")?,
        sample_stride: whole(case, "sample_stride")?,
        scale_factor: 1,
        offset_frames: whole(case, "offset_frames")?,
    };
    let completeness = Some(number(case, "ioa_thresh")?).filter(|share| *share > 0.0);
    let config = SlidingConfig { grid, overlap: number(case, "overlap")?, completeness, cover_tail: false };
    let sliding = config.build().map_err(|error| Unfit(error.to_string()))?;
    let blocked: Vec<&str> = list(case, "blocked")?.iter().filter_map(Value::as_str).collect();
    let (test_mode, filter_gt) = (flag(case, "test_mode")?, flag(case, "filter_gt")?);

    let mut windows = Vec::new();
    for (video, entry) in base.annotations.videos().iter().enumerate() {
        if !blocked.contains(&entry.name.as_str()) {
            let line = Timeline::new(video, entry, None, None).map_err(|error| Unfit(error.to_string()))?;
            let truth = if test_mode { None } else { Some(base.truth(entry, &line, &grid, filter_gt)?) };
            windows.extend(Sliding::cut(&sliding, &line, truth.as_deref()));
        }
    }
    let expected = list(case, "windows")?;
    same(each, named("number of windows"), &[windows.len()], &[expected.len()]);
    for (index, (window, expected)) in windows.iter().zip(expected).enumerate() {
        let what = |what: &str| named(&format!("window {index} of {}: {what}", window.name));
        let named_so = expected["video"].as_str() == Some(&window.name);
        let held = base.annotations.videos().get(window.video).is_some_and(|entry| entry.name == window.name);
        same(each, what("video"), &[usize::from(named_so && held)], &[1]);
        let (start_frame, fps, first, last) = stretch(window)?;
        let place = [whole(expected, "start_frame")?, whole(expected, "first")?, whole(expected, "last")?];
        same(each, what("start frame, first, last"), &[start_frame, first, last], &place);
        each(Comparison { what: what("fps"), found: vec![fps], expected: vec![number(expected, "fps")?] });
        if test_mode {
            let none = expected["gt_segments"].is_null() && window.truth.is_empty();
            same(each, what("no truth"), &[usize::from(none)], &[1]);
        } else {
            let (segments, labels) = (spans(expected, "gt_segments")?, wholes(expected, "gt_labels")?);
            truths(each, &what, &window.truth, &segments, &labels);
        }
    }
    Ok(())
}

/// The frame and rate of a window, with the first and last of its cells.
fn stretch(window: &Window) -> Result<(usize, f64, usize, usize), Unfit> {
    let Timing::Stretch { fps, snippet_stride, window_start_frame, .. } = window.timing else {
        return Err(Unfit("a sliding window is no stretch of its video".into()));
    };
    let first = window_start_frame / snippet_stride;
    Ok((window_start_frame, fps, first, first + window.mask_valid - 1))
}

fn padding(base: &Base, case: &Value, named: Named, each: Each) -> Result<(), Unfit> {
    let offset_frames = whole(case, "offset_frames")?;
    let grid = Grid { offset_frames, ..grid(768, whole(case, "snippet_stride")?, 1) };
    let name = case["video"].as_str().unwrap_or_default();
    let entry = base.annotations.video(name).ok_or_else(|| Unfit(format!("no video {name:?}")))?;
    let line = Timeline::new(0, entry, None, None).map_err(|error| Unfit(error.to_string()))?;
    let truth = base.truth(entry, &line, &grid, false)?;
    let truth: Vec<_> = truth.iter().map(|truth| grid.steps(truth, 0)).collect();
    each(Comparison { what: named("fps"), found: vec![line.fps], expected: vec![number(case, "fps")?] });
    truths(each, named, &truth, &spans(case, "gt_segments")?, &wholes(case, "gt_labels")?);
    Ok(())
}

fn frames(case: &Value, named: Named, each: Each) -> Result<(), Unfit> {
    let (total, scale_factor) = (whole(case, "total_frames")?, whole(case, "scale_factor")?);
    let plan = match case["method"].as_str() {
        Some("sliding_window") => {
            let grid = grid(whole(case, "window_size")?, whole(case, "snippet_stride")?, scale_factor);
            let plan = grid.frames(whole(case, "first")?, whole(case, "last")?, total);
            let (plan, valid) = plan.ok_or_else(|| Unfit("a window past the end of its video".into()))?;
            let expected = [whole(case, "valid")?, whole(case, "clip_len")?];
            same(each, named("valid cells, frames"), &[valid, plan.len()], &expected);
            plan
        }
        Some("resize") => {
            let line = Timeline { duration: number(case, "duration")?, ..line(total) };
            let truth: Vec<_> =
                spans(case, "gt_in")?.into_iter().map(|[start, end]| Truth { start, end, class: 0 }).collect();
            let length = whole(case, "resize_length")?;
            let resize = Resize::new(length, scale_factor).map_err(|error| Unfit(error.to_string()))?;
            let window = resize.window(&line, &truth);
            truths(each, named, &window.truth, &spans(case, "gt_out")?, &vec![0; truth.len()]);
            same(each, named("valid cells"), &[window.mask_valid], &[length]);
            window.frames
        }
        other => return Err(Unfit(format!("the method {other:?} is not known"))),
    };
    let found: Vec<_> = plan.indices().collect();
    same(each, named("frames"), &found, &wholes(case, "frame_inds")?);
    Ok(())
}

fn random_trunc(case: &Value, named: Named, each: Each) -> Result<(), Unfit> {
    let grid = grid(whole(case, "trunc_len")?, whole(case, "snippet_stride")?, whole(case, "scale_factor")?);
    let crop_ratio = serde_json::from_value(case["crop_ratio"].clone()).map_err(|error| Unfit(error.to_string()))?;
    let config = TruncationConfig { grid, crop_ratio, trunc_thresh: number(case, "trunc_thresh")? };
    let stride = grid.snippet_stride() as f64;
    let truth = spans(case, "gt_segments")?.into_iter().zip(wholes(case, "gt_labels")?);
    let truth: Vec<_> =
        truth.map(|([start, end], class)| Truth { start: start * stride, end: end * stride, class }).collect();

    let draws: Vec<[usize; 3]> =
        serde_json::from_value(case["draws_lo_hi_value"].clone()).map_err(|error| Unfit(error.to_string()))?;
    // What the reference drew is drawn again; a draw it did not make gives the lower end, and is found by the ranges.
    let (mut asked, mut rest) = (Vec::new(), draws.iter());
    let mut replay = |low, high| {
        asked.extend([low, high]);
        rest.next().map_or(low, |[.., value]| *value)
    };
    let truncation = config.build().map_err(|error| Unfit(error.to_string()))?;
    let window = truncation.draw(&line(whole(case, "total_frames")?), &truth, &mut replay);
    let ranges: Vec<_> = draws.iter().flat_map(|[low, high, _]| [*low, *high]).collect();
    same(each, named("ranges of draws"), &asked, &ranges);

    truths(each, named, &window.truth, &spans(case, "out_segments")?, &wholes(case, "out_labels")?);
    let last = window.frames.indices().max().unwrap_or_default();
    let found = [window.frames.index(0), last, window.mask_valid, window.frames.len()];
    let expected =
        [whole(case, "first_frame")?, whole(case, "last_frame")?, whole(case, "valid")?, grid.window_frames()];
    same(each, named("first and last frame, valid cells, frames"), &found, &expected);
    Ok(())
}

fn truths(each: Each, named: Named, found: &[Truth], segments: &[[f64; 2]], labels: &[usize]) {
    let classes: Vec<_> = found.iter().map(|truth| truth.class).collect();
    same(each, named("labels"), &classes, labels);
    let found = found.iter().flat_map(|truth| [truth.start, truth.end]).collect();
    each(Comparison { what: named("segments"), found, expected: segments.concat() });
}

/// Whole numbers, which leave no room for a tolerance of [`TOLERANCE`].
fn same(each: Each, what: String, found: &[usize], expected: &[usize]) {
    let numbers = |list: &[usize]| list.iter().map(|&number| number as f64).collect();
    each(Comparison { what, found: numbers(found), expected: numbers(expected) });
}

fn grid(window_size: usize, snippet_stride: usize, scale_factor: usize) -> Grid {
    Grid { window_size, feature_stride: snippet_stride, sample_stride: 1, scale_factor, offset_frames: 0 }
}

fn line(frames: usize) -> Timeline {
    Timeline { video: 0, name: "v".into(), frames, decoded: frames, fps: 30.0, duration: frames as f64 / 30.0 }
}

fn lacks(key: &str) -> Unfit {
    Unfit(format!("a case has no `{key}` of the right kind"))
}

fn list<'a>(value: &'a Value, key: &str) -> Result<&'a [Value], Unfit> {
    value[key].as_array().map(Vec::as_slice).ok_or_else(|| lacks(key))
}

fn whole(case: &Value, key: &str) -> Result<usize, Unfit> {
    case[key].as_u64().map(|number| number as usize).ok_or_else(|| lacks(key))
}

fn number(case: &Value, key: &str) -> Result<f64, Unfit> {
    case[key].as_f64().ok_or_else(|| lacks(key))
}

fn flag(case: &Value, key: &str) -> Result<bool, Unfit> {
    case[key].as_bool().ok_or_else(|| lacks(key))
}

fn spans(case: &Value, key: &str) -> Result<Vec<[f64; 2]>, Unfit> {
    serde_json::from_value(case[key].clone()).map_err(|error| Unfit(format!("`{key}`: {error}")))
}

fn wholes(case: &Value, key: &str) -> Result<Vec<usize>, Unfit> {
    serde_json::from_value(case[key].clone()).map_err(|error| Unfit(format!("`{key}`: {error}")))
}
