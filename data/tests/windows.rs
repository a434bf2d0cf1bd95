//! Windows against numbers of the reference implementation (`fixtures/fn_windows.json`, made by running OpenTAD), and
//! properties that hold for every video.

#![cfg(test)]

use std::path::Path;

use adatad_data::annotation::{Annotations, VideoEntry};
use adatad_data::classes::ClassList;
use adatad_data::window::{
    Conversion, Grid, Resize, Sliding, SlidingConfig, Timeline, Timing, TruncationConfig, Truth, TruthRule, Window,
};
use proptest::prelude::*;
use serde_json::Value;

/// The parts of the fixture file that hold cases, and how many cases each one holds.
const CASES: [(&str, usize); 4] = [("sliding", 12), ("padding", 6), ("frames", 8), ("random_trunc", 5)];

struct Fixture {
    json: Value,
    annotations: Annotations,
    classes: ClassList,
}

impl Fixture {
    fn load() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fn_windows.json");
        let json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let classes = json["class_map"].as_array().unwrap().iter().map(|label| label.as_str().unwrap());
        let classes = ClassList::new(classes).unwrap();
        // The file holds a `database` as an annotation file does, with more keys beside it.
        Self { annotations: Annotations::load(&path).unwrap(), classes, json }
    }

    fn cases(&self, part: &str) -> &[Value] {
        self.json[part].as_array().unwrap()
    }

    fn truth(&self, entry: &VideoEntry, line: &Timeline, grid: &Grid, filter_gt: bool) -> Vec<Truth> {
        let ignored = vec!["Ambiguous".to_string()];
        let rule = TruthRule { conversion: Conversion::ByShare, filter_gt, ignored };
        rule.in_frames(entry, line, grid, &self.classes).unwrap()
    }
}

fn whole(case: &Value, key: &str) -> usize {
    case[key].as_u64().unwrap_or_else(|| panic!("{key} of {case}")) as usize
}

fn number(case: &Value, key: &str) -> f64 {
    case[key].as_f64().unwrap_or_else(|| panic!("{key} of {case}"))
}

fn spans(case: &Value, key: &str) -> Vec<[f64; 2]> {
    serde_json::from_value(case[key].clone()).unwrap()
}

fn wholes(case: &Value, key: &str) -> Vec<usize> {
    serde_json::from_value(case[key].clone()).unwrap()
}

fn grid(window_size: usize, snippet_stride: usize, scale_factor: usize) -> Grid {
    Grid { window_size, feature_stride: snippet_stride, sample_stride: 1, scale_factor, offset_frames: 0 }
}

fn line(frames: usize) -> Timeline {
    Timeline { video: 0, name: "v".into(), frames, decoded: frames, fps: 30.0, duration: frames as f64 / 30.0 }
}

fn assert_close(found: f64, expected: f64, what: &str) {
    let error = (found - expected).abs();
    assert!(error <= 1e-6 * expected.abs(), "{what}: found {found}, expected {expected}");
}

fn assert_truth(found: &[Truth], segments: &[[f64; 2]], labels: &[usize], what: &str) {
    assert_eq!(found.iter().map(|truth| truth.class).collect::<Vec<_>>(), labels, "{what}");
    assert_eq!(found.len(), segments.len(), "{what}");
    for (truth, [start, end]) in found.iter().zip(segments) {
        assert_close(truth.start, *start, what);
        assert_close(truth.end, *end, what);
    }
}

/// The frame and rate of a window, with the first and last of its cells.
fn stretch(window: &Window) -> (usize, f64, usize, usize) {
    let Timing::Stretch { fps, snippet_stride, window_start_frame, .. } = window.timing else {
        panic!("a sliding window is a stretch");
    };
    let first = window_start_frame / snippet_stride;
    (window_start_frame, fps, first, first + window.mask_valid - 1)
}

