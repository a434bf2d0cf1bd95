//! `weights`.

mod import;

use std::path::{Path, PathBuf};

use adatad::convert::convert;
use adatad_backbone::weights::{Match, VitWeights};
use adatad_backbone::{Preset, Vit, VitConfig};
use anyhow::bail;
use serde_json::{Value, json};

use super::device::DeviceName;
use super::precision::PrecisionName;
use super::{Clock, Ending, say, tell};
use import::Import;

/// Look into files of weights, convert them, make runs of trained ones
#[derive(clap::Subcommand)]
pub(crate) enum Weights {
    Inspect(Inspect),
    Convert(Convert),
    Import(Import),
}

/// Show what a file holds and whether it is a whole VideoMAE transformer
///
/// Reads PyTorch files (.pth, .pt, .bin; nothing in them is executed), safetensors files, and folders from Hugging Face;
/// names as in OpenTAD, mmaction2, VideoMAE or Hugging Face.
#[derive(clap::Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    source: Source,
    /// Compare with this size instead of the one that the shapes suggest
    #[arg(long, value_enum)]
    size: Option<Size>,
    /// Read every number, too: tells whether all are finite
    #[arg(long)]
    read: bool,
    /// Fill a transformer with it, too, as a run would: tells what memory that takes
    #[arg(long)]
    load: bool,
    /// What to fill it on
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// List every tensor
    #[arg(long)]
    all: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Write the transformer in a file as safetensors, under OpenTAD's names
#[derive(clap::Args)]
pub(crate) struct Convert {
    #[command(flatten)]
    source: Source,
    /// Where to write
    #[arg(value_name = "OUT.safetensors")]
    out: PathBuf,
    /// Type of the numbers written
    #[arg(long, value_enum, default_value = "f32")]
    precision: PrecisionName,
    /// Replace the file
    #[arg(long)]
    force: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Source {
    /// A file of weights, or a folder from Hugging Face
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Which dict of tensors in the file [default: averaged weights before others]
    #[arg(long, value_name = "KEY")]
    state_dict: Option<String>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Size {
    S,
    B,
    L,
    H,
    G,
}

impl Size {
    fn preset(self) -> Preset {
        match self {
            Size::S => Preset::VideomaeS,
            Size::B => Preset::VideomaeB,
            Size::L => Preset::VideomaeL,
            Size::H => Preset::VideomaeH,
            Size::G => Preset::VideomaeV2G,
        }
    }
}

impl Source {
    fn open(&self) -> anyhow::Result<VitWeights> {
        Ok(VitWeights::open(&self.file, self.state_dict.as_deref())?)
    }
}

impl Weights {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        match self {
            Weights::Inspect(verb) => verb.run(clock),
            Weights::Convert(verb) => verb.run(clock),
            Weights::Import(verb) => verb.run(clock),
        }
    }
}

impl Inspect {
    fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let weights = self.source.open()?;
        let config = match self.size {
            Some(size) => size.preset().config(),
            None => weights.config()?,
        };
        let found = weights.compare(&config);
        let whole = found.faults(&[]).is_empty();
        if self.load {
            weights.load(&mut Vit::blank(&config, &self.device.open()?), &config, &[])?;
        }
        let odd = if self.read { Some(not_finite(&weights)?) } else { None };
        if self.json {
            let mut result = describe(&weights, &config, &found);
            result["whole"] = json!(whole);
            if let Some(odd) = &odd {
                result["not_finite"] = json!(odd);
            }
            clock.print(result);
        } else {
            self.print(&weights, &config, &found, odd.as_deref());
            if self.load {
                say(&format!(
                    "a transformer was filled with it; the process took {} MiB at most",
                    clock.usage().peak_mib
                ));
            }
        }
        Ok(if whole && odd.is_none_or(|odd| odd.is_empty()) { Ending::Done } else { Ending::Failed })
    }

