//! `score`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use adatad::score::{Predictions, ScoreSettings, Scored, Sizes, Thresholds, Truth, score};
use adatad::session::scores;
use adatad::summary::score_lines;
use adatad_detector::diagnosis::{Diagnosis, Outcome};
use adatad_detector::metrics::Counting;
use anyhow::Context;
use serde_json::{Value, json};

use super::{Clock, Ending, say, tell};

/// Score any file of detections: mAP, recall, and what is wrong
#[derive(clap::Args)]
pub(crate) struct Score {
    /// Detections, in the ActivityNet results layout
    #[arg(value_name = "PREDICTIONS.json")]
    predictions: PathBuf,
    /// Annotations: JSON of ActivityNet's kind, or a table
    #[arg(long, value_name = "ANNOTATIONS")]
    truth: PathBuf,
    /// Subset of the annotations [default: that of the predicted videos]
    #[arg(long)]
    subset: Option<String>,
    /// Overlaps from which a detection is right
    #[arg(long, value_name = "FROM:TO:STEP", default_value = "0.3:0.7:0.1")]
    tiou: Thresholds,
    /// Recall among K times as many detections as actions
    #[arg(long, value_name = "K,..", value_delimiter = ',', num_args = 0..=1, default_missing_value = "1,5")]
    recall: Option<Vec<usize>>,
    /// Average recall with 1 to N proposals per video
    #[arg(long, value_name = "N", num_args = 0..=1, default_missing_value = "100")]
    proposals: Option<usize>,
    /// What goes wrong, and with which actions
    #[arg(long)]
    diagnose: bool,
    /// Sizes of actions in a diagnosis
    #[arg(long, value_enum, default_value = "even")]
    sizes: SizesName,
    /// Whose way of counting annotations
    #[arg(long, value_enum, default_value = "activitynet")]
    rules: Rules,
    /// Videos to leave out: a JSON list, or a name a line
    #[arg(long, value_name = "FILE")]
    blocked: Option<PathBuf>,
    /// Table with the subsets of videos
    #[arg(long, value_name = "CSV")]
    video_info: Option<PathBuf>,
    /// Refuse faulty files (exit code 1)
    #[arg(long)]
    strict: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SizesName {
    /// Equally many actions in each
    Even,
    /// DETAD's for THUMOS-14
    Thumos,
    /// DETAD's for ActivityNet
    Activitynet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Rules {
    /// Every annotation
    Activitynet,
    /// Repeated and empty ones not
    Opentad,
}

/// More proposals per video than this make a curve that nobody reads and that takes long.
const MOST_PROPOSALS: usize = 100_000;

impl Score {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let predictions = Predictions::load(&self.predictions)?;
        let mut truth = Truth::load(&self.truth)?;
        if let Some(table) = &self.video_info {
            truth.with_video_info(table)?;
        } else if let Some(table) = truth.video_info_beside() {
            tell(&format!("note: subsets are those of {}", table.display()));
            truth.with_video_info(&table)?;
        }
        let scored = score(&predictions, &truth, &self.settings()?)?;
        for note in &scored.notes {
            tell(&format!("note: {note}"));
        }
        for problem in &scored.problems {
            let file = if problem.file == adatad::score::File::Truth { &self.truth } else { &self.predictions };
            tell(&format!("warning: {}: {}", file.display(), problem.message));
        }
        let refused = self.strict && !scored.problems.is_empty();
        if refused {
            tell(&format!("error: refused, as --strict says: {} kinds of faults", scored.problems.len()));
        }
        if self.json {
            clock.print(if refused { self.refusal(&scored) } else { self.result(&scored) });
        } else if !refused {
            lines(&scored).iter().for_each(|line| say(line));
        }
        Ok(if refused { Ending::Failed } else { Ending::Done })
    }

    fn settings(&self) -> anyhow::Result<ScoreSettings> {
        anyhow::ensure!(
            self.proposals.is_none_or(|most| (1..=MOST_PROPOSALS).contains(&most)),
            "--proposals must be 1 to {MOST_PROPOSALS}"
        );
        anyhow::ensure!(self.recall.as_ref().is_none_or(|k| !k.contains(&0)), "--recall counts from 1");
        Ok(ScoreSettings {
            subset: self.subset.clone(),
            thresholds: self.tiou.clone().into_vec(),
            counting: match self.rules {
                Rules::Activitynet => Counting::Every,
                Rules::Opentad => Counting::Distinct,
            },
            blocked: self.blocked.as_ref().map(blocked).transpose()?.unwrap_or_default(),
            recall: self.recall.clone(),
            proposals: self.proposals,
            diagnose: self.diagnose.then_some(match self.sizes {
                SizesName::Even => Sizes::Even,
                SizesName::Thumos => Sizes::Thumos,
                SizesName::Activitynet => Sizes::ActivityNet,
            }),
        })
    }

    fn result(&self, scored: &Scored) -> Value {
        let mut result = json!({
            "map": scores(&scored.map), "videos": scored.map.videos, "detections": scored.map.detections,
            "truths": scored.map.truths, "skipped_truths": scored.map.skipped_truths, "subset": scored.subset,
            "run_dir": Value::Null, "problems": scored.problems, "notes": scored.notes,
            "rules": if self.rules == Rules::Opentad { "opentad" } else { "activitynet" },
        });
        if let Some(epic) = &scored.epic {
            result["epic"] =
                json!({"verb": scores(&epic.verb), "noun": scores(&epic.noun), "action": scores(&epic.action)});
        }
        if let Some(recall) = &scored.recall {
            result["recall"] = json!({
                "thresholds": recall.thresholds, "multiples": recall.multiples, "values": recall.values,
            });
        }
        if let Some(proposals) = &scored.proposals {
            result["proposals"] = json!(proposals);
        }
        if let Some(diagnosis) = &scored.diagnosis {
            result["diagnosis"] = json!(diagnosis);
        }
        result
    }

    fn refusal(&self, scored: &Scored) -> Value {
        json!({"refused": true, "problems": scored.problems, "notes": scored.notes, "subset": scored.subset})
    }
}

/// A JSON list as OpenTAD has it, or a name a line.
fn blocked(path: &PathBuf) -> anyhow::Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(&text).with_context(|| format!("{}", path.display()));
    }
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn lines(scored: &Scored) -> Vec<String> {
    let mut lines = Vec::new();
    let map = &scored.map;
    match &scored.epic {
        Some(epic) => {
            for (task, map) in [("verb", &epic.verb), ("noun", &epic.noun), ("action", &epic.action)] {
                let cells: String = map.values.iter().map(|v| format!("{:>7.2}", 100.0 * v)).collect();
                lines.push(format!("{task:<8}{cells}{:>9.2}", 100.0 * map.average));
            }
        }
        None => lines.extend(score_lines(map)),
    }
    if let Some(recall) = &scored.recall {
        for (at, multiple) in recall.multiples.iter().enumerate() {
            let cells: String = recall.values.iter().map(|row| format!("{:>7.1}", 100.0 * row[at])).collect();
            lines.push(format!("recall of {multiple}x{cells}"));
        }
    }
    if let Some(proposals) = &scored.proposals {
        let at = [1, 5, 10, 50, 100].into_iter().filter_map(|n| Some((n, proposals.at(n)?)));
        let cells: String = at.map(|(n, value)| format!("AR@{n} {value:.3}  ")).collect();
        lines.push(format!("{cells}AUC {:.3}", proposals.auc));
    }
    lines.extend(scored.diagnosis.iter().flat_map(diagnosis_lines));
    let of = scored.subset.as_ref().map(|subset| format!(" of {subset}")).unwrap_or_default();
    lines.push(format!("average mAP {:.4} on {} videos{of}, {} detections", map.average, map.videos, map.detections));
    lines
}

