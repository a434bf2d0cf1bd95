//! `eval`.

use std::path::PathBuf;

use adatad::config::RunConfig;
use adatad::folder::RunFolder;
use adatad::session::{MemoryLimit, Session, scores};
use adatad::summary::{recall_lines, score_lines};
use anyhow::Context;
use serde_json::json;

use super::device::DeviceName;
use super::progress::Progress;
use super::stop::Stop;
use super::{Clock, Ending, say};

/// Score a trained model on a subset of its data
#[derive(clap::Args)]
pub(crate) struct Eval {
    /// Folder of a finished run
    #[arg(value_name = "RUN_DIR")]
    run: PathBuf,
    /// Subset of the annotations [default: the run's test subset]
    #[arg(long)]
    subset: Option<String>,
    /// What to compute on
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Eval {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let folder = RunFolder::open(&self.run)?;
        let config = RunConfig::load(&folder.config(), &[])?;
        let device = self.device.open()?;
        let stop = Stop::on_signal().context("cannot watch for Ctrl-C")?;
        let session = Session {
            config: &config,
            folder: &folder,
            root: &self.run,
            device: &device,
            device_name: self.device.name(),
            stop: &stop.flag,
            observer: &Progress::new(),
            begun: clock.begun(),
            memory: MemoryLimit::default(),
            others: &[],
            strict_save: false,
        };
        let subset = self.subset.as_ref().unwrap_or(&config.data.test_subset);
        let Some(evaluated) = session.evaluate(subset)? else { return Ok(Ending::Stopped(stop.code())) };
        if self.json {
            let mut result = json!({
                "map": scores(&evaluated.map), "videos": evaluated.map.videos, "detections": evaluated.map.detections,
                "run_dir": self.run, "subset": subset, "device": self.device.name(),
            });
            if let Some(recall) = &evaluated.recall {
                result["recall"] = json!(recall);
            }
            clock.print(result);
        } else {
            score_lines(&evaluated.map).iter().for_each(|line| say(line));
            evaluated.recall.iter().flat_map(recall_lines).for_each(|line| say(&line));
            say(&format!("average mAP {:.3} on {} videos of {subset}", evaluated.map.average, evaluated.map.videos));
        }
        Ok(Ending::Done)
    }
}
