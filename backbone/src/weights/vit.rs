//! Filling a [`Vit`] from a file of weights, of any layout.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::store::burn_pack::{self, Tensor as Stored};
use burn::store::{ModuleAdapter, ModuleSnapshot, PyTorchToBurnAdapter};
use burn::tensor::{Bytes, DType};

use super::file::{FileError, FileKind, StateDict, TensorInfo, WeightFile};
use super::held::AsHeld;
use super::hugging_face::{HuggingFaceConfig, HuggingFaceError};
use super::layout::{Layout, Names, Place};
use super::matching::Match;
use crate::{Vit, VitConfig};

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration beside weights from Hugging Face.
    #[error(transparent)]
    HuggingFace(#[from] HuggingFaceError),
    /// A folder without weights.
    #[error("{}: holds none of {}", folder.display(), FOLDER_FILES.join(", "))]
    Folder {
        /// The folder.
        folder: PathBuf,
    },
    /// No dict of tensors under this name.
    #[error("{}: has no state dict `{asked}`; there are {}", path.display(), list(known))]
    NoStateDict {
        /// The file.
        path: PathBuf,
        /// The name asked for.
        asked: String,
        /// What there is.
        known: Vec<String>,
    },
    /// Tensors, but not of this transformer.
    #[error("{}: holds no VideoMAE transformer: no name ends in `blocks.0.attn.qkv.weight` or `encoder.layer.0.attention.attention.query.weight`{}", path.display(), example(.names))]
    NotVideoMae {
        /// The file.
        path: PathBuf,
        /// The first names in it.
        names: Vec<String>,
    },
    /// A size that cannot be told from the shapes.
    #[error("{}: {what}", path.display())]
    Size {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// Something is missing or has another shape.
    #[error("{}: does not fit: {}", path.display(), several(faults))]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Everything that does not fit, in words.
        faults: Vec<String>,
    },
}

/// What a Hugging Face folder may hold, best first.
const FOLDER_FILES: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];
/// State dicts in order of preference: detection uses the averaged weights where there are any.
const PREFERRED: [&str; 5] = ["state_dict_ema", "state_dict", "module", "model", ""];
/// Shapes of the position table that must agree with the input size: `[1, tokens, c]`.
const TABLE: &str = "pos_embed";

/// The weights of a VideoMAE transformer in a file; nothing but names and shapes is read until they are loaded.
#[derive(Debug)]
pub struct VitWeights {
    file: Arc<WeightFile>,
    state_dict: String,
    names: Names,
    stored: Vec<(String, TensorInfo)>,
    hugging_face: Option<HuggingFaceConfig>,
}

impl VitWeights {
    /// Opens a file, or a folder from Hugging Face. `state_dict` names one of several dicts of tensors in the file; by
    /// default averaged weights are taken before others.
    ///
    /// # Errors
    ///
    /// See [`WeightsError`].
    pub fn open(path: &Path, state_dict: Option<&str>) -> Result<Self, WeightsError> {
        let path = &match path.is_dir() {
            false => path.to_path_buf(),
            true => {
                let inside = FOLDER_FILES.map(|name| path.join(name)).into_iter().find(|file| file.exists());
                inside.ok_or_else(|| WeightsError::Folder { folder: path.to_path_buf() })?
            }
        };
        let file = WeightFile::open(path)?;
        let (state_dict, names, stored) = choose(&file, state_dict)?;
        let hugging_face = match names.layout() {
            Layout::HuggingFace => HuggingFaceConfig::beside(path)?,
            _ => None,
        };
        Ok(Self { file: Arc::new(file), state_dict, names, stored, hugging_face })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        self.file.path()
    }

    /// Its form.
    pub fn kind(&self) -> FileKind {
        self.file.kind()
    }

    /// Who named its weights.
    pub fn layout(&self) -> Layout {
        self.names.layout()
    }

    /// The keys that lead to its weights, joined by dots; empty where they are the whole file.
    pub fn state_dict(&self) -> &str {
        &self.state_dict
    }

    /// Its tensors by name.
    pub fn stored(&self) -> impl Iterator<Item = (&str, &TensorInfo)> {
        self.stored.iter().map(|(name, info)| (name.as_str(), info))
    }

