//! Checkpoints of other projects: what a file holds, and what a transformer filled from it computes.

use std::path::Path;

use adatad_backbone::weights::VitWeights;
use adatad_backbone::weights::file::{DType, WeightFile};
use adatad_backbone::{BlockDraw, Vit, VitConfig};
use burn::nn::LayerNormConfig;
use burn::tensor::{Device, Tensor};

use super::describe::number;
use super::fixture::{Tensors, numbers, read_json};
use super::score::Score;
use super::unusable::Unusable;

/// What the norm before Hugging Face's classifier adds to the variance, whatever `layer_norm_eps` says: Torch's default.
const CLASSIFIER_EPSILON: f64 = 1e-5;

/// A transformer from Hugging Face: positions, every hidden state, and what the classifier or final norm makes of them.
pub(super) fn hugging_face(folder: &Path, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let tolerance = number(&read_json(&folder.join("sidecar.json"))?, "atol")?;
    let io = Tensors::read(&folder.join("io.safetensors"))?;
    let unfit = |error: &dyn std::fmt::Display| Unusable(error.to_string());
    let weights = VitWeights::open(folder, None).map_err(|e| unfit(&e))?;
    let config = weights.config().map_err(|e| unfit(&e))?;
    let mut vit = Vit::blank(&config, device);
    weights.load(&mut vit, &config, &[]).map_err(|e| unfit(&e))?;

    // Pixels come as [b, t, c, h, w]; a clip is [n, 3, 16, h, w].
    let clips = io.tensor::<5>("in/pixel_values", device)?.permute([0, 2, 1, 3, 4]);
    let [_, _, _, height, width] = clips.dims();
    let positions = vit.positions(vit.grid(height, width)).to_data();
    score.compare("position_embeddings", &numbers(&positions), &io.numbers("position_embeddings")?, tolerance);
    let mut x = vit.embed(clips);
    let hidden = |i: usize, x: &Tensor<3>, score: &mut Score| -> Result<(), Unusable> {
        let name = format!("out/hidden_states.{i}");
        score.compare(&name, &numbers(&x.to_data()), &io.numbers(&name)?, tolerance);
        Ok(())
    };
    hidden(0, &x, score)?;
    for (i, block) in vit.blocks.iter().enumerate() {
        x = block.forward(x, &BlockDraw::default());
        hidden(i + 1, &x, score)?;
    }
    after(&weights, &config, x, &io, tolerance, score)
}

/// AdaTAD reads the raw residual stream; what stands after it is computed here, to show that the stream is right.
fn after(
    weights: &VitWeights,
    config: &VitConfig,
    x: Tensor<3>,
    io: &Tensors,
    tolerance: f64,
    score: &mut Score,
) -> Result<(), Unusable> {
    let device = &x.device();
    let read = |name: &str| -> Result<Tensor<1>, Unusable> {
        let missing = || Unusable(format!("the weights lack `{name}`"));
        let numbers = weights.read(name).ok_or_else(missing)?.map_err(|error| Unusable(error.to_string()))?;
        Ok(Tensor::from_data(numbers.as_slice(), device))
    };
    let norm = |x: Tensor<3>, name: &str, epsilon: f64| -> Result<Tensor<3>, Unusable> {
        let unit = LayerNormConfig::new(config.width).with_epsilon(epsilon).init(device);
        let (gain, bias) = (read(&format!("{name}.weight"))?, read(&format!("{name}.bias"))?);
        Ok(unit.forward(x) * gain.reshape([1, 1, -1]) + bias.reshape([1, 1, -1]))
    };
    if io.get("out/last_hidden_state").is_ok() {
        let found = numbers(&norm(x, "layernorm", config.norm_epsilon)?.to_data());
        score.compare("out/last_hidden_state", &found, &io.numbers("out/last_hidden_state")?, tolerance);
    } else if io.get("out/logits").is_ok() {
        let pooled = norm(x.mean_dim(1), "fc_norm", CLASSIFIER_EPSILON)?.squeeze_dim::<2>(1); // [b, c]
        let weight = read("classifier.weight")?.reshape([-1, config.width as i32]);
        let logits = pooled.matmul(weight.transpose()) + read("classifier.bias")?.reshape([1, -1]);
        score.compare("out/logits", &numbers(&logits.to_data()), &io.numbers("out/logits")?, tolerance);
    }
    Ok(())
}

/// A PyTorch file against a safetensors file with the same content; nested dicts stand there as `dict/name`.
pub(super) fn pth(folder: &Path, name: &str, score: &mut Score) -> Result<(), Unusable> {
    let unfit = |error: &dyn std::fmt::Display| Unusable(error.to_string());
    let file = WeightFile::open(&folder.join(format!("{name}.pth"))).map_err(|e| unfit(&e))?;
    let expect = |name: &str| folder.join(format!("{name}.expect.safetensors"));
    let same = expect(name);
    let path = if same.exists() { same } else { expect(name.strip_suffix("_legacy").unwrap_or(name)) };
    let expected = WeightFile::open(&path).map_err(|e| unfit(&e))?;
    let dicts = file.state_dicts();
    let expected_dicts = expected.state_dicts();
    let Some(all) = expected_dicts.first() else {
        return Err(Unusable(format!("{}: holds no tensors", path.display())));
    };
    for (key, wanted) in &all.tensors {
        let (dict, tensor) = key.rsplit_once('/').unwrap_or(("", key));
        let mut found = dicts.iter().filter(|found| dict.is_empty() || found.path == dict);
        let found = found.find_map(|dict| dict.tensors.iter().find(|(name, _)| *name == tensor));
        let Some((_, info)) = found else {
            if dict.starts_with("optimizer") {
                continue; // states of an optimiser stand under numbers, and are no weights
            }
            score.same(&format!("`{key}` is there"), false);
            continue;
        };
        score.same(&format!("shape of `{key}`"), info.shape() == wanted.shape());
        score
            .same(&format!("type of `{key}`"), info.dtype() == wanted.dtype() || is_byte(info.dtype(), wanted.dtype()));
        let bytes = (file.read_bytes(info), expected.read_bytes(wanted));
        let (Ok(found), Ok(wanted)) = bytes else { return Err(Unusable(format!("`{key}` cannot be read"))) };
        score.same(&format!("numbers of `{key}`"), found == wanted);
    }
    Ok(())
}

/// safetensors writers often store truth values as bytes.
fn is_byte(a: DType, b: DType) -> bool {
    let byte = |dtype| matches!(dtype, DType::U8 | DType::Bool);
    byte(a) && byte(b)
}
