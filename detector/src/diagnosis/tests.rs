//! Errors made on purpose, and what is said of them.

use super::*;
use crate::metrics::{LabelledDetection, LabelledTruth};
use proptest::prelude::*;
use std::collections::BTreeSet;

type Truths = Vec<(&'static str, Vec<LabelledTruth<'static>>)>;
type Found = Vec<(&'static str, Vec<LabelledDetection<'static>>)>;

fn truth(start: f64, end: f64, label: &'static str) -> LabelledTruth<'static> {
    LabelledTruth { start, end, label }
}

fn detection(start: f64, end: f64, label: &'static str, score: f64) -> LabelledDetection<'static> {
    LabelledDetection { start, end, label, score }
}

fn diagnosed(truth: &Truths, found: &Found, thresholds: &[f64]) -> Diagnosis {
    let evaluation = Evaluation::new(truth, found, &BTreeSet::new());
    diagnose(&evaluation, &BTreeMap::from([("v", 100.0)]), thresholds, &Bins::thumos())
}

#[test]
fn every_kind_of_error_is_told_apart() {
    let truth = vec![("v", vec![truth(0.0, 10.0, "run"), truth(20.0, 30.0, "hop"), truth(60.0, 70.0, "run")])];
    let found = vec![(
        "v",
        vec![
            detection(0.0, 10.0, "run", 0.9),  // right
            detection(0.5, 10.0, "run", 0.8),  // once more
            detection(20.0, 30.0, "run", 0.7), // that is a hop
            detection(60.0, 64.0, "run", 0.6), // overlaps by 0.4
            detection(20.0, 24.0, "run", 0.5), // that is a hop, and overlaps by 0.4
            detection(80.0, 90.0, "run", 0.4), // nothing is there
        ],
    )];
    let diagnosis = diagnosed(&truth, &found, &[0.5]);
    let shares = |g: usize| {
        let Group { multiple, detections, shares } = &diagnosis.profile[g];
        assert_eq!((*multiple, *detections), (g + 1, 2));
        *shares
    };
    let half = 0.5;
    assert_eq!(shares(0), Shares { true_positive: half, double_detection: half, ..Shares::default() });
    assert_eq!(shares(1), Shares { wrong_label: half, localization: half, ..Shares::default() });
    assert_eq!(shares(2), Shares { confusion: half, background: half, ..Shares::default() });
    assert_eq!(diagnosis.profile.len(), 10);
    assert_eq!(diagnosis.profile[3].detections, 0);
}

#[test]
fn without_an_error_what_comes_after_it_moves_up() {
    let truth = vec![("v", vec![truth(0.0, 10.0, "run")])];
    let found = vec![("v", vec![detection(50.0, 60.0, "run", 0.9), detection(0.0, 10.0, "run", 0.8)])];
    let diagnosis = diagnosed(&truth, &found, &[0.5]);
    assert_eq!((diagnosis.map, diagnosis.normalised_map), (0.5, 0.5));
    for Gain { error, map, .. } in diagnosis.gains {
        assert_eq!(map, if error == Outcome::Background { 0.5 } else { 0.0 }, "{error:?}");
    }
}

#[test]
fn an_action_of_two_classes_is_of_the_one_that_was_asked_for() {
    let truth = vec![("v", vec![truth(0.0, 10.0, "hop"), truth(0.0, 10.0, "run")])];
    for label in ["hop", "run"] {
        let found = vec![("v", vec![detection(0.0, 10.0, label, 0.9), detection(0.0, 10.0, label, 0.8)])];
        let second = &diagnosed(&truth, &found, &[0.5]).profile[1].shares;
        assert_eq!(second.double_detection, 1.0, "{label}");
    }
}

#[test]
fn short_and_long_actions_are_judged_apart() {
    let truth = vec![("v", vec![truth(0.0, 2.0, "run"), truth(10.0, 12.0, "run"), truth(40.0, 60.0, "run")])];
    // A wrong one, then the long action, then one of the short ones.
    let rows = [(80.0, 90.0, 0.9), (40.0, 60.0, 0.8), (0.0, 2.0, 0.7)];
    let found = vec![("v", rows.map(|(start, end, score)| detection(start, end, "run", score)).to_vec())];
    let diagnosis = diagnosed(&truth, &found, &[0.5]);
    let [xs, s, m, l, xl] = &diagnosis.length[..] else { panic!("five sizes") };
    assert_eq!([xs, s, m, l, xl].map(|bin| bin.truths), [2, 0, 0, 0, 1]);
    assert_eq!([&xs.name, &xl.name], ["XS", "XL"]);
    // 3 actions per class. Short: half of the recall at precision 1.5 / (1.5 + 1). Long: all of it at 3 / (3 + 1).
    assert!((xs.normalised_map.unwrap() - 0.5 * 1.5 / 2.5).abs() < 1e-12);
    assert_eq!(xl.normalised_map, Some(0.75));
    assert_eq!((xs.false_negative_rate, xl.false_negative_rate, s.false_negative_rate), (Some(0.5), Some(0.0), None));
    assert!((diagnosis.false_negative_rate - 1.0 / 3.0).abs() < 1e-12);
    // 2 and 20 of 100 seconds; three actions in the video.
    assert_eq!(diagnosis.coverage.iter().map(|bin| bin.truths).collect::<Vec<_>>(), [2, 0, 0, 0, 1]);
    assert_eq!(diagnosis.count.iter().map(|bin| bin.truths).collect::<Vec<_>>(), [0, 3, 0, 0]);
}

#[test]
fn what_is_found_among_too_many_errors_is_missed() {
    let truth = vec![("v", vec![truth(0.0, 10.0, "run")])];
    let mut rows: Vec<_> = (0..20).map(|at| detection(50.0, 60.0, "run", 0.9 - f64::from(at) * 0.01)).collect();
    rows.push(detection(0.0, 10.0, "run", 0.1));
    // Precision 1 / 21, below 0.05; one error less, and it is 1 / 20, which is not above it either.
    assert_eq!(diagnosed(&truth, &vec![("v", rows.clone())], &[0.5]).false_negative_rate, 1.0);
    assert_eq!(diagnosed(&truth, &vec![("v", rows[1..].to_vec())], &[0.5]).false_negative_rate, 1.0);
    assert_eq!(diagnosed(&truth, &vec![("v", rows[2..].to_vec())], &[0.5]).false_negative_rate, 0.0);
}

#[test]
fn without_durations_there_is_no_coverage() {
    let truth = vec![("w", vec![truth(0.0, 10.0, "run")])];
    let diagnosis = diagnosed(&truth, &vec![], &[0.5]);
    assert_eq!((diagnosis.coverage.len(), diagnosis.length.len()), (0, 5));
    assert_eq!(diagnosis.false_negative_rate, 1.0);
}

#[test]
fn even_bins_hold_equally_many() {
    let truth = vec![("v", (1..=10).map(|at| truth(0.0, f64::from(at), "run")).collect::<Vec<_>>())];
    let evaluation = Evaluation::new(&truth, &[], &BTreeSet::new());
    let durations = BTreeMap::from([("v", 10.0)]);
    let bins = Bins::even(&evaluation, &durations);
    assert_eq!((bins.length, bins.coverage), ([2.0, 4.0, 6.0, 8.0], [0.2, 0.4, 0.6, 0.8]));
    let diagnosis = diagnose(&evaluation, &durations, &[0.5], &bins);
    assert!(diagnosis.length.iter().chain(&diagnosis.coverage).all(|bin| bin.truths == 2));
}

#[test]
fn it_can_be_written_and_read() {
    let truth = vec![("v", vec![truth(0.0, 10.0, "run")])];
    let diagnosis = diagnosed(&truth, &vec![("v", vec![detection(0.0, 9.0, "run", 0.5)])], &[0.3, 0.5]);
    let text = serde_json::to_string(&diagnosis).unwrap();
    assert!(text.contains("\"error\":\"double-detection\""), "{text}");
    assert_eq!(serde_json::from_str::<Diagnosis>(&text).unwrap(), diagnosis);
}

const LABELS: [&str; 3] = ["run", "hop", "swim"];

proptest! {
    #[test]
    fn shares_add_up_and_no_error_helps(
        truths in prop::collection::vec((0.0..80.0, 0.5..20.0, 0_usize..3), 0..20),
        rows in prop::collection::vec((0.0..80.0, 0.5..20.0, 0_usize..3, 0.0..1.0), 0..60),
    ) {
        let truth = vec![("v", truths.iter().map(|&(start, length, class)| truth(start, start + length, LABELS[class])).collect())];
        let row = |&(start, length, class, score): &(f64, f64, usize, f64)| detection(start, start + length, LABELS[class], score);
        let found = vec![("v", rows.iter().map(row).collect())];
        let thresholds = [0.3, 0.5, 0.7];
        let diagnosis = diagnosed(&truth, &found, &thresholds);
        let evaluation = Evaluation::new(&truth, &found, &BTreeSet::new());
        prop_assert!((diagnosis.map - evaluation.average_precision(&thresholds).average).abs() < 1e-9);
        for Group { detections, shares, .. } in &diagnosis.profile {
            let sum: f64 = Outcome::ERRORS.iter().map(|&error| shares.of(error)).sum::<f64>() + shares.true_positive;
            let whole = if *detections > 0 { 1.0 } else { 0.0 };
            prop_assert!((sum - whole).abs() < 1e-9);
        }
        for gain in &diagnosis.gains {
            prop_assert!(gain.map >= -1e-12 && gain.normalised_map >= -1e-12, "{gain:?}");
        }
        let all: usize = diagnosis.length.iter().map(|bin| bin.truths).sum();
        prop_assert_eq!(all, evaluation.average_precision(&thresholds).truths);
        for bin in diagnosis.length.iter().chain(&diagnosis.coverage).chain(&diagnosis.count) {
            for value in bin.normalised_map.iter().chain(&bin.false_negative_rate) {
                prop_assert!((-1e-12..=1.0 + 1e-12).contains(value), "{bin:?}");
            }
        }
    }
}
