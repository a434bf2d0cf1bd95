//! `bench step`: one real training step.

use std::path::PathBuf;
use std::time::Instant;

use adatad::memory::{self, Asked, Budget};
use adatad::trial::Trial;
use adatad::usage::{Usage, resident_mib};
use adatad_adapter::{AdapterConfig, Keep};
use adatad_backbone::{Precision, Preset};
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::device::DeviceName;
use super::precision::PrecisionName;
use super::size;
use super::{Clock, Ending, say};

/// Measure
#[derive(Subcommand)]
pub(crate) enum Bench {
    Step(Step),
}

/// One training step of a published size on random frames: seconds, memory, loss
#[derive(clap::Args)]
pub(crate) struct Step {
    /// Size of the VideoMAE backbone
    #[arg(long, value_enum, default_value = "s")]
    size: Backbone,
    /// Frames of the window
    #[arg(long, default_value_t = 96)]
    frames: usize,
    /// Pixels of each side
    #[arg(long, default_value_t = 160)]
    pixels: usize,
    /// A whole step, or only what detection does
    #[arg(long, value_enum, default_value = "train")]
    mode: Mode,
    /// Threads
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// How often; the best time counts
    #[arg(long, default_value_t = 1)]
    repeats: usize,
    /// What products of backbone and adapters are computed in; with bf16, block inputs are kept in bf16, too
    #[arg(long, value_enum, default_value = "f32")]
    precision: PrecisionName,
    /// Memory to use: a size, or `min` [default: what is free]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    memory: Option<Asked>,
    /// Keep block inputs in files there
    #[arg(long, value_name = "DIR")]
    spill: Option<PathBuf>,
    /// Blocks that carry an adapter, from this one up
    #[arg(long, default_value_t = 0)]
    from_block: usize,
    /// Clips that pass through a block at once [default: on a processor 1, on a GPU as many as fill it and fit]
    #[arg(long, value_name = "N", alias = "clips", value_parser = size::count)]
    clips_per_launch: Option<usize>,
    /// What to compute on
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Backbone {
    S,
    B,
    L,
    H,
    G,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Mode {
    Train,
    Forward,
}

impl Step {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global()?;
        let preset = match self.size {
            Backbone::S => Preset::VideomaeS,
            Backbone::B => Preset::VideomaeB,
            Backbone::L => Preset::VideomaeL,
            Backbone::H => Preset::VideomaeH,
            Backbone::G => Preset::VideomaeV2G,
        };
        let blocks = (self.from_block > 0).then(|| (self.from_block..preset.config().depth).collect());
        let (precision, half_inputs) = (Precision::from(self.precision).into(), self.precision == PrecisionName::Bf16);
        let adapter = AdapterConfig { blocks, precision, half_inputs, ..AdapterConfig::tia() };
        adapter.check(preset.config().width, preset.config().depth)?;
        let device = self.device.open()?;
        self.device.knows(Some(&adapter), &device)?;
        let trial = Trial { preset, adapter, frames: self.frames, pixels: self.pixels };
        let budget = Budget {
            bytes: size::available(self.memory, self.device),
            form: Keep { half: half_inputs, spill: self.spill.clone(), ..Keep::inputs() },
            clips: memory::clips(self.clips_per_launch, &device),
            batch: 1,
            threads: 1,
        };
        let chosen = trial.choose(&budget, &device)?;
        let mut ready = trial.prepare(&device);
        let idle = resident_mib();
        let mut runs = Vec::new();
        for _ in 0..self.repeats {
            let (begun, before) = (Instant::now(), Usage::since(Instant::now()).cpu_s);
            let loss = match self.mode {
                Mode::Train => {
                    let (next, loss) = ready.train(&chosen.plan)?;
                    ready = next;
                    loss
                }
                Mode::Forward => ready.detect(),
            };
            let usage = Usage::since(begun);
            runs.push((usage.wall_s, usage.cpu_s - before, loss));
        }
        let peak = clock.usage().peak_mib;
        let best = runs.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
        let above = peak.saturating_sub(idle.unwrap_or(0));
        if !self.json {
            let (wall, cpu, loss) = best;
            say(&format!("{wall:.2} s, {cpu:.2} processor s, {above} MiB above an idle process, loss {loss:.4}"));
            say(&format!("keeps {}; planned {} MiB above idle", chosen.name, chosen.memory.of_step() >> 20));
            return Ok(Ending::Done);
        }
        let two = |value: f64| (value * 100.0).round() / 100.0;
        say(&json!({
            "wall_s": two(best.0), "cpu_s": two(best.1), "idle_mib": idle, "peak_mib": peak,
            "above_idle_mib": above, "loss": best.2, "keep": chosen.name, "memory": chosen.memory,
        })
        .to_string());
        Ok(Ending::Done)
    }
}
