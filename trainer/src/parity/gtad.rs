//! G-TAD as a whole: stages, predictions, targets, losses with given draws, gradients, optimiser steps, results.

use adatad_adapter::Keep;
use adatad_detector::Detector;
use adatad_detector::gtad::{BalanceDraws, Gtad, GtadConfig, MapLosses, Predictions, ProposalScore};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;

use super::describe::{self, number, size};
use super::fixture::Fixture;
use super::gtad_results;
use super::score::Score;
use super::unusable::Unusable;
use super::whole::{Given, Whole, given, unknown_step};
use crate::optim::{Optimizer, parameters_by_file_name};

pub(super) fn compare<M: Whole>(
    model: M,
    config: &GtadConfig,
    fixture: &Fixture,
    device: &Device,
    score: &mut Score,
) -> Result<(), Unusable> {
    forward(&model.valid(), fixture, config, device, score)?;
    learn(model, fixture, device, score)
}

/// The detector of a model that was built as G-TAD.
fn detector<M: Whole>(model: &M) -> Result<&Gtad, Unusable> {
    match model.detector() {
        Detector::Gtad(detector) => Ok(detector),
        _ => Err(Unusable("the model is no G-TAD".into())),
    }
}

/// What is said, what should be said, and what it costs, in evaluation mode.
fn forward<M: Whole>(
    model: &M,
    fixture: &Fixture,
    config: &GtadConfig,
    device: &Device,
    score: &mut Score,
) -> Result<(), Unusable> {
    let given = given(fixture)?;
    let features = model.features(fixture, device)?;
    if fixture.has("stage/backbone") {
        fixture.check(score, "stage/backbone", &features.to_data())?;
    }
    let mut stage = |name: &str, found: TensorData| match fixture.has(&format!("stage/{name}")) {
        true => fixture.check(score, &format!("stage/{name}"), &found),
        false => Ok(()),
    };
    let channels_first = |x: Tensor<3>| x.permute([0, 2, 1]).to_data();
    let detector = detector(model)?;
    let valid = given.mask.tensor(device);
    let projected = detector.projection.forward(features.clone().permute([0, 2, 1]), &valid);
    stage("projection.convs.0", channels_first(projected.clone()))?;
    stage("projection", channels_first(projected))?;
    let x = detector.base(features.clone(), &given.mask);
    stage("neck", channels_first(x.clone()))?;
    for (at, kind) in detector.rpn_head.tem.iter().enumerate() {
        stage(&format!("rpn_head.tem.{at}"), channels_first(kind.output.forward(kind.gcnext.forward(x.clone()))))?;
    }
    let extractor = &detector.roi_head.proposal_roi_extractor;
    stage("roi_head.proposal_roi_extractor.gcnext", channels_first(extractor.gcnext.forward(x.clone())))?;
    // From the reference's features on, so that not their rounding to 16 bits is compared.
    let aligned = fixture.io.tensor::<3>("stage/roi_head.proposal_roi_extractor.gcnext", device)?;
    let pooled = extractor.pool(aligned.permute([0, 2, 1]));
    stage("roi_head.proposal_roi_extractor", pooled.clone().permute([0, 3, 1, 2]).to_data())?;
    stage("roi_head.proposal_head.head", detector.roi_head.proposal_head.forward(pooled).to_data())?;

    let predictions = detector.forward(features, &given.mask);
    fixture.check(score, "pred/tem_logits", &predictions.boundaries.to_data())?;
    fixture.check(score, "pred/map_logits", &predictions.maps.to_data())?;
    let losses = losses(detector, &predictions, fixture, &given, "eval", Some(score))?;
    costs(&losses, "eval", fixture, score)?;
    gtad_results::check(&predictions, fixture, config.score, score)
}

