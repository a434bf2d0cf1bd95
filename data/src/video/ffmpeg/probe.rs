//! What `ffprobe` says of a file: its stream of video, and when each of its frames is shown.

use std::ffi::OsString;
use std::path::Path;

use serde::Deserialize;

use super::child::{Line, Running, line};
use super::planes::Layout;
use super::{Ffmpeg, input};
use crate::video::colour::{Colour, Matrix};
use crate::video::container::OtherContainer;
use crate::video::error::Problem;
use crate::video::mp4::{MAX_FRAMES, MAX_PIXELS, MAX_SIDE};
use crate::video::orientation::Orientation;

/// Bytes of a description. Tags, which anybody may fill, are left out.
const MAX_DESCRIPTION: usize = 1 << 20;

/// Codecs of which every packet is one shown frame, so that times are known without decoding.
const A_FRAME_A_PACKET: [&str; 13] =
    ["h264", "hevc", "vvc", "av1", "vp9", "mjpeg", "prores", "dnxhd", "cfhd", "ffv1", "huffyuv", "utvideo", "rawvideo"];

/// Codecs whose grey pictures have limited range unless they say otherwise.
const LIMITED_GREY: [&str; 3] = ["h264", "hevc", "vvc"];

/// Questions about one file.
pub(super) struct Probe<'a> {
    pub(super) path: &'a Path,
    pub(super) container: OtherContainer,
    pub(super) ffmpeg: &'a Ffmpeg,
}

/// The stream of video.
pub(super) struct Described {
    pub(super) index: usize,
    pub(super) codec: String,
    pub(super) size: (usize, usize),
    pub(super) pixel_aspect: (u32, u32),
    pub(super) layout: Layout,
    pub(super) colour: Colour,
    pub(super) orientation: Orientation,
    pub(super) file_start: f64,
    /// Seconds in a unit of time.
    unit: f64,
}

/// When frames are shown.
#[derive(Debug, PartialEq)]
pub(super) struct Shown {
    /// In seconds, ascending, at least one.
    pub(super) times: Vec<f64>,
    /// When the last one has been shown.
    pub(super) end: f64,
    pub(super) keyframes: usize,
    /// The times stand in the file, so that they are the same wherever decoding starts.
    pub(super) stored: bool,
}

#[derive(Deserialize)]
struct Description {
    #[serde(default)]
    streams: Vec<StreamDescription>,
    #[serde(default)]
    format: FormatDescription,
}

#[derive(Deserialize, Default)]
struct FormatDescription {
    start_time: Option<String>,
}

#[derive(Deserialize)]
struct StreamDescription {
    index: usize,
    codec_type: Option<String>,
    codec_name: Option<String>,
    width: Option<usize>,
    height: Option<usize>,
    pix_fmt: Option<String>,
    color_space: Option<String>,
    color_range: Option<String>,
    sample_aspect_ratio: Option<String>,
    time_base: Option<String>,
    #[serde(default)]
    disposition: Disposition,
    #[serde(default)]
    side_data_list: Vec<SideData>,
}

#[derive(Deserialize, Default)]
struct Disposition {
    #[serde(default)]
    attached_pic: u8,
}

#[derive(Deserialize)]
struct SideData {
    displaymatrix: Option<String>,
}

