//! `bench step`: one real training step.

use std::time::Instant;

use adatad::step::StepPlan;
use adatad::trial::Trial;
use adatad::usage::{Usage, resident_mib};
use adatad_adapter::{AdapterConfig, Keep, TuningMode};
use adatad_backbone::Preset;
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::device::DeviceName;
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
    size: Size,
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
    /// How block inputs are kept
    #[arg(long, value_enum, default_value = "f32")]
    precision: Precision,
    #[arg(long, default_value_t = 0)]
    traced: usize,
    #[arg(long, default_value_t = 1)]
    every: usize,
    #[arg(long, default_value_t = 1)]
    clips: usize,
    /// What to compute on
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceName,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Size {
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

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum Precision {
    F32,
    Bf16,
}

impl Step {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        rayon::ThreadPoolBuilder::new().num_threads(self.threads).build_global()?;
        let preset = match self.size {
            Size::S => Preset::VideomaeS,
            Size::B => Preset::VideomaeB,
            Size::L => Preset::VideomaeL,
            Size::H => Preset::VideomaeH,
            Size::G => Preset::VideomaeV2G,
        };
        let _ = TuningMode::Tia;
        let trial = Trial { preset, adapter: AdapterConfig::tia(), frames: self.frames, pixels: self.pixels };
        let mut ready = trial.prepare(&self.device.open());
        let keep = Keep {
            traced: self.traced,
            every: self.every,
            half: self.precision == Precision::Bf16,
            spill: None,
            clips_at_once: self.clips,
        };
        let plan = StepPlan { keep, windows_at_once: 1 };
        let idle = resident_mib();
        let mut runs = Vec::new();
        for _ in 0..self.repeats {
            let (begun, before) = (Instant::now(), Usage::since(Instant::now()).cpu_s);
            let loss = match self.mode {
                Mode::Train => {
                    let (next, loss) = ready.train(&plan)?;
                    ready = next;
                    loss
                }
                Mode::Forward => ready.detect(),
            };
            let usage = Usage::since(begun);
            eprintln!("{:.2} s, {:.2} cpu s, peak {} MiB", usage.wall_s, usage.cpu_s - before, usage.peak_mib);
            runs.push((usage.wall_s, usage.cpu_s - before, loss));
        }
        let peak = clock.usage().peak_mib;
        let best = runs.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or_default();
        say(&json!({
            "wall_s": best.0, "cpu_s": best.1, "idle_mib": idle, "peak_mib": peak,
            "above_idle_mib": peak.saturating_sub(idle.unwrap_or(0)), "loss": best.2,
        })
        .to_string());
        Ok(Ending::Done)
    }
}