/// Gradients and optimiser steps.
fn learn<M: Whole>(mut model: M, fixture: &Fixture, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let given = given(fixture)?;
    let features = model.valid().features(fixture, device)?;
    let handed_over = Tensor::from_inner(features).require_grad();
    let predictions = detector(&model)?.forward(handed_over.clone(), &given.mask);
    let first = losses(detector(&model)?, &predictions, fixture, &given, "step1", None)?;
    let gradient = handed_over.grad(&first.total.backward());
    let gradient = gradient.ok_or_else(|| Unusable("no gradient reaches the features".into()))?;
    fixture.check(score, "grad_act/projection_input", &gradient.to_data())?;

    let settings = describe::optimizer(&fixture.sidecar)?;
    let mut optimizer = Optimizer::new(settings.clone());
    let steps = size(&fixture.sidecar, "steps")?;
    for step in 1..=steps {
        let name = format!("step{step}");
        let mut said = Err(Unusable("no loss was asked for".into()));
        let detector = detector(&model)?;
        let gradients = model.gradients(fixture, &Keep::inputs(), device, |features| {
            let predictions = detector.forward(features, &given.mask);
            said = losses(detector, &predictions, fixture, &given, &name, None);
            match &said {
                Ok(losses) => losses.total.clone(),
                Err(_) => predictions.maps.sum(), // told below
            }
        })?;
        costs(&said?, &name, fixture, score)?;
        let norm = gradients.norm(&model);
        fixture.check(score, &format!("loss/{name}.grad_norm"), &TensorData::from([norm as f32]))?;
        if step == 1 {
            let found = gradients.by_file_name(&model);
            score.same(
                "which parameters get a gradient",
                found.keys().map(String::as_str).eq(fixture.io.under("grad/")),
            );
            for (name, gradient) in found {
                fixture.check(score, &format!("grad/{name}"), &gradient)?;
            }
        }
        model = optimizer.step(model, gradients, norm, 1.0);
    }
    let parameters = parameters_by_file_name(&model);
    let start = format!("step{steps}/");
    for name in fixture.io.under(&start) {
        let found = parameters.get(name).ok_or_else(|| Unusable(format!("the model has no parameter `{name}`")))?;
        let known = unknown_step(fixture, &settings, name, steps)?;
        fixture.check_with(score, &format!("{start}{name}"), found, |at| known.get(at).copied().unwrap_or(0.0))?;
    }
    Ok(())
}

/// Losses with the draws of `at`; with a score, targets are compared, too.
fn losses(
    detector: &Gtad,
    predictions: &Predictions,
    fixture: &Fixture,
    given: &Given,
    at: &str,
    score: Option<&mut Score>,
) -> Result<MapLosses, Unusable> {
    let count = detector.proposals() * given.truth.len();
    let draws = |which: usize| match fixture.io.numbers(&format!("rand/{at}.{which}")) {
        Ok(draws) if draws.len() == count => Ok(draws.into_iter().map(|draw| draw as f32).collect()),
        Ok(draws) => Err(Unusable(format!("`rand/{at}.{which}` has {} numbers, expected are {count}", draws.len()))),
        Err(_) => Ok(vec![0.0; count]), // nothing was drawn: no good proposal
    };
    let goals = detector.goals(&given.truth, &BalanceDraws { middle: draws(0)?, low: draws(1)? });
    if let Some(score) = score {
        let b = goals.len();
        let all = |of: &dyn Fn(&adatad_detector::gtad::WindowTargets) -> Vec<f32>| {
            let all: Vec<f32> = goals.iter().flat_map(|goals| of(&goals.targets)).collect();
            let each = all.len() / b.max(1);
            TensorData::new(all, [b, each])
        };
        fixture.check(score, "targets/tem.0", &all(&|t| t.starts.clone()))?;
        fixture.check(score, "targets/tem.1", &all(&|t| t.ends.clone()))?;
        fixture.check(score, "targets/iou", &all(&|t| t.overlaps.clone()))?;
    }
    Ok(detector.losses(predictions, &goals))
}

fn costs(losses: &MapLosses, at: &str, fixture: &Fixture, score: &mut Score) -> Result<(), Unusable> {
    let parts = [
        ("loss_tem", &losses.boundary),
        ("loss_cls", &losses.classification),
        ("loss_reg", &losses.regression),
        ("cost", &losses.total),
    ];
    for (name, loss) in parts {
        fixture.check(score, &format!("loss/{at}.{name}"), &loss.clone().to_data())?;
    }
    Ok(())
}

/// The reference's description of a G-TAD, in our words.
pub(super) fn config(description: &Value) -> Result<GtadConfig, Unusable> {
    let (projection, roi) = (&description["projection"], &description["roi_head"]);
    let (extractor, head) = (&roi["proposal_roi_extractor"], &roi["proposal_head"]);
    if projection["num_convs"].as_u64().is_some_and(|convs| convs != 1) {
        return Err(Unusable("projections of several convolutions are not known".into()));
    }
    let (classification, regression) = (&head["loss"]["cls_loss"], &head["loss"]["reg_loss"]);
    Ok(GtadConfig {
        channels: size(projection, "out_channels")?,
        projection_groups: projection["conv_cfg"]["groups"].as_u64().unwrap_or(1) as usize,
        neighbours: size(&description["neck"], "k")?,
        graph_groups: size(&description["neck"], "groups")?,
        durations: size(&roi["proposal_generator"], "dscale")?,
        roi_bins: size(extractor, "roi_size")?,
        context_bins: size(extractor, "context_size")?,
        roi_channels: size(extractor, "out_channels")?,
        head_channels: size(head, "feat_channels")?,
        head_convs: size(head, "num_convs")?,
        head_kernel: size(head, "kernel_size")?,
        classification_threshold: number(classification, "pos_thresh")?,
        regression_high: number(regression, "high_thresh")?,
        regression_low: number(regression, "low_thresh")?,
        regression_weight: number(regression, "weight")?,
        score: ProposalScore::Maps,
    })
}
