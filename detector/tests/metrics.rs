//! The metrics against the numbers of the reference, and what must hold for any input.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use adatad_detector::metrics::{
    Counting, Evaluation, LabelledDetection, LabelledTruth, mean_average_precision, proposal_recall,
};
use proptest::num;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;

const CASES: &str = include_str!("fixtures/fn_map.json");
const TOLERANCE: f64 = 1e-9;

/// Annotation file, in part.
#[derive(Deserialize)]
struct Video {
    subset: String,
    annotations: Vec<Annotation>,
}

#[derive(Deserialize)]
struct Annotation {
    segment: [f64; 2],
    label: String,
    #[serde(default)]
    score: f64,
}

type Truths<'a> = Vec<(&'a str, Vec<LabelledTruth<'a>>)>;
type Detections<'a> = Vec<(&'a str, Vec<LabelledDetection<'a>>)>;

fn truths<'a>(database: &'a BTreeMap<String, Video>, subset: &str) -> Truths<'a> {
    let truth = |a: &'a Annotation| LabelledTruth { start: a.segment[0], end: a.segment[1], label: &a.label };
    let of_subset = database.iter().filter(|(_, video)| video.subset == subset);
    of_subset.map(|(name, video)| (name.as_str(), video.annotations.iter().map(truth).collect())).collect()
}

fn detections(results: &BTreeMap<String, Vec<Annotation>>) -> Detections<'_> {
    fn detection(a: &Annotation) -> LabelledDetection<'_> {
        LabelledDetection { start: a.segment[0], end: a.segment[1], label: &a.label, score: a.score }
    }
    results.iter().map(|(name, found)| (name.as_str(), found.iter().map(detection).collect())).collect()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect()
}

#[track_caller]
fn assert_close(ours: &[f64], theirs: &[f64], what: &str) {
    let close = ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() <= TOLERANCE);
    assert!(close, "{what}: {ours:?} for {theirs:?}");
}

#[test]
fn every_case_of_the_reference_comes_out_the_same() {
    let cases: Value = serde_json::from_str(CASES).unwrap();
    for case in cases["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        // The names of these videos are in order already, so a sorted map keeps the order of the file.
        let database = BTreeMap::<String, Video>::deserialize(&case["database"]).unwrap();
        let results = BTreeMap::<String, Vec<Annotation>>::deserialize(&case["results"]).unwrap();
        let blocked = Option::<Vec<String>>::deserialize(&case["blocked"]).unwrap().unwrap_or_default();
        let thresholds = numbers(&case["tiou_thresholds"]);
        let evaluation = Evaluation::new(
            &truths(&database, case["subset"].as_str().unwrap()),
            &detections(&results),
            &blocked.iter().map(String::as_str).collect(),
        );
        let expected = &case["stable"];

        let map = evaluation.average_precision(&thresholds);
        assert_close(&[map.average], &[expected["metrics"]["average_mAP"].as_f64().unwrap()], name);
        let classes: Vec<&str> = Deserialize::deserialize(&expected["classes"]).unwrap();
        assert_eq!(map.per_class.len(), classes.len(), "{name}");
        for (at, threshold) in thresholds.iter().enumerate() {
            let mean = expected["metrics"][format!("mAP@{threshold}")].as_f64().unwrap();
            assert_close(&[map.values[at]], &[mean], &format!("{name} at {threshold}"));
            let ours =
                classes.iter().map(|class| map.per_class.iter().find(|ours| ours.name == *class).unwrap().values[at]);
            assert_close(&ours.collect::<Vec<_>>(), &numbers(&expected["ap"][at]), &format!("{name} at {threshold}"));
        }
        assert_eq!(map.truths as u64, expected["truths"], "{name}");
        assert_eq!(map.detections as u64, expected["predictions"], "{name}");
        let never = results.iter().filter(|(video, _)| !blocked.contains(video));
        let never = never.flat_map(|(_, found)| found).filter(|found| found.label == "never_annotated").count();
        assert_eq!(map.unknown_labels["never_annotated"], never, "{name}");

        if let Some(multiples) = Option::<Vec<usize>>::deserialize(&case["top_k"]).unwrap() {
            let recall = evaluation.recall(&thresholds, &multiples);
            for (threshold, ours) in thresholds.iter().zip(recall.values) {
                let theirs = multiples.iter().map(|k| &expected["metrics"][format!("recall@{threshold}@{k}")]);
                let theirs: Vec<_> = theirs.map(|value| value.as_f64().unwrap()).collect();
                assert_close(&ours, &theirs, &format!("recall of {name} at {threshold}"));
            }
        }
    }
}

