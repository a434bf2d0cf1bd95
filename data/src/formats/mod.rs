//! Files of labels that other programs write and read: which action happens when, in which video.
//!
//! | format | one file holds | times are | module |
//! | --- | --- | --- | --- |
//! | ActivityNet / OpenTAD JSON, ActionFormer JSON | many videos | seconds | `database` |
//! | CSV | one video, or many | seconds | `csv` |
//! | VIA 3 project | many videos | seconds | `via` |
//! | Label Studio timelines | many videos | frames | `label_studio` |
//! | BORIS project, aggregated and tabular exports | many videos | seconds | `boris` |
//! | ELAN | one video | milliseconds | `elan` |
//! | CVAT for video | one video, or many | frames | `cvat` |
//! | WebVTT, SRT | one video | milliseconds | `captions` |
//!
//! A reader says what a file holds, and does not judge it: segments may be reversed or lie outside their video. What it
//! cannot take over (points in time, boxes in pictures) it counts in [`Labels::left_out`]. Judging is the business of
//! the check (`data check`). A file that is not of its format is an error with its place.

mod boris;
mod captions;
pub(crate) mod clock;
mod csv;
mod cvat;
pub(crate) mod database;
mod elan;
pub(crate) mod error;
mod gather;
mod label_studio;
pub(crate) mod table;
mod via;
mod xml;

use std::path::{Path, PathBuf};

pub use error::{ContentError, Fault, FormatError, Place};
pub(crate) use gather::Gather;

use crate::annotation::{Action, VideoEntry};

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `{"database": {video: {subset, duration, annotations: [{segment, label}]}}}`.
    ActivityNet,
    /// The same with `label_id`, `fps` and `segment(frames)`.
    ActionFormer,
    /// `video,label,start,end`; when reading, any of the three kinds of CSV.
    Csv,
    /// `label,start,end`, a file for each video.
    VideoCsv,
    /// `labelId,timestamp,endTimestamp`, a file for each video: TRACE.
    TraceCsv,
    /// A project of the VGG Image Annotator 3.
    Via,
    /// Tasks of Label Studio with `TimelineLabels`.
    LabelStudio,
    /// A project of BORIS; when reading, its aggregated and tabular exports too.
    Boris,
    /// ELAN `.eaf`, a file for each video.
    Elan,
    /// CVAT for video 1.1, a file for each video.
    Cvat,
    /// WebVTT, a file for each video.
    WebVtt,
    /// SubRip, a file for each video.
    Srt,
}

/// What a file says of one video; nothing of it is checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LabelledVideo {
    /// Its name: that of its file, without folder and ending.
    pub name: String,
    /// Split it belongs to, where known.
    pub subset: Option<String>,
    /// Length in seconds, where known.
    pub duration: Option<f64>,
    /// Number of frames, where known.
    pub frames: Option<usize>,
    /// Frames a second, where known.
    pub fps: Option<f64>,
    /// The actions in the order of the file.
    pub actions: Vec<Action>,
}

/// Something in a file that is no labelled segment of a video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Why it was left out.
    pub reason: &'static str,
    /// How often.
    pub count: usize,
    /// Where for the first time.
    pub first: String,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Labels {
    /// The videos, in the order of the file; each name once.
    pub videos: Vec<LabelledVideo>,
    /// What was not taken over.
    pub left_out: Vec<LeftOut>,
    /// The classes in the order of their numbers, where the file numbers them.
    pub classes: Option<Vec<String>>,
}

/// What a reader needs to be told beside the file.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReadOptions<'a> {
    /// Name of the video where the file does not tell: that of the file.
    pub name: &'a str,
    /// Frames a second that frame numbers were counted at.
    pub fps: Option<f64>,
    /// Which layer of labels: an attribute of VIA, a tier of ELAN.
    pub layer: Option<&'a str>,
}

/// Written labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// One file for all videos.
    One(String),
    /// A file for each video: its name and text.
    PerVideo(Vec<(String, String)>),
}

impl Format {
    /// Every one.
    pub const ALL: [Format; 12] = [
        Format::ActivityNet,
        Format::ActionFormer,
        Format::Csv,
        Format::VideoCsv,
        Format::TraceCsv,
        Format::Via,
        Format::LabelStudio,
        Format::Boris,
        Format::Elan,
        Format::Cvat,
        Format::WebVtt,
        Format::Srt,
    ];

