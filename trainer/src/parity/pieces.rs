//! Single functions of the backbone and its surroundings.

use std::path::Path;

use adatad_adapter::{AdapterConfig, Tia, resample};
use adatad_backbone::{Attention, DropRate, VitConfig, normalise, resize_positions, sinusoid};
use adatad_data::random::{Rng, Stream};
use adatad_data::window::Timing;
use adatad_detector::conv::max_pool;
use adatad_detector::mask::Mask;
use burn::store::burn_pack::Tensor as Stored;
use burn::store::{ModuleSnapshot, PyTorchToBurnAdapter};
use burn::tensor::{Bytes, DType, Device, Tensor, TensorData};
use serde_json::Value;

use super::describe::{number, size};
use super::draws::Draws;
use super::fixture::{Tensors, numbers, read_json};
use super::score::Score;
use super::unusable::Unusable;
use crate::optim::{ModelGradients, parameters_by_file_name};

/// What a fixture tolerates where it says nothing: ten roundings of 32 bits.
const TOLERANCE: f64 = 1e-6;

pub(super) fn check(folder: &Path, name: &str, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let sidecar = read_json(&folder.join(format!("{name}.json")))?;
    let tensors = Tensors::read(&folder.join(format!("{name}.safetensors")))?;
    let Value::Object(cases) = &sidecar["cases"] else {
        return Err(Unusable("`cases` is no object".into()));
    };
    let pieces = Pieces { tensors: &tensors, device };
    for (case, settings) in cases {
        let kind = case.split('.').next().unwrap_or(case);
        let tolerance = settings["atol"].as_f64().unwrap_or(TOLERANCE);
        match kind {
            "sinusoid" => {
                let table = sinusoid(size(settings, "positions")?, size(settings, "dim")?);
                score.compare(case, &wide(&table), &tensors.numbers(case)?, tolerance);
            }
            "posinterp" => score.compare(case, &pieces.positions(settings)?, &tensors.numbers(case)?, tolerance),
            "tia" => pieces.adapter(case, settings, tolerance, score)?,
            "attn" => pieces.attention(case, settings, tolerance, score)?,
            "interp" => {
                let x: Tensor<3> = pieces.input(&format!("{case}.in"))?;
                let found = resample(x.permute([0, 2, 1]), size(settings, "size")?).permute([0, 2, 1]);
                pieces.output(case, found, tolerance, score)?;
            }
            "droppath" => pieces.drop_path(case, settings, tolerance, score)?,
            "pool" => {
                let x: Tensor<3> = pieces.input(&format!("{case}.in"))?;
                let found = max_pool(x.permute([0, 2, 1]), size(settings, "stride")?).permute([0, 2, 1]);
                pieces.output(case, found, tolerance, score)?;
            }
            "seconds" => pieces.seconds(case, settings, tolerance, score)?,
            other => return Err(Unusable(format!("pieces of the kind `{other}` are not known"))),
        }
    }
    if tensors.get("normalise.in").is_ok() {
        let found = normalise(tensors.frames("normalise.in", device)?).to_data();
        score.compare("normalise", &numbers(&found), &tensors.numbers("normalise.out")?, TOLERANCE);
    }
    if tensors.get("mask.in").is_ok() {
        pieces.masks(score)?;
    }
    Ok(())
}

struct Pieces<'a> {
    tensors: &'a Tensors,
    device: &'a Device,
}