fn sliding(fixture: &Fixture, case: &Value) {
    let grid = Grid {
        window_size: whole(case, "window_size"),
        feature_stride: whole(case, "feature_stride"),
        sample_stride: whole(case, "sample_stride"),
        scale_factor: 1,
        offset_frames: whole(case, "offset_frames"),
    };
    let completeness = Some(number(case, "ioa_thresh")).filter(|share| *share > 0.0);
    let overlap = number(case, "overlap");
    let sliding = SlidingConfig { grid, overlap, completeness, cover_tail: false }.build().unwrap();
    let blocked: Vec<String> = serde_json::from_value(case["blocked"].clone()).unwrap();
    let (test_mode, filter_gt) = (case["test_mode"].as_bool().unwrap(), case["filter_gt"].as_bool().unwrap());

    let mut windows = Vec::new();
    for (video, entry) in fixture.annotations.videos().iter().enumerate() {
        if !blocked.contains(&entry.name) {
            let line = Timeline::new(video, entry, None, None).unwrap();
            let truth = (!test_mode).then(|| fixture.truth(entry, &line, &grid, filter_gt));
            windows.extend(sliding.cut(&line, truth.as_deref()));
        }
    }

    let expected = case["windows"].as_array().unwrap();
    assert_eq!(windows.len(), expected.len(), "number of windows");
    for (number_of, (window, expected)) in windows.iter().zip(expected).enumerate() {
        let what = format!("window {number_of} of {}", window.name);
        assert_eq!(window.name, expected["video"], "{what}");
        assert_eq!(fixture.annotations.videos()[window.video].name, window.name);
        let (start_frame, fps, first, last) = stretch(window);
        assert_eq!(start_frame, whole(expected, "start_frame"), "{what}");
        assert_eq!((first, last), (whole(expected, "first"), whole(expected, "last")), "{what}");
        assert_close(fps, number(expected, "fps"), &what);
        if test_mode {
            assert!(expected["gt_segments"].is_null() && window.truth.is_empty());
        } else {
            assert_truth(&window.truth, &spans(expected, "gt_segments"), &wholes(expected, "gt_labels"), &what);
        }
    }
}

fn padding(fixture: &Fixture, case: &Value) {
    let grid = Grid { offset_frames: whole(case, "offset_frames"), ..grid(768, whole(case, "snippet_stride"), 1) };
    let name = case["video"].as_str().unwrap();
    let entry = fixture.annotations.video(name).unwrap();
    let line = Timeline::new(0, entry, None, None).unwrap();
    let truth = fixture.truth(entry, &line, &grid, false);
    let truth: Vec<_> = truth.iter().map(|truth| grid.steps(truth, 0)).collect();
    assert_close(line.fps, number(case, "fps"), name);
    assert_truth(&truth, &spans(case, "gt_segments"), &wholes(case, "gt_labels"), name);
}

fn frames(case: &Value) {
    let (total, scale_factor) = (whole(case, "total_frames"), whole(case, "scale_factor"));
    let plan = match case["method"].as_str().unwrap() {
        "sliding_window" => {
            let grid = grid(whole(case, "window_size"), whole(case, "snippet_stride"), scale_factor);
            let (plan, valid) = grid.frames(whole(case, "first"), whole(case, "last"), total).unwrap();
            assert_eq!(valid, whole(case, "valid"));
            assert_eq!(plan.len(), whole(case, "clip_len"));
            plan
        }
        "resize" => {
            let line = Timeline { duration: number(case, "duration"), ..line(total) };
            let truth = spans(case, "gt_in").into_iter().map(|[start, end]| Truth { start, end, class: 0 });
            let truth: Vec<_> = truth.collect();
            let resize = Resize::new(whole(case, "resize_length"), scale_factor).unwrap();
            let window = resize.window(&line, &truth);
            assert_truth(&window.truth, &spans(case, "gt_out"), &vec![0; truth.len()], "resize");
            assert_eq!(window.mask_valid, whole(case, "resize_length"));
            window.frames
        }
        other => panic!("unknown method {other}"),
    };
    assert_eq!(plan.indices().collect::<Vec<_>>(), wholes(case, "frame_inds"));
}