/// 42,400 real detections, scored by the evaluators of ActionFormer and OpenTAD.
#[test]
fn real_thumos_detections_score_what_the_reference_says() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if !shared.exists() {
        println!("skipped: ../shared is not here");
        return;
    }
    let read = |file: &str| std::fs::read_to_string(shared.join(file)).unwrap();
    #[derive(Deserialize)]
    struct Base {
        database: BTreeMap<String, Video>,
    }
    #[derive(Deserialize)]
    struct Results {
        results: BTreeMap<String, Vec<Annotation>>,
    }
    let base: Base = serde_json::from_str(&read("thumos14/thumos14_actionformer.json")).unwrap();
    let found: Results = serde_json::from_str(&read("predictions/actionformer_thumos14_i3d_results.json")).unwrap();
    let expected: Value =
        serde_json::from_str(&read("predictions/actionformer_thumos14_expected_metrics.json")).unwrap();
    let (truth, found) = (truths(&base.database, "Test"), detections(&found.results));

    let expected_all = &expected["actionformer_evaluator_212_videos"];
    let thresholds = numbers(&expected_all["tiou"]);
    let evaluation = Evaluation::new(&truth, &found, &BTreeSet::new());
    let map = evaluation.average_precision(&thresholds);
    assert_close(&map.values, &numbers(&expected_all["mAP"]), "mAP");
    assert_close(&[map.average], &numbers(&Value::from(vec![expected_all["avg"].clone()])), "average");
    assert_eq!((map.videos, map.detections), (212, 42_400));
    assert_eq!(map.truths as u64, expected_all["n_gt_after_dedup"]);
    for class in &map.per_class {
        assert_close(&class.values, &numbers(&expected_all["AP_per_class"][&class.name]), &class.name);
    }
    let recall = evaluation.recall(&thresholds, &[1, 5]);
    for (k, name) in ["recall@1x", "recall@5x"].into_iter().enumerate() {
        let ours: Vec<_> = recall.values.iter().map(|row| row[k]).collect();
        assert_close(&ours, &numbers(&expected_all[name]), name);
    }

    // Here the truth lacks a video and the detections do not: those count as wrong.
    let without: Vec<_> = truth.into_iter().filter(|(video, _)| *video != "video_test_0000270").collect();
    let expected = &expected["opentad_evaluator_211_videos (video_test_0000270 removed from GT only)"];
    let map = mean_average_precision(&without, &found, &thresholds);
    assert_close(&map.values, &numbers(&expected["mAP"]), "211 videos");
}

const LABELS: [&str; 4] = ["run", "jump", "swim", "swing"];
const VIDEOS: [&str; 4] = ["a", "b", "c", "d"];

/// Start, length, class and video.
fn any_action() -> impl Strategy<Value = (f64, f64, usize, usize)> {
    (0.0..100.0, 0.01..40.0, 0..LABELS.len(), 0..VIDEOS.len())
}

fn truths_of(actions: &[(f64, f64, usize, usize)]) -> Truths<'static> {
    let of = |video| {
        let here = actions.iter().filter(move |action| action.3 == video);
        here.map(|&(start, length, label, _)| LabelledTruth { start, end: start + length, label: LABELS[label] })
    };
    (0..VIDEOS.len()).map(|video| (VIDEOS[video], of(video).collect())).collect()
}

/// Each with a score of its own, so that no order decides.
fn detections_of(actions: &[(f64, f64, usize, usize)]) -> Detections<'static> {
    let score = |at: usize| 1.0 / (1.0 + ((at * 7919) % 104_729) as f64);
    let of = |video| {
        let here = actions.iter().enumerate().filter(move |(_, action)| action.3 == video);
        here.map(move |(at, &(start, length, label, _))| LabelledDetection {
            start,
            end: start + length,
            label: LABELS[label],
            score: score(at),
        })
    };
    (0..VIDEOS.len()).map(|video| (VIDEOS[video], of(video).collect())).collect()
}