impl Pieces<'_> {
    fn input<const D: usize>(&self, name: &str) -> Result<Tensor<D>, Unusable> {
        self.tensors.tensor(name, self.device)
    }

    fn output<const D: usize>(
        &self,
        case: &str,
        found: Tensor<D>,
        tolerance: f64,
        score: &mut Score,
    ) -> Result<(), Unusable> {
        let name = format!("{case}.out");
        score.compare(&name, &numbers(&found.to_data()), &self.tensors.numbers(&name)?, tolerance);
        Ok(())
    }

    /// Fills a module with the tensors `CASE.w.*`.
    fn fill<M: ModuleSnapshot>(&self, module: &mut M, case: &str) -> Result<(), Unusable> {
        let start = format!("{case}.w.");
        let mut stored = Vec::new();
        for name in self.tensors.under(&start) {
            let data = self.tensors.get(&format!("{start}{name}"))?.clone().convert::<f32>();
            // A TIA keeps its two convolutions together.
            let path = match name.split('.').next() {
                Some("dwconv" | "conv") => format!("temporal.{name}"),
                _ => name.to_owned(),
            };
            let shape: Vec<usize> = data.shape().to_vec();
            let bytes = Bytes::from_elems(data.iter::<f32>().collect::<Vec<_>>());
            stored.push(Stored::new(path, DType::F32, shape, None, bytes));
        }
        let result = module.apply(stored, None, Some(Box::new(PyTorchToBurnAdapter)), false);
        match (result.errors.first(), result.unused.first()) {
            (Some(error), _) => Err(Unusable(format!("{case}: {error}"))),
            (_, Some(unused)) => Err(Unusable(format!("{case}: nothing uses `{unused}`"))),
            (None, None) => Ok(()),
        }
    }

    fn positions(&self, settings: &Value) -> Result<Vec<f64>, Unusable> {
        let (grid, steps, c) = (size(settings, "grid")?, size(settings, "steps")?, size(settings, "dim")?);
        let side = |at: usize| settings["out"][at].as_u64().map(|side| side as usize);
        let (Some(h), Some(w)) = (side(0), side(1)) else { return Err(Unusable("`out` is no pair".into())) };
        let tokens = steps * grid * grid;
        let table = Tensor::from_data(TensorData::new(sinusoid(tokens, c), [1, tokens, c]), self.device);
        Ok(numbers(&resize_positions(table, grid, [h, w]).to_data()))
    }

    fn adapter(&self, case: &str, settings: &Value, tolerance: f64, score: &mut Score) -> Result<(), Unusable> {
        let device = &self.device.clone().autodiff();
        let (c, s) = (size(settings, "embed")?, size(settings, "h")? * size(settings, "w")?);
        let config = AdapterConfig { reduction: c / size(settings, "hidden")?, ..AdapterConfig::tia() };
        let mut tia = Tia::init(&config, c, true, &mut Rng::new(0, Stream::Init, 0, 0), device);
        self.fill(&mut tia, case)?;
        let x: Tensor<3> = self.tensors.tensor(&format!("{case}.in"), device)?;
        let shape = x.dims();
        let t = size(settings, "temporal_size")?;
        let x = x.require_grad();
        let out = tia.forward(x.clone().reshape([shape[0] * shape[1] / (t * s), t, s, c])).reshape(shape);
        self.output(case, out.clone().inner(), tolerance, score)?;
        let up = self.tensors.tensor::<3>(&format!("{case}.up"), device)?;
        let gradients = (out * up).sum().backward();
        let to_input = x.grad(&gradients).ok_or_else(|| Unusable("no gradient reaches the input".into()))?;
        let name = format!("{case}.grad_in");
        score.compare(&name, &numbers(&to_input.to_data()), &self.tensors.numbers(&name)?, tolerance);
        let gradients = ModelGradients::from_backward(gradients, &tia);
        for (parameter, found) in gradients.by_file_name(&tia) {
            let name = format!("{case}.grad.{}", parameter.trim_start_matches("temporal."));
            let expected = self.tensors.numbers(&name)?;
            // Sums over all tokens: their rounding grows with their size.
            score.relative(&name, &numbers(&found), &expected, |value| tolerance * value.abs().max(1.0));
        }
        let all = parameters_by_file_name(&tia).len();
        score.same(&format!("{case}: every parameter has a gradient"), gradients.by_file_name(&tia).len() == all);
        Ok(())
    }

    fn attention(&self, case: &str, settings: &Value, tolerance: f64, score: &mut Score) -> Result<(), Unusable> {
        let (width, heads) = (size(settings, "embed")?, size(settings, "heads")?);
        let config = VitConfig {
            width,
            heads,
            depth: 1,
            mlp: 1,
            patch: 1,
            position_grid: 1,
            drop_path: 0.0,
            norm_epsilon: VitConfig::NORM_EPSILON,
        };
        // Without biases in the fixture they stay 0.
        let mut attention = Attention::blank(&config, self.device);
        self.fill(&mut attention, case)?;
        let found = attention.forward(self.input(&format!("{case}.in"))?);
        self.output(case, found, tolerance, score)
    }

    fn drop_path(&self, case: &str, settings: &Value, tolerance: f64, score: &mut Score) -> Result<(), Unusable> {
        let mut draws = Draws::of(self.tensors.numbers(&format!("{case}.uniform"))?);
        let x: Tensor<3> = self.input(&format!("{case}.in"))?;
        let found = DropRate(number(settings, "drop_prob")?).apply(x, Some(&mut draws));
        self.output(case, found, tolerance, score)
    }

    fn seconds(&self, case: &str, settings: &Value, tolerance: f64, score: &mut Score) -> Result<(), Unusable> {
        let duration = number(settings, "duration")?;
        let timing = match settings["resize_length"].as_u64() {
            Some(resize_length) => Timing::Whole { resize_length: resize_length as usize, duration },
            None => Timing::Stretch {
                fps: number(settings, "fps")?,
                duration,
                snippet_stride: size(settings, "snippet_stride")?,
                offset_frames: size(settings, "offset_frames")?,
                window_start_frame: settings["window_start_frame"].as_u64().unwrap_or(0) as usize,
            },
        };
        let found: Vec<f64> =
            self.tensors.numbers("seconds.in")?.into_iter().map(|step| timing.seconds(step)).collect();
        let name = format!("{case}.out");
        // Seconds of a recording, in 32 bits.
        let bound = |value: f64| tolerance * value.abs().max(1.0);
        score.relative(&name, &found, &self.tensors.numbers(&name)?, bound);
        Ok(())
    }

    fn masks(&self, score: &mut Score) -> Result<(), Unusable> {
        let data = self.tensors.get("mask.in")?;
        let steps = data.shape().last().copied().unwrap_or(1);
        let flags: Vec<bool> = numbers(data).into_iter().map(|flag| flag != 0.0).collect();
        let mut mask = Mask::new(flags.chunks(steps).map(<[bool]>::to_vec).collect());
        for divisor in ["mask.div2", "mask.div4", "mask.div8"] {
            mask = mask.halved();
            let rows = (0..mask.batch()).flat_map(|video| mask.row(video));
            let found: Vec<f64> = rows.map(|&valid| f64::from(u8::from(valid))).collect();
            score.compare(divisor, &found, &self.tensors.numbers(divisor)?, TOLERANCE);
        }
        Ok(())
    }
}

fn wide(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| f64::from(number)).collect()
}
