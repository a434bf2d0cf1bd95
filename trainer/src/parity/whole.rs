//! Whole models: stages, predictions, losses, gradients, optimiser steps.

use std::path::Path;

use adatad_adapter::{AdaptedBackbone, clips};
use adatad_backbone::{Vit, normalise};
use adatad_data::random::{Rng, Stream};
use adatad_detector::actionformer::{ActionFormer, Predictions};
use adatad_detector::losses::LossNormalizer;
use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use burn::module::Module;
use burn::store::ModuleSnapshot;
use burn::tensor::{Device, Tensor, TensorData, activation};

use super::describe;
use super::fixture::{Fixture, numbers};
use super::score::Score;
use super::unusable::Unusable;
use crate::model::AdaTad;
use crate::optim::{ModelGradients, Optimizer, OptimizerConfig, parameters_by_file_name};
use crate::rule::EPSILON;
use crate::weights;

/// Where the backbone's stages are found.
const BACKBONE: &str = "stage/backbone.model.backbone";

/// A model and what it reads.
trait Whole: Module + ModuleSnapshot {
    /// Features `[b, c, t]` for the detector.
    fn features(&self, fixture: &Fixture, device: &Device) -> Result<Tensor<3>, Unusable>;
    fn detector(&self) -> &ActionFormer;
}

impl Whole for AdaTad {
    fn features(&self, fixture: &Fixture, device: &Device) -> Result<Tensor<3>, Unusable> {
        Ok(AdaTad::features(self, fixture.io.frames("in/frames", device)?, None))
    }

    fn detector(&self) -> &ActionFormer {
        &self.detector
    }
}

/// A detector at the place where the whole model has it, so that names are the same.
#[derive(Module, Debug)]
struct OnFeatures {
    detector: ActionFormer,
}

impl Whole for OnFeatures {
    fn features(&self, fixture: &Fixture, device: &Device) -> Result<Tensor<3>, Unusable> {
        fixture.io.tensor("in/feats", device)
    }

    fn detector(&self) -> &ActionFormer {
        &self.detector
    }
}

/// What a model is to find: per video, actions in grid steps.
pub(super) struct Given {
    pub(super) mask: Mask,
    pub(super) truth: Vec<Vec<Truth>>,
}

pub(super) fn check(
    folder: &Path,
    name: &str,
    detector: &str,
    device: &Device,
    score: &mut Score,
) -> Result<(), Unusable> {
    if detector == "gtad" {
        return super::gtad::check(folder, name, device, score);
    }
    if detector != "actionformer" {
        return Err(Unusable(format!("the detector `{detector}` is not supported")));
    }
    let fixture = Fixture::read(folder, name)?;
    let weights = folder.join(format!("{name}.weights.safetensors"));
    let description = &fixture.sidecar["config"]["model"];
    // Every weight comes from the file.
    let any = &mut Rng::new(0, Stream::Init, 0, 0);
    let autodiff = &device.clone().autodiff();
    if fixture.has("in/frames") {
        let config = describe::model(description)?;
        let model = AdaTad::around(Vit::blank(&config.backbone, autodiff), &config, any, autodiff);
        let model = filled(model, &weights)?;
        stages(&model.valid().backbone, &fixture, device, score)?;
        compare(model, &fixture, device, score)
    } else {
        let config = describe::detector(description)?;
        let channels = describe::feature_channels(description)?;
        let sizes = [channels, describe::classes(description)?, describe::window_steps(description)?];
        let model = OnFeatures { detector: ActionFormer::init(&config, sizes, any, autodiff) };
        compare(filled(model, &weights)?, &fixture, device, score)
    }
}

pub(super) fn filled<M: Module + ModuleSnapshot>(mut model: M, path: &Path) -> Result<M, Unusable> {
    let unused = weights::load(&mut model, path).map_err(|error| Unusable(error.to_string()))?;
    // The classification norm is never applied; the loss normaliser is no weight.
    match unused.iter().find(|name| !name.contains("fc_norm") && !name.contains("loss_normalizer")) {
        Some(unused) => Err(Unusable(format!("nothing uses `{unused}` of the weights"))),
        None => Ok(model),
    }
}

