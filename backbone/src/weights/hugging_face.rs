//! `config.json`, which stands beside weights from Hugging Face.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HuggingFaceError {
    /// It cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no configuration of a VideoMAE.
    #[error("{}: not the configuration of a VideoMAE: {source}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It is beyond any configuration's size.
    #[error("{}: {bytes} bytes; a config.json has a few thousand", path.display())]
    Large {
        /// The file.
        path: PathBuf,
        /// Its size.
        bytes: u64,
    },
}

/// The largest configuration that is read, in bytes.
const MOST: u64 = 1 << 20;

/// What is needed of the configuration: the rest follows from the shapes of the weights.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct HuggingFaceConfig {
    /// Heads per block.
    pub(super) num_attention_heads: usize,
    /// Side of the input that positions are made for, in pixels.
    #[serde(default = "published_size")]
    pub(super) image_size: usize,
    /// Their layer norms have 1e-12 where the original has 1e-6.
    #[serde(default = "published_epsilon")]
    pub(super) layer_norm_eps: f64,
    /// Whether queries and values have a bias; transformers 5 renamed it.
    #[serde(default = "yes", alias = "qv_bias")]
    pub(super) qkv_bias: bool,
}

fn published_size() -> usize {
    224
}

fn published_epsilon() -> f64 {
    1e-12
}

fn yes() -> bool {
    true
}

impl HuggingFaceConfig {
    /// The configuration in the folder of `weights`; none if there is no such file.
    pub(super) fn beside(weights: &Path) -> Result<Option<Self>, HuggingFaceError> {
        let path = weights.with_file_name("config.json");
        let bytes = match std::fs::metadata(&path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(HuggingFaceError::Read { path, source }),
        };
        if bytes > MOST {
            return Err(HuggingFaceError::Large { path, bytes });
        }
        let text = std::fs::read(&path).map_err(|source| HuggingFaceError::Read { path: path.clone(), source })?;
        serde_json::from_slice(&text).map(Some).map_err(|source| HuggingFaceError::Parse { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_of_the_bias_are_known() {
        let read = |text: &str| serde_json::from_str::<HuggingFaceConfig>(text).unwrap();
        assert!(!read(r#"{"num_attention_heads": 3, "qkv_bias": false}"#).qkv_bias);
        assert!(!read(r#"{"num_attention_heads": 3, "qv_bias": false}"#).qkv_bias);
        assert!(read(r#"{"num_attention_heads": 3}"#).qkv_bias);
    }
}