    /// What its files end with.
    pub fn extension(self) -> &'static str {
        match self {
            Format::ActivityNet | Format::ActionFormer | Format::Via | Format::LabelStudio => "json",
            Format::Csv | Format::VideoCsv | Format::TraceCsv => "csv",
            Format::Boris => "boris",
            Format::Elan => "eaf",
            Format::Cvat => "xml",
            Format::WebVtt => "vtt",
            Format::Srt => "srt",
        }
    }

    /// Whether it counts time in frames, so that a frame rate is needed.
    pub fn counts_frames(self) -> bool {
        matches!(self, Format::LabelStudio | Format::Cvat)
    }

    /// What the text of a file says.
    ///
    /// # Errors
    ///
    /// The text is not of this format; which part of it, and why.
    pub fn parse(self, text: &[u8], options: &ReadOptions) -> Result<Labels, ContentError> {
        if let Some(fps) = options.fps.filter(|fps| !(fps.is_finite() && *fps > 0.0)) {
            return Err(Fault::value("fps", &fps.to_string(), "a number above 0").whole());
        }
        match self {
            Format::ActivityNet | Format::ActionFormer => database::parse(text),
            Format::Csv | Format::VideoCsv | Format::TraceCsv => csv::parse(utf8(text)?, options),
            Format::Via => via::parse(text, options),
            Format::LabelStudio => label_studio::parse(text, options),
            Format::Boris => boris::parse(utf8(text)?),
            Format::Elan => elan::parse(utf8(text)?, options),
            Format::Cvat => cvat::parse(utf8(text)?, options),
            Format::WebVtt | Format::Srt => captions::parse(utf8(text)?, options),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not of this format.
    pub fn read(self, path: &Path, options: &ReadOptions) -> Result<Labels, FormatError> {
        let bytes = bytes(path)?;
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        let name = if options.name.is_empty() { &stem } else { options.name };
        let options = ReadOptions { name, ..*options };
        self.parse(&bytes, &options).map_err(|error| FormatError::Content { path: path.to_path_buf(), error })
    }

    /// The text of files that hold these videos; `fps` for those whose rate is not known, in formats that count frames.
    ///
    /// # Errors
    ///
    /// The format cannot hold a label or name, or needs a frame rate that is not known.
    pub fn text(self, videos: &[LabelledVideo], fps: Option<f64>) -> Result<Written, ContentError> {
        let each = |write: &dyn Fn(&LabelledVideo) -> Result<String, ContentError>| {
            let written = |video: &LabelledVideo| Ok((file_name(&video.name, self.name())?, write(video)?));
            videos.iter().map(written).collect::<Result<_, _>>().map(Written::PerVideo)
        };
        for video in videos {
            video.actions.iter().try_for_each(|action| self.writable(action)).map_err(|f| f.named(&video.name))?;
        }
        match self {
            Format::ActivityNet => Ok(Written::One(database::activitynet(videos))),
            Format::ActionFormer => Ok(Written::One(database::actionformer(videos))),
            Format::Csv => Ok(Written::One(csv::many(videos))),
            Format::VideoCsv => each(&|video| Ok(csv::one(video, csv::OURS))),
            Format::TraceCsv => each(&|video| Ok(csv::one(video, csv::TRACE))),
            Format::Via => via::text(videos).map(Written::One),
            Format::LabelStudio => label_studio::text(videos, fps).map(Written::One),
            Format::Boris => boris::text(videos).map(Written::One),
            Format::Elan => each(&elan::text),
            Format::Cvat => each(&|video| cvat::text(video, fps)),
            Format::WebVtt => each(&captions::web_vtt),
            Format::Srt => each(&captions::srt),
        }
    }

    /// Whether the times of a segment can be written.
    fn writable(self, Action { start, end, .. }: &Action) -> Result<(), Fault> {
        let any_number = match self {
            Format::ActivityNet | Format::ActionFormer | Format::Csv | Format::VideoCsv | Format::TraceCsv => true,
            Format::Via => true,
            Format::LabelStudio | Format::Boris | Format::Elan | Format::Cvat | Format::WebVtt | Format::Srt => false,
        };
        let unwritable = |reason| Fault::Unwritable { text: format!("[{start}, {end}]"), format: self.name(), reason };
        if !(start.is_finite() && end.is_finite()) {
            return Err(unwritable("a time is a finite number"));
        }
        match any_number || (0.0 <= *start && start <= end) {
            true => Ok(()),
            false => Err(unwritable("a segment starts at 0 or later, and ends after it starts")),
        }
    }

    /// Writes these videos to the file `out`, or to a file for each in the folder `out`; says which files it wrote.
    ///
    /// # Errors
    ///
    /// As [`text`](Self::text); a file cannot be written.
    pub fn write(self, videos: &[LabelledVideo], fps: Option<f64>, out: &Path) -> Result<Vec<PathBuf>, FormatError> {
        let files = match self.text(videos, fps)? {
            Written::One(text) => vec![(out.to_path_buf(), text)],
            Written::PerVideo(files) => {
                std::fs::create_dir_all(out).map_err(|source| FormatError::Write { path: out.into(), source })?;
                let path = |name: &str| out.join(format!("{name}.{}", self.extension()));
                files.into_iter().map(|(name, text)| (path(&name), text)).collect()
            }
        };
        for (path, text) in &files {
            crate::atomic::write(path, |out| out.write_all(text.as_bytes()))
                .map_err(|source| FormatError::Write { path: path.clone(), source })?;
        }
        Ok(files.into_iter().map(|(path, _)| path).collect())
    }

    /// What it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Format::ActivityNet => "ActivityNet JSON",
            Format::ActionFormer => "ActionFormer JSON",
            Format::Csv | Format::VideoCsv => "CSV",
            Format::TraceCsv => "TRACE CSV",
            Format::Via => "VIA 3",
            Format::LabelStudio => "Label Studio",
            Format::Boris => "BORIS",
            Format::Elan => "ELAN",
            Format::Cvat => "CVAT",
            Format::WebVtt => "WebVTT",
            Format::Srt => "SRT",
        }
    }
}

