//! Checks this build against reference numbers: every fixture in a folder, whatever its sizes and names.
//!
//! A fixture is what the public implementation computed on tiny random models and on single functions: tensors in
//! safetensors, and a JSON file beside them that says what they are and how far off a correct 32-bit implementation may
//! be. Nothing here knows the numbers of any one fixture.

mod align;
mod balance;
mod checkpoints;
mod describe;
mod detector_stages;
mod draws;
mod fixture;
mod full;
mod gtad;
mod gtad_results;
mod half;
mod losses;
mod merging;
mod metrics;
mod optim;
mod pieces;
mod post;
mod predicted;
mod schedule;
mod score;
mod stages;
mod suppression;
mod targets;
mod unusable;
mod whole;
mod windows;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use serde::Serialize;
use serde_json::Value;

use fixture::read_json;
pub use score::Parts;
use score::Score;
pub use unusable::Unusable;

/// How one fixture came out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// Its name: that of its files, without endings.
    pub name: String,
    /// What it is a fixture of.
    pub kind: String,
    /// Largest error, in units of what is tolerated; none if nothing could be compared.
    pub worst_ratio: Option<f64>,
    /// Whether every number is within tolerance.
    pub passed: bool,
    /// Whether it was checked to its end.
    pub finished: bool,
    /// Its largest errors by what they follow from.
    pub parts: Parts,
    /// Where the largest error is and how much was compared, or why nothing was.
    pub note: String,
}

/// A folder that cannot be looked into.
#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    /// Not readable.
    #[error("{}: {source}", folder.display())]
    Read {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing to check.
    #[error("{}: holds no fixture: no .json or .pth file, and no folder with a config.json", folder.display())]
    Empty {
        /// The folder.
        folder: PathBuf,
    },
}

/// What a fixture is of.
enum Kind {
    /// A whole model, on frames or on features.
    Whole { detector: String },
    /// The full-size backbone and detector with weights from a formula.
    Full,
    /// Single functions of the backbone.
    Pieces,
    /// Losses of detectors.
    Losses,
    /// What points of a pyramid are to learn.
    Targets,
    /// Suppression.
    Suppression,
    /// Windows put together.
    Merging,
    /// Average precision and recall.
    Metrics,
    /// Windows, frames and what is taught in them.
    Windows,
    /// Aligned pooling along time.
    Align,
    /// Optimisers and the moving average.
    Optim,
    /// Learning rates.
    Schedule,
    /// A transformer in Hugging Face's layout, with its hidden states.
    HuggingFace,
    /// A PyTorch file, with what it holds.
    Checkpoint,
    /// Anything else.
    Unknown(String),
}

/// Checks every fixture in `folder`, in order of name; `each` hears of one after another.
///
/// # Errors
///
/// The folder cannot be read, or holds no fixture.
pub fn check(folder: &Path, device: &Device, mut each: impl FnMut(&Verdict)) -> Result<Vec<Verdict>, ParityError> {
    let verdict = |name: &String| {
        let verdict = one(folder, name, device);
        each(&verdict);
        verdict
    };
    Ok(names(folder)?.iter().map(verdict).collect())
}

/// Names of the fixtures in a folder: `NAME.json`, `NAME.pth`, or a folder with a `config.json`.
///
/// # Errors
///
/// The folder cannot be read, or holds no fixture.
pub fn names(folder: &Path) -> Result<BTreeSet<String>, ParityError> {
    let read = |source| ParityError::Read { folder: folder.into(), source };
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let stem = match path.is_dir() {
            true if path.join("config.json").exists() => Some(name),
            true => None,
            // What a checkpoint holds stands in files of their own, and is no fixture by itself.
            false => name.strip_suffix(".json").filter(|stem| !stem.ends_with(".expect")).or(name.strip_suffix(".pth")),
        };
        names.extend(stem.map(str::to_owned));
    }
    if names.is_empty() { Err(ParityError::Empty { folder: folder.into() }) } else { Ok(names) }
}

/// Where the numbers of a fixture are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On the host, whatever the device is.
    Host,
    /// On the device.
    Device,
    /// On the device, with a model of a published size.
    DeviceAtLength,
}

/// Where the numbers of a fixture are computed. Of one that cannot be read: on the device, which will say so.
pub fn place(folder: &Path, name: &str) -> Place {
    match kind(folder, name) {
        Ok(Kind::Full) => Place::DeviceAtLength,
        Ok(Kind::Suppression | Kind::Merging | Kind::Metrics | Kind::Windows | Kind::Schedule | Kind::Checkpoint) => {
            Place::Host
        }
        _ => Place::Device,
    }
}

/// Whether a fixture is of a whole model on frames.
pub fn has_backbone(folder: &Path, name: &str) -> bool {
    matches!(kind(folder, name), Ok(Kind::Whole { .. })) && half::has_frames(folder, name)
}

pub use half::{HalfErrors, errors as half_errors};

