//! `weights import`.

use std::path::PathBuf;

use adatad::import::import;
use anyhow::Context;
use serde_json::json;

use crate::cli::device::DeviceName;
use crate::cli::run_file::RunFile;
use crate::cli::{Clock, Ending, say, tell};

/// Make a run's folder of a checkpoint that OpenTAD trained, for `eval` and `detect`
///
/// Reads `epoch_N.pth`, `best.pth` and published files; nothing in them is executed. Averaged weights are taken before others.
/// The run file is that of the checkpoint's configuration; every weight must have its place in it.
#[derive(clap::Args)]
pub(crate) struct Import {
    /// The checkpoint
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,
    /// Run file, or name of a published configuration, that it was trained with
    #[arg(long, value_name = "RUN")]
    run: PathBuf,
    /// Set a key of it
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Folder to make
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Replace an earlier run's files there
    #[arg(long)]
    force: bool,
    /// What to load it on
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let run = RunFile::find(&self.run)?;
        let mut config = run.resolved(&self.set)?;
        let device = self.device.open()?;
        config.settle(&device);
        self.device.knows(config.input.videos().map(|videos| &videos.adapter), &device)?;
        let help = "the classes in their order: --set data.class-list=FILE (OpenTAD: category_idx.txt), or the annotations \
                    of the run file";
        let classes = run.class_list(&config).context(help)?;
        if config.data.class_list.is_none() {
            tell("data.class-list is not set: classes are the labels of the annotations, sorted");
        }
        let params = import(&config, &classes, &self.checkpoint, &self.out, self.force, &device)?;
        if self.json {
            clock.print(json!({ "run_dir": self.out, "params": params, "classes": classes.len() }));
        } else {
            let (out, classes, total) = (self.out.display(), classes.len(), params.total);
            say(&format!("{out}: {total} parameters, {classes} classes; adatad detect {out} VIDEO"));
        }
        Ok(Ending::Done)
    }
}
