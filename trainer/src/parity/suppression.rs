//! Suppression: soft and hard, of classes apart or together, with voting and caps.

use std::path::Path;

use adatad_detector::segment::Segment;
use adatad_detector::suppression::{Method, Suppression};
use serde_json::Value;

use super::describe::size;
use super::fixture::{Tensors, read_json};
use super::score::Score;
use super::unusable::Unusable;

/// Of the largest number in a column: what a fixture tolerates where it says nothing.
const TOLERANCE: f64 = 1e-6;

pub(super) fn check(folder: &Path, name: &str, score: &mut Score) -> Result<(), Unusable> {
    let sidecar = read_json(&folder.join(format!("{name}.json")))?;
    let tensors = Tensors::read(&folder.join(format!("{name}.safetensors")))?;
    for case in sidecar["cases"].as_array().into_iter().flatten() {
        let what = format!("case{}", case["id"]);
        let theirs = rows(&tensors, &what)?;
        let input = rows(&tensors, case["input"].as_str().unwrap_or_default())?;
        let suppression = suppression(&case["args"])?;
        let (count, stored) = (size(case, "count")?, size(case, "stored")?);
        let largest = |of: &dyn Fn(&Segment) -> f64| input.iter().map(of).fold(1.0, f64::max);
        let bounds = Bounds {
            time: TOLERANCE * largest(&|row| f64::from(row.start.abs().max(row.end.abs()))),
            score: TOLERANCE * largest(&|row| f64::from(row.score.abs())),
        };

        let equals = case["equal_neighbours"].as_u64().unwrap_or(0) > 0;
        let mut ours = suppression.apply(&input);
        if equals && matches!(suppression.method, Method::Hard { .. }) && !same_set(&ours, &theirs, stored, &bounds) {
            // Here the order of equal scores chooses the winners, and the reference leaves it open. Ours is the order
            // of the input, so the input is put in the order that the reference happened to take.
            let mut input = input;
            input.sort_by_key(|row| theirs.iter().position(|kept| kept == row).unwrap_or(usize::MAX));
            ours = suppression.apply(&input);
        }
        score.compare(&format!("{what}: count"), &[ours.len() as f64], &[count as f64], 0.5);
        if let Some(expected) = case["score_sum"].as_f64() {
            let sum = ours.iter().map(|row| f64::from(row.score)).sum();
            score.compare(&format!("{what}: sum of scores"), &[sum], &[expected], bounds.score * count.max(1) as f64);
        }
        if equals {
            score.same(&format!("{what}: as sets"), same_set(&ours, &theirs, stored, &bounds));
        } else {
            in_order(&what, &ours[..ours.len().min(stored)], &theirs, &bounds, score);
        }
    }
    Ok(())
}

/// How far off a row may be.
struct Bounds {
    time: f64,
    score: f64,
}

/// The reference's arguments as our settings.
pub(super) fn suppression(args: &Value) -> Result<Suppression, Unusable> {
    let number = |key: &str| args[key].as_f64().unwrap_or(0.0);
    let (overlap, sigma) = (number("iou_threshold"), number("sigma"));
    let method = match (args["use_soft_nms"].as_bool().unwrap_or(true), args["method"].as_u64()) {
        (false, _) => Method::Hard { overlap },
        (true, Some(0)) => Method::Zero { overlap },
        (true, Some(1)) => Method::Linear { overlap },
        (true, None | Some(2)) => Method::Gaussian { sigma },
        (true, Some(3)) => Method::SparingGaussian { sigma, base: number("t1"), slope: number("t2") },
        (true, Some(other)) => return Err(Unusable(format!("suppression of method {other} is not known"))),
    };
    let mut suppression = Suppression::thumos();
    suppression.method = method;
    suppression.max_segments = size(args, "max_seg_num")?;
    suppression.min_score = number("min_score");
    suppression.class_agnostic = !args["multiclass"].as_bool().unwrap_or(true);
    suppression.voting_threshold = Some(number("voting_thresh")).filter(|&threshold| threshold > 0.0);
    Ok(suppression)
}

/// `NAME.segments`, `NAME.scores` and `NAME.labels`.
fn rows(tensors: &Tensors, name: &str) -> Result<Vec<Segment>, Unusable> {
    let part = |part: &str| tensors.numbers(&format!("{name}.{part}"));
    let (times, scores, labels) = (part("segments")?, part("scores")?, part("labels")?);
    let rows = times.chunks_exact(2).zip(scores).zip(labels).map(|((time, score), label)| Segment {
        start: time[0] as f32,
        end: time[1] as f32,
        label: label as usize,
        score: score as f32,
    });
    Ok(rows.collect())
}

/// One number of each row.
type Column = fn(&Segment) -> f64;

fn in_order(what: &str, ours: &[Segment], theirs: &[Segment], bounds: &Bounds, score: &mut Score) {
    let column = |rows: &[Segment], of: Column| rows.iter().map(of).collect::<Vec<f64>>();
    let columns: [(&str, Column, f64); 2] =
        [("scores", |row| f64::from(row.score), bounds.score), ("labels", |row| row.label as f64, 0.5)];
    for (name, of, tolerance) in columns {
        score.compare(&format!("{what}: {name}"), &column(ours, of), &column(theirs, of), tolerance);
    }
    // Where the reference's voting has nothing to go by, its times are NaN, and ours are those before the vote.
    let told: Vec<_> = ours.iter().zip(theirs).filter(|(_, theirs)| !theirs.start.is_nan()).collect();
    let times: [(&str, Column); 2] = [("starts", |row| f64::from(row.start)), ("ends", |row| f64::from(row.end))];
    for (name, of) in times {
        let found: Vec<f64> = told.iter().map(|(ours, _)| of(ours)).collect();
        let expected: Vec<f64> = told.iter().map(|(_, theirs)| of(theirs)).collect();
        score.compare(&format!("{what}: {name}"), &found, &expected, bounds.time);
    }
}

/// Whether every row of one side has a partner of its own on the other.
fn same_set(ours: &[Segment], theirs: &[Segment], stored: usize, bounds: &Bounds) -> bool {
    let near = |a: f32, b: f32, bound: f64| (f64::from(a) - f64::from(b)).abs() <= bound;
    let close = |ours: &Segment, theirs: &Segment| {
        let times = near(ours.start, theirs.start, bounds.time) && near(ours.end, theirs.end, bounds.time);
        ours.label == theirs.label && near(ours.score, theirs.score, bounds.score) && (theirs.start.is_nan() || times)
    };
    let mut free: Vec<_> = ours.iter().take(stored).collect();
    // Rows that say more look for their partner first.
    let (vague, exact): (Vec<_>, Vec<_>) = theirs.iter().partition(|row| row.start.is_nan());
    let found = exact.into_iter().chain(vague).all(|row| {
        let partner = free.iter().position(|candidate| close(candidate, row));
        partner.map(|at| free.swap_remove(at)).is_some()
    });
    found && free.is_empty()
}