impl Labels {
    /// Adds what another file says. A video that stands in both has the actions of both.
    pub fn join(&mut self, other: Labels) {
        let classes = self.classes.take();
        let mut gather = Gather::from(std::mem::take(self));
        for video in other.videos {
            let LabelledVideo { name, subset, duration, frames, fps, actions } = video;
            let here = gather.video(&name);
            here.subset = here.subset.take().or(subset);
            here.duration = here.duration.or(duration);
            here.frames = here.frames.or(frames);
            here.fps = here.fps.or(fps);
            here.actions.extend(actions);
        }
        other.left_out.into_iter().for_each(|left| gather.leave_many(left));
        *self = Labels { classes: classes.or(other.classes), ..gather.finish() };
    }
}

impl From<&VideoEntry> for LabelledVideo {
    fn from(entry: &VideoEntry) -> Self {
        let VideoEntry { name, subset, duration, frames, fps, actions } = entry.clone();
        Self { name, subset: Some(subset), duration: Some(duration), frames, fps, actions }
    }
}

/// All bytes of a regular file.
pub(crate) fn bytes(path: &Path) -> Result<Vec<u8>, FormatError> {
    crate::atomic::read(path).map_err(|source| FormatError::Read { path: path.to_path_buf(), source })
}

pub(crate) fn utf8(text: &[u8]) -> Result<&str, ContentError> {
    str::from_utf8(text).map_err(|error| {
        let before = text.get(..error.valid_up_to()).unwrap_or_default();
        Fault::NotText.line(before.iter().filter(|&&byte| byte == b'\n').count() + 1)
    })
}

/// Endings of files of video.
const VIDEO: [&str; 17] = [
    "3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "ogv", "ts", "vob", "webm",
    "wmv",
];

/// Endings of files of sound, which labels may name in place of the video.
const SOUND: [&str; 3] = ["mp3", "ogg", "wav"];

/// Whether a file name ends as those of videos do.
pub(crate) fn is_video(name: &str) -> bool {
    ends_in(name, &VIDEO)
}

/// Whether a file name ends as those of videos or sounds do.
pub(crate) fn is_media(name: &str) -> bool {
    is_video(name) || ends_in(name, &SOUND)
}

fn ends_in(name: &str, endings: &[&str]) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| endings.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// The name of a video from the path or address of its file.
pub(crate) fn video_name(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    if is_media(name) { name.rsplit_once('.').map_or(name, |(stem, _)| stem) } else { name }
}

/// The name as that of a file, if it can be one: no folders, which might lead anywhere.
fn file_name(name: &str, format: &'static str) -> Result<String, ContentError> {
    let bad = name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0', '\n', '\r']);
    let reason = "the name of a video is that of a file here, and this is none";
    match bad {
        true => Err(Fault::Unwritable { text: name.into(), format, reason }.whole()),
        false => Ok(name.to_owned()),
    }
}

/// The name of the file of a video, such that [`video_name`] gives the name back.
pub(crate) fn media_name(name: &str, format: &'static str) -> Result<String, ContentError> {
    file_name(name, format).map(|name| name + ".mp4")
}

/// Whether two frame rates are the same but for rounding: half a percent, where 25 and 24, and 30 and 29.97, are
/// 4 % and 0.1 % apart.
pub(crate) fn same_rate(a: f64, b: f64) -> bool {
    (a - b).abs() <= 0.005 * b.abs()
}
