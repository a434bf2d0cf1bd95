//! Suppression against the numbers of the reference, and what must hold for any input.

#![expect(clippy::unwrap_used, reason = "a test that cannot read its fixture has failed")]

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
        class_voting: false,
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
        let theirs = rows(&tensors, &format!("case{}", case["id"]));
        let mut input = rows(&tensors, case["input"].as_str().unwrap());
        let (config, equals) = (config(&case["args"]), case["equal_neighbours"] != 0);
        if equals && matches!(config.method, Method::Hard { .. }) {
            // Here the order of equal scores chooses the winners, and torch leaves it open. Ours is the order of the
            // input, so the input is put in the order that torch happened to take.
            input.sort_by_key(|row| theirs.iter().position(|kept| kept == row).unwrap_or(usize::MAX));
        }
        let all = config.apply(&input);
        let scale = input.iter().fold(1.0_f64, |most, row| most.max(f64::from(row.end.abs())));

        let score_sum: f64 = all.iter().map(|row| f64::from(row.score)).sum();
        let sum = (score_sum - case["score_sum"].as_f64().unwrap()).abs() <= 1e-5 * score_sum.max(1.0);
        let count = all.len() as u64 == case["count"].as_u64().unwrap();
        let stored = &all[..all.len().min(case["stored"].as_u64().unwrap() as usize)];
        let rows = match equals {
            false => stored.len() == theirs.len() && stored.iter().zip(&theirs).all(|(a, b)| close(a, b, scale)),
            true => same_set(stored, &theirs, scale),
        };
        if !(count && sum && rows) {
            failures.push(format!("{case}: count {count}, sum {sum}, rows {rows}"));
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

fn soft(sigma: f64) -> Suppression {
    Suppression { method: Method::Gaussian { sigma }, ..Suppression::thumos() }
}

fn segment(start: f32, end: f32, score: f32) -> Segment {
    Segment { start, end, label: 0, score }
}

#[test]
fn four_segments_are_weakened_as_the_specification_says() {
    let input = [(0.0, 10.0, 0.9), (1.0, 11.0, 0.8), (20.0, 30.0, 0.7), (5.0, 15.0, 0.6)];
    let kept = soft(0.7).apply(&input.map(|(start, end, score)| segment(start, end, score)));
    let wanted = [(0.0, 0.9), (20.0, 0.7), (5.0, 0.511_936), (1.0, 0.236_490)];
    assert_eq!(kept.len(), wanted.len());
    for (kept, (start, score)) in kept.iter().zip(wanted) {
        assert_eq!(kept.start, start);
        assert!((kept.score - score).abs() < 1e-6, "{kept:?}");
    }
}

#[test]
fn of_equal_scores_the_earlier_input_comes_out_first() {
    let input: Vec<_> = (0..200).map(|at| segment(at as f32 * 10.0, at as f32 * 10.0 + 5.0, 0.5)).collect();
    for method in [Method::Hard { overlap: 0.5 }, Method::Gaussian { sigma: 0.5 }] {
        let kept = Suppression { method, ..Suppression::thumos() }.apply(&input);
        assert_eq!(kept, input);
    }
}

#[test]
fn what_votes_cannot_move_stays_where_it_is() {
    let config = Suppression { min_score: 0.0, ..Suppression::activitynet() };
    let (empty, reversed, worthless) = (segment(3.0, 3.0, 0.5), segment(9.0, 8.0, 0.4), segment(20.0, 25.0, 0.0));
    assert_eq!(config.apply(&[empty, reversed, worthless]), [empty, reversed, worthless]);
}

#[test]
fn classes_compete_only_where_they_are_told_to() {
    let input = [segment(0.0, 10.0, 0.9), Segment { label: 1, ..segment(0.0, 10.0, 0.8) }];
    let apart = Suppression { method: Method::Hard { overlap: 0.5 }, ..Suppression::thumos() };
    assert_eq!(apart.apply(&input).len(), 2);
    assert_eq!(Suppression { class_agnostic: true, ..apart }.apply(&input).len(), 1);
}

#[test]
fn a_run_config_says_it_in_words_and_nothing_else_passes() {
    let text = "{\"method\": {\"kind\": \"gaussian\", \"sigma\": 0.7}, \"max-segments\": 2000, \"min-score\": 0.0, \
                \"class-agnostic\": false}";
    assert_eq!(serde_json::from_str::<Suppression>(text).unwrap(), Suppression::thumos());
    for (right, wrong) in [("gaussian", "gausian"), ("sigma", "sigmas"), ("min-score", "min_score")] {
        assert!(serde_json::from_str::<Suppression>(&text.replace(right, wrong)).is_err(), "{wrong}");
    }
}

#[test]
fn numbers_that_make_no_sense_are_named() {
    assert_eq!(Suppression::thumos().check(), Ok(()));
    assert_eq!(Suppression::activitynet().check(), Ok(()));
    let error = soft(0.0).check().unwrap_err().to_string();
    assert_eq!(error, "suppression: method.sigma is 0, must be above 0");
    let vote = |threshold| Suppression { voting_threshold: Some(threshold), ..Suppression::thumos() };
    for wrong in [0.0, -1.0, 1.5, f64::NAN] {
        assert_eq!(vote(wrong).check().unwrap_err().field, "voting-threshold");
    }
}

/// Soft suppression by the letter of the specification: every pair is compared, segments move as it says.
fn by_the_letter(segments: &[Segment], weaken: impl Fn(f32, f32) -> f32, least: f32) -> Vec<(usize, f32)> {
    let mut rest: Vec<_> = segments.iter().map(|row| row.score).enumerate().collect();
    let length = |at: usize| segments[at].end - segments[at].start + 1e-6;
    let mut front = 0;
    while front < rest.len() {
        let winner = (front..rest.len()).reduce(|a, b| if rest[b].1 > rest[a].1 { b } else { a }).unwrap();
        rest.swap(front, winner);
        let (best, _) = rest[front];
        let mut at = front + 1;
        while at < rest.len() {
            let (a, b) = (&segments[best], &segments[rest[at].0]);
            let shared = (a.end.min(b.end) - a.start.max(b.start)).max(0.0);
            rest[at].1 = weaken(rest[at].1, shared / (length(best) + length(rest[at].0) - shared));
            if rest[at].1.is_subnormal() {
                rest[at].1 = 0.0;
            }
            if rest[at].1 < least {
                rest.swap_remove(at);
            } else {
                at += 1;
            }
        }
        front += 1;
    }
    rest
}

/// Up to 150 segments, many of them close together, with scores that are often equal.
fn many() -> impl Strategy<Value = Vec<Segment>> {
    let row = (0.0_f32..60.0, 0.0_f32..20.0, 0_usize..3, 0_u8..=20);
    prop::collection::vec(row, 0..150).prop_map(|rows| {
        let segment = |(start, length, label, twentieths): (f32, f32, usize, u8)| {
            let (start, end) = (start.round(), start.round() + length);
            Segment { start, end, label, score: f32::from(twentieths) / 20.0 }
        };
        rows.into_iter().map(segment).collect()
    })
}

fn methods() -> impl Strategy<Value = Method> {
    prop_oneof![
        (0.05..1.0).prop_map(|overlap| Method::Hard { overlap }),
        (0.05..1.0).prop_map(|overlap| Method::Zero { overlap }),
        (0.05..1.0).prop_map(|overlap| Method::Linear { overlap }),
        (0.05..2.0).prop_map(|sigma| Method::Gaussian { sigma }),
        (0.05..2.0, 0.0..0.9).prop_map(|(sigma, base)| Method::SparingGaussian { sigma, base, slope: 0.001 }),
    ]
}

fn suppressions() -> impl Strategy<Value = Suppression> {
    let least = prop_oneof![Just(0.0), Just(0.001), Just(0.3)];
    (methods(), 0_usize..200, least, any::<bool>()).prop_map(|(method, max_segments, min_score, class_agnostic)| {
        Suppression { method, max_segments, min_score, class_agnostic, voting_threshold: None, class_voting: false }
    })
}

#[test]
fn any_number_of_segments_can_be_suppressed() {
    // Many at the same place, with few scores: neither blocks that can be passed over nor an order of their own.
    let row = |at: usize| segment((at % 1000) as f32, (at % 1000 + 20) as f32, (at % 13 + 1) as f32 / 14.0);
    for count in [0, 1, 2000, 1_000_000] {
        let input: Vec<_> = (0..count).map(row).collect();
        for method in [Method::Hard { overlap: 0.5 }, Method::Gaussian { sigma: 0.5 }] {
            let kept = Suppression { method, max_segments: 100, ..Suppression::activitynet() }.apply(&input);
            assert!(kept.len() == count.min(100) || (kept.len() > 20 && count >= 2000), "{} of {count}", kept.len());
            assert!(kept.iter().all(Segment::is_finite) && kept.is_sorted_by(|a, b| a.score >= b.score));
        }
    }
}

proptest! {
    #[test]
    fn skipping_what_cannot_overlap_changes_nothing(input in many(), least in 0.0_f32..0.3, bound in 0.05_f32..1.0) {
        let zero = |score: f32, overlap: f32| if overlap >= bound { score * 0.0 } else { score };
        let linear = |score: f32, overlap: f32| if overlap >= bound { score * (1.0 - overlap) } else { score };
        let overlap = f64::from(bound);
        for (method, mut letter) in [
            (Method::Zero { overlap }, by_the_letter(&input, zero, least)),
            (Method::Linear { overlap }, by_the_letter(&input, linear, least)),
        ] {
            letter.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            let letter: Vec<_> = letter.iter().map(|&(at, score)| Segment { score, ..input[at] }).collect();
            let config = Suppression {
                method,
                class_agnostic: true,
                min_score: f64::from(least),
                ..Suppression::thumos()
            };
            prop_assert_eq!(config.apply(&input), letter);
        }
    }

    #[test]
    fn every_vote_is_counted_wherever_it_lies(input in many(), threshold in 0.05_f32..1.0) {
        let config = Suppression { class_agnostic: true, ..soft(0.5) };
        let voted = Suppression { voting_threshold: Some(f64::from(threshold)), ..config.clone() }.apply(&input);
        for (voted, kept) in voted.iter().zip(config.apply(&input)) {
            let (mut weight, mut start, mut end) = (0.0, 0.0, 0.0);
            for other in &input {
                let shared = (other.end.min(kept.end) - other.start.max(kept.start)).max(0.0);
                if shared / (kept.end - kept.start + (other.end - other.start) - shared) >= threshold {
                    weight += f64::from(other.score);
                    start += f64::from(other.score) * f64::from(other.start);
                    end += f64::from(other.score) * f64::from(other.end);
                }
            }
            if weight > 0.0 {
                let apart = (f64::from(voted.start) - start / weight).abs() + (f64::from(voted.end) - end / weight).abs();
                prop_assert!(apart < 1e-4, "{voted:?} for {kept:?}: {} to {}", start / weight, end / weight);
            } else {
                prop_assert_eq!(*voted, kept);
            }
        }
    }

    #[test]
    fn voting_by_class_is_voting_among_the_segments_of_a_class(input in many(), threshold in 0.05_f64..1.0) {
        let voting = |class_agnostic| Suppression {
            class_agnostic,
            class_voting: true,
            voting_threshold: Some(threshold),
            ..soft(0.5)
        };
        let of_class = |all: &[Segment], label| all.iter().copied().filter(|row| row.label == label).collect::<Vec<_>>();
        let together = voting(false).apply(&input);
        for row in &input {
            let alone = voting(true).apply(&of_class(&input, row.label));
            prop_assert_eq!(of_class(&together, row.label), alone);
        }
        let silent = Suppression { class_voting: false, ..voting(false) };
        prop_assert_eq!(silent.apply(&input), Suppression { voting_threshold: None, ..silent.clone() }.apply(&input));
    }

    #[test]
    fn the_best_stays_and_no_score_rises(input in many(), config in suppressions()) {
        let kept = config.apply(&input);
        prop_assert!(kept.len() <= input.len().min(config.max_segments));
        prop_assert!(kept.is_sorted_by(|a, b| a.score >= b.score));
        let hard = matches!(config.method, Method::Hard { .. });
        let best = input.iter().map(|row| row.score).fold(f32::NEG_INFINITY, f32::max);
        if config.max_segments > 0 && !input.is_empty() && (!hard || best > config.min_score as f32) {
            prop_assert_eq!(kept[0].score, best);
        }
        for row in &kept {
            let same = |from: &&Segment| (from.start, from.end, from.label) == (row.start, row.end, row.label);
            prop_assert!(input.iter().filter(same).any(|from| from.score >= row.score), "{:?} came from nowhere", row);
        }
    }

    #[test]
    fn a_second_hard_suppression_finds_nothing_to_do(input in many(), overlap in 0.05..1.0, agnostic in any::<bool>()) {
        let method = Method::Hard { overlap };
        let config = Suppression { method, class_agnostic: agnostic, ..Suppression::thumos() };
        let once = config.apply(&input);
        prop_assert_eq!(config.apply(&once), once);
    }

    #[test]
    fn nothing_that_is_not_a_number_comes_out(
        rows in prop::collection::vec((any::<f32>(), any::<f32>(), 0_usize..2, any::<f32>()), 0..80),
        special in prop::collection::vec((0_usize..80, prop::sample::select(vec![f32::NAN, f32::INFINITY, f32::MAX, f32::MIN])), 0..20),
        config in suppressions(),
        voting in prop::option::of(0.1..1.0),
    ) {
        let mut rows = rows;
        for (at, value) in special {
            if let Some(row) = rows.get_mut(at) {
                *[&mut row.0, &mut row.1, &mut row.3][at % 3] = value;
            }
        }
        let segment = |(start, end, label, score)| Segment { start, end, label, score };
        let input: Vec<_> = rows.into_iter().map(segment).collect();
        let config = Suppression { voting_threshold: voting, class_voting: true, ..config };
        for row in config.apply(&input) {
            prop_assert!(row.is_finite(), "{:?}", row);
        }
    }
}
