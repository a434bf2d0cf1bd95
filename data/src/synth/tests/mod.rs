//! What holds for the demonstration as a whole, over many seeds.

mod files;
mod picture;
mod story;

use super::*;

/// Options for another seed, with videos of the default length.
fn seeded(seed: u64) -> SynthOptions {
    SynthOptions { seed, ..SynthOptions::default() }
}

/// Scripts of many seeds.
fn scripts() -> impl Iterator<Item = Script> {
    (0..80).map(|seed| Script::new(&seeded(seed), Subset::ALL[seed as usize % 3], seed as usize))
}
