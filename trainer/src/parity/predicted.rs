//! What a detector says about every point, and what the points are to learn.

use adatad_detector::points::Point;
use adatad_detector::pyramid::Pyramid;
use adatad_detector::{DetectorConfig, Predictions, actionformer, tridet};
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::fixture::{Fixture, numbers};
use super::score::Score;
use super::unusable::Unusable;
use super::whole::Given;

pub(super) fn check(
    config: &DetectorConfig,
    predictions: &Predictions,
    given: &Given,
    fixture: &Fixture,
    score: &mut Score,
) -> Result<(), Unusable> {
    match predictions {
        Predictions::ActionFormer(said) => actionformer(said, given, fixture, score)?,
        Predictions::TriDet(said) => tridet(said, given, fixture, score)?,
    }
    match (config, predictions) {
        (DetectorConfig::ActionFormer(config), Predictions::ActionFormer(said)) => {
            targets(&config.pyramid(), &said.points, said.output.logits.dims()[2], given, fixture, score)
        }
        (DetectorConfig::TriDet(config), Predictions::TriDet(said)) => {
            targets(&config.pyramid(), &said.points, said.output.logits.dims()[2], given, fixture, score)
        }
        _ => Err(Unusable("the predictions are another detector's".into())),
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

/// Scores of all points, 0 at those without video, and distances of every class at every point.
fn tridet(said: &tridet::Predictions, given: &Given, fixture: &Fixture, score: &mut Score) -> Result<(), Unusable> {
    let [b, points, classes] = said.output.logits.dims();
    let device: Device = said.output.logits.device();
    let scores: Tensor<3> = activation::sigmoid(said.output.logits.clone()) * said.valid.tensor(&device);
    fixture.check(score, "pred/scores", &scores.to_data())?;
    let of_video = |video: usize| (0..classes).flat_map(move |c| (0..points).map(move |p| (video * points + p, c)));
    let pairs: Vec<(usize, usize)> = (0..given.mask.batch()).flat_map(of_video).collect();
    let distances = said.output.boundaries.distances(&pairs).reshape([b, classes, points, 2]);
    fixture.check(score, "pred/offsets", &distances.to_data())?;
    fixture.check(score, "pred/points", &columns(&said.points))
}

fn columns(points: &[Point]) -> TensorData {
    let columns = points.iter().flat_map(|p| [p.position, p.low, p.high, p.stride]).collect();
    TensorData::new::<f32, _>(columns, [points.len(), 4])
}

fn targets(
    pyramid: &Pyramid,
    points: &[Point],
    classes: usize,
    given: &Given,
    fixture: &Fixture,
    score: &mut Score,
) -> Result<(), Unusable> {
    if !fixture.has("targets/points") {
        return Ok(());
    }
    fixture.check(score, "targets/points", &columns(points))?;
    for (video, assignment) in pyramid.targets(points, &given.truth, classes).into_iter().enumerate() {
        let name = format!("targets/gt_reg.{video}");
        let mut expected = fixture.expected(&name)?;
        for (point, row) in expected.chunks_exact_mut(2).enumerate() {
            // Where a point learns nothing, the reference leaves the distances to some segment.
            if !assignment.is_positive(point) {
                row.fill(0.0);
            }
        }
        let found: Vec<f64> = assignment.offsets.iter().flatten().map(|&offset| f64::from(offset)).collect();
        score.compare(&name, &found, &expected, fixture.tolerance(&name)?);
        let shape = [points.len(), classes];
        fixture.check(score, &format!("targets/gt_cls.{video}"), &TensorData::new(assignment.classes, shape))?;
    }
    Ok(())
}
