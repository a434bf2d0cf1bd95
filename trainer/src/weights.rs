//! Weights of whole models, under OpenTAD's names and in PyTorch's layouts, so that files are exchangeable: read from
//! files of any kind, written as safetensors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use adatad_backbone::weights::file::{FileError, WeightFile};
use adatad_backbone::weights::{AsHeld, deferred};
use burn::module::Module;
use burn::store::{
    BurnToPyTorchAdapter, KeyRemapper, ModuleAdapter, ModuleContext, ModuleSnapshot, PyTorchToBurnAdapter,
    SafetensorsStore, burn_pack,
};
use regex::Regex;

/// Names in files (OpenTAD's) to paths in [`AdaTad`](crate::model::AdaTad). Order matters.
const TO_MODULE: [(&str, &str); 26] = [
    (r"^module\.", ""),
    (r"^backbone\.model\.backbone\.blocks\.(\d+)\.adapter\.(dwconv|conv)\.", "backbone.adapters.$1.temporal.$2."),
    (r"^backbone\.model\.backbone\.blocks\.(\d+)\.adapter\.", "backbone.adapters.$1."),
    (r"^backbone\.model\.backbone\.ladders\.adapters\.(\d+)\.(dwconv|conv)\.", "backbone.ladder.$1.temporal.$2."),
    (r"^backbone\.model\.backbone\.ladders\.adapters\.(\d+)\.", "backbone.ladder.$1."),
    (r"^backbone\.model\.backbone\.", "backbone.vit."),
    (r"\.mlp\.layers\.0\.0\.", ".mlp.fc1."),
    (r"\.mlp\.layers\.1\.", ".mlp.fc2."),
    (r"^(projection|neck|rpn_head|roi_head)\.", "detector.$1."),
    (r"\.attn\.(query|key|value)\.(weight|bias)$", ".attn.$1.proj.$2"),
    (r"\.attn\.(query|key|value)_conv\.conv\.", ".attn.$1.conv."),
    (r"\.attn\.(query|key|value)_norm\.", ".attn.$1.norm."),
    (r"^(detector\.projection\..*)\.mlp\.0\.", "$1.mlp.fc1."),
    (r"^(detector\.projection\..*)\.mlp\.2\.", "$1.mlp.out."),
    (r"^(detector\.projection\..*)\.mlp\.3\.", "$1.mlp.fc2."),
    (r"^(detector\.projection\..*)\.downsample\.1\.", "$1.downsample."),
    (r"^(detector\.rpn_head\.tem\.\d+)\.0\.", "$1.gcnext."),
    (r"^(detector\.rpn_head\.tem\.\d+)\.1\.conv\.", "$1.output."),
    (r"^(detector\..*[ts]convs)\.0\.", "$1.reduce."),
    (r"^(detector\..*[ts]convs)\.2\.", "$1.grouped."),
    (r"^(detector\..*[ts]convs)\.4\.", "$1.expand."),
    (r"^(detector\.roi_head\.proposal_roi_extractor\.conv2d)\.0\.", "$1."),
    (r"^(detector\.roi_head\.proposal_head\.head\.\d+)\.0\.", "$1.hidden."),
    (r"^(detector\.roi_head\.proposal_head\.head\.\d+)\.(weight|bias)$", "$1.output.$2"),
    (r"^detector\.rpn_head\.loss_normalizer$", "state.loss_normalizer"),
    (r"^backbone\.vit\.fc_norm\.", "unused.fc_norm."),
];

/// The way back.
const TO_FILE: [(&str, &str); 23] = [
    (r"^(detector\.projection\..*)\.mlp\.fc1\.", "$1.mlp.0."),
    (r"^(detector\.projection\..*)\.mlp\.fc2\.", "$1.mlp.3."),
    (r"^(detector\.projection\..*)\.mlp\.out\.", "$1.mlp.2."),
    (r"^(detector\.projection\..*)\.downsample\.", "$1.downsample.1."),
    (r"^detector\.(.*)\.attn\.(query|key|value)\.norm\.", "detector.$1.attn.${2}_norm."),
    (r"^detector\.(.*)\.attn\.(query|key|value)\.conv\.", "detector.$1.attn.${2}_conv.conv."),
    (r"^detector\.(.*)\.attn\.(query|key|value)\.proj\.", "detector.$1.attn.$2."),
    (r"^(detector\.roi_head\.proposal_head\.head\.\d+)\.output\.", "$1."),
    (r"^(detector\.roi_head\.proposal_head\.head\.\d+)\.hidden\.", "$1.0."),
    (r"^(detector\.roi_head\.proposal_roi_extractor\.conv2d)\.", "$1.0."),
    (r"^(detector\..*[ts]convs)\.reduce\.", "$1.0."),
    (r"^(detector\..*[ts]convs)\.grouped\.", "$1.2."),
    (r"^(detector\..*[ts]convs)\.expand\.", "$1.4."),
    (r"^(detector\.rpn_head\.tem\.\d+)\.output\.", "$1.1.conv."),
    (r"^(detector\.rpn_head\.tem\.\d+)\.gcnext\.", "$1.0."),
    (r"^detector\.", ""),
    (r"^backbone\.vit\.(.*)\.mlp\.fc1\.", "backbone.vit.$1.mlp.layers.0.0."),
    (r"^backbone\.vit\.(.*)\.mlp\.fc2\.", "backbone.vit.$1.mlp.layers.1."),
    (r"^backbone\.adapters\.(\d+)\.temporal\.", "backbone.model.backbone.blocks.$1.adapter."),
    (r"^backbone\.adapters\.(\d+)\.", "backbone.model.backbone.blocks.$1.adapter."),
    (r"^backbone\.ladder\.(\d+)\.temporal\.", "backbone.model.backbone.ladders.adapters.$1."),
    (r"^backbone\.ladder\.(\d+)\.", "backbone.model.backbone.ladders.adapters.$1."),
    (r"^backbone\.vit\.", "backbone.model.backbone."),
];