/// What each part of the backbone hands on.
pub(super) fn stages(
    backbone: &AdaptedBackbone,
    fixture: &Fixture,
    device: &Device,
    score: &mut Score,
) -> Result<(), Unusable> {
    let mut found: Vec<(String, TensorData)> = Vec::new();
    let frames = fixture.io.frames("in/frames", device)?;
    let [b, _, f, height, width] = frames.dims();
    let clips: Tensor<5> = normalise(clips(frames));
    found.push((".patch_embed".into(), backbone.vit.patch_embed.forward(clips.clone()).to_data()));
    let mut x = backbone.vit.embed(clips);
    found.push((".pos_drop".into(), x.to_data()));
    let [n, tokens, c] = x.dims();
    let [h, w] = backbone.vit.grid(height, width);
    for (i, block) in backbone.vit.blocks.iter().enumerate() {
        let name = |part: &str| format!(".blocks.{i}.{part}");
        let normed = block.norm1.forward(x.clone());
        found.push((name("norm1"), normed.to_data()));
        let attended = block.attn.forward(normed);
        found.push((name("attn"), attended.to_data()));
        let normed = block.norm2.forward(x.clone() + attended);
        found.push((name("norm2"), normed.to_data()));
        found.push((name("mlp"), block.mlp.forward(normed).to_data()));
        x = block.forward(x, None);
        if let Some(Some(adapter)) = backbone.adapters.get(i) {
            let window = x.clone().reshape([b, f / 2, h * w, c]);
            let down = adapter.down_proj.forward(window.clone());
            found.push((name("adapter.down_proj"), down.to_data()));
            let z = activation::gelu(down);
            found.push((name("adapter.act"), z.to_data()));
            x = adapter.forward(window).reshape([n, tokens, c]);
        }
        found.push((format!(".blocks.{i}"), x.to_data()));
    }
    for (name, data) in found {
        let name = format!("{BACKBONE}{name}");
        if fixture.has(&name) {
            fixture.check(score, &name, &data)?;
        }
    }
    Ok(())
}

