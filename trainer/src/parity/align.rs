//! Aligned pooling along time: as a function of 64 bits, and as the layer that rounds to 16.

use std::path::Path;

use adatad_detector::gtad::{Align1d, Stretch};
use burn::tensor::{Device, Tensor, TensorData};
use serde_json::Value;

use super::describe::{number, size};
use super::fixture::{Tensors, numbers, read_json};
use super::score::Score;
use super::unusable::Unusable;

pub(super) fn check(folder: &Path, name: &str, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let sidecar = read_json(&folder.join(format!("{name}.json")))?;
    let tensors = Tensors::read(&folder.join(format!("{name}.safetensors")))?;
    let Value::Object(cases) = &sidecar["cases"] else {
        return Err(Unusable("`cases` is no object".into()));
    };
    for (case, settings) in cases {
        let samples = size(settings, "sampling_ratio")?;
        let align = Align1d { bins: size(settings, "resolution")?, samples: (samples > 0).then_some(samples) };
        one(case, align, settings, &tensors, device, score)?;
    }
    Ok(())
}

fn one(
    case: &str,
    align: Align1d,
    settings: &Value,
    tensors: &Tensors,
    device: &Device,
    score: &mut Score,
) -> Result<(), Unusable> {
    let name = |what: &str| format!("{case}.{what}");
    let input = name("input");
    let &[b, c, t] = tensors.get(&input)?.shape().as_slice() else {
        return Err(Unusable(format!("`{input}` does not have three dimensions")));
    };
    let rois = tensors.numbers(&name("rois"))?;
    let stretches: Vec<Stretch> =
        rois.chunks_exact(3).map(|roi| Stretch { window: roi[0] as usize, start: roi[1], end: roi[2] }).collect();
    if let Some(stretch) = stretches.iter().find(|stretch| stretch.window >= b) {
        return Err(Unusable(format!("`{}` speaks of window {}, but there are {b}", name("rois"), stretch.window)));
    }
    let (absolute, relative) = (number(settings, "atol")?, number(settings, "rtol")?);
    let mut compare = |what: &str, found: &[f64]| -> Result<(), Unusable> {
        let bound = |value: f64| absolute + relative * value.abs();
        score.relative(&name(what), found, &tensors.numbers(&name(what))?, bound);
        Ok(())
    };

    let upstream = tensors.numbers(&name("upstream"))?;
    compare("exact_out64", &align.pool(&tensors.numbers(&input)?, [b, c, t], &stretches))?;
    compare("exact_grad64", &align.pool_backward(&upstream, [b, c, t], &stretches))?;

    let device = &device.clone().autodiff();
    let x = tensors.tensor::<3>(&input, device)?.require_grad();
    let pooled = align.forward(x.clone().permute([0, 2, 1]), &stretches).permute([0, 2, 1]); // [n, c, bins]
    compare("layer_out", &numbers(&pooled.clone().inner().to_data()))?;
    let upstream = TensorData::new(upstream, pooled.dims()).convert::<f32>();
    let gradients = (pooled * Tensor::from_data(upstream, device)).sum().backward();
    let gradient = x.grad(&gradients).ok_or_else(|| Unusable("no gradient reaches the input".into()))?;
    compare("layer_grad", &numbers(&gradient.to_data()))
}
