//! `plan`.

use std::path::PathBuf;

use adatad::memory::{self, Asked, Budget, Chosen, Shape};
use adatad::plan::{Plan as Cost, Shown};
use adatad::trial::Trial;
use adatad_adapter::{AdapterConfig, Keep};
use adatad_backbone::{Precision, Preset, VitConfig};
use anyhow::Context;
use burn::tensor::Device;
use serde_json::{Value, json};

use super::device::DeviceName;
use super::precision::PrecisionName;
use super::run_file::RunFile;
use super::size;
use super::{Clock, Ending, say};

/// Parameters, arithmetic, memory by part, and what a training step keeps, before anything runs
///
/// Without RUN.toml: of every published size, with a Temporal-Informative Adapter after each block.
#[derive(clap::Args)]
pub(crate) struct Plan {
    /// What would be trained (TOML), or the name of a preset (`adatad config list`)
    #[arg(value_name = "RUN.toml|NAME")]
    run: Option<PathBuf>,
    /// Change one value of the run file; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE", requires = "run")]
    set: Vec<String>,
    /// Number of classes [default: those in the run's annotations, or of the preset's data set]
    #[arg(long, requires = "run")]
    classes: Option<usize>,
    /// Frames of a window
    #[arg(long, default_value_t = 768, conflicts_with = "run")]
    frames: usize,
    /// Pixels of each side
    #[arg(long, default_value_t = 160, conflicts_with = "run")]
    pixels: usize,
    /// What to compute on
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Memory to fit into [default: what is free]; `min` shows the smallest plan
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    memory: Option<Asked>,
    /// Clips that pass through a block at once [default: on a processor 1, on a GPU as many as fill it and fit]
    #[arg(long, value_name = "N", value_parser = size::count)]
    clips_per_launch: Option<usize>,
    /// What products of backbone and adapters are computed in
    #[arg(long, value_enum, default_value = "f32", conflicts_with = "run")]
    precision: PrecisionName,
    /// Keep block inputs in bf16
    #[arg(long, conflicts_with = "run")]
    half_inputs: bool,
    /// Blocks that carry an adapter: this one and all above
    #[arg(long, default_value_t = 0, conflicts_with = "run")]
    from_block: usize,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Plan {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        match &self.run {
            Some(run) => self.of_run(&RunFile::find(run)?, clock),
            None => self.of_presets(clock),
        }
    }

