//! `detect`.

mod format;
mod live;
mod shard;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use adatad::detect::Detector;
use adatad::digest;
use adatad::folder::RunFolder;
use adatad::journal::{Journal, Subject};
use adatad::observe::{Observer, Stage};
use adatad::stream::{Feed, Seen, Settling};
use adatad::thresholds::Thresholds;
use adatad_data::video::Video;
use anyhow::{Context, bail};
use serde_json::json;

use super::device::DeviceName;
use super::progress::Progress;
use super::stop::Stop;
use super::{Clock, Ending, say, tell};
use format::{Format, VideoResult};
use shard::Shard;

/// Find the actions in videos of any length
///
/// VIDEO is a file, a folder of frames, or `-` for standard input (YUV4MPEG2; other streams need ffmpeg). For a run on
/// stored features, a .npy file of them.
#[derive(clap::Args)]
pub(crate) struct Detect {
    /// Folder of a finished run
    #[arg(value_name = "RUN_DIR")]
    run: PathBuf,
    /// What to look at
    #[arg(value_name = "VIDEO", required = true)]
    videos: Vec<PathBuf>,
    /// How to write results
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
    /// Leave out what scores less: S, or CLASS=S for one class; may be repeated [default: 0.1]
    #[arg(long, value_name = "S")]
    min_score: Vec<String>,
    /// Write a file for each video there instead of to standard output
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Leave out what is done in --out, and go on in the middle of a video where it was left
    #[arg(long, requires = "out")]
    resume: bool,
    /// Replace results in --out
    #[arg(long, conflicts_with = "resume")]
    force: bool,
    /// Take every N-th video from the I-th on, from 0: for several machines
    #[arg(long, value_name = "I/N", conflicts_with = "follow")]
    shard: Option<Shard>,
    /// The video is still being written: tell what is found as soon as it is certain
    #[arg(long)]
    follow: bool,
    /// With --follow: seconds without anything new that are taken for the end
    #[arg(long, value_name = "SECONDS", default_value_t = 30.0, requires = "follow")]
    patience: f64,
    /// What to compute on
    #[arg(long, value_enum, default_value_t)]
    device: DeviceName,
    /// Short for --format json
    #[arg(long)]
    json: bool,
}

impl Detect {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let folder = RunFolder::open(&self.run)?;
        let detector = Detector::load(&folder, &self.device.open()?)?;
        detector.notice().iter().for_each(|notice| tell(notice));
        let thresholds = Thresholds::parse(&self.min_score, 0.1, detector.classes())?;
        let format = if self.json { Format::Json } else { self.format };
        let stop = Stop::on_signal().context("cannot watch for Ctrl-C")?;
        let work = Work { detector: &detector, thresholds: &thresholds, stop: &stop, format };
        if self.follow || self.videos.iter().any(|path| path.as_os_str() == "-") {
            let [video] = self.videos.as_slice() else { bail!("one stream at a time can be followed") };
            if self.out.is_some() {
                bail!("what is found in a stream is written to standard output; --out is for files that are all there");
            }
            let patience = Duration::try_from_secs_f64(self.patience)
                .with_context(|| format!("--patience {} is no length of time", self.patience))?;
            return live::follow(&work, video, self.follow.then_some(patience));
        }
        let mut videos: Vec<&PathBuf> = self.videos.iter().collect();
        if let Some(shard) = self.shard {
            videos = shard.of(videos);
        }
        if let Some(out) = &self.out {
            std::fs::create_dir_all(out).with_context(|| out.display().to_string())?;
        }
        // Journals say with which model windows were looked at.
        let model = match &self.out {
            Some(_) => digest::of(&[folder.config(), folder.classes(), folder.weights()])?,
            None => String::new(),
        };
        let progress = Progress::new();
        let mut found = Vec::with_capacity(videos.len());
        for (done, path) in videos.iter().enumerate() {
            let name = detector.name_of(path);
            let target = self.out.as_ref().map(|out| out.join(format!("{name}.{}", format.extension())));
            if let Some(target) = target.as_ref().filter(|target| target.exists()) {
                match (self.resume, self.force) {
                    (true, _) => {
                        progress.stage(Stage::Detect, done + 1, videos.len());
                        continue;
                    }
                    (false, true) => {}
                    (false, false) => bail!("{} exists; --resume leaves it out, --force replaces it", target.display()),
                }
            }
            let journal = self.out.as_ref().map(|out| Note {
                path: out.join(format!(".{name}.windows.jsonl")),
                model: &model,
                resume: self.resume,
            });
            let Some(result) = work.one(path, name, journal, &progress)? else {
                super::tell(&format!("stopped in {}; --resume goes on from there", path.display()));
                return Ok(Ending::Stopped(stop.code()));
            };
            progress.stage(Stage::Detect, done + 1, videos.len());
            match target {
                Some(target) => {
                    let text = format.text(&[result.video], detector.classes())?;
                    adatad_data::atomic::write(&target, |out| out.write_all(text.as_bytes()))
                        .with_context(|| target.display().to_string())?;
                    // Only now nothing is lost with it.
                    if let Some(journal) = result.journal {
                        journal.finish()?;
                    }
                }
                None => found.push(result.video),
            }
        }
        match (&self.out, format) {
            (Some(out), Format::Json) => clock.print(json!({"out": out, "videos": videos.len()})),
            (Some(out), _) => say(&format!("{} videos; results in {}", videos.len(), out.display())),
            (None, Format::Json) => clock.print(format::activitynet(&found, detector.classes())),
            (None, _) => say(format.text(&found, detector.classes())?.trim_end()),
        }
        Ok(Ending::Done)
    }
}

