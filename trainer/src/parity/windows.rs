//! Windows: which frames are seen at once, and what is taught in them.

use std::path::Path;

use adatad_data::window::reference::{Comparison, TOLERANCE, compare};

use super::score::Score;
use super::unusable::Unusable;

/// Compares every case of the file. Nothing in it depends on a device.
pub(super) fn check(folder: &Path, name: &str, score: &mut Score) -> Result<(), Unusable> {
    let path = folder.join(format!("{name}.json"));
    let each = &mut |Comparison { what, found, expected }: Comparison| {
        score.relative(&what, &found, &expected, |expected| TOLERANCE * expected.abs());
    };
    compare(&path, each).map(|_| ()).map_err(|error| Unusable::file(&path, error))
}
