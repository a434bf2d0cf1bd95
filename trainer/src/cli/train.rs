//! `train`.

use std::path::{Path, PathBuf};

use adatad::config::RunConfig;
use adatad::folder::RunFolder;
use adatad::memory::Asked;
use adatad::observe::Observer;
use adatad::session::{MemoryLimit, Session, scores};
use adatad::summary::{recall_lines, score_lines};
use anyhow::{Context, bail};
use serde_json::json;

use super::device::{DeviceName, knows};
use super::devices::Place;
use super::progress::Progress;
use super::run_file::RunFile;
use super::size;
use super::stop::Stop;
use super::{Clock, Ending, say};

/// Train, evaluate on the test subset, and write a report
///
/// Without RUN.toml: the built-in demonstration. It generates its videos, trains end to end on them, evaluates.
#[derive(clap::Args)]
pub(crate) struct Train {
    /// What to train on what (TOML), or the name of a preset (`adatad config list`)
    #[arg(value_name = "RUN.toml|NAME")]
    run: Option<PathBuf>,
    /// Folder of the run [default: runs/NAME]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with a stopped run
    #[arg(long, conflicts_with_all = ["force", "dry_run"])]
    resume: bool,
    /// Replace the run that is in the folder
    #[arg(long)]
    force: bool,
    /// Change one value of the run file; `absent` takes an optional key out; may be repeated
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// What to compute on
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Several devices that share the windows of a step, such as cuda:0,cuda:1; of another machine: ws://HOST:PORT
    #[arg(long, value_name = "LIST", value_delimiter = ',', conflicts_with = "device")]
    devices: Vec<Place>,
    /// Check everything and print the resolved run file; train nothing
    #[arg(long)]
    dry_run: bool,
    /// Memory to use [default: what is free]; a run that goes on is otherwise run as before
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    memory: Option<Asked>,
    /// Keep what a step needs later in files there, not in memory
    #[arg(long, value_name = "DIR")]
    spill: Option<PathBuf>,
    /// End with an error when a checkpoint cannot be written, instead of going on with the older one
    #[arg(long)]
    strict_save: bool,
    /// Clips that pass through a block at once [default: on a processor 1, on a GPU as many as fill it and fit]
    #[arg(long, value_name = "N", value_parser = size::count)]
    clips_per_launch: Option<usize>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Keys that may change when a run goes on: they say how long it runs and how it is watched. How far a run has come
/// along its schedule follows from its epochs, so what is learned from then on differs from a run that had them from the start.
const MAY_CHANGE: [&str; 6] = [
    "schedule.epochs:",
    "schedule.checkpoint-every:",
    "schedule.evaluate-every:",
    "schedule.evaluate-from:",
    "schedule.skip-limit:",
    "evaluation.tiou:",
];

impl Train {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let out = self.out();
        let (mut config, root) = self.config(&out)?;
        if self.dry_run {
            say(config.to_toml().trim_end());
            return Ok(Ending::Done);
        }
        let alone = [Place::Here { name: self.device, index: 0 }];
        let (first, rest) = self.devices.split_first().unwrap_or((&alone[0], &[]));
        let device = first.open()?;
        let others = rest.iter().map(Place::open).collect::<Result<Vec<_>, _>>()?;
        config.settle(&device);
        let adapter = config.input.videos().map(|videos| &videos.adapter);
        for (place, device) in std::iter::once((first, &device)).chain(rest.iter().zip(&others)) {
            knows(place.name(), adapter, device)?;
        }
        let _lock = RunFolder::lock(&out)?;
        let folder = if self.resume { RunFolder::open(&out)? } else { RunFolder::create(&out, self.force)? };
        let stop = Stop::on_signal().context("cannot watch for Ctrl-C")?;
        let observer = Progress::new();
        let session = Session {
            config: &config,
            folder: &folder,
            root: &root,
            device: &device,
            device_name: first.name(),
            stop: &stop.flag,
            observer: &observer,
            begun: clock.begun(),
            memory: MemoryLimit {
                asked: self.memory.or(first.own_memory().map(Asked::Bytes)).unwrap_or_default(),
                spill: self.spill.clone(),
                clips: self.clips_per_launch,
            },
            others: &others,
            strict_save: self.strict_save,
        };
        session.plain_words().iter().for_each(|words| observer.note(words));
        let outcome = session.train(self.resume)?;

        let params = outcome.parameters;
        let mut result = json!({
            "run_dir": out, "loss": outcome.epoch_losses, "params": params, "precision": config.precision(&device),
            "device": first.name(), "seed": config.seed, "stopped": outcome.stopped, "steps": outcome.steps,
            "best": outcome.best,
        });
        let Some(evaluated) = outcome.evaluated else {
            let run = self.run.as_ref().map(|run| format!(" {}", run.display())).unwrap_or_default();
            observer.note(&format!(
                "stopped after step {}; go on with: cargo xtask train{run} --out {} --resume",
                outcome.steps,
                out.display()
            ));
            if self.json {
                clock.print(result);
            }
            return Ok(Ending::Stopped(stop.code()));
        };
        if self.json {
            result["map"] = scores(&evaluated.map);
            if let Some(recall) = &evaluated.recall {
                result["recall"] = json!(recall);
            }
            result["videos"] = json!(evaluated.map.videos);
            result["detections"] = json!(evaluated.map.detections);
            clock.print(result);
        } else {
            score_lines(&evaluated.map).iter().for_each(|line| say(line));
            evaluated.recall.iter().flat_map(recall_lines).for_each(|line| say(&line));
            say(&format!("average mAP {:.3}; report: {}", evaluated.map.average, folder.report().display()));
        }
        Ok(Ending::Done)
    }

    fn out(&self) -> PathBuf {
        let name = match &self.run {
            Some(run) => run.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
            None => "demonstration".to_owned(),
        };
        self.out.clone().unwrap_or_else(|| Path::new("runs").join(name))
    }

    /// The configuration, and where its relative paths start.
    fn config(&self, out: &Path) -> anyhow::Result<(RunConfig, PathBuf)> {
        if self.resume {
            let saved = RunConfig::load(&RunFolder::open(out)?.config(), &[])?;
            let given = match &self.run {
                Some(run) => Some(RunFile::find(run)?.resolved(&self.set)?),
                None if !self.set.is_empty() => Some(RunConfig::load(&RunFolder::open(out)?.config(), &self.set)?),
                None => None,
            };
            let mut given = given.unwrap_or_else(|| saved.clone());
            given.settle_as(&saved);
            let changed = saved.differences(&given);
            let refused: Vec<_> =
                changed.iter().filter(|line| !MAY_CHANGE.iter().any(|key| line.starts_with(key))).collect();
            if !refused.is_empty() {
                let lines: Vec<_> = refused.into_iter().map(String::as_str).collect();
                bail!("the run in {} was started with other settings:\n  {}", out.display(), lines.join("\n  "));
            }
            return Ok((given, out.to_path_buf()));
        }
        match &self.run {
            Some(run) => Ok((RunFile::find(run)?.resolved(&self.set)?, out.to_path_buf())),
            None => Ok((RunConfig::demonstration(&self.set)?, out.to_path_buf())),
        }
    }
}
