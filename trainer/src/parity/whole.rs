//! Whole models: stages, predictions, losses, gradients, optimiser steps.

use std::path::Path;

use adatad_adapter::Keep;
use adatad_data::random::{Rng, Stream};
use adatad_detector::losses::Losses;
use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use adatad_detector::{Detector, DetectorConfig};
use burn::module::Module;
use burn::store::ModuleSnapshot;
use burn::tensor::{Device, Tensor, TensorData};

use super::draws::Draws;
use super::fixture::{Fixture, numbers};
use super::score::Score;
use super::unusable::Unusable;
use super::{describe, detector_stages, gtad, post, predicted, stages};
use crate::model::AdaTad;
use crate::optim::{ModelGradients, Optimizer, OptimizerConfig, parameters_by_file_name};
use crate::rule::{EPSILON, clip_factor};
use crate::{step, weights};

/// A model and what it reads.
pub(super) trait Whole: Module + ModuleSnapshot {
    /// Features `[b, c, t]` for the detector, of a model without autodiff.
    fn features(&self, fixture: &Fixture, device: &Device) -> Result<Tensor<3>, Unusable>;
    /// The gradients of what `loss` makes of the features, as training takes them.
    fn gradients(
        &self,
        fixture: &Fixture,
        keep: &Keep,
        device: &Device,
        loss: impl FnOnce(Tensor<3>) -> Tensor<1>,
    ) -> Result<ModelGradients, Unusable>;
    fn detector(&self) -> &Detector;
}

impl Whole for AdaTad {
    fn features(&self, fixture: &Fixture, device: &Device) -> Result<Tensor<3>, Unusable> {
        Ok(AdaTad::features(self, fixture.io.frames("in/frames", device)?))
    }

    fn gradients(
        &self,
        fixture: &Fixture,
        keep: &Keep,
        device: &Device,
        loss: impl FnOnce(Tensor<3>) -> Tensor<1>,
    ) -> Result<ModelGradients, Unusable> {
        let frames = fixture.io.frames("in/frames", device)?;
        step::through(self, frames, keep, None, |features, _| loss(features))
            .map_err(|error| Unusable(error.to_string()))
    }

    fn detector(&self) -> &Detector {
        &self.detector
    }
}

/// A detector at the place where the whole model has it, so that names are the same.
#[derive(Module, Debug)]
struct OnFeatures {
    detector: Detector,
}

impl Whole for OnFeatures {
    fn features(&self, fixture: &Fixture, device: &Device) -> Result<Tensor<3>, Unusable> {
        fixture.io.tensor("in/feats", device)
    }

    fn gradients(
        &self,
        fixture: &Fixture,
        _: &Keep,
        device: &Device,
        loss: impl FnOnce(Tensor<3>) -> Tensor<1>,
    ) -> Result<ModelGradients, Unusable> {
        let features = fixture.io.tensor("in/feats", &device.clone().autodiff())?;
        Ok(ModelGradients::from_backward(loss(features).backward(), self))
    }

    fn detector(&self) -> &Detector {
        &self.detector
    }
}

/// What a model is to find: per video, actions in grid steps.
pub(super) struct Given {
    /// Which steps hold video.
    pub(super) mask: Mask,
    /// The actions.
    pub(super) truth: Vec<Vec<Truth>>,
}

pub(super) fn check(folder: &Path, name: &str, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let fixture = Fixture::read(folder, name)?;
    let weights = folder.join(format!("{name}.weights.safetensors"));
    let description = &fixture.sidecar["config"]["model"];
    // Every weight comes from the file.
    let any = &mut Rng::new(0, Stream::Init, 0, 0);
    let autodiff = &device.clone().autodiff();
    if fixture.has("in/frames") {
        let config = describe::model(description)?;
        let model = AdaTad::blank(&config, any, autodiff);
        let model = filled(model, &weights)?;
        stages::backbone(&model.valid(), &fixture, device, score)?;
        compared(model, &config.detector, &fixture, device, score)
    } else {
        let config = describe::detector(description)?;
        let channels = describe::feature_channels(description)?;
        let sizes = [channels, describe::classes(description)?, describe::window_steps(description)?];
        let model = OnFeatures { detector: Detector::init(&config, sizes, any, autodiff) };
        compared(filled(model, &weights)?, &config, &fixture, device, score)
    }
}

/// Models on points and models on maps say different things.
fn compared<M: Whole>(
    model: M,
    config: &DetectorConfig,
    fixture: &Fixture,
    device: &Device,
    score: &mut Score,
) -> Result<(), Unusable> {
    match config {
        DetectorConfig::Gtad(settings) => gtad::compare(model, settings, fixture, device, score),
        DetectorConfig::ActionFormer(_) | DetectorConfig::TriDet(_) => compare(model, config, fixture, device, score),
    }
}

