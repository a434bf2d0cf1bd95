//! `data check`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use adatad::config::RunConfig;
use adatad::config::presets::RunPreset;
use adatad_data::check::{CheckOptions, Checked, Count, Finding, Fixed, Report};
use adatad_data::classes::ClassList;
use serde_json::{Value, json};

use super::super::run_file::RunFile;
use super::super::{Clock, Ending, say, tell};
use super::unoccupied;

/// Find what is wrong with videos and labels
///
/// Ends with 1 if anything is.
#[derive(clap::Args)]
pub(crate) struct Check {
    /// Labels that training reads, a run file, or the name of a preset
    #[arg(value_name = "DATA")]
    data: PathBuf,
    /// Folder of the videos; without it, the one of the run file, or `videos` beside the labels
    #[arg(long, value_name = "DIR")]
    videos: Option<PathBuf>,
    /// The classes there are, one a line
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
    /// A subset that must be there
    #[arg(long, value_name = "NAME")]
    subset: Vec<String>,
    /// Write a corrected file, and say what was changed
    #[arg(long, value_name = "OUT")]
    fix: Option<PathBuf>,
    /// Write over an existing file
    #[arg(long)]
    force: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// What is checked.
struct Target {
    labels: PathBuf,
    videos: Option<PathBuf>,
    subsets: Vec<String>,
    /// What files are called before a video's name.
    prefix: String,
    classes: Option<PathBuf>,
}

impl Check {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        if let Some(out) = &self.fix {
            unoccupied(out, self.force)?;
        }
        let target = self.target()?;
        let classes = target.classes.as_ref().map(ClassList::load).transpose()?;
        let options = CheckOptions {
            videos: target.videos.as_deref(),
            prefix: &target.prefix,
            classes: classes.as_ref(),
            subsets: &target.subsets,
        };
        if options.videos.is_none() {
            tell("only labels are checked: no folder of videos; give --videos DIR");
        }
        let checked = Checked::new(&target.labels, options)?;
        let fixed = self.fix.as_ref().map(|_| checked.fix()).transpose()?;
        if let (Some(fixed), Some(out)) = (&fixed, &self.fix) {
            fixed.save(out)?;
        }
        let report = checked.report();
        if self.json {
            clock.print(result(report, fixed.as_ref()));
        } else {
            table(report).iter().for_each(|line| say(line));
            if let (Some(fixed), Some(out)) = (&fixed, &self.fix) {
                changes(fixed, out).iter().for_each(|line| say(line));
            }
        }
        Ok(if report.total == 0 { Ending::Done } else { Ending::Failed })
    }

    fn target(&self) -> anyhow::Result<Target> {
        let beside = |path: &Path| path.parent().unwrap_or(Path::new("")).to_path_buf();
        let mut subsets = self.subset.clone();
        let is_run = self.data.extension().is_some_and(|extension| extension == "toml");
        let is_preset =
            || !self.data.exists() && self.data.to_str().is_some_and(|name| RunPreset::find(name).is_some());
        if is_run || is_preset() {
            let RunConfig { data, input, .. } = RunFile::find(&self.data)?.load(&[])?;
            let folder = if is_run { beside(&self.data) } else { PathBuf::new() };
            subsets.extend([data.training_subset, data.validation_subset, data.test_subset]);
            let of_run = input.videos().map(|input| folder.join(&input.videos));
            return Ok(Target {
                labels: folder.join(data.annotations),
                videos: self.videos.clone().or(of_run),
                subsets,
                prefix: input.videos().map(|input| input.prefix.clone()).unwrap_or_default(),
                classes: self.classes.clone().or(data.class_list.map(|list| folder.join(list))),
            });
        }
        let usual = Some(beside(&self.data).join("videos")).filter(|folder| folder.is_dir());
        let (labels, videos) = (self.data.clone(), self.videos.clone().or(usual));
        Ok(Target { labels, videos, subsets, prefix: String::new(), classes: self.classes.clone() })
    }
}

fn result(report: &Report, fixed: Option<&Fixed>) -> Value {
    let problem = |finding: &Finding| {
        let Finding { file, trouble, .. } = finding;
        json!({"kind": trouble.kind(), "file": file, "at": finding.place(), "message": trouble.to_string()})
    };
    let counts = |counts: &BTreeMap<String, Count>| {
        let count = |(name, count): (&String, &Count)| {
            (name.clone(), json!({"videos": count.videos, "segments": count.segments}))
        };
        Value::Object(counts.iter().map(count).collect())
    };
    let mut value = json!({
        "videos": report.videos, "segments": report.segments, "opened": report.opened, "total": report.total,
        "problems": report.problems.iter().map(problem).collect::<Vec<_>>(),
        "subsets": counts(&report.subsets), "classes": counts(&report.classes),
    });
    if let Some(fixed) = fixed {
        let changes = fixed.changes.iter().map(|change| json!({"at": change.place, "change": change.what}));
        value["changes"] = changes.collect();
    }
    value
}

fn table(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let width = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
    let places: Vec<_> = report.problems.iter().map(Finding::place).collect();
    let kind = width(&mut report.problems.iter().map(|finding| finding.trouble.kind().len()));
    let place = width(&mut places.iter().map(|place| place.chars().count())).min(60);
    for (finding, at) in report.problems.iter().zip(&places) {
        lines.push(format!("{:<kind$}  {at:<place$}  {}", finding.trouble.kind(), finding.trouble));
    }
    if report.total > report.problems.len() {
        lines.push(format!("... and {} more", report.total - report.problems.len()));
    }
    if !lines.is_empty() {
        lines.push(String::new());
    }
    for (title, counts) in [("subset", &report.subsets), ("class", &report.classes)] {
        let name = width(&mut counts.keys().map(|name| name.chars().count())).max(title.len()).min(60);
        lines.push(format!("{title:<name$}  {:>8}  {:>8}", "segments", "videos"));
        lines.extend(counts.iter().map(|(label, c)| format!("{label:<name$}  {:>8}  {:>8}", c.segments, c.videos)));
        lines.push(String::new());
    }
    let Report { videos, segments, opened, total, .. } = report;
    lines.push(format!("{videos} videos, {segments} segments, {opened} files opened: {total} problems"));
    lines
}

fn changes(fixed: &Fixed, out: &Path) -> Vec<String> {
    let mut lines = vec![String::new(), format!("{}: {} changes", out.display(), fixed.changes.len())];
    lines.extend(fixed.changes.iter().map(|change| format!("  {}: {}", change.place, change.what)));
    lines
}