    /// The numbers of a tensor by its name in the file; `None` if there is no such tensor.
    pub fn read(&self, name: &str) -> Option<Result<Vec<f32>, FileError>> {
        self.info(name).map(|info| self.file.read_f32(info))
    }

    /// The transformer's size, from the shapes in the file; heads as published for its width, or from the configuration
    /// beside the file; norm epsilon from there, too. Without stochastic depth. Where nothing tells the number of heads,
    /// it is 0, which [`VitConfig::check`] refuses: no shape depends on it, but every number computed does.
    ///
    /// # Errors
    ///
    /// A tensor from which a size follows is missing, or its shape is not that of a VideoMAE.
    pub fn config(&self) -> Result<VitConfig, WeightsError> {
        let wrong = |what: String| WeightsError::Size { path: self.path().into(), what };
        let [width, patch] = match self.shape("patch_embed.projection.weight") {
            Some(&[width, 3, VitConfig::TUBELET, patch, columns]) if patch == columns => [width, patch],
            Some(other) => return Err(wrong(format!("the patch embedding is {other:?}, not [c, 3, 2, patch, patch]"))),
            None => return Err(wrong("the patch embedding (patch_embed.proj.weight) is missing".into())),
        };
        let depth = (0..).take_while(|i| self.shape(&format!("blocks.{i}.norm1.weight")).is_some()).count();
        let Some(&[mlp, _]) = self.shape("blocks.0.mlp.fc1.weight") else {
            return Err(wrong("the first block has no MLP (mlp.fc1.weight)".into()));
        };
        let position_grid = match (self.shape(TABLE), &self.hugging_face) {
            (Some(&[1, tokens, _]), _) => (tokens / VitConfig::CLIP_TOKENS).isqrt(),
            (_, Some(config)) => config.image_size / patch,
            (_, None) => 224 / patch,
        };
        let published = VitConfig::published_heads(width);
        let heads = match (published, &self.hugging_face) {
            (Some(heads), _) => heads, // the file's converter wrote 16 for the small model, which was trained with 6
            (None, Some(config)) => config.num_attention_heads,
            (None, None) => 0,
        };
        let norm_epsilon = self.hugging_face.as_ref().map_or(VitConfig::NORM_EPSILON, |config| config.layer_norm_eps);
        Ok(VitConfig { width, depth, heads, mlp, patch, position_grid, drop_path: 0.0, norm_epsilon })
    }

    /// What the configuration beside the file says that is not believed, in words.
    pub fn doubts(&self) -> Option<String> {
        let (config, vit) = (self.hugging_face.as_ref()?, self.config().ok()?);
        let theirs = config.num_attention_heads;
        (theirs != vit.heads).then(|| {
            format!(
                "config.json says {theirs} attention heads; a VideoMAE of width {} has {}, and those are used",
                vit.width, vit.heads
            )
        })
    }

    /// Compares the file with what a transformer of this size needs.
    pub fn compare(&self, config: &VitConfig) -> Match {
        let mut needed = config.tensors();
        if self.shape(TABLE).is_some() {
            let tokens = VitConfig::CLIP_TOKENS * config.position_grid * config.position_grid;
            needed.push((TABLE.into(), vec![1, tokens, config.width]));
        }
        let without_bias = self.hugging_face.as_ref().is_some_and(|config| !config.qkv_bias);
        if without_bias {
            needed.retain(|(name, _)| !name.ends_with("q_bias") && !name.ends_with("v_bias"));
        }
        let stored: Vec<(&str, &[usize])> = self.stored().map(|(name, info)| (name, info.shape())).collect();
        Match::new(&needed, &self.names, &stored)
    }

    /// Where every parameter of a transformer of this size is in the file.
    ///
    /// # Errors
    ///
    /// Anything is missing or has another shape.
    pub fn whole(&self, config: &VitConfig) -> Result<Match, WeightsError> {
        self.whole_but(config, &[])
    }

    fn whole_but(&self, config: &VitConfig, allow_missing: &[String]) -> Result<Match, WeightsError> {
        let found = self.compare(config);
        match found.faults(allow_missing) {
            faults if faults.is_empty() => Ok(found),
            faults => Err(WeightsError::Mismatch { path: self.path().into(), faults }),
        }
    }