impl Probe<'_> {
    /// The first stream of video that is no cover picture.
    pub(super) fn describe(&self) -> Result<Described, Problem> {
        let entries = "format=start_time:stream=index,codec_type,codec_name,width,height,pix_fmt,color_space,color_range,\
                       sample_aspect_ratio,time_base:stream_disposition=attached_pic:stream_side_data_list:stream_side_data";
        let mut json = String::new();
        let mut running = self.start(["-show_entries", entries, "-of", "json"])?;
        while let Some(line) = running.next()? {
            json.push_str(&line);
            json.push('\n');
            if json.len() > MAX_DESCRIPTION {
                let limit = format!("{MAX_DESCRIPTION} bytes");
                return Err(running.refuse(Problem::Limit("the description of the file".into(), limit)));
            }
        }
        running.finish()?;
        let description: Description = serde_json::from_str(&json).map_err(|error| unreadable(error.to_string()))?;
        described(description)
    }

    /// When frames are shown: read from the file's packets where those tell, otherwise by decoding all of it.
    pub(super) fn times(&self, described: &Described) -> Result<Shown, Problem> {
        let stream = described.index.to_string();
        let packets = ["-select_streams", &stream, "-show_entries", "packet=pts,duration,flags", "-of", "compact"];
        let frames = "frame=best_effort_timestamp,pkt_duration,duration,key_frame";
        let frames = ["-select_streams", &stream, "-show_entries", frames, "-of", "compact"];
        if A_FRAME_A_PACKET.contains(&described.codec.as_str())
            && let Some(shown) = self.list(&packets, described.unit)?.packets()
        {
            return Ok(shown);
        }
        self.list(&frames, described.unit)?.frames()
    }

    fn list(&self, arguments: &[&str], unit: f64) -> Result<List, Problem> {
        let mut list = List { unit, ..List::default() };
        let mut running = self.start(arguments.iter().copied())?;
        while let Some(line) = running.next()? {
            list.line(&line);
            if list.entries.len() > MAX_FRAMES {
                let limit = format!("{MAX_FRAMES} frames");
                return Err(running.refuse(Problem::Limit("the number of frames".into(), limit)));
            }
        }
        running.finish()?;
        Ok(list)
    }

    fn start<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Result<Running<String, ()>, Problem> {
        let mut all: Vec<OsString> = guards(self.container).map(OsString::from).collect();
        all.extend(["-v", "error"].map(OsString::from));
        all.extend(arguments.into_iter().map(OsString::from));
        all.extend(["-i".into(), input(self.path)]);
        Running::start(self.ffmpeg, "ffprobe", all.iter().map(OsString::as_os_str), line, |_| Line::Words)
    }
}

/// What both programs are told before a file: its kind, that it is all there is, and how large its pictures may be.
pub(super) fn guards(container: OtherContainer) -> impl Iterator<Item = String> {
    let pixels = MAX_PIXELS.to_string();
    let list = ["-protocol_whitelist", "file,pipe", "-max_pixels", &pixels, "-threads", "1", "-f", container.demuxer];
    list.map(String::from).into_iter()
}

fn unreadable(words: String) -> Problem {
    Problem::Program { program: "ffprobe", words }
}

fn described(description: Description) -> Result<Described, Problem> {
    let is_video = |stream: &StreamDescription| stream.codec_type.as_deref() == Some("video");
    let shown = |stream: &StreamDescription| is_video(stream) && stream.disposition.attached_pic == 0;
    let stream = description.streams.into_iter().find(shown).ok_or(Problem::NoVideo)?;
    let codec = stream.codec_name.filter(|name| name != "unknown").unwrap_or_default();
    let size = (stream.width.unwrap_or(0), stream.height.unwrap_or(0));
    let (width, height) = size;
    if codec.is_empty() || width == 0 || height == 0 {
        return Err(unreadable(format!("it knows no codec or size of stream {}", stream.index)));
    }
    if width > MAX_SIDE || height > MAX_SIDE || width * height > MAX_PIXELS {
        let limit = format!("{MAX_SIDE} on a side and {MAX_PIXELS} pixels");
        return Err(Problem::Limit(format!("a picture of {width}x{height}"), limit));
    }
    let format = stream
        .pix_fmt
        .filter(|format| format != "unknown")
        .ok_or_else(|| unreadable(format!("it knows no pixel format of stream {} (codec {codec})", stream.index)))?;
    let layout = Layout::of(&format);
    let matrix = matrix(stream.color_space.as_deref(), &layout, height)?;
    let full_range = match stream.color_range.as_deref() {
        Some("pc") => true,
        Some("tv") => false,
        _ => layout.full_range(LIMITED_GREY.contains(&codec.as_str())),
    };
    let turn = stream.side_data_list.iter().find_map(|data| display_matrix(data.displaymatrix.as_deref()?));
    let number = |text: Option<String>| text.and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    Ok(Described {
        index: stream.index,
        size,
        pixel_aspect: stream.sample_aspect_ratio.as_deref().and_then(aspect).unwrap_or((1, 1)),
        layout,
        colour: Colour { matrix, full_range },
        orientation: turn.unwrap_or_default(),
        file_start: number(description.format.start_time),
        unit: stream.time_base.as_deref().and_then(unit).ok_or_else(|| unreadable("it tells no times".into()))?,
        codec,
    })
}

