//! What a detector says, and what becomes of it.

use adatad_detector::{Detector, Predictions, actionformer};
use burn::tensor::{TensorData, activation};

use super::fixture::{Fixture, numbers};
use super::score::Score;
use super::unusable::Unusable;
use super::whole::Given;

pub(super) fn check(
    _detector: &Detector,
    predictions: &Predictions,
    given: &Given,
    fixture: &Fixture,
    score: &mut Score,
) -> Result<(), Unusable> {
    match predictions {
        Predictions::ActionFormer(said) => actionformer(said, given, fixture, score),
        Predictions::Gtad(_) => Err(Unusable("maps are compared by another check".into())),
    }
}

/// Scores and segments at the valid points of every video.
fn actionformer(
    said: &actionformer::Predictions,
    given: &Given,
    fixture: &Fixture,
    score: &mut Score,
) -> Result<(), Unusable> {
    let scores = activation::sigmoid(said.output.logits.clone());
    let [_, points, classes] = scores.dims();
    let (scores, offsets) = (numbers(&scores.to_data()), numbers(&said.output.offsets.to_data()));
    for video in 0..given.mask.batch() {
        let (mut kept, mut segments) = (Vec::new(), Vec::new());
        for (p, point) in said.points.iter().enumerate().filter(|(p, _)| said.valid.row(video)[*p]) {
            let row = video * points + p;
            kept.extend(scores[row * classes..(row + 1) * classes].iter().map(|&s| s as f32));
            let (position, stride) = (f64::from(point.position), f64::from(point.stride));
            segments.push((position - offsets[row * 2] * stride) as f32);
            segments.push((position + offsets[row * 2 + 1] * stride) as f32);
        }
        let rows = segments.len() / 2;
        fixture.check(score, &format!("pred/scores.{video}"), &TensorData::new(kept, [rows, classes]))?;
        fixture.check(score, &format!("pred/proposals.{video}"), &TensorData::new(segments, [rows, 2]))?;
    }
    Ok(())
}