fn diagnosis_lines(diagnosis: &Diagnosis) -> Vec<String> {
    const NAMES: [&str; 6] = ["right", "double", "label", "place", "confused", "nothing"];
    let outcomes = [Outcome::TruePositive].into_iter().chain(Outcome::ERRORS);
    let mut lines = vec![format!("%       {}", NAMES.map(|name| format!("{name:>9}")).concat())];
    for group in diagnosis.profile.iter().filter(|group| group.detections > 0) {
        let cells = outcomes.clone().map(|outcome| format!("{:>9.1}", 100.0 * group.shares.of(outcome)));
        lines.push(format!("{:<8}{}", format!("{}G", group.multiple), cells.collect::<String>()));
    }
    let gains = diagnosis.gains.iter().map(|gain| format!("{:>9.1}", 100.0 * gain.map));
    lines.push(format!("{:<17}{}", "mAP without", gains.collect::<String>()));
    let parts = [("length", &diagnosis.length), ("coverage", &diagnosis.coverage), ("count", &diagnosis.count)];
    for (name, bins) in parts.into_iter().filter(|(_, bins)| !bins.is_empty()) {
        let cell = |bin: &adatad_detector::diagnosis::Bin| match (bin.normalised_map, bin.false_negative_rate) {
            (Some(map), Some(missed)) => {
                format!("  {} {:.1} (missed {:.1})", bin.name, 100.0 * map, 100.0 * missed)
            }
            _ => format!("  {} -", bin.name),
        };
        lines.push(format!("{name:<8}{}", bins.iter().map(cell).collect::<String>()));
    }
    lines
}