/// The matrix of ffmpeg's name of it.
fn matrix(name: Option<&str>, layout: &Layout, height: usize) -> Result<Matrix, Problem> {
    Ok(match name {
        Some("bt709") => Matrix::Bt709,
        Some("fcc") => Matrix::Fcc,
        Some("bt470bg" | "smpte170m") => Matrix::Bt601,
        Some("smpte240m") => Matrix::Smpte240,
        Some("bt2020nc" | "bt2020c") => Matrix::Bt2020,
        Some(other) if !layout.is_rgb() && !matches!(other, "unknown" | "reserved" | "gbr") => {
            return Err(Problem::Feature(format!("video with the colour matrix {other}")));
        }
        _ => Matrix::usual(height),
    })
}

/// The turn of a matrix in ffprobe's writing: three lines of a number with a colon and three numbers.
fn display_matrix(text: &str) -> Option<Orientation> {
    let numbers: Vec<i32> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .flat_map(|(_, row)| {
            row.split_whitespace().take(2).map(|number| number.parse().unwrap_or(0)).collect::<Vec<_>>()
        })
        .take(4)
        .collect();
    numbers.try_into().ok().map(Orientation::new)
}

fn aspect(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once(':')?;
    let pair = (width.parse().ok()?, height.parse().ok()?);
    (pair.0 > 0 && pair.1 > 0).then_some(pair)
}

fn unit(text: &str) -> Option<f64> {
    let (above, below) = text.split_once('/')?;
    let unit = above.parse::<f64>().ok()? / below.parse::<f64>().ok()?;
    (unit > 0.0 && unit.is_finite()).then_some(unit)
}

/// Packets or frames as they are listed, in the order of the file.
#[derive(Debug, Default)]
struct List {
    unit: f64,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    ticks: Option<i64>,
    duration: i64,
    key: bool,
    /// An edit list leaves it out.
    hidden: bool,
}

impl List {
    /// `packet|pts=0|duration=512|flags=K__`, `frame|key_frame=1|best_effort_timestamp=0|pkt_duration=512`.
    fn line(&mut self, line: &str) {
        let mut entry = Entry { ticks: None, duration: 0, key: false, hidden: false };
        let mut fields = line.split('|');
        if !matches!(fields.next(), Some("packet" | "frame")) {
            return;
        }
        for (name, value) in fields.filter_map(|field| field.split_once('=')) {
            match name {
                "pts" | "best_effort_timestamp" => entry.ticks = value.parse().ok(),
                "duration" | "pkt_duration" => entry.duration = value.parse().unwrap_or(entry.duration),
                "key_frame" => entry.key = value == "1",
                "flags" => (entry.key, entry.hidden) = (value.contains('K'), value.contains('D')),
                _ => {}
            }
        }
        self.entries.push(entry);
    }

    /// The frames, where packets tell of them: decoding can start at the first, and each has a time of its own.
    fn packets(mut self) -> Option<Shown> {
        let starts = self.entries.first().is_some_and(|first| first.key);
        self.entries.retain(|entry| !entry.hidden);
        if !starts || self.entries.iter().any(|entry| entry.ticks.is_none()) {
            return None;
        }
        self.entries.sort_by_key(|entry| entry.ticks);
        let distinct = self.entries.windows(2).all(|pair| pair[0].ticks < pair[1].ticks);
        self.shown(true).filter(|_| distinct)
    }

    fn frames(mut self) -> Result<Shown, Problem> {
        if self.entries.is_empty() {
            return Err(Problem::NoFrames);
        }
        // The last frames of some streams have no time of their own: decoders give them when the file has ended.
        let mut next = None;
        for entry in &mut self.entries {
            entry.ticks = entry.ticks.or(next);
            next = entry.ticks.map(|ticks| ticks.saturating_add(entry.duration)).filter(|_| entry.duration > 0);
        }
        if self.entries.iter().any(|entry| entry.ticks.is_none()) {
            return Err(Problem::NoTimes);
        }
        self.entries.sort_by_key(|entry| entry.ticks);
        self.shown(false).ok_or(Problem::NoFrames)
    }