pub(super) fn filled<M: Whole>(mut model: M, path: &Path) -> Result<M, Unusable> {
    let unused = weights::load(&mut model, path).map_err(|error| Unusable(error.to_string()))?;
    // The classification norm is never applied; the loss normaliser is no weight.
    match unused.iter().find(|name| !name.contains("fc_norm") && !name.contains("loss_normalizer")) {
        Some(unused) => Err(Unusable(format!("nothing uses `{unused}` of the weights"))),
        None => Ok(model),
    }
}

fn compare<M: Whole>(
    mut model: M,
    config: &DetectorConfig,
    fixture: &Fixture,
    device: &Device,
    score: &mut Score,
) -> Result<(), Unusable> {
    let given = given(fixture)?;
    let plain = model.valid();
    let features = plain.features(fixture, device)?;
    if fixture.has("stage/backbone") {
        fixture.check(score, "stage/backbone", &features.to_data())?;
    }
    let predictions = plain.detector().forward(features.clone(), &given.mask, None);
    detector_stages::check(plain.detector(), features.clone(), &given.mask, fixture, score)?;
    predicted::check(config, &predictions, &given, fixture, score)?;
    post::check(plain.detector(), &predictions, fixture, score)?;
    let evaluation = config.normalizer().evaluation();
    let draws = &mut Draws::recorded(fixture, "eval")?;
    let losses = plain.detector().losses(&predictions, &given.truth, evaluation, draws);
    agree(&losses, "eval", fixture, score)?;

    // The reference pads before it hands over.
    let [b, c, t] = features.dims();
    let steps = fixture.io.get("grad_act/projection_input")?.shape()[2];
    let padding = Tensor::zeros([b, c, steps.saturating_sub(t)], device);
    let handed_over = Tensor::from_inner(Tensor::cat(vec![features, padding], 2)).require_grad();
    let predictions = model.detector().forward(handed_over.clone(), &given.mask.padded(steps), None);
    let positives = model.detector().positives(&given.mask, &given.truth);
    let divisor = config.normalizer().update(positives);
    let draws = &mut Draws::recorded(fixture, "step1")?;
    let losses = model.detector().losses(&predictions, &given.truth, divisor, draws);
    let gradient = handed_over.grad(&losses.total.backward());
    let gradient = gradient.ok_or_else(|| Unusable("no gradient reaches the features".into()))?;
    fixture.check(score, "grad_act/projection_input", &gradient.to_data())?;

    let settings = describe::optimizer(&fixture.sidecar)?;
    let mut optimizer = Optimizer::new(settings.clone());
    let mut normalizer = config.normalizer();
    let steps = describe::size(&fixture.sidecar, "steps")?;
    for step in 1..=steps {
        let (divisor, when) = (normalizer.update(positives), format!("step{step}"));
        let name = |what: &str| format!("loss/{when}.{what}");
        if fixture.has(&name("loss_normalizer")) {
            fixture.check(score, &name("loss_normalizer"), &TensorData::from([normalizer.value]))?;
        }
        // Whatever is kept or computed again, the gradients are the same.
        let keeps = [Keep::everything(), Keep { every: 2, ..Keep::inputs() }, Keep::inputs()];
        let mut found = None;
        for keep in &keeps[if step == 1 { 0 } else { 2 }..] {
            let mut losses = None;
            let draws = &mut Draws::recorded(fixture, &when)?;
            let gradients = model.gradients(fixture, keep, device, |features| {
                let predictions = model.detector().forward(features, &given.mask, None);
                let said = model.detector().losses(&predictions, &given.truth, divisor, draws);
                losses.insert(said).total.clone()
            })?;
            if let Some(losses) = losses {
                agree(&losses, &when, fixture, score)?;
            }
            let norm = gradients.norm(&model);
            fixture.check(score, &name("grad_norm"), &TensorData::from([norm as f32]))?;
            if step == 1 {
                let by_name = gradients.by_file_name(&model);
                let same = by_name.keys().map(String::as_str).eq(fixture.io.under("grad/"));
                score.same("which parameters get a gradient", same);
                for (name, gradient) in by_name {
                    fixture.check(score, &format!("grad/{name}"), &gradient)?;
                }
            }
            found = Some((gradients, norm));
        }
        let Some((gradients, norm)) = found else { continue };
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

/// Losses at one moment.
fn agree(losses: &Losses, when: &str, fixture: &Fixture, score: &mut Score) -> Result<(), Unusable> {
    let Losses { classification, regression, total, .. } = losses;
    for (name, loss) in [("cls_loss", classification), ("reg_loss", regression), ("cost", total)] {
        fixture.check(score, &format!("loss/{when}.{name}"), &loss.to_data())?;
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
    let scale = clip_factor(norm, settings.clip_norm);
    let epsilon = f64::from(EPSILON);
    let error = fixture.tolerance(&gradient)? * scale;
    let slope = |g: f64| epsilon / ((g * scale).abs() + epsilon).powi(2);
    let moved = |g: f64| steps as f64 * rate * (error * slope(g)).min(2.0);
    Ok(fixture.expected(&gradient)?.into_iter().map(moved).collect())
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
