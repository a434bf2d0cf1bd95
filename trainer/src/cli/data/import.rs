//! `data import`.

use std::path::PathBuf;

use adatad_data::classes::ClassList;
use adatad_data::formats::Format;
use adatad_data::import::{ImportOptions, Imported, import};
use anyhow::Context;
use serde_json::json;

use super::super::{Clock, Ending, say, tell};
use super::kind::Read;
use super::unoccupied;

/// Turn labels of other programs and data sets into the file that training reads
#[derive(clap::Args)]
pub(crate) struct Import {
    /// What they are
    #[arg(value_enum, hide_possible_values = true)]
    kind: Read,
    /// Files, or folders of files; folders in those name subsets
    #[arg(value_name = "IN", required = true)]
    paths: Vec<PathBuf>,
    /// Where to write the labels
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Subset of videos that are in none
    #[arg(long, value_name = "NAME")]
    subset: Option<String>,
    /// Frames a second that frame numbers were counted at
    #[arg(long)]
    fps: Option<f64>,
    /// Attribute (VIA) or tier (ELAN) that holds the labels
    #[arg(long, value_name = "NAME")]
    layer: Option<String>,
    /// Folder of the videos: tells their lengths
    #[arg(long, value_name = "DIR")]
    videos: Option<PathBuf>,
    /// The labels' frame rate differs from the videos' on purpose
    #[arg(long)]
    other_rate: bool,
    /// Where to write the list of classes, if the files number them
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// Write over existing files
    #[arg(long)]
    force: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        for out in [Some(&self.out), self.classes.as_ref()].into_iter().flatten() {
            unoccupied(out, self.force)?;
        }
        let options = ImportOptions {
            subset: self.subset,
            fps: self.fps,
            layer: self.layer,
            videos: self.videos,
            other_rate: self.other_rate,
        };
        let Imported { labels, missing } = import(self.kind.source(), &self.paths, &options)?;
        Format::ActivityNet.write(&labels.videos, None, &self.out)?;
        if let Some(path) = &self.classes {
            let classes = labels.classes.as_ref().context("these files do not number their classes")?;
            ClassList::new(classes)?.save(path)?;
        }
        let without = |what: &dyn Fn(&adatad_data::formats::LabelledVideo) -> bool| {
            labels.videos.iter().filter(|video| what(video)).count()
        };
        let (no_length, no_subset) = (without(&|v| v.duration.is_none()), without(&|v| v.subset.is_none()));
        let segments: usize = labels.videos.iter().map(|video| video.actions.len()).sum();
        for left in &labels.left_out {
            tell(&format!("left out: {} x {} (first: {})", left.count, left.reason, left.first));
        }
        if let Some(first) = missing.first() {
            tell(&format!(
                "warning: {} videos are not in the folder, or cannot be opened (first: {first})",
                missing.len()
            ));
        }
        if no_length > 0 {
            tell(&format!("warning: the length of {no_length} videos is not known; give --videos DIR"));
        }
        if no_subset > 0 {
            tell(&format!("warning: {no_subset} videos are in no subset; give --subset NAME"));
        }
        if self.json {
            let left_out = labels.left_out.iter();
            let left_out = left_out.map(|l| json!({"reason": l.reason, "count": l.count, "first": l.first}));
            clock.print(json!({
                "out": self.out, "videos": labels.videos.len(), "segments": segments, "missing": missing,
                "left_out": left_out.collect::<Vec<_>>(), "without_length": no_length, "without_subset": no_subset,
            }));
        } else {
            say(&format!("{}: {} videos, {segments} segments", self.out.display(), labels.videos.len()));
        }
        Ok(Ending::Done)
    }
}