    fn shown(&self, stored: bool) -> Option<Shown> {
        let times: Vec<f64> =
            self.entries.iter().filter_map(|entry| entry.ticks).map(|ticks| ticks as f64 * self.unit).collect();
        let (&first, &last) = (times.first()?, times.last()?);
        let told = self.entries.last().map_or(0, |entry| entry.duration).max(0) as f64 * self.unit;
        let mean = (last - first) / (times.len() - 1).max(1) as f64;
        let end = last + if told > 0.0 { told } else { mean };
        let keyframes = self.entries.iter().filter(|entry| entry.key).count();
        Some(Shown { times, end, keyframes, stored })
    }
}

impl Shown {
    /// Mean rate of the frames per second; 0 for a single one of unknown duration.
    pub(super) fn rate(&self) -> f64 {
        let (first, last) = (self.times[0], self.times[self.times.len() - 1]);
        let rate = match self.times.len() {
            1 => 1.0 / (self.end - first),
            frames => (frames - 1) as f64 / (last - first),
        };
        if rate.is_finite() { rate } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &[&str]) -> List {
        let mut list = List { unit: 0.001, ..List::default() };
        lines.iter().for_each(|line| list.line(line));
        list
    }

    #[test]
    fn packets_are_sorted_and_those_left_out_are_not_shown() {
        let lines = [
            "packet|pts=-40|duration=40|flags=KD_",
            "packet|pts=0|duration=40|flags=__",
            "packet|pts=80|duration=40|flags=__",
            "packet|pts=40|duration=40|flags=_",
            "side_data|anything",
        ];
        let shown = list(&lines).packets().unwrap();
        assert_eq!((shown.times.as_slice(), shown.keyframes, shown.rate()), (&[0.0, 0.04, 0.08][..], 0, 25.0));
        assert!((shown.end - 0.12).abs() < 1e-12);
    }

    #[test]
    fn packets_without_times_or_a_key_frame_in_front_tell_nothing() {
        assert_eq!(list(&["packet|pts=N/A|flags=K_"]).packets(), None);
        assert_eq!(list(&["packet|pts=0|flags=__"]).packets(), None);
        assert_eq!(list(&["packet|pts=0|flags=K_", "packet|pts=0|flags=__"]).packets(), None);
        assert_eq!(list(&[]).packets(), None);
    }

    #[test]
    fn frames_without_times_are_refused() {
        assert!(matches!(list(&["frame|key_frame=1|best_effort_timestamp=N/A"]).frames(), Err(Problem::NoTimes)));
        assert!(matches!(list(&[]).frames(), Err(Problem::NoFrames)));
    }

    #[test]
    fn a_frame_without_a_time_follows_the_one_before() {
        let lines =
            ["frame|best_effort_timestamp=80|pkt_duration=40", "frame|best_effort_timestamp=N/A|pkt_duration=40"];
        assert_eq!(list(&lines).frames().unwrap().times, [0.08, 0.12]);
    }

    #[test]
    fn a_turn_is_read_from_its_matrix() {
        let text = "\n00000000:            0       65536           0\n00000001:       -65536           0           0\n\
                    00000002:            0           0  1073741824\n";
        assert_eq!(display_matrix(text).unwrap().degrees(), 90);
        assert!(display_matrix("").is_none());
    }

    #[test]
    fn a_cover_is_no_video_and_sizes_are_limited() {
        let stream = |extra: &str| {
            let text = format!(
                r#"{{"streams": [{{"index": 3, "codec_type": "video", "codec_name": "vp9", "pix_fmt": "yuv420p",
                "time_base": "1/1000", {extra}}}]}}"#
            );
            described(serde_json::from_str(&text).unwrap())
        };
        let cover = stream(r#""width": 9, "height": 9, "disposition": {"attached_pic": 1}"#);
        assert!(matches!(cover, Err(Problem::NoVideo)));
        assert!(matches!(stream(r#""width": 16384, "height": 16384"#), Err(Problem::Limit(..))));
        assert!(matches!(stream(r#""width": 0, "height": 9"#), Err(Problem::Program { .. })));
        let wrong = stream(r#""width": 9, "height": 9, "color_space": "ycgco""#);
        assert!(matches!(wrong, Err(Problem::Feature(_))));
        let good = stream(r#""width": 9, "height": 9, "color_space": "bt709", "color_range": "pc""#).unwrap();
        assert_eq!((good.index, good.colour), (3, Colour { matrix: Matrix::Bt709, full_range: true }));
    }
}
