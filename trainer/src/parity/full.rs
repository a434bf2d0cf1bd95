//! The full-size model, whose weights and frames follow from a formula: small files, published sizes.

use std::path::Path;

use adatad_adapter::{AdapterConfig, Keep, Representation, clips};
use adatad_backbone::{BlockDraw, Preset, VitConfig, normalise};
use adatad_data::random::{Rng, Stream};
use adatad_detector::actionformer::ActionFormerConfig;
use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use adatad_detector::{DetectorConfig, Predictions};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Int, Tensor, TensorData, activation};
use serde_json::Value;

use super::describe::{number, size};
use super::fixture::{Tensors, numbers, read_json};
use super::score::Score;
use super::unusable::Unusable;
use crate::model::{AdaTad, FeatureSource, ModelConfig};
use crate::optim::parameters_by_file_name;
use crate::path::ParameterPath;
use crate::step;
use crate::weights::file_name;

/// Errors of the reference's own 32-bit run are tolerated ten times over, as in the small fixtures.
const MARGIN: f64 = 10.0;

/// Relative tolerance of gradient norms and losses: deep sums in 32 bits (the reference's own two runs differ by up to
/// 1e-6).
const RELATIVE: f64 = 2e-5;

pub(super) fn check(folder: &Path, name: &str, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let sidecar = read_json(&folder.join(format!("{name}.json")))?;
    let tensors = Tensors::read(&folder.join(format!("{name}.safetensors")))?;
    let classes = tensors.get("pred/scores64")?.shape()[1];
    let (t, pixels) = (size(&sidecar, "frames")?, size(&sidecar, "size")?);
    let salt = sidecar["salt"].as_str().unwrap_or_default();
    let depth = sidecar["block_mean_rms64"].as_object().map_or(0, serde_json::Map::len);
    let config = config(tensors.get("pred/feature64")?.shape()[1], depth, t, classes)?;

    let autodiff = &device.clone().autodiff();
    let model = AdaTad::blank(&config, &mut Rng::new(0, Stream::Init, 0, 0), autodiff);
    let model = model.map(&mut Formula { salt, path: ParameterPath::default(), in_linear: false });
    let bytes = frames(salt, [3, t, pixels, pixels]);
    let frames = |device: &Device| -> Tensor<5, Int> {
        adatad_backbone::frames(TensorData::new(bytes.clone(), [1, 3, t, pixels, pixels]), device)
    };
    first_values(&model, &tensors, score)?;
    let corner = frames(device).slice([0..1, 0..3, 0..2, 0..4, 0..4]).to_data();
    score.compare("in/frames_corner", &numbers(&corner), &tensors.numbers("in/frames_corner")?, 0.5);

    let plain = model.valid();
    blocks(&plain, frames(device), &sidecar, score)?;
    let error = |key: &str| Ok::<f64, Unusable>(MARGIN * number(&sidecar["err_f32_f64"], key)?);
    let feature = plain.features(frames(device));
    score.compare("pred/feature", &numbers(&feature.to_data()), &tensors.numbers("pred/feature64")?, error("feature")?);
    let mask = Mask::prefix(&[t], t);
    let Predictions::ActionFormer(predictions) = plain.detector.forward(feature, &mask, None) else {
        return Err(Unusable("the detector is not the one that was asked for".into()));
    };
    let scores = activation::sigmoid(predictions.output.logits.clone()).to_data();
    score.compare("pred/scores", &numbers(&scores), &tensors.numbers("pred/scores64")?, error("scores")?);
    let offsets = numbers(&predictions.output.offsets.to_data());
    let segment = |(p, o): (&adatad_detector::points::Point, &[f64])| {
        let (position, stride) = (f64::from(p.position), f64::from(p.stride));
        [position - o[0] * stride, position + o[1] * stride]
    };
    let segments: Vec<f64> = predictions.points.iter().zip(offsets.chunks(2)).flat_map(segment).collect();
    score.compare("pred/proposals", &segments, &tensors.numbers("pred/proposals64")?, error("proposals")?);

    let (segments, labels) = (tensors.numbers("in/gt_segments")?, tensors.numbers("in/gt_labels")?);
    let truth = segments.chunks_exact(2).zip(labels);
    let truth = truth.map(|(s, l)| Truth { start: s[0] as f32, end: s[1] as f32, label: l as usize }).collect();
    let truth = [truth];
    let divisor = config.detector.normalizer().update(model.detector.positives(&mask, &truth));
    let mut losses = None;
    let gradients = step::through(&model, frames(device), &Keep::inputs(), None, |features, _| {
        let predictions = model.detector.forward(features, &mask, None);
        let no_draws = &mut Rng::new(0, Stream::Drop, 0, 0);
        losses.insert(model.detector.losses(&predictions, &truth, divisor, no_draws)).total.clone()
    });
    let gradients = gradients.map_err(|error| Unusable(error.to_string()))?;
    let Some(losses) = losses else { return Err(Unusable("no loss was asked for".into())) };
    for (name, found) in
        [("cls_loss", &losses.classification), ("reg_loss", &losses.regression), ("cost", &losses.total)]
    {
        relative(score, &format!("loss/{name}"), numbers(&found.to_data())[0], number(&sidecar["loss64"], name)?);
    }
    relative(score, "grad_norm", gradients.norm(&model), number(&sidecar, "grad_norm64")?);
    let found = gradients.by_file_name(&model);
    let Value::Object(expected) = &sidecar["gradients"] else {
        return Err(Unusable("`gradients` is no object".into()));
    };
    score.same("which parameters get a gradient", found.keys().eq(expected.keys()));
    let total = number(&sidecar, "grad_norm64")?;
    for (name, expected) in expected {
        let found = numbers(found.get(name).ok_or_else(|| Unusable(format!("`{name}` has no gradient")))?);
        let norm = found.iter().map(|value| value * value).sum::<f64>().sqrt();
        let bound = |value: f64| RELATIVE * 5.0 * value.abs() + 1e-8 * total;
        score.relative(&format!("|grad/{name}|"), &[norm], &[number(expected, "norm64")?], bound);
        let first: Vec<f64> = expected["first64"].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        let scale = number(expected, "norm64")?;
        let taken = &found[..first.len().min(found.len())];
        score.relative(&format!("grad/{name}"), taken, &first, |value| bound(value).max(1e-5 * scale));
    }
    Ok(())
}

