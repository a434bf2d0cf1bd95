//! Fixtures that cannot be checked.

use std::path::Path;

/// Why a fixture cannot be checked, or not to its end.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(pub String);

impl Unusable {
    pub(super) fn file(path: &Path, error: impl std::fmt::Display) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}