fn compare<M: Whole>(mut model: M, fixture: &Fixture, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let (autodiff, given) = (&device.clone().autodiff(), given(fixture)?);
    let plain = model.valid();
    let features = plain.features(fixture, device)?;
    if fixture.has("stage/backbone") {
        fixture.check(score, "stage/backbone", &features.to_data())?;
    }
    let predictions = plain.detector().forward(features.clone(), &given.mask, None);
    predicted(&predictions, &given.mask, fixture, score)?;
    let losses = plain.detector().losses(&predictions, &given.truth, LossNormalizer::evaluation);
    fixture.check(score, "loss/eval.cls_loss", &losses.classification.to_data())?;
    fixture.check(score, "loss/eval.reg_loss", &losses.regression.to_data())?;
    fixture.check(score, "loss/eval.cost", &losses.total.to_data())?;

    let detector = &fixture.sidecar["config"]["model"]["rpn_head"];
    let fresh = || -> Result<LossNormalizer, Unusable> {
        let (value, momentum) = ("loss_normalizer", "loss_normalizer_momentum");
        Ok(LossNormalizer {
            value: describe::number(detector, value)?,
            momentum: describe::number(detector, momentum)?,
        })
    };
    // The reference pads before it hands over.
    let [b, c, t] = features.dims();
    let steps = fixture.io.get("grad_act/projection_input")?.shape()[2];
    let padding = Tensor::zeros([b, c, steps.saturating_sub(t)], device);
    let handed_over = Tensor::from_inner(Tensor::cat(vec![features, padding], 2)).require_grad();
    let predictions = model.detector().forward(handed_over.clone(), &given.mask.padded(steps), None);
    let mut normalizer = fresh()?;
    let losses = model.detector().losses(&predictions, &given.truth, |positives| normalizer.update(positives));
    let gradient = handed_over.grad(&losses.total.backward());
    let gradient = gradient.ok_or_else(|| Unusable("no gradient reaches the features".into()))?;
    fixture.check(score, "grad_act/projection_input", &gradient.to_data())?;

    let settings = describe::optimizer(&fixture.sidecar)?;
    let mut optimizer = Optimizer::new(settings.clone());
    let mut normalizer = fresh()?;
    let steps = describe::size(&fixture.sidecar, "steps")?;
    for step in 1..=steps {
        let features = model.features(fixture, autodiff)?;
        let predictions = model.detector().forward(features, &given.mask, None);
        let losses = model.detector().losses(&predictions, &given.truth, |positives| normalizer.update(positives));
        let name = |what: &str| format!("loss/step{step}.{what}");
        fixture.check(score, &name("cls_loss"), &losses.classification.to_data())?;
        fixture.check(score, &name("reg_loss"), &losses.regression.to_data())?;
        fixture.check(score, &name("cost"), &losses.total.to_data())?;
        fixture.check(score, &name("loss_normalizer"), &TensorData::from([normalizer.value as f32]))?;
        let gradients = ModelGradients::of(&losses, &model);
        let norm = gradients.norm(&model);
        fixture.check(score, &name("grad_norm"), &TensorData::from([norm as f32]))?;
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

/// How far each element of a parameter may move otherwise, because its gradient is known only within its tolerance.
///
/// An Adam step is the rate times `g / (|g| + epsilon)` at first. Where the gradient is as small as epsilon, an error far
/// within its tolerance changes the step: by the slope `epsilon / (|g| + epsilon)^2` times the error, and at most by twice
/// the rate. Elsewhere this is nothing.
pub(super) fn unknown_step(
    fixture: &Fixture,
    settings: &OptimizerConfig,
    name: &str,
    steps: usize,
) -> Result<Vec<f64>, Unusable> {
    let gradient = format!("grad/{name}");
    if !fixture.has(&gradient) {
        return Ok(Vec::new());
    }
    let rate = match name.contains(".adapter.") {
        true => settings.adapter_learning_rate,
        false => settings.learning_rate,
    };
    let norm = fixture.expected("loss/step1.grad_norm")?.first().copied().unwrap_or(0.0);
    let scale = (settings.clip_norm / (norm + 1e-6)).min(1.0);
    let epsilon = f64::from(EPSILON);
    let error = fixture.tolerance(&gradient)? * scale;
    let slope = |g: f64| epsilon / ((g * scale).abs() + epsilon).powi(2);
    let moved = |g: f64| steps as f64 * rate * (error * slope(g)).min(2.0);
    Ok(fixture.expected(&gradient)?.into_iter().map(moved).collect())
}

/// Scores and segments at the valid points of every video.
fn predicted(predictions: &Predictions, mask: &Mask, fixture: &Fixture, score: &mut Score) -> Result<(), Unusable> {
    let scores = activation::sigmoid(predictions.output.logits.clone());
    let [_, points, classes] = scores.dims();
    let (scores, offsets) = (numbers(&scores.to_data()), numbers(&predictions.output.offsets.to_data()));
    for video in 0..mask.batch() {
        let (mut kept, mut segments) = (Vec::new(), Vec::new());
        for (p, point) in predictions.points.iter().enumerate().filter(|(p, _)| predictions.valid.row(video)[*p]) {
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

pub(super) fn given(fixture: &Fixture) -> Result<Given, Unusable> {
    let masks = fixture.io.get("in/masks")?;
    let [b, t] = masks.shape()[..] else {
        return Err(Unusable(format!("`in/masks` is {:?}, expected is [b, t]", masks.shape())));
    };
    let flags: Vec<bool> = numbers(masks).into_iter().map(|flag| flag != 0.0).collect();
    let truth = (0..b).map(|video| {
        let segments = fixture.io.numbers(&format!("in/gt_segments.{video}"))?;
        let labels = fixture.io.numbers(&format!("in/gt_labels.{video}"))?;
        let pairs = segments.chunks_exact(2).zip(labels);
        Ok(pairs.map(|(s, l)| Truth { start: s[0] as f32, end: s[1] as f32, label: l as usize }).collect())
    });
    let truth: Result<_, Unusable> = truth.collect();
    Ok(Given { mask: Mask::new(flags.chunks(t).map(<[bool]>::to_vec).collect()), truth: truth? })
}