/// State dicts in order of preference: detection uses the averaged weights where there are any.
const PREFERRED: [&str; 2] = ["state_dict_ema", "state_dict"];

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// Not a file of weights, or not readable.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file without tensors.
    #[error("{}: holds no tensors by name", path.display())]
    Nothing {
        /// The file.
        path: PathBuf,
    },
    /// Not writable.
    #[error("{}: cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the writer said.
        reason: String,
    },
    /// The file does not hold this model.
    #[error("{}: does not fit the model: {} missing, {} of the wrong shape or type; first: {first}", path.display(), missing.len(), wrong.len())]
    Mismatch {
        /// The file.
        path: PathBuf,
        /// Parameters of the model that the file lacks.
        missing: Vec<String>,
        /// Parameters whose shape or type differs.
        wrong: Vec<String>,
        /// The first of them, in words.
        first: String,
    },
}

/// Fills `module` from `path`, a file of any kind under OpenTAD's names; averaged weights are taken before others. Anything
/// missing or of the wrong shape is an error. Gives the names in the file that nothing used.
///
/// # Errors
///
/// See [`WeightsError`].
pub fn load<M: Module + ModuleSnapshot>(module: &mut M, path: &Path) -> Result<Vec<String>, WeightsError> {
    let file = Arc::new(WeightFile::open(path)?);
    let dicts = file.state_dicts();
    let dict = PREFERRED.iter().find_map(|wanted| dicts.iter().find(|dict| dict.path == *wanted));
    let Some(dict) = dict.or_else(|| dicts.first()) else {
        return Err(WeightsError::Nothing { path: path.into() });
    };
    let patterns = remapper(&TO_MODULE);
    let stored = dict.tensors.iter().map(|(name, info)| {
        deferred(&file, renamed(&patterns, (*name).to_owned()), info.shape().to_vec(), vec![(*info).clone()])
    });
    let adapter = PyTorchToBurnAdapter.chain(ScalarAdapter { to_file: false }).chain(AsHeld::by(module, true));
    // Files do not say which kind of detector they hold.
    let result = module.apply(stored.collect(), None, Some(Box::new(adapter)), true);
    let missing: Vec<String> = result.missing.into_iter().map(|(path, _)| file_name(&path)).collect();
    let wrong: Vec<String> = result.errors.iter().map(ToString::to_string).collect();
    if let Some(first) = missing.first().map(|name| format!("`{name}` is missing")).or_else(|| wrong.first().cloned()) {
        return Err(WeightsError::Mismatch { path: path.into(), missing, wrong, first });
    }
    Ok(result.unused)
}

/// Writes the weights of `module` to `path`; the same weights give the same bytes.
///
/// # Errors
///
/// The file cannot be written.
pub fn save<M: Module + ModuleSnapshot>(module: &M, path: &Path) -> Result<(), WeightsError> {
    let mut store = SafetensorsStore::from_file(path)
        .with_to_adapter(BurnToPyTorchAdapter.chain(ScalarAdapter { to_file: true }))
        .remap(remapper(&TO_FILE))
        .clear_metadata() // several entries would be written in an order that differs from run to run
        .metadata("format", "pt")
        .skip_enum_variants(true)
        .overwrite(true);
    module.save_into(&mut store).map_err(|e| WeightsError::Write { path: path.into(), reason: e.to_string() })
}

/// The name under which the parameter at `path` of [`AdaTad`](crate::model::AdaTad) stands in a file.
pub fn file_name(path: &str) -> String {
    let norm = path.replace(".gamma", ".weight").replace(".beta", ".bias");
    let is_adapter = path.starts_with("backbone.adapters.") || path.starts_with("backbone.ladder.");
    let is_adapter_gain = is_adapter && path.ends_with(".gamma");
    let start = if is_adapter_gain { path.to_owned() } else { norm };
    renamed(&remapper(&TO_FILE), start)
}

fn renamed(patterns: &KeyRemapper, name: String) -> String {
    let rename = |name: String, (pattern, with): &(Regex, String)| pattern.replace_all(&name, with).into_owned();
    patterns.to_regex_pairs().iter().fold(name, rename)
}

fn remapper(patterns: &[(&str, &str)]) -> KeyRemapper {
    match KeyRemapper::from_patterns(patterns.to_vec()) {
        Ok(remapper) => remapper,
        Err(error) => unreachable!("the patterns above are valid: {error}"),
    }
}

/// Scales are scalars in PyTorch and `[1]` in Burn.
#[derive(Debug, Clone, Copy)]
struct ScalarAdapter {
    to_file: bool,
}

impl ModuleAdapter for ScalarAdapter {
    fn adapt(&self, mut tensor: burn_pack::Tensor, context: ModuleContext<'_>) -> burn_pack::Tensor {
        if context.module_type() == Some("Struct:Scale") {
            // The number of bytes stays, so only the declared shape changes.
            tensor.shape = if self.to_file { [0usize; 0].into() } else { [1].into() };
        }
        tensor
    }

    fn clone_box(&self) -> Box<dyn ModuleAdapter> {
        Box::new(*self)
    }
}