/// A published backbone with TIA after every block, and the ActionFormer of the THUMOS recipe.
fn config(width: usize, depth: usize, window_steps: usize, classes: usize) -> Result<ModelConfig, Unusable> {
    let published = Preset::ALL.map(Preset::config).into_iter().find(|c| (c.width, c.depth) == (width, depth));
    let published = published.ok_or_else(|| Unusable(format!("no published size has width {width}, depth {depth}")))?;
    Ok(ModelConfig {
        source: FeatureSource::Backbone {
            vit: VitConfig { drop_path: 0.0, ..published },
            adapter: AdapterConfig::tia(),
            representation: Representation::Frames,
        },
        detector: DetectorConfig::ActionFormer(ActionFormerConfig::thumos()),
        classes,
        window_steps,
        detector_steps: window_steps,
        frame_loss: 0.0,
    })
}

fn relative(score: &mut Score, what: &str, found: f64, expected: f64) {
    score.relative(what, &[found], &[expected], |value| RELATIVE * value.abs());
}

fn first_values(model: &AdaTad, tensors: &Tensors, score: &mut Score) -> Result<(), Unusable> {
    let parameters = parameters_by_file_name(model);
    let names = [
        "backbone.model.backbone.blocks.0.attn.qkv.weight",
        "rpn_head.cls_head.bias",
        "projection.embed.0.conv.weight",
    ];
    let first = |name: &str| parameters.get(name).map(|data| numbers(data)[0]);
    let found: Option<Vec<f64>> = names.into_iter().map(first).collect();
    let found = found.ok_or_else(|| Unusable("a parameter has another name than in the reference".into()))?;
    score.compare("w/first_values", &found, &tensors.numbers("w/first_values")?, 1e-9);
    Ok(())
}

