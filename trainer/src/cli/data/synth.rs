//! `data synth`.

use std::path::PathBuf;

use adatad::observe::{Observer, Stage};
use adatad_data::synth::{self, SynthOptions};
use serde_json::json;

use super::super::progress::Progress;
use super::super::{Clock, Ending, say};

/// Generate the demonstration's videos and annotations
#[derive(clap::Args)]
pub(crate) struct Synth {
    /// Where to write videos/ and annotations.json
    #[arg(value_name = "DIR")]
    out: PathBuf,
    /// Everything drawn follows from it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Number of training videos
    #[arg(long, default_value_t = SynthOptions::default().training)]
    training: usize,
    /// Number of validation videos
    #[arg(long, default_value_t = SynthOptions::default().validation)]
    validation: usize,
    /// Number of test videos
    #[arg(long, default_value_t = SynthOptions::default().test)]
    test: usize,
    /// Shortest and longest video, in seconds
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    seconds: Option<Vec<f64>>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Synth {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let synth = self;
        let mut options = SynthOptions {
            seed: synth.seed,
            training: synth.training,
            validation: synth.validation,
            test: synth.test,
            ..SynthOptions::default()
        };
        if let Some(&[from, to]) = synth.seconds.as_deref() {
            options.seconds = (from, to);
        }
        let progress = Progress::new();
        let annotations =
            synth::generate(&synth.out, &options, |done, total| progress.stage(Stage::Generate, done, total))?;
        if synth.json {
            let videos = options.training + options.validation + options.test;
            clock.print(json!({"annotations": annotations, "videos": videos}));
        } else {
            say(&annotations.display().to_string());
        }
        Ok(Ending::Done)
    }
}
