//! `parity`.

use std::path::PathBuf;

use adatad::parity::{Verdict, check};
use serde_json::json;

use super::device::DeviceName;
use super::{Clock, Ending, say};

/// Check this build against reference numbers
///
/// A line per fixture of the folder: its worst error in units of what is tolerated, and whether it passed.
#[derive(clap::Args)]
pub(crate) struct Parity {
    /// Folder of fixtures
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// What to compute on
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Parity {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let each = |verdict: &Verdict| {
            if !self.json {
                say(&line(verdict));
            }
        };
        let verdicts = check(&self.folder, &self.device.open()?, each)?;
        let passed = verdicts.iter().filter(|verdict| verdict.passed).count();
        let failed = verdicts.len() - passed;
        if self.json {
            clock.print(json!({
                "fixtures": verdicts, "passed": passed, "failed": failed, "device": self.device.name(),
            }));
        } else {
            say(&format!("{passed} passed, {failed} failed"));
        }
        Ok(if failed == 0 { Ending::Done } else { Ending::Failed })
    }
}

fn line(verdict: &Verdict) -> String {
    let Verdict { name, kind, worst_ratio, passed, note, .. } = verdict;
    let ratio = worst_ratio.map_or("-".to_owned(), |ratio| match ratio {
        huge if huge > 1e6 => "huge".to_owned(),
        ratio => format!("{ratio:.3}"),
    });
    format!("{} {name:<32} {kind:<14} {ratio:>8}  {note}", if *passed { "pass" } else { "FAIL" })
}
