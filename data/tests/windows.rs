//! Windows against numbers of the reference implementation (`fixtures/fn_windows.json`, made by running OpenTAD), and
//! properties that hold for every video.

#![cfg(test)]

use std::path::{Path, PathBuf};

use adatad_data::annotation::Annotations;
use adatad_data::window::reference::{Comparison, TOLERANCE, compare};
use adatad_data::window::{Grid, Resize, Sliding, SlidingConfig, Timeline, TruncationConfig, Truth};
use proptest::prelude::*;

/// The parts of the fixture file that hold cases, and how many cases each one holds.
const CASES: [(&str, usize); 4] = [("sliding", 12), ("padding", 6), ("frames", 8), ("random_trunc", 5)];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/fn_windows.json")
}

fn grid(window_size: usize, snippet_stride: usize, scale_factor: usize) -> Grid {
    Grid { window_size, feature_stride: snippet_stride, sample_stride: 1, scale_factor, offset_frames: 0 }
}

fn line(frames: usize) -> Timeline {
    Timeline { video: 0, name: "v".into(), frames, decoded: frames, fps: 30.0, duration: frames as f64 / 30.0 }
}

#[test]
fn every_case_of_the_reference_is_reproduced() {
    let mut compared = 0;
    let counts = compare(&fixture(), &mut |Comparison { what, found, expected }| {
        assert_eq!(found.len(), expected.len(), "{what}");
        for (found, expected) in found.iter().zip(&expected) {
            let error = (found - expected).abs();
            assert!(error <= TOLERANCE * expected.abs(), "{what}: found {found}, expected {expected}");
        }
        compared += 1;
    });
    assert_eq!(counts.unwrap(), CASES);
    assert!(compared > 500, "{compared} comparisons");
}

#[test]
fn a_reference_with_another_number_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fn_windows.json");
    let text = std::fs::read_to_string(fixture()).unwrap();
    let differ = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let mut differ = 0;
        compare(&path, &mut |c| differ += usize::from(c.found != c.expected)).map(|_| differ)
    };
    let as_it_is = differ(&text).unwrap();
    let valid = text.rfind("\"valid\":").unwrap() + "\"valid\":".len();
    assert_eq!(differ(&format!("{}9{}", &text[..valid], &text[valid..])).unwrap(), as_it_is + 1);
    assert!(differ(&text.replace("\"padding\"", "\"pading\"")).is_err());
}

#[test]
fn the_reference_pads_exactly_the_training_videos_with_actions() {
    let json: serde_json::Value = serde_json::from_slice(&std::fs::read(fixture()).unwrap()).unwrap();
    let annotations = Annotations::load(fixture()).unwrap();
    let training = annotations.subset("training").unwrap();
    let names: Vec<_> = training.iter().filter(|entry| !entry.actions.is_empty()).map(|entry| &entry.name).collect();
    let cases = json["padding"].as_array().unwrap();
    let padded: Vec<_> = cases.iter().map(|case| case["video"].as_str().unwrap()).collect();
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