proptest! {
    #[test]
    fn every_value_is_a_share_and_harder_thresholds_give_no_more(
        truth in prop::collection::vec(any_action(), 0..30),
        found in prop::collection::vec(any_action(), 0..60),
    ) {
        let evaluation = Evaluation::new(&truths_of(&truth), &detections_of(&found), &BTreeSet::new());
        let map = evaluation.average_precision(&[0.1, 0.5, 0.9]);
        let recall = evaluation.recall(&[0.1, 0.5, 0.9], &[1, 5]);
        let classes = map.per_class.iter().flat_map(|class| &class.values);
        let recalls = recall.per_class.iter().flat_map(|class| class.values.iter().flatten());
        for value in classes.chain(&map.values).chain(recalls).chain([&map.average]) {
            prop_assert!((0.0..=1.0).contains(value), "{value}");
        }
        for rows in recall.values.windows(2) {
            prop_assert!(rows[0][0] >= rows[1][0] && rows[0][1] >= rows[1][1]);
            prop_assert!(rows[0][0] <= rows[0][1]);
        }
    }

    #[test]
    fn the_order_of_the_videos_changes_nothing(
        truth in prop::collection::vec(any_action(), 1..30),
        found in prop::collection::vec(any_action(), 1..60),
        by in 0..VIDEOS.len(),
    ) {
        let (mut truth, mut found) = (truths_of(&truth), detections_of(&found));
        let before = mean_average_precision(&truth, &found, &[0.3, 0.7]);
        truth.rotate_left(by);
        found.reverse();
        prop_assert_eq!(mean_average_precision(&truth, &found, &[0.3, 0.7]), before);
    }

    #[test]
    fn the_truth_itself_scores_one(truth in prop::collection::vec(any_action(), 1..30)) {
        let (truth, found) = (truths_of(&truth), detections_of(&truth));
        let evaluation = Evaluation::new(&truth, &found, &BTreeSet::new());
        prop_assert_eq!(evaluation.average_precision(&[0.5, 0.95, 1.0]).values, vec![1.0; 3]);
        prop_assert_eq!(evaluation.recall(&[0.5, 1.0], &[1]).values, vec![vec![1.0]; 2]);
    }

    #[test]
    fn a_blocked_video_is_as_if_it_were_not_there(
        truth in prop::collection::vec(any_action(), 0..30),
        found in prop::collection::vec(any_action(), 0..60),
    ) {
        let (mut truth, mut found) = (truths_of(&truth), detections_of(&found));
        let blocked = Evaluation::new(&truth, &found, &BTreeSet::from(["b"])).average_precision(&[0.5]);
        truth.remove(1);
        found.remove(1);
        prop_assert_eq!(mean_average_precision(&truth, &found, &[0.5]), blocked);
    }

    #[test]
    fn no_number_stops_it(numbers in prop::collection::vec([num::f64::ANY; 5], 0..20), threshold in num::f64::ANY) {
        let truth = numbers.iter().map(|n| LabelledTruth { start: n[0], end: n[1], label: "run" }).collect();
        let found = numbers.iter().map(|n| LabelledDetection { start: n[2], end: n[3], label: "run", score: n[4] });
        let evaluation = Evaluation::new(&[("v", truth)], &[("v", found.collect())], &BTreeSet::new());
        prop_assert!((0.0..=1.0).contains(&evaluation.average_precision(&[threshold]).average));
        prop_assert!((0.0..=1.0).contains(&evaluation.recall(&[threshold], &[1, usize::MAX]).values[0][1]));
    }
}

#[test]
fn any_number_of_detections_can_be_scored() {
    let truth = vec![(
        "a",
        (0..50).map(|at| LabelledTruth { start: at.into(), end: f64::from(at) + 0.5, label: "run" }).collect(),
    )];
    let row = |at: i32| LabelledDetection {
        start: f64::from(at % 60),
        end: f64::from(at % 60) + 0.5,
        label: "run",
        // Equal ones in plenty, and some without bounds.
        score: if at % 1000 == 0 { f64::INFINITY } else { f64::from(at % 7) },
    };
    for count in [0, 1, 2000, 1_000_000] {
        let found = [("a", (0..count).map(row).collect())];
        let evaluation = Evaluation::new(&truth, &found, &BTreeSet::new());
        let (map, recall) = (evaluation.average_precision(&[0.5, 0.9]), evaluation.recall(&[0.5], &[1]));
        assert_eq!(map.detections, count as usize);
        assert!((0.0..=1.0).contains(&map.average) && (0.0..=1.0).contains(&recall.values[0][0]));
        assert_eq!(map.average > 0.0, count > 0);
    }
}

proptest! {
    #[test]
    fn wrong_detections_behind_all_others_change_nothing(
        truth in prop::collection::vec(any_action(), 1..30),
        found in prop::collection::vec(any_action(), 1..60),
        more in 1_usize..50,
    ) {
        let (truth, mut found) = (truths_of(&truth), detections_of(&found));
        let before = mean_average_precision(&truth, &found, &[0.3, 0.7]);
        let wrong = LabelledDetection { start: 500.0, end: 501.0, label: "run", score: -1.0 };
        found[0].1.extend(std::iter::repeat_n(wrong, more));
        let after = mean_average_precision(&truth, &found, &[0.3, 0.7]);
        prop_assert_eq!(after.per_class, before.per_class);
    }

    #[test]
    fn recall_of_proposals_is_a_share_that_grows_with_their_number(
        truth in prop::collection::vec(any_action(), 0..30),
        found in prop::collection::vec(any_action(), 0..60),
        most in 1_usize..40,
    ) {
        let (truth, found) = (truths_of(&truth), detections_of(&found));
        let recall = proposal_recall(Counting::Distinct, &truth, &found, &BTreeSet::new(), &[0.3, 0.7], most);
        prop_assert!(recall.average.is_sorted() && recall.average.len() == most);
        prop_assert!(recall.average.iter().chain([&recall.auc]).all(|value| (0.0..=1.0).contains(value)), "{:?}", recall);
    }
}
