//! Suppression against the numbers of the reference, and what must hold for any input.

use adatad_detector::segment::Segment;
use adatad_detector::suppression::{Method, Suppression};
use proptest::prelude::*;
use safetensors::SafeTensors;
use serde_json::Value;

const CASES: &str = include_str!("fixtures/fn_nms.json");
const NUMBERS: &[u8] = include_bytes!("fixtures/fn_nms.safetensors");

/// Relative to the largest number of its column, as the fixtures allow where they give no bound of their own.
const TOLERANCE: f64 = 1e-6;

/// `NAME.segments`, `NAME.scores` and `NAME.labels` of the fixture.
fn rows(tensors: &SafeTensors, name: &str) -> Vec<Segment> {
    let floats = |part: &str| -> Vec<f32> {
        let data = tensors.tensor(&format!("{name}.{part}")).unwrap();
        data.data().chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    };
    let labels = tensors.tensor(&format!("{name}.labels")).unwrap();
    let labels = labels.data().chunks_exact(8).map(|eight| u64::from_le_bytes(eight.try_into().unwrap()) as usize);
    let (times, scores) = (floats("segments"), floats("scores"));
    (times.chunks_exact(2).zip(scores).zip(labels))
        .map(|((time, score), label)| Segment { start: time[0], end: time[1], label, score })
        .collect()
}

/// The reference's arguments as our config.
fn config(args: &Value) -> Suppression {
    let number = |key: &str| args[key].as_f64().unwrap_or(0.0);
    let (overlap, sigma) = (number("iou_threshold"), number("sigma"));
    let method = match (args["use_soft_nms"].as_bool().unwrap(), args["method"].as_u64()) {
        (false, _) => Method::Hard { overlap },
        (true, Some(0)) => Method::Zero { overlap },
        (true, Some(1)) => Method::Linear { overlap },
        (true, None | Some(2)) => Method::Gaussian { sigma },
        (true, Some(3)) => Method::SparingGaussian { sigma, base: number("t1"), slope: number("t2") },
        (true, Some(other)) => panic!("method {other} is new to this test"),
    };
    Suppression {
        method,
        max_segments: args["max_seg_num"].as_u64().unwrap() as usize,
        min_score: number("min_score"),
        class_agnostic: !args["multiclass"].as_bool().unwrap(),
        voting_threshold: Some(number("voting_thresh")).filter(|&threshold| threshold > 0.0),
    }
}

/// Compares two rows; a reference row of NaN asks only for the score and the class.
fn close(ours: &Segment, theirs: &Segment, scale: f64) -> bool {
    let near = |a: f32, b: f32, scale: f64| (f64::from(a) - f64::from(b)).abs() <= TOLERANCE * scale;
    ours.label == theirs.label
        && near(ours.score, theirs.score, 1.0)
        && (theirs.start.is_nan() || (near(ours.start, theirs.start, scale) && near(ours.end, theirs.end, scale)))
}

#[test]
fn every_case_of_the_reference_comes_out_the_same() {
    let tensors = SafeTensors::deserialize(NUMBERS).unwrap();
    // Python writes NaN, which is no JSON; it stands only in a sum that is not looked at.
    let sidecar: Value = serde_json::from_str(&CASES.replace(":NaN", ":null")).unwrap();
    let (mut failures, mut checked) = (Vec::new(), 0);
    for case in sidecar["cases"].as_array().unwrap() {
        let input = rows(&tensors, case["input"].as_str().unwrap());
        let theirs = rows(&tensors, &format!("case{}", case["id"]));
        let all = config(&case["args"]).apply(&input);
        let scale = input.iter().fold(1.0_f64, |most, row| most.max(f64::from(row.end.abs())));

        let score_sum: f64 = all.iter().map(|row| f64::from(row.score)).sum();
        let sums = (score_sum - case["score_sum"].as_f64().unwrap()).abs() <= 1e-5 * score_sum.max(1.0);
        let stored = case["stored"].as_u64().unwrap() as usize;
        let ours = &all[..stored.min(all.len())];
        let rows = if case["equal_neighbours"] == 0 {
            ours.len() == theirs.len() && ours.iter().zip(&theirs).all(|(a, b)| close(a, b, scale))
        } else {
            same_set(ours, &theirs, scale)
        };
        if !(all.len() as u64 == case["count"].as_u64().unwrap() && sums && rows) {
            failures.push(format!("{case}: {} rows, sums {sums}, rows {rows}", all.len()));
        }
        checked += 1;
    }
    assert_eq!(checked, 173);
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

/// Whether every row of one side has a partner of its own on the other.
fn same_set(ours: &[Segment], theirs: &[Segment], scale: f64) -> bool {
    let mut free: Vec<_> = ours.iter().collect();
    // Rows that say more look for their partner first.
    let (vague, exact): (Vec<_>, Vec<_>) = theirs.iter().partition(|row| row.start.is_nan());
    let found = exact.into_iter().chain(vague).all(|row| {
        let partner = free.iter().position(|candidate| close(candidate, row, scale));
        partner.map(|at| free.swap_remove(at)).is_some()
    });
    found && free.is_empty()
}