/// What detection in any source needs.
pub(super) struct Work<'a> {
    pub(super) detector: &'a Detector,
    pub(super) thresholds: &'a Thresholds,
    pub(super) stop: &'a Stop,
    pub(super) format: Format,
}

/// Where windows are noted.
struct Note<'a> {
    path: PathBuf,
    model: &'a str,
    resume: bool,
}

/// What was found in a video, and the journal that is to go once that is written.
struct Looked {
    video: VideoResult,
    journal: Option<Journal>,
}

impl Work<'_> {
    /// Detects in one file; none when it was stopped.
    fn one(
        &self,
        path: &Path,
        name: String,
        note: Option<Note<'_>>,
        progress: &Progress,
    ) -> anyhow::Result<Option<Looked>> {
        let Some(sight) = self.detector.sight() else {
            let mut found = self.detector.in_file(path, |_, _| {})?;
            found.retain(|detection| self.thresholds.pass(detection));
            // Only where it is told is a file opened for it once more.
            let fps = (self.format == Format::Labelstudio)
                .then(|| Video::open_with(path, &self.detector.open_options()).ok().map(|video| video.info().fps));
            let fps = fps.flatten();
            return Ok(Some(Looked { video: VideoResult { name, fps, found }, journal: None }));
        };
        let video = Video::open_with(path, &self.detector.open_options())?;
        let total = sight.sliding.positions(sight.sliding.grid().cells(video.info().frames)).len();
        let (mut journal, done) = match note {
            Some(note) => {
                let subject = Subject {
                    video: name.clone(),
                    bytes: std::fs::metadata(path)?.len(),
                    frames: video.info().frames,
                    model: note.model.to_owned(),
                };
                let opened = Journal::open(&note.path, &subject, note.resume);
                let (journal, done) = opened.with_context(|| note.path.display().to_string())?;
                (Some(journal), done)
            }
            None => (None, Default::default()),
        };
        let mut settling = Settling::new(self.detector.suppression().clone(), self.thresholds.clone());
        settling.add(done.found);
        let mut windows = done.windows;
        let mut failed = Ok(());
        let feed = Feed::File(&video);
        let seen = self.detector.in_stream(&sight, feed, &name, done.last, &self.stop.flag, |found| {
            windows += 1;
            progress.windows(windows, total);
            if let Some(journal) = &mut journal {
                failed = journal.note(found.window, &found.detections);
            }
            settling.add(found.detections);
            if failed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        failed.context("the journal of windows cannot be written")?;
        let Seen { frames: Some(_), report, .. } = seen else { return Ok(None) };
        if report.damaged > 0 {
            super::tell(&format!("{}: {} of its frames are damaged", path.display(), report.damaged));
        }
        let found = settling.rest();
        Ok(Some(Looked { video: VideoResult { name, fps: Some(video.info().fps), found }, journal }))
    }
}
