//! How much memory a training step needs, and which way of running it fits.

use std::ops::RangeInclusive;
use std::path::Path;

use adatad_adapter::{AdapterConfig, Cost, Keep, Need};
use adatad_backbone::{VitConfig, works_in_host_memory};
use adatad_detector::DetectorConfig;
use burn::tensor::Device;
use serde::Serialize;

use crate::config::{Input, RunConfig};
use crate::plan::{Plan, Shown};
use crate::step::StepPlan;
use crate::train::AHEAD;

/// Bytes of a number.
const F32: u64 = 4;
/// Numbers that a detector's graph holds, for each grid step and channel of its finest level: measured (ActionFormer,
/// THUMOS recipe), not counted. Operations of Burn decide what they keep.
const GRAPH: u64 = 200;
/// Memory that an allocator holds beyond what it was asked for, and small things that nobody counts: so many bytes, and
/// so many parts of a hundred of what a step uses. Measured (mimalloc; S and B at 96 to 768 frames, plans small and large).
const SLACK: (u64, u64) = (72 << 20, 7);

/// Where the memory of a training step goes, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepMemory {
    /// Every parameter and the position table.
    pub weights: u64,
    /// Gradients, moments and averages of what learns.
    pub trained_state: u64,
    /// Frames of windows, as bytes: all of a step, and those that wait for the next.
    pub input: u64,
    /// What stays from the forward to the backward pass.
    pub kept: u64,
    /// What the fullest moment needs beyond that.
    pub working: u64,
    /// All of it.
    pub total: u64,
}

impl StepMemory {
    /// What a step adds to a process that has read weights and frames, from the second step on: the first one has no
    /// moments yet.
    pub fn of_step(&self) -> u64 {
        self.total - self.weights - self.input
    }
}

/// What a step has to hold whatever is kept, and what there is for the rest.
#[derive(Debug, Clone)]
pub struct Budget {
    /// Bytes for everything; none: the least that will do.
    pub bytes: Option<u64>,
    /// How inputs are stored.
    pub form: Keep,
    /// Clips that may pass through a block at once: as many as fit.
    pub clips: RangeInclusive<usize>,
    /// Windows of a step; the frames of all are there together.
    pub batch: usize,
    /// Windows that may be run side by side.
    pub threads: usize,
}

/// Clips that fill a large device: 6,400 tokens at 160 px. More at once only need more memory.
const FILLING: usize = 8;

/// How many clips are worth taking at once on a device, where nobody asked for a number.
///
/// Where tensors lie in the host's memory, one: its tensors stay in the caches (measured: more are no faster). Elsewhere
/// as many as fill the device and fit.
pub fn clips(asked: Option<usize>, device: &Device) -> RangeInclusive<usize> {
    match asked {
        Some(asked) => asked..=asked,
        None if works_in_host_memory(device) => 1..=1,
        None => 1..=FILLING,
    }
}

/// How many windows are worth running side by side: where tensors lie in the host's memory, one for each core. Elsewhere
/// one after another fill the device, and threads would only wait for each other.
pub fn threads(device: &Device) -> usize {
    match works_in_host_memory(device) {
        true => std::thread::available_parallelism().map_or(1, usize::from),
        false => 1,
    }
}

/// A way of running a step, and what it needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// The way.
    pub plan: StepPlan,
    /// Its memory.
    pub memory: StepMemory,
    /// Its name.
    pub name: String,
}

/// No way of running a step fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a training step needs at least {} MiB, and {} MiB are there; a shorter window (window.size), a smaller backbone, \
     adapters in the upper blocks only (adapter.blocks), mode `ladder`, block inputs in bf16 (adapter.half-inputs) or in \
     files (--spill DIR) need less",
    needed >> 20, budget >> 20
)]
pub struct DoesNotFit {
    /// Bytes that the smallest way needs.
    pub needed: u64,
    /// Bytes there are.
    pub budget: u64,
}

/// A model as its memory depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    /// Transformer and adapters; none in a model on stored features.
    pub backbone: Option<(&'a VitConfig, &'a AdapterConfig)>,
    /// The detector.
    pub detector: &'a DetectorConfig,
    /// Grid steps of a window.
    pub steps: usize,
    /// Frames of a window and their size.
    pub shown: Shown,
    /// Parameters and their state.
    pub plan: Plan,
}

impl<'a> Shape<'a> {
    /// The model of a run.
    pub fn of(config: &'a RunConfig, plan: Plan) -> Self {
        let backbone = match &config.input {
            Input::Videos(videos) => Some((&videos.backbone, &videos.adapter)),
            Input::Features(_) => None,
        };
        Self {
            backbone,
            detector: &config.detector,
            steps: config.window.padded_size.unwrap_or(config.window.size),
            shown: Shown::of(config),
            plan,
        }
    }

