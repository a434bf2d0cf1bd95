//! `data`.

mod check;
mod export;
mod import;
mod kind;
mod synth;

use std::path::Path;

use super::{Clock, Ending};

/// Check and convert labels, make data sets
#[derive(clap::Subcommand)]
pub(crate) enum Data {
    Check(check::Check),
    Import(import::Import),
    Export(export::Export),
    Synth(synth::Synth),
}

impl Data {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        match self {
            Data::Check(verb) => verb.run(clock),
            Data::Import(verb) => verb.run(clock),
            Data::Export(verb) => verb.run(clock),
            Data::Synth(verb) => verb.run(clock),
        }
    }
}

/// Labels are work of hours, so that nothing is written over them unasked.
fn unoccupied(out: &Path, force: bool) -> anyhow::Result<()> {
    let occupied = match out.is_dir() {
        true => std::fs::read_dir(out)?.next().is_some(),
        false => out.exists(),
    };
    anyhow::ensure!(
        force || !occupied,
        "{} exists; choose another place, or write over it with --force",
        out.display()
    );
    Ok(())
}
