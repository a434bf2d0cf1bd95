//! `plan`.

use std::path::{Path, PathBuf};

use adatad::config::RunConfig;
use adatad::plan::{Plan as Cost, Shown};
use adatad_adapter::AdapterConfig;
use adatad_backbone::{Preset, VitConfig};
use adatad_data::annotation::Annotations;
use adatad_data::classes::ClassList;
use anyhow::Context;
use serde_json::{Value, json};

use super::device::DeviceName;
use super::{Clock, Ending, say};

/// Parameters, arithmetic and memory of the weights, before anything runs
///
/// Without RUN.toml: of every published size, with a Temporal-Informative Adapter after each block.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// What would be trained (TOML)
    #[arg(value_name = "RUN.toml")]
    run: Option<PathBuf>,
    /// Change one value of the run file; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "run")]
    set: Vec<String>,
    /// Number of classes [default: those in the run's annotations]
    #[arg(long, requires = "run")]
    classes: Option<usize>,
    /// Frames of a window
    #[arg(long, default_value_t = 768, conflicts_with = "run")]
    frames: usize,
    /// Pixels of each side
    #[arg(long, default_value_t = 160, conflicts_with = "run")]
    pixels: usize,
    /// What to compute on
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceName,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        match &self.run {
            Some(run) => self.of_run(run, clock),
            None => self.of_presets(clock),
        }
    }

    fn of_run(&self, run: &Path, clock: &Clock) -> anyhow::Result<Ending> {
        let config = RunConfig::load(run, &self.set)?;
        let classes = match self.classes {
            Some(classes) => classes,
            None => {
                let path = run.parent().unwrap_or(run).join(&config.data.annotations);
                let help =
                    "the number of classes follows from the annotations; give --classes N where there are none yet";
                let annotations = Annotations::load(&path).context(help)?;
                ClassList::from_annotations(&annotations, &[])?.len()
            }
        };
        let cost = Cost::of_run(&config, classes, &self.device.open());
        let input = Shown::of(&config);
        if self.json {
            let mut result = as_json(&cost);
            result["input"] = json!(input);
            result["classes"] = json!(classes);
            clock.print(result);
        } else {
            let Cost { params, flops, memory } = cost;
            say(&format!("parameters     {:>14}", grouped(params.total)));
            say(&format!("  frozen       {:>14}", grouped(params.frozen)));
            say(&format!("  adapters     {:>14}", grouped(params.adapters)));
            say(&format!("  detector     {:>14}", grouped(params.detector)));
            say(&format!("  that learn   {:>14}", grouped(params.trained)));
            say(&format!("one window     {:>14} frames of {} px", input.frames, input.pixels));
            say(&format!("  forward      {:>14} TFLOP (transformer and adapters)", tera(flops.forward)));
            say(&format!("  step         {:>14} TFLOP", tera(flops.step)));
            say(&format!("weights        {:>14} MiB in f32", mebi(memory.weights)));
            say(&format!("trained state  {:>14} MiB (gradients, moments, averages)", mebi(memory.trained_state)));
        }
        Ok(Ending::Done)
    }

    fn of_presets(&self, clock: &Clock) -> anyhow::Result<Ending> {
        let clip = VitConfig::CLIP_FRAMES;
        if self.frames == 0 || !self.frames.is_multiple_of(clip) {
            let (below, above) = ((self.frames / clip * clip).max(clip), (self.frames / clip + 1) * clip);
            anyhow::bail!("--frames {} is no multiple of {clip}; the nearest are {below} and {above}", self.frames);
        }
        let input = Shown { frames: self.frames, pixels: self.pixels };
        let tia = AdapterConfig::tia();
        if let Some(preset) = Preset::ALL.into_iter().find(|preset| preset.config().patch > self.pixels) {
            let patch = preset.config().patch;
            anyhow::bail!("--pixels {} holds no patch of {}, which is {patch} px wide", self.pixels, preset.name());
        }
        let costs = Preset::ALL.map(|preset| (preset, Cost::of_backbone(&preset.config(), &tia, input)));
        if self.json {
            let presets = costs.map(|(preset, cost)| {
                let mut result = as_json(&cost);
                result["preset"] = json!(preset.name());
                result
            });
            clock.print(json!({ "input": input, "presets": presets }));
            return Ok(Ending::Done);
        }
        say(&format!("{} frames of {} px, a TIA after each block, no detector", input.frames, input.pixels));
        say("                     total        frozen    adapters    TFLOP forward    TFLOP step    weights, f32");
        for (preset, Cost { params, flops, memory }) in costs {
            say(&format!(
                "{:<14}{:>13} {:>13} {:>11} {:>16} {:>13} {:>11} MiB",
                preset.name(),
                grouped(params.total),
                grouped(params.frozen),
                grouped(params.adapters),
                tera(flops.forward),
                tera(flops.step),
                mebi(memory.weights)
            ));
        }
        Ok(Ending::Done)
    }
}

fn as_json(cost: &Cost) -> Value {
    json!({ "params": cost.params, "flops": cost.flops, "memory": cost.memory })
}

/// 1234567 as 1,234,567.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn tera(flop: u64) -> String {
    format!("{:.2}", flop as f64 / 1e12)
}

fn mebi(bytes: u64) -> String {
    format!("{:.0}", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!([0, 999, 1000, 1_011_607_936].map(grouped), ["0", "999", "1,000", "1,011,607,936"]);
    }
}