    /// The fastest way that fits.
    ///
    /// # Errors
    ///
    /// None fits; the error says how much would.
    pub fn choose(&self, budget: &Budget) -> Result<Chosen, DoesNotFit> {
        let most = budget.batch.min(budget.threads).max(1);
        let Some((vit, adapter)) = self.backbone else {
            let need = Need { kept: 0, working: 0, again: 0.0 };
            let mut ways =
                (1..=most).rev().map(|at_once| self.chosen(budget.form.clone(), need, at_once, budget.batch));
            let fits = |chosen: &Chosen| budget.bytes.is_none_or(|bytes| chosen.memory.total <= bytes);
            let needed = self.chosen(budget.form.clone(), need, 1, budget.batch).memory.total;
            return ways.find(fits).ok_or(DoesNotFit { needed, budget: budget.bytes.unwrap_or(0) });
        };
        let cost = Cost { vit, adapter, frames: self.shown.frames, pixels: self.shown.pixels };
        let choices: Vec<(Keep, Need)> = launches(&budget.clips, self.shown.frames / VitConfig::CLIP_FRAMES)
            .flat_map(|clips_at_once| cost.choices(&Keep { clips_at_once, ..budget.form.clone() }))
            .collect();
        let ways = (1..=most).rev().flat_map(|at_once| choices.iter().map(move |(keep, need)| (at_once, keep, need)));
        let way = |(at_once, keep, need): (usize, &Keep, &Need)| {
            (need.again, self.chosen(keep.clone(), *need, at_once, budget.batch))
        };
        let ways = ways.map(way);
        let size = |chosen: &Chosen| chosen.memory.total;
        let smallest = || ways.clone().min_by(|(_, a), (_, b)| size(a).cmp(&size(b)));
        let found = match budget.bytes {
            None => smallest(),
            Some(bytes) => {
                let fitting = ways.clone().filter(|(_, chosen)| size(chosen) <= bytes);
                let clips = |chosen: &Chosen| chosen.plan.keep.clips_at_once;
                // A launch that does not fill the device costs more than computing a block again.
                fitting.min_by(|(a, x), (b, y)| {
                    let again = a.total_cmp(b).then(y.plan.windows_at_once.cmp(&x.plan.windows_at_once));
                    clips(y).cmp(&clips(x)).then(again)
                })
            }
        };
        let least = || smallest().map_or(0, |(_, chosen)| size(&chosen));
        found.map(|(_, chosen)| chosen).ok_or_else(|| DoesNotFit { needed: least(), budget: budget.bytes.unwrap_or(0) })
    }

    fn chosen(&self, keep: Keep, need: Need, at_once: usize, batch: usize) -> Chosen {
        let Plan { memory: state, .. } = self.plan;
        let windows = at_once as u64;
        let pixels = (3 * self.shown.frames * self.shown.pixels * self.shown.pixels) as u64;
        let graph = GRAPH * (self.steps * self.detector.width()) as u64 * F32;
        // The graph is gone before the backbone's backward pass begins.
        let (input, kept) = ((batch + AHEAD) as u64 * pixels, windows * need.kept);
        let working = windows * need.working.max(graph);
        let working = working + SLACK.0 + (state.trained_state + kept + working) * SLACK.1 / 100;
        let total = state.weights + state.trained_state + input + kept + working;
        let memory =
            StepMemory { weights: state.weights, trained_state: state.trained_state, input, kept, working, total };
        let name = match self.backbone {
            Some(_) => keep.to_string(),
            None => "everything".into(),
        };
        Chosen { plan: StepPlan { keep, windows_at_once: at_once }, memory, name }
    }
}

/// How much memory a plan may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asked {
    /// What is free.
    #[default]
    Free,
    /// As little as will do.
    Least,
    /// So many bytes.
    Bytes(u64),
}

impl Asked {
    /// Bytes; none for the least that will do.
    pub fn bytes(self) -> Option<u64> {
        match self {
            Asked::Free => Some(free().unwrap_or(u64::MAX)),
            Asked::Least => None,
            Asked::Bytes(bytes) => Some(bytes),
        }
    }
}

/// Numbers of clips to look at, of a window of `most`: the largest allowed, and each half as large as the one before.
fn launches(allowed: &RangeInclusive<usize>, most: usize) -> impl Iterator<Item = usize> {
    let (least, largest) = (*allowed.start().max(&1), *allowed.end());
    let first = largest.min(most).max(1);
    std::iter::successors(Some(first), move |clips| (clips / 2 >= least && clips / 2 > 0).then_some(clips / 2))
}

/// Bytes that the system can give to this process, within the limit of its control group; none where it does not tell.
pub fn free() -> Option<u64> {
    let meminfo = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let of_system = line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)?;
    Some(of_group(Path::new("/sys/fs/cgroup")).map_or(of_system, |of_group| of_system.min(of_group)))
}

/// What is left of a control group's limit (version 2), as containers see it; none without a limit.
fn of_group(folder: &Path) -> Option<u64> {
    let number = |name: &str| std::fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
    Some(number("memory.max")?.saturating_sub(number("memory.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked_at(allowed: RangeInclusive<usize>, most: usize) -> Vec<usize> {
        launches(&allowed, most).collect()
    }

    #[test]
    fn launches_are_halved_until_they_fit() {
        assert_eq!(looked_at(1..=8, 48), [8, 4, 2, 1]);
        assert_eq!(looked_at(1..=8, 6), [6, 3, 1]);
        assert_eq!(looked_at(3..=3, 48), [3], "what was asked for is what is done");
        assert_eq!(looked_at(64..=64, 48), [48], "but for more than there are");
        assert_eq!(looked_at(1..=1, 48), [1]);
    }

    #[test]
    fn a_container_has_what_is_left_of_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(of_group(folder.path()), None);
        std::fs::write(folder.path().join("memory.max"), "max\n").unwrap();
        std::fs::write(folder.path().join("memory.current"), "1000\n").unwrap();
        assert_eq!(of_group(folder.path()), None);
        std::fs::write(folder.path().join("memory.max"), "5000\n").unwrap();
        assert_eq!(of_group(folder.path()), Some(4000));
    }
}
