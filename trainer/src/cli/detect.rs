//! `detect`.

use std::path::PathBuf;

use adatad::detect::Detector;
use adatad::folder::RunFolder;
use adatad::observe::{Observer, Stage};
use adatad::results;
use adatad_detector::segment::Detection;

use super::device::DeviceName;
use super::progress::Progress;
use super::{Clock, Ending, say};

/// Find the actions in videos of any length
#[derive(clap::Args)]
pub(crate) struct Detect {
    /// Folder of a finished run
    #[arg(value_name = "RUN_DIR")]
    run: PathBuf,
    /// Files of video, or folders of pictures; for a run on stored features, .npy files of them
    #[arg(value_name = "VIDEO", required = true)]
    videos: Vec<PathBuf>,
    /// How to write them
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Leave out what scores less
    #[arg(long, value_name = "S", default_value_t = 0.1)]
    min_score: f64,
    /// What to compute on
    #[arg(long, value_enum, default_value = "flex")]
    device: DeviceName,
    /// Short for --format json
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line each: start and end in seconds, class, score
    Text,
    /// The ActivityNet results layout
    Json,
    /// A header and a row each
    Csv,
}

impl Detect {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let detector = Detector::load(&RunFolder::open(&self.run)?, &self.device.open())?;
        let progress = Progress::new();
        let mut found: Vec<(String, Vec<Detection>)> = Vec::with_capacity(self.videos.len());
        for path in &self.videos {
            let mut detections = detector.in_file(path, |_, _| {})?;
            progress.stage(Stage::Detect, found.len() + 1, self.videos.len());
            detections.retain(|detection| detection.score >= self.min_score);
            let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            found.push((name, detections));
        }
        let rows = || found.iter().map(|(name, detections)| (name.as_str(), detections.as_slice()));
        let classes = detector.classes();
        match if self.json { Format::Json } else { self.format } {
            Format::Json => clock.print(results::activitynet(rows(), classes)),
            Format::Csv => say(results::csv(rows(), classes).trim_end()),
            Format::Text => {
                for (name, mut detections) in found {
                    detections.sort_by(|a, b| a.start.total_cmp(&b.start));
                    say(&format!("{name}: {} segments", detections.len()));
                    for d in detections {
                        let label = classes.label(d.label).unwrap_or_default();
                        say(&format!("{:>9.2} {:>9.2}  {label:<16} {:.3}", d.start, d.end, d.score));
                    }
                }
            }
        }
        Ok(Ending::Done)
    }
}