    /// Fills `vit`, which has this `config`. Parameters named in `allow_missing` keep what they have if the file lacks
    /// them.
    ///
    /// # Errors
    ///
    /// Anything else that is missing or has another shape; a file that cannot be read.
    pub fn load(&self, vit: &mut Vit, config: &VitConfig, allow_missing: &[String]) -> Result<Match, WeightsError> {
        let found = self.whole_but(config, allow_missing)?;
        let stored: Vec<Stored> = found
            .matched
            .iter()
            .map(|matched| {
                let parts = matched.stored.iter().filter_map(|name| self.info(name).cloned()).collect();
                deferred(&self.file, matched.name.clone(), matched.shape.clone(), parts)
            })
            .collect();
        let adapter = PyTorchToBurnAdapter.chain(AsHeld::by(vit, false));
        let result = vit.apply(stored, None, Some(Box::new(adapter)), false);
        if !result.errors.is_empty() {
            let faults = result.errors.iter().map(ToString::to_string).collect();
            return Err(WeightsError::Mismatch { path: self.path().into(), faults });
        }
        assert_eq!(result.applied.len(), found.matched.len(), "every matched tensor has a parameter");
        Ok(found)
    }

    fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.stored().find(|(stored, _)| *stored == name).map(|(_, info)| info)
    }

    /// Shape of the tensor that is this parameter, as a whole.
    fn shape(&self, path: &str) -> Option<&[usize]> {
        let is_it = |name: &str| matches!(self.names.place(name), Place::Whole(found) if found == path);
        self.stored().find(|(name, _)| is_it(name)).map(|(_, info)| info.shape())
    }
}

/// A tensor for Burn whose numbers are read when they are asked for, as 32-bit floats: `parts` of `file`, one after
/// another.
pub fn deferred(file: &Arc<WeightFile>, name: String, shape: Vec<usize>, parts: Vec<TensorInfo>) -> Stored {
    let file = Arc::clone(file);
    let bytes = shape.iter().product::<usize>() * size_of::<f32>();
    Stored::deferred(name, DType::F32, shape, None, bytes, move || {
        let read = |part| file.read_f32(part).map_err(|error| burn_pack::Error::IoError(error.to_string()));
        let mut numbers = match parts.first() {
            Some(first) => read(first)?,
            None => Vec::new(),
        };
        for part in parts.iter().skip(1) {
            numbers.extend(read(part)?);
        }
        Ok(Bytes::from_elems(numbers))
    })
}

/// The dict of tensors to use: its path in the file, how it names a transformer, and its tensors.
#[expect(clippy::type_complexity, reason = "three things that are taken apart at once")]
fn choose(file: &WeightFile, asked: Option<&str>) -> Result<(String, Names, Vec<(String, TensorInfo)>), WeightsError> {
    let mut dicts = file.state_dicts();
    if let Some(asked) = asked {
        let known = dicts.iter().map(|dict| dict.path.clone()).collect();
        dicts.retain(|dict| dict.path == asked);
        if dicts.is_empty() {
            return Err(WeightsError::NoStateDict { path: file.path().into(), asked: asked.into(), known });
        }
    }
    let rank = |dict: &StateDict<'_>| PREFERRED.iter().position(|path| *path == dict.path).unwrap_or(PREFERRED.len());
    dicts.sort_by_key(rank);
    for dict in &dicts {
        if let Some(names) = Names::of(dict.tensors.iter().map(|(name, _)| *name)) {
            let stored = dict.tensors.iter().map(|(name, info)| ((*name).to_owned(), (*info).clone())).collect();
            return Ok((dict.path.clone(), names, stored));
        }
    }
    let names = dicts.iter().flat_map(|dict| dict.tensors.iter().map(|(name, _)| (*name).to_owned())).take(3);
    Err(WeightsError::NotVideoMae { path: file.path().into(), names: names.collect() })
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

fn example(names: &[String]) -> String {
    match names {
        [] => "; it holds no tensors by name".to_owned(),
        names => format!("; its first names are {}", list(names)),
    }
}

/// The first few of many.
fn several(faults: &[String]) -> String {
    const MOST: usize = 5;
    let first = faults.iter().take(MOST).cloned().collect::<Vec<_>>().join("; ");
    match faults.len() {
        count if count > MOST => format!("{first}; and {} more", count - MOST),
        _ => first,
    }
}