fn random_trunc(case: &Value) {
    let grid = grid(whole(case, "trunc_len"), whole(case, "snippet_stride"), whole(case, "scale_factor"));
    let crop_ratio = serde_json::from_value(case["crop_ratio"].clone()).unwrap();
    let config = TruncationConfig { grid, crop_ratio, trunc_thresh: number(case, "trunc_thresh") };
    let to_frames = |[start, end]: [f64; 2], class| {
        let stride = grid.snippet_stride() as f64;
        Truth { start: start * stride, end: end * stride, class }
    };
    let truth = spans(case, "gt_segments").into_iter().zip(wholes(case, "gt_labels"));
    let truth: Vec<_> = truth.map(|(span, class)| to_frames(span, class)).collect();

    let draws: Vec<[usize; 3]> = serde_json::from_value(case["draws_lo_hi_value"].clone()).unwrap();
    let mut rest = draws.into_iter();
    let mut replay = |low, high| {
        let [expected_low, expected_high, value] = rest.next().expect("no more draws than the reference made");
        assert_eq!((low, high), (expected_low, expected_high), "range of a draw");
        value
    };
    let window = config.build().unwrap().draw(&line(whole(case, "total_frames")), &truth, &mut replay);
    assert_eq!(rest.next(), None, "as many draws as the reference made");

    assert_truth(&window.truth, &spans(case, "out_segments"), &wholes(case, "out_labels"), "random_trunc");
    assert_eq!(window.frames.index(0), whole(case, "first_frame"));
    assert_eq!(window.frames.indices().max(), Some(whole(case, "last_frame")));
    assert_eq!(window.mask_valid, whole(case, "valid"));
    assert_eq!(window.frames.len(), grid.window_frames());
}

#[test]
fn every_case_of_the_reference_is_reproduced() {
    let fixture = Fixture::load();
    let parts: Vec<_> = fixture.json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut known: Vec<_> = CASES.iter().map(|(part, _)| *part).chain(["database", "class_map"]).collect();
    known.sort_unstable();
    assert_eq!(parts, known, "a part of the file without a test");
    for (part, count) in CASES {
        let mut checked = 0;
        for case in fixture.cases(part) {
            match part {
                "sliding" => sliding(&fixture, case),
                "padding" => padding(&fixture, case),
                "frames" => frames(case),
                _ => random_trunc(case),
            }
            checked += 1;
        }
        assert_eq!(checked, count, "cases of {part}");
    }
}

#[test]
fn the_reference_pads_exactly_the_training_videos_with_actions() {
    let fixture = Fixture::load();
    let training = fixture.annotations.subset("training").unwrap();
    let names: Vec<_> = training.iter().filter(|entry| !entry.actions.is_empty()).map(|entry| &entry.name).collect();
    let padded: Vec<_> = fixture.cases("padding").iter().map(|case| case["video"].as_str().unwrap()).collect();
    assert_eq!(names, padded);
}

prop_compose! {
    fn any_grid()(
        window_size in 1usize..40,
        scale_factor in 1usize..5,
        frame_stride in 1usize..5,
    ) -> Grid {
        grid(window_size, scale_factor * frame_stride, scale_factor)
    }
}

fn any_sliding(cover_tail: bool) -> impl Strategy<Value = (Grid, Sliding)> {
    (any_grid(), 0.0f64..1.0, proptest::option::of(0.0f64..0.99)).prop_filter_map(
        "an overlap that moves",
        move |(grid, overlap, completeness)| {
            let config = SlidingConfig { grid, overlap, completeness, cover_tail };
            config.build().ok().map(|sliding| (grid, sliding))
        },
    )
}

fn any_truth() -> impl Strategy<Value = Vec<Truth>> {
    let one = (0.0f64..2000.0, 0.0f64..200.0, 0usize..5);
    proptest::collection::vec(one.prop_map(|(start, length, class)| Truth { start, end: start + length, class }), 0..8)
}

