//! `config`.

use std::path::PathBuf;

use adatad::config::keys;
use adatad::config::presets::{ALL, RunPreset};
use clap::Subcommand;
use serde_json::json;

use super::run_file::RunFile;
use super::{Clock, Ending, say};

/// Show, compare and explain run files; list those that come with the program
#[derive(Subcommand)]
pub(crate) enum Config {
    /// Print a run file as it is used: every key, those left out included
    Show {
        /// Run file (TOML), or the name of a preset
        #[arg(value_name = "RUN.toml|NAME")]
        run: PathBuf,
        /// Change one value; `absent` takes an optional key out; may be repeated
        #[arg(long = "set", value_name = "KEY=VALUE")]
        set: Vec<String>,
    },
    /// Print the keys whose values differ; exit code 1 when there are any
    Diff {
        /// Run file (TOML), or the name of a preset
        #[arg(value_name = "A")]
        first: PathBuf,
        /// The other
        #[arg(value_name = "B")]
        second: PathBuf,
        /// Print the result as one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Print every key of a run file: type, range, unit, default, meaning
    Schema {
        /// Only this key, or those of this table
        #[arg(value_name = "KEY")]
        key: Option<String>,
        /// As a JSON Schema of the whole file
        #[arg(long, conflicts_with = "key")]
        json: bool,
    },
    /// List the run files that come with the program, with the mAP they should reach
    List {
        /// Print the result as one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Config {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        match self {
            Config::Show { run, set } => {
                say(RunFile::find(&run)?.load(&set)?.to_toml().trim_end());
                Ok(Ending::Done)
            }
            Config::Diff { first, second, json } => {
                let read = |path: &PathBuf| RunFile::find(path)?.load(&[]);
                let differences = read(&first)?.differences(&read(&second)?);
                match json {
                    true => clock.print(json!({ "differences": differences })),
                    false => differences.iter().for_each(|line| say(line)),
                }
                Ok(if differences.is_empty() { Ending::Done } else { Ending::Failed })
            }
            Config::Schema { json: true, .. } => {
                say(&format!("{:#}", keys::json()));
                Ok(Ending::Done)
            }
            Config::Schema { key, json: false } => {
                let lines = keys::lines(key.as_deref());
                if let (true, Some(key)) = (lines.is_empty(), &key) {
                    anyhow::bail!("no key `{key}`; the nearest is `{}`", keys::nearest_to(key));
                }
                lines.iter().for_each(|line| say(line));
                Ok(Ending::Done)
            }
            Config::List { json } => {
                match json {
                    true => clock.print(json!({ "presets": ALL.iter().map(as_json).collect::<Vec<_>>() })),
                    false => table().iter().for_each(|line| say(line)),
                }
                Ok(Ending::Done)
            }
        }
    }
}

fn as_json(preset: &RunPreset) -> serde_json::Value {
    json!({
        "name": preset.name, "about": preset.about(), "published": preset.published(), "average": preset.average(),
        "classes": preset.classes(),
    })
}

fn table() -> Vec<String> {
    let width = ALL.iter().map(|preset| preset.name.len()).max().unwrap_or_default();
    let row = |preset: &RunPreset| {
        let average = preset.average().map_or("-".to_owned(), |average| format!("{average:.2}"));
        format!("{:<width$}  {average:>5}  {}", preset.name, preset.about())
    };
    std::iter::once(format!("{:<width$}  {:>5}  what", "name", "mAP %")).chain(ALL.iter().map(row)).collect()
}
