//! A whole model whose backbone and adapters compute in 16 bits, as mixed precision has it.

use std::path::Path;

use adatad_adapter::Keep;
use adatad_backbone::Precision;
use adatad_data::random::{Rng, Stream};
use burn::module::Module;
use burn::tensor::Device;

use super::describe;
use super::draws::Draws;
use super::fixture::{Fixture, numbers};
use super::unusable::Unusable;
use super::whole::{Whole, filled, given};
use crate::loss_scale::LossScale;
use crate::model::{AdaTad, FeatureSource};

/// Whether a fixture is on frames.
pub(super) fn has_frames(folder: &Path, name: &str) -> bool {
    Fixture::read(folder, name).is_ok_and(|fixture| fixture.has("in/frames") && fixture.has("stage/backbone"))
}

/// How far off a model in 16 bits is from a fixture: root mean squares of the errors, in units of those of the numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HalfErrors {
    /// Of the features.
    pub features: f64,
    /// Of the gradients of the first step, all parameters together.
    pub gradients: f64,
    /// What the loss was scaled by for that.
    pub loss_scale: f64,
}

/// Runs a fixture's model with products in numbers of `precision`, forward and backward.
///
/// # Errors
///
/// The fixture cannot be used, or has no backbone.
pub fn errors(folder: &Path, name: &str, device: &Device, precision: Precision) -> Result<HalfErrors, Unusable> {
    let fixture = Fixture::read(folder, name)?;
    let mut config = describe::model(&fixture.sidecar["config"]["model"])?;
    let FeatureSource::Backbone { adapter, .. } = &mut config.source else {
        return Err(Unusable(format!("`{name}` has no backbone")));
    };
    adapter.precision = precision.into();
    let model = AdaTad::blank(&config, &mut Rng::new(0, Stream::Init, 0, 0), &device.clone().autodiff());
    let model = filled(model, &folder.join(format!("{name}.weights.safetensors")))?;
    let mut of_features = Apart::default();
    let found = model.valid().features(fixture.io.frames("in/frames", device)?);
    of_features.add(&numbers(&found.to_data()), &fixture.expected("stage/backbone")?);

    let given = given(&fixture)?;
    let divisor = config.detector.normalizer().update(model.detector.positives(&given.mask, &given.truth));
    let mut scale = LossScale::of(precision);
    loop {
        let factor = scale.map_or(1.0, |scale| scale.factor);
        let draws = &mut Draws::recorded(&fixture, "step1")?;
        let gradients = Whole::gradients(&model, &fixture, &Keep::inputs(), device, |features| {
            let predictions = model.detector.forward(features, &given.mask, None);
            model.detector.losses(&predictions, &given.truth, divisor, draws).total * factor
        })?;
        match scale.filter(|_| !gradients.norm(&model).is_finite()).map(LossScale::overflowed) {
            Some(Some(smaller)) => {
                scale = Some(smaller);
                continue;
            }
            Some(None) => return Err(Unusable(format!("gradients of `{name}` overflow however they are scaled"))),
            None => {}
        }
        let mut of_gradients = Apart::default();
        for (name, gradient) in gradients.by_file_name(&model) {
            let found: Vec<f64> = numbers(&gradient).into_iter().map(|gradient| gradient / factor).collect();
            of_gradients.add(&found, &fixture.expected(&format!("grad/{name}"))?);
        }
        return Ok(HalfErrors {
            features: of_features.relative(),
            gradients: of_gradients.relative(),
            loss_scale: factor,
        });
    }
}

/// Squares of errors and of numbers, summed.
#[derive(Default)]
struct Apart {
    error: f64,
    size: f64,
}

impl Apart {
    /// # Panics
    ///
    /// When there are more numbers of one than of the other: shapes were compared when the weights were read.
    fn add(&mut self, found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len(), "both are of the same model");
        self.error += found.iter().zip(expected).map(|(found, expected)| (found - expected).powi(2)).sum::<f64>();
        self.size += expected.iter().map(|expected| expected.powi(2)).sum::<f64>();
    }

    fn relative(&self) -> f64 {
        (self.error / self.size).sqrt()
    }
}
