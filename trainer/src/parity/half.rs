//! The backbone of a whole model in 16 bits.
//!
//! Only the transformer and its adapters: they are all but a thousandth of the arithmetic. Losses and the detector stay in
//! 32 bits.

use std::path::Path;

use adatad_data::random::{Rng, Stream};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Device, Tensor};

use super::describe;
use super::fixture::{Fixture, numbers};
use super::unusable::Unusable;
use super::whole::filled;
use crate::model::AdaTad;

/// Whether a fixture is on frames.
pub(super) fn has_frames(folder: &Path, name: &str) -> bool {
    Fixture::read(folder, name).is_ok_and(|fixture| fixture.has("in/frames") && fixture.has("stage/backbone"))
}

/// How far off the features of a fixture are when its backbone runs in numbers of `kind`: root mean square of the error, in
/// units of that of the features.
///
/// # Errors
///
/// The fixture cannot be used, or has no backbone.
pub fn error(folder: &Path, name: &str, device: &Device, kind: DType) -> Result<f64, Unusable> {
    let fixture = Fixture::read(folder, name)?;
    let config = describe::model(&fixture.sidecar["config"]["model"])?;
    let model = AdaTad::blank(&config, &mut Rng::new(0, Stream::Init, 0, 0), device);
    let model = filled(model, &folder.join(format!("{name}.weights.safetensors")))?;
    let none = || Unusable(format!("`{name}` has no backbone"));
    let backbone = model.backbone.clone().ok_or_else(none)?.map(&mut To(kind));
    let tubelets = backbone.infer(fixture.io.frames("in/frames", device)?, 1);
    let found = numbers(&model.handed_over(&backbone, tubelets.cast(DType::F32)).to_data());
    let expected = fixture.expected("stage/backbone")?;
    if found.len() != expected.len() {
        return Err(Unusable(format!("{} features, expected are {}", found.len(), expected.len())));
    }
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
    let error = square(&mut found.iter().zip(&expected).map(|(found, expected)| found - expected));
    Ok(error / square(&mut expected.iter().copied()))
}

/// Every parameter in numbers of another kind.
pub struct To(pub DType);

impl ModuleMapper for To {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(self.0))
    }
}