proptest! {
    // A failing case belongs into a test of its own, not into a file of seeds.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    #[test]
    fn with_cover_tail_every_cell_is_in_a_window_and_no_window_comes_twice(
        (grid, sliding) in any_sliding(true), frames in 1usize..3000,
    ) {
        let cells = grid.cells(frames);
        let positions = sliding.positions(cells);
        let mut seen = vec![false; cells];
        for &(first, last) in &positions {
            prop_assert!(first <= last && last < cells && last - first < grid.window_size);
            seen[first..=last].fill(true);
        }
        prop_assert!(seen.into_iter().all(|seen| seen));
        prop_assert!(positions.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn cover_tail_only_adds_a_tail_or_takes_a_copy_away(
        (grid, sliding) in any_sliding(false), overlap in 0.0f64..1.0, frames in 1usize..3000,
    ) {
        let cells = grid.cells(frames);
        let config = SlidingConfig { grid, overlap, completeness: None, cover_tail: true };
        if let Ok(covering) = config.build() {
            let as_there = SlidingConfig { cover_tail: false, ..config }.build().unwrap();
            let mut reference = as_there.positions(cells);
            reference.dedup();
            prop_assert!(covering.positions(cells).starts_with(&reference));
        }
        prop_assert!(!sliding.positions(cells).is_empty());
    }

    #[test]
    fn frames_of_a_window_are_of_the_video_and_repeat_only_behind_the_mask(
        (grid, sliding) in any_sliding(true), frames in 1usize..3000, missing in 0usize..50,
    ) {
        let line = Timeline { decoded: frames.saturating_sub(missing).max(1), ..line(frames) };
        for window in sliding.cut(&line, None) {
            let indices: Vec<_> = window.frames.indices().collect();
            prop_assert_eq!(indices.len(), grid.window_frames());
            prop_assert!(indices.iter().all(|&index| index < line.decoded));
            prop_assert!((1..=grid.window_size).contains(&window.mask_valid));
            prop_assert_eq!(window.mask().filter(|valid| *valid).count(), window.mask_valid);
            let mut different = indices.clone();
            different.dedup();
            prop_assert!(different.windows(2).all(|pair| pair[0] + grid.frame_stride() == pair[1]));
            prop_assert!(indices[different.len() - 1..].iter().all(|index| different.last() == Some(index)));
            prop_assert!(window.mask_valid * grid.scale_factor <= different.len() || window.mask_valid == 1);
        }
    }

    #[test]
    fn cut_actions_lie_inside_their_window(
        (grid, sliding) in any_sliding(true), frames in 1usize..3000, truth in any_truth(),
    ) {
        for window in sliding.cut(&line(frames), Some(&truth)) {
            prop_assert!(!window.truth.is_empty());
            prop_assert!(window.truth.iter().all(|truth| truth.class < 5));
            let cut = window.truth.iter().all(|truth| 0.0 <= truth.start && truth.end <= (grid.window_size - 1) as f64);
            let uncut = window.truth.len() == truth.len();
            prop_assert!(cut || uncut);
        }
    }

    #[test]
    fn a_drawn_piece_holds_its_actions(grid in any_grid(), frames in 1usize..3000, truth in any_truth(), seed in 0u64..9) {
        let truncation = TruncationConfig { grid, crop_ratio: (0.9, 1.0), trunc_thresh: 0.5 }.build().unwrap();
        let mut rng = adatad_data::random::Rng::new(seed, adatad_data::random::Stream::Window, 0, 0);
        let window = truncation.draw(&line(frames), &truth, &mut |low, high| rng.integer(low, high));
        prop_assert!(window.frames.indices().all(|index| index < frames));
        prop_assert!((1..=grid.window_size).contains(&window.mask_valid));
        let whole_video = window.truth.len() == truth.len() && window.frames.index(0) == 0;
        let inside = window.truth.iter().all(|t| t.start >= 0.0 && t.end <= grid.window_size as f64 + 1e-9);
        prop_assert!(inside || whole_video);
    }

    #[test]
    fn a_resized_video_shows_its_frames_in_order(length in 1usize..200, scale in 1usize..5, frames in 1usize..3000) {
        let window = Resize::new(length, scale).unwrap().window(&line(frames), &[]);
        let indices: Vec<_> = window.frames.indices().collect();
        prop_assert_eq!(indices.len(), length * scale);
        prop_assert!(indices.is_sorted() && indices.iter().all(|&index| index < frames));
    }
}