/// Mean and root mean square after each block.
fn blocks(model: &AdaTad, frames: Tensor<5, Int>, sidecar: &Value, score: &mut Score) -> Result<(), Unusable> {
    let [b, _, f, height, width] = frames.dims();
    let Some(backbone) = &model.backbone else { return Err(Unusable("the model has no backbone".into())) };
    let [h, w] = backbone.vit.grid(height, width);
    let mut x = backbone.vit.embed(normalise(clips(frames)));
    let shape = x.dims();
    for (i, block) in backbone.vit.blocks.iter().enumerate() {
        x = block.forward(x, &BlockDraw::default());
        if let Some(Some(adapter)) = backbone.adapters.get(i) {
            x = adapter.forward(x.reshape([b, f / 2, h * w, shape[2]])).reshape(shape);
        }
        let values = numbers(&x.to_data());
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let rms = (values.iter().map(|value| value * value).sum::<f64>() / count).sqrt();
        let expected = &sidecar["block_mean_rms64"][i.to_string()];
        let (Some(expected_mean), Some(expected_rms)) = (expected[0].as_f64(), expected[1].as_f64()) else {
            return Err(Unusable(format!("`block_mean_rms64` lacks block {i}")));
        };
        let tolerance = RELATIVE * expected_rms;
        score.compare(&format!("block {i}"), &[mean, rms], &[expected_mean, expected_rms], tolerance);
    }
    Ok(())
}

/// Values that follow from the seed, which is the 64-bit FNV-1a of salt and name; element `i` in `[-1, 1)`.
struct Values(u64);

impl Values {
    fn new(salt: &str, name: &str) -> Self {
        let hash = |seed: u64, byte: u8| (seed ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        Self(salt.bytes().chain(name.bytes()).fold(0xCBF2_9CE4_8422_2325, hash))
    }

    /// SplitMix64.
    fn word(&self, i: usize) -> u64 {
        let mut z = self.0.wrapping_add((i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&self, i: usize) -> f64 {
        2.0 * (self.word(i) >> 40) as f64 / f64::from(1 << 24) - 1.0
    }
}

fn frames(salt: &str, [c, t, h, w]: [usize; 4]) -> Vec<u8> {
    let values = Values::new(salt, "frames");
    let mut bytes = Vec::with_capacity(c * t * h * w);
    for i in 0..c * t * h * w {
        let (x, y) = (i % w, i / w % h);
        let (t, c) = (i / (w * h) % t, i / (w * h * t));
        bytes.push((values.word(i) >> 57) as u8 + ((7 * t + 3 * y + 5 * x + 40 * c) % 128) as u8);
    }
    bytes
}

/// Sets every parameter to its formula, under the name and in the layout of the reference.
struct Formula<'a> {
    salt: &'a str,
    path: ParameterPath,
    in_linear: bool,
}

impl ModuleMapper for Formula<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
        self.in_linear = container == "Struct:Linear";
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = file_name(&self.path.joined());
        if name.ends_with("pos_embed") {
            return param; // as built
        }
        let is_matrix = self.in_linear && D == 2;
        let (salt, path) = (self.salt, self.path.joined());
        param.map(|tensor| {
            let (device, learns) = (tensor.device(), tensor.is_require_grad());
            let mut shape: [usize; D] = tensor.dims();
            if is_matrix {
                shape.reverse();
            }
            let (values, count) = (Values::new(salt, &name), shape.iter().product::<usize>());
            let fan_in = count / shape[0];
            let numbers: Vec<f32> = (0..count).map(|i| value(&name, &path, values.unit(i), D, fan_in) as f32).collect();
            let tensor = Tensor::from_data(TensorData::new(numbers, shape), &device);
            let tensor = if is_matrix { tensor.transpose() } else { tensor };
            tensor.set_require_grad(learns)
        })
    }
}

/// The formulas of `fixtures/README.md`; `s` lies in `[-1, 1)`.
fn value(name: &str, path: &str, s: f64, dimensions: usize, fan_in: usize) -> f64 {
    let is_norm = (path.ends_with(".gamma") && !name.ends_with(".gamma")) || path.ends_with(".beta");
    match name.rsplit('.').next().unwrap_or(name) {
        "gamma" => 0.8 + 0.2 * s,
        "scale" if dimensions == 3 => 0.5 + 0.1 * s,
        "scale" => 1.0 + 0.1 * s,
        "weight" if is_norm => 1.0 + 0.15 * s,
        "bias" | "q_bias" | "v_bias" => match name {
            "rpn_head.reg_head.bias" => 0.1 * s + 1.5,
            "rpn_head.cls_head.bias" => 0.1 * s - 1.0,
            _ => 0.1 * s,
        },
        _ => s * (3.0 / fan_in as f64).sqrt(),
    }
}