/// Checks one fixture.
pub fn one(folder: &Path, name: &str, device: &Device) -> Verdict {
    let mut score = Score::default();
    let kind = kind(folder, name);
    let label = match &kind {
        Ok(Kind::Whole { detector }) => detector.clone(),
        Ok(Kind::Full) => "full-size".to_owned(),
        Ok(Kind::Pieces) => "pieces".to_owned(),
        Ok(Kind::Losses) => "losses".to_owned(),
        Ok(Kind::Targets) => "targets".to_owned(),
        Ok(Kind::Suppression) => "nms".to_owned(),
        Ok(Kind::Merging) => "merge".to_owned(),
        Ok(Kind::Metrics) => "map".to_owned(),
        Ok(Kind::Windows) => "windows".to_owned(),
        Ok(Kind::Align) => "align1d".to_owned(),
        Ok(Kind::Optim) => "optim".to_owned(),
        Ok(Kind::Schedule) => "schedule".to_owned(),
        Ok(Kind::HuggingFace) => "hugging-face".to_owned(),
        Ok(Kind::Checkpoint) => "checkpoint".to_owned(),
        Ok(Kind::Unknown(kind)) => kind.clone(),
        Err(_) => "unreadable".to_owned(),
    };
    let done = kind.and_then(|kind| match kind {
        Kind::Whole { .. } => whole::check(folder, name, device, &mut score),
        Kind::Full => full::check(folder, name, device, &mut score),
        Kind::Pieces => pieces::check(folder, name, device, &mut score),
        Kind::Losses => losses::check(folder, name, device, &mut score),
        Kind::Suppression => suppression::check(folder, name, &mut score),
        Kind::Merging => merging::check(folder, name, &mut score),
        Kind::Metrics => metrics::check(folder, name, &mut score),
        Kind::Windows => windows::check(folder, name, &mut score),
        Kind::Targets => targets::check(folder, name, device, &mut score),
        Kind::Align => align::check(folder, name, device, &mut score),
        Kind::Optim => optim::check(folder, name, device, &mut score),
        Kind::Schedule => schedule::check(folder, name, &mut score),
        Kind::HuggingFace => checkpoints::hugging_face(&folder.join(name), device, &mut score),
        Kind::Checkpoint => checkpoints::pth(folder, name, &mut score),
        Kind::Unknown(kind) => Err(Unusable(format!("fixtures of the kind `{kind}` are not known"))),
    });
    score.verdict(name, label, done)
}

fn kind(folder: &Path, name: &str) -> Result<Kind, Unusable> {
    if folder.join(name).join("config.json").exists() {
        return Ok(Kind::HuggingFace);
    }
    let sidecar = folder.join(format!("{name}.json"));
    if !sidecar.exists() {
        return Ok(Kind::Checkpoint);
    }
    let sidecar = read_json(&sidecar)?;
    if let (Some(detector), false) = (sidecar["kind"].as_str(), sidecar["config"]["model"].is_null()) {
        return Ok(Kind::Whole { detector: detector.to_owned() });
    }
    if !sidecar["block_mean_rms64"].is_null() {
        return Ok(Kind::Full);
    }
    if ["database", "class_map", "sliding", "random_trunc"].into_iter().all(|part| !sidecar[part].is_null()) {
        return Ok(Kind::Windows);
    }
    let starts = |start: &str| match &sidecar["cases"] {
        Value::Object(cases) => cases.keys().any(|case| case.starts_with(start)),
        Value::Array(cases) => cases.iter().filter_map(Value::as_str).any(|case| case.starts_with(start)),
        _ => false,
    };
    if ["sinusoid.", "posinterp.", "tia.", "attn.", "interp."].into_iter().any(starts) {
        return Ok(Kind::Pieces);
    }
    if ["focal.", "diou", "giou", "bal_"].into_iter().any(starts) {
        return Ok(Kind::Losses);
    }
    if sidecar["cases"].as_object().is_some_and(|cases| cases.values().any(|case| !case["center_sample"].is_null())) {
        return Ok(Kind::Targets);
    }
    let first = &sidecar["cases"][0];
    let has = |keys: &[&str]| keys.iter().all(|key| !first[*key].is_null());
    if has(&["input", "args", "equal_neighbours"]) {
        return Ok(Kind::Suppression);
    }
    if has(&["nms", "results"]) && sidecar["inputs"].is_object() {
        return Ok(Kind::Merging);
    }
    if has(&["database", "results", "tiou_thresholds"]) {
        return Ok(Kind::Metrics);
    }
    let first = match &sidecar["cases"] {
        Value::Object(cases) => cases.values().next(),
        Value::Array(cases) => cases.first(),
        _ => None,
    };
    let each_has = |key: &str| first.is_some_and(|case| !case[key].is_null());
    if each_has("resolution") && each_has("sampling_ratio") {
        return Ok(Kind::Align);
    }
    if each_has("lr") && each_has("iters_per_epoch") {
        return Ok(Kind::Schedule);
    }
    if !sidecar["ema"].is_null() {
        return Ok(Kind::Optim);
    }
    Ok(Kind::Unknown(name.strip_prefix("fn_").unwrap_or(name).to_owned()))
}