    fn of_run(&self, run: &RunFile, clock: &Clock) -> anyhow::Result<Ending> {
        let mut config = run.resolved(&self.set)?;
        let classes = match self.classes.or_else(|| run.classes()) {
            Some(classes) => classes,
            None => {
                let help =
                    "the number of classes follows from the annotations; give --classes N where there are none yet";
                run.class_list(&config).context(help)?.len()
            }
        };
        let device = self.device.open()?;
        config.settle(&device);
        let adapter = config.input.videos().map(|videos| &videos.adapter);
        self.device.knows(adapter, &device)?;
        let cost = Cost::of_run(&config, classes, &device);
        let input = Shown::of(&config);
        let half = adapter.is_some_and(|adapter| adapter.half_inputs);
        let chosen = Shape::of(&config, cost).choose(&self.budget(half, config.schedule.batch, &device))?;
        if self.json {
            let mut result = as_json(&cost, &chosen);
            result["input"] = json!(input);
            result["classes"] = json!(classes);
            clock.print(result);
        } else {
            let Cost { params, flops, .. } = cost;
            say(&format!("parameters     {:>14}", grouped(params.total)));
            say(&format!("  frozen       {:>14}", grouped(params.frozen)));
            say(&format!("  adapters     {:>14}", grouped(params.adapters)));
            say(&format!("  detector     {:>14}", grouped(params.detector)));
            say(&format!("  that learn   {:>14}", grouped(params.trained)));
            say(&format!("one window     {:>14} frames of {} px", input.frames, input.pixels));
            say(&format!("  forward      {:>14} TFLOP (transformer and adapters)", tera(flops.forward)));
            say(&format!("  step         {:>14} TFLOP", tera(flops.step)));
            let Chosen { memory, name, plan } = chosen;
            let windows = plan.windows_at_once;
            let clips = plan.keep.clips_at_once;
            say(&format!(
                "a step keeps   {name}; {windows} of {} windows at once, clips per launch: {clips}",
                config.schedule.batch
            ));
            say(&format!("memory         {:>14} MiB", mebi(memory.total)));
            let held = match (config.precision(&device), params.frozen) {
                (Precision::F32, _) | (_, 0) => "f32".to_owned(),
                (precision, _) => format!("f32, frozen ones in {}", precision.name()),
            };
            say(&format!("  weights      {:>14} MiB in {held}", mebi(memory.weights)));
            say(&format!("  trained state{:>14} MiB (gradients, moments, averages)", mebi(memory.trained_state)));
            say(&format!("  frames       {:>14} MiB", mebi(memory.input)));
            say(&format!("  kept         {:>14} MiB", mebi(memory.kept)));
            say(&format!("  working      {:>14} MiB", mebi(memory.working)));
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
        if let Some(preset) = Preset::ALL.into_iter().find(|preset| preset.config().patch > self.pixels) {
            let patch = preset.config().patch;
            anyhow::bail!("--pixels {} holds no patch of {}, which is {patch} px wide", self.pixels, preset.name());
        }
        let device = self.device.open()?;
        let mut rows = Vec::new();
        let deepest = Preset::ALL.map(|preset| preset.config().depth).into_iter().max().unwrap_or_default();
        if self.from_block >= deepest {
            anyhow::bail!(
                "--from-block {} is no block; the deepest backbone has {deepest}, from 0 on",
                self.from_block
            );
        }
        for preset in Preset::ALL.into_iter().filter(|preset| preset.config().depth > self.from_block) {
            let config = preset.config();
            let blocks = (self.from_block > 0).then(|| (self.from_block..config.depth).collect());
            let precision = Precision::from(self.precision).into();
            let adapter = AdapterConfig { blocks, precision, half_inputs: self.half_inputs, ..AdapterConfig::tia() };
            adapter.check(config.width, config.depth)?;
            self.device.knows(Some(&adapter), &device)?;
            let trial = Trial { preset, adapter, frames: self.frames, pixels: self.pixels };
            let cost = Cost::of_backbone(&config, &trial.adapter, input);
            // What does not fit is told with what would.
            let chosen = trial.choose(&self.budget(self.half_inputs, 1, &device), &device);
            let smallest = Budget { bytes: None, ..self.budget(self.half_inputs, 1, &device) };
            let smallest = trial.choose(&smallest, &device)?;
            rows.push((preset, cost, chosen, smallest));
        }
        if self.json {
            let presets = rows.iter().map(|(preset, cost, chosen, smallest)| {
                let mut result = as_json(cost, chosen.as_ref().unwrap_or(smallest));
                result["preset"] = json!(preset.name());
                result["fits"] = json!(chosen.is_ok());
                result
            });
            clock.print(json!({ "input": input, "presets": presets.collect::<Vec<_>>() }));
            return Ok(Ending::Done);
        }
        say(&format!("{} frames of {} px, a TIA after each block", input.frames, input.pixels));
        say("                     total        frozen    adapters    TFLOP forward    TFLOP step        weights");
        for (preset, Cost { params, flops, memory }, ..) in &rows {
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
        say("\na training step with ActionFormer (THUMOS), MiB");
        say("                  weights  trained state   kept   working    total  keeps");
        for (preset, _, chosen, smallest) in &rows {
            let Chosen { memory, name, .. } = chosen.as_ref().unwrap_or(smallest);
            say(&format!(
                "{:<14}{:>11} {:>14} {:>6} {:>9} {:>8}  {name}{}",
                preset.name(),
                mebi(memory.weights),
                mebi(memory.trained_state),
                mebi(memory.kept),
                mebi(memory.working),
                mebi(memory.total),
                if chosen.is_err() { " (the smallest; does not fit)" } else { "" }
            ));
        }
        Ok(Ending::Done)
    }

    fn budget(&self, half: bool, batch: usize, device: &Device) -> Budget {
        Budget {
            bytes: size::available(self.memory, self.device),
            form: Keep { half, ..Keep::inputs() },
            clips: memory::clips(self.clips_per_launch, device),
            batch,
            threads: memory::threads(device),
        }
    }
}

fn as_json(cost: &Cost, chosen: &Chosen) -> Value {
    json!({
        "params": cost.params, "flops": cost.flops, "memory": chosen.memory, "keep": chosen.name, "fits": true,
        "windows_at_once": chosen.plan.windows_at_once, "clips_per_launch": chosen.plan.keep.clips_at_once,
    })
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
