//! `data export`.

use std::path::PathBuf;

use adatad_data::annotation::Annotations;
use adatad_data::formats::LabelledVideo;
use serde_json::json;

use super::super::{Clock, Ending, say};
use super::kind::Written;
use super::unoccupied;

/// Turn labels into files of other programs
#[derive(clap::Args)]
pub(crate) struct Export {
    /// What to write
    #[arg(value_enum)]
    kind: Written,
    /// Labels that training reads
    #[arg(value_name = "LABELS")]
    labels: PathBuf,
    /// Where to write: a file, or a folder for kinds with a file for each video
    #[arg(long, value_name = "PATH")]
    out: PathBuf,
    /// Only this subset
    #[arg(long, value_name = "NAME")]
    subset: Option<String>,
    /// Frames a second of videos whose rate is not told, for kinds that count frames
    #[arg(long)]
    fps: Option<f64>,
    /// Write over existing files
    #[arg(long)]
    force: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Export {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        unoccupied(&self.out, self.force)?;
        let annotations = Annotations::load(&self.labels)?;
        let videos: Vec<LabelledVideo> = match &self.subset {
            Some(subset) => annotations.subset(subset)?.into_iter().map(LabelledVideo::from).collect(),
            None => annotations.videos().iter().map(LabelledVideo::from).collect(),
        };
        let files = self.kind.format().write(&videos, self.fps, &self.out)?;
        if self.json {
            clock.print(json!({"files": files, "videos": videos.len()}));
        } else {
            say(&format!("{}: {} videos in {} files", self.out.display(), videos.len(), files.len()));
        }
        Ok(Ending::Done)
    }
}