    fn print(&self, weights: &VitWeights, config: &VitConfig, found: &Match, odd: Option<&[String]>) {
        let layout = format!("{:?}", weights.layout());
        let dict = Some(weights.state_dict()).filter(|dict| !dict.is_empty());
        let dict = dict.map(|dict| format!(", dict `{dict}`")).unwrap_or_default();
        say(&format!("{}: {:?}, names of {layout}{dict}", weights.path().display(), weights.kind()));
        say(&format!("transformer: {}", sizes(config)));
        weights.doubts().iter().for_each(|doubt| say(&format!("note: {doubt}")));
        say(&format!(
            "matched {} of {} tensors, missing {}, of another shape {}, in the file but not part of the transformer {}",
            found.matched.len(),
            found.matched.len() + found.missing.len() + found.wrong.len(),
            found.missing.len(),
            found.wrong.len(),
            found.unused.len()
        ));
        if self.all {
            for matched in &found.matched {
                say(&format!("  matched  {:<36} {:?} <- {}", matched.name, matched.shape, matched.stored.join(", ")));
            }
        }
        found.faults(&[]).iter().for_each(|fault| say(&format!("  fault    {fault}")));
        let shown = if self.all { usize::MAX } else { 10 };
        found.unused.iter().take(shown).for_each(|name| say(&format!("  unused   {name}")));
        if let Some(more) = found.unused.len().checked_sub(shown).filter(|more| *more > 0) {
            say(&format!("  unused   ... and {more} more (--all lists them)"));
        }
        match odd {
            Some([]) => say("every number is finite"),
            Some(odd) => say(&format!("numbers that are not finite in: {}", odd.join(", "))),
            None => {}
        }
    }
}

/// Names of tensors with a NaN or an infinity; reads one at a time.
fn not_finite(weights: &VitWeights) -> anyhow::Result<Vec<String>> {
    let mut odd = Vec::new();
    for (name, _) in weights.stored() {
        match weights.read(name).transpose()? {
            Some(numbers) if numbers.iter().any(|number| !number.is_finite()) => odd.push(name.to_owned()),
            _ => {}
        }
    }
    Ok(odd)
}

fn describe(weights: &VitWeights, config: &VitConfig, found: &Match) -> Value {
    json!({
        "file": weights.path(), "kind": format!("{:?}", weights.kind()), "layout": weights.layout(),
        "state_dict": weights.state_dict(), "config": config, "preset": config.preset().map(Preset::name),
        "params": config.parameters(), "matched": found.matched, "missing": found.missing, "wrong": found.wrong,
        "unused": found.unused, "note": weights.doubts(),
    })
}

fn sizes(config: &VitConfig) -> String {
    let VitConfig { width, depth, heads, mlp, patch, position_grid, norm_epsilon, .. } = config;
    let name = config.preset().map_or("of no published size", Preset::name);
    let heads = if *heads == 0 { "an unknown number of".to_owned() } else { heads.to_string() };
    let parameters = config.parameters();
    format!(
        "{name}: width {width}, {depth} blocks, {heads} heads, MLP {mlp}, patch {patch}, positions {position_grid} x \
         {position_grid}, norm epsilon {norm_epsilon:e}, {parameters} parameters"
    )
}

impl Convert {
    fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        if self.out.exists() && !self.force {
            bail!("{} exists; give another name, or --force to replace it", self.out.display());
        }
        if is_same(&self.source.file, &self.out) {
            bail!("{} is the file to read; give another name", self.out.display());
        }
        let weights = self.source.open()?;
        let config = weights.config()?;
        let bytes = convert(&weights, &config, &self.out, self.precision.into())?;
        let untold = untold(&config, &VitWeights::open(&self.out, None)?.config()?);
        if !untold.is_empty() {
            tell(&format!(
                "the new file cannot say this of the transformer; write it under [backbone] in run files:\n  {}",
                untold.join("\n  ")
            ));
        }
        if self.json {
            clock.print(json!({
                "file": self.out, "bytes": bytes, "params": config.parameters(), "untold": untold,
            }));
        } else {
            say(&format!("{}: {bytes} bytes; {}", self.out.display(), sizes(&config)));
        }
        Ok(Ending::Done)
    }
}

/// Lines of a run file for what is lost when only weights are written: nobody sees it in their shapes.
fn untold(config: &VitConfig, read: &VitConfig) -> Vec<String> {
    let mut lines = Vec::new();
    if config.heads != read.heads {
        lines.push(format!("heads = {}", config.heads));
    }
    if config.position_grid != read.position_grid {
        lines.push(format!("position-grid = {}", config.position_grid));
    }
    // Both come from the same few texts, so that equal ones are equal to the last bit.
    if config.norm_epsilon.to_bits() != read.norm_epsilon.to_bits() {
        lines.push(format!("norm-epsilon = {:e}", config.norm_epsilon));
    }
    lines
}

fn is_same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}
