//! Results of windows merged into results of a video, against the numbers of the reference.

#![cfg(test)]

use std::collections::BTreeMap;

use adatad_detector::merge::merge;
use adatad_detector::segment::Detection;
use adatad_detector::suppression::{Method, Suppression};
use proptest::num;
use proptest::prelude::*;
use serde::Deserialize;

const CASES: &str = include_str!("fixtures/fn_merge.json");

#[derive(Deserialize)]
struct Cases {
    inputs: BTreeMap<String, Vec<Found>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    nms: Arguments,
    results: BTreeMap<String, Vec<Found>>,
}

/// The reference's arguments.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    use_soft_nms: bool,
    sigma: f64,
    max_seg_num: usize,
    multiclass: bool,
    voting_thresh: f64,
    #[serde(default)]
    min_score: f64,
}

#[derive(Deserialize)]
struct Found {
    segment: [f64; 2],
    label: String,
    score: f64,
}

/// Labels become numbers by their letter: which number must not matter.
fn read(found: &[Found]) -> Vec<Detection> {
    let number = |label: &str| usize::from(label.as_bytes()[0]);
    let read =
        |f: &Found| Detection { start: f.segment[0], end: f.segment[1], label: number(&f.label), score: f.score };
    found.iter().map(read).collect()
}

/// Best first; equal scores, which may come in either order, by place.
fn in_order(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| {
        let by_place = a.start.total_cmp(&b.start).then(a.end.total_cmp(&b.end)).then(a.label.cmp(&b.label));
        b.score.total_cmp(&a.score).then(by_place)
    });
    found
}

#[test]
fn every_case_of_the_reference_comes_out_the_same() {
    let Cases { inputs, cases } = serde_json::from_str(CASES).unwrap();
    for Case { nms, results } in cases {
        assert!(nms.use_soft_nms);
        let suppression = Suppression {
            method: Method::Gaussian { sigma: nms.sigma },
            max_segments: nms.max_seg_num,
            min_score: nms.min_score,
            class_agnostic: !nms.multiclass,
            voting_threshold: Some(nms.voting_thresh),
            class_voting: false,
        };
        assert_eq!(results.len(), inputs.len());
        for (video, expected) in results {
            let merged = merge(&read(&inputs[&video]), &suppression);
            assert!(merged.is_sorted_by(|a, b| a.score >= b.score), "{video}: best first");
            // To the last digit: what is rounded to decimals is equal or wrong.
            assert_eq!(in_order(merged), in_order(read(&expected)), "{video}, {suppression:?}");
        }
    }
}

fn any_detection() -> impl Strategy<Value = Detection> {
    (0_u32..5000, 0_u32..2000, 0_usize..3, 0_u32..=10_000).prop_map(|(start, length, label, score)| Detection {
        start: f64::from(start) / 100.0,
        end: f64::from(start + length) / 100.0,
        label,
        score: f64::from(score) / 10_000.0,
    })
}

proptest! {
    #[test]
    fn merging_moves_nothing_and_raises_no_score(found in prop::collection::vec(any_detection(), 0..60)) {
        let merged = merge(&found, &Suppression::thumos());
        prop_assert_eq!(merged.len(), found.len());
        for result in merged {
            let source = |f: &Detection| (f.start, f.end, f.label) == (result.start, result.end, result.label);
            prop_assert!(found.iter().any(|f| source(f) && f.score >= result.score), "{result:?}");
        }
    }

    #[test]
    fn no_number_stops_it(numbers in prop::collection::vec([num::f64::ANY; 3], 0..20)) {
        let found = numbers.iter().map(|n| Detection { start: n[0], end: n[1], label: 0, score: n[2] });
        let merged = merge(&found.collect::<Vec<_>>(), &Suppression::thumos());
        prop_assert!(merged.iter().all(|d| d.start.is_finite() && d.end.is_finite() && d.score.is_finite()));
    }
}
