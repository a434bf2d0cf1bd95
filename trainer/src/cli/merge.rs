//! `merge`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, bail};
use serde_json::{Value, json};

use super::{Clock, Ending, say};

/// Join result files of several machines into one
#[derive(clap::Args)]
pub(crate) struct Merge {
    /// Results in the ActivityNet layout, or folders of such files
    #[arg(value_name = "PART", required = true)]
    parts: Vec<PathBuf>,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Replace it if it exists
    #[arg(long)]
    force: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Merge {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        if self.out.exists() && !self.force {
            bail!("{} exists; --force replaces it", self.out.display());
        }
        let mut files = Vec::new();
        for part in &self.parts {
            if !part.is_dir() {
                files.push(part.clone());
                continue;
            }
            let entries = std::fs::read_dir(part).with_context(|| part.display().to_string())?;
            let mut found = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
            // Hidden ones are journals of videos that are not done.
            found.retain(|path| {
                let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
                !hidden && path.extension().is_some_and(|extension| extension == "json")
            });
            found.sort();
            if found.is_empty() {
                bail!("{} holds no result file (.json)", part.display());
            }
            files.extend(found);
        }
        let mut videos: BTreeMap<String, (Value, PathBuf)> = BTreeMap::new();
        let mut version = Value::Null;
        for path in &files {
            let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let mut part: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
            let Some(Value::Object(results)) = part.get_mut("results").map(Value::take) else {
                bail!("{}: no `results`, so no result file in the ActivityNet layout", path.display());
            };
            version = part["version"].take();
            for (name, found) in results {
                match videos.get(&name) {
                    Some((there, first)) if *there != found => {
                        bail!("`{name}` has other results in {} than in {}", path.display(), first.display())
                    }
                    Some(_) => {}
                    None => drop(videos.insert(name, (found, path.clone()))),
                }
            }
        }
        let count = videos.len();
        let results: serde_json::Map<String, Value> =
            videos.into_iter().map(|(name, (found, _))| (name, found)).collect();
        let all = json!({"version": version, "results": results});
        adatad_data::atomic::write(&self.out, |out| writeln!(out, "{all}"))
            .with_context(|| self.out.display().to_string())?;
        if self.json {
            clock.print(json!({"out": self.out, "parts": files.len(), "videos": count}));
        } else {
            say(&format!("{}: {count} videos of {} files", self.out.display(), files.len()));
        }
        Ok(Ending::Done)
    }
}
