//! Reading fixtures: tensors with the reference's numbers, and how far off a correct implementation may be.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, TensorData};
use serde_json::Value;

/// One fixture of the reference.
pub struct Fixture {
    pub folder: PathBuf,
    pub name: String,
    pub sidecar: Value,
    pub io: BTreeMap<String, TensorData>,
    pub gold: BTreeMap<String, TensorData>,
}

/// `tests/fixtures` of this crate, or the whole collection where it is at hand.
pub fn folders() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    [here.join("tests/fixtures"), here.join("../../shared/fixtures")].into_iter().filter(|f| f.is_dir()).collect()
}

impl Fixture {
    /// Reads `name` from the first folder that has it; says so and gives nothing when none has.
    pub fn find(name: &str) -> Option<Self> {
        let sidecar = format!("{name}.json");
        let Some(folder) = folders().into_iter().find(|folder| folder.join(&sidecar).exists()) else {
            eprintln!("skipped: fixture {name} is not here");
            return None;
        };
        let text = std::fs::read_to_string(folder.join(&sidecar)).unwrap();
        let tensors = |part: &str| read_tensors(&folder.join(format!("{name}.{part}.safetensors")));
        Some(Self {
            name: name.to_owned(),
            sidecar: serde_json::from_str(&text).unwrap(),
            io: tensors("io"),
            gold: tensors("gold64"),
            folder,
        })
    }

    pub fn weights(&self) -> PathBuf {
        self.folder.join(format!("{}.weights.safetensors", self.name))
    }

    /// Worst error over tolerance of `found` against the reference's `key`.
    pub fn ratio(&self, key: &str, found: &TensorData) -> f64 {
        let reference = self.gold.get(key).or_else(|| self.io.get(key)).unwrap_or_else(|| panic!("no {key}"));
        let tolerance =
            self.sidecar["tolerances"][key]["atol"].as_f64().unwrap_or_else(|| panic!("no tolerance {key}"));
        let (found, reference) = (floats(found), floats(reference));
        assert_eq!(found.len(), reference.len(), "{key}: sizes differ");
        let worst = found.iter().zip(&reference).map(|(f, r)| if f.is_nan() { f64::INFINITY } else { (f - r).abs() });
        worst.fold(0.0, f64::max) / tolerance
    }
}

/// Every tensor of a safetensors file.
pub fn read_tensors(path: &Path) -> BTreeMap<String, TensorData> {
    let bytes = std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let dtype = match view.dtype() {
                safetensors::Dtype::F32 => DType::F32,
                safetensors::Dtype::F64 => DType::F64,
                safetensors::Dtype::I32 => DType::I32,
                safetensors::Dtype::I64 => DType::I64,
                safetensors::Dtype::U8 | safetensors::Dtype::BOOL => DType::U8,
                other => panic!("{name}: {other:?}"),
            };
            let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
            (name.to_owned(), data)
        })
        .collect()
}

pub fn floats(data: &TensorData) -> Vec<f64> {
    data.iter::<f64>().collect()
}
