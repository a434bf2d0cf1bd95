//! What several tests of video need: files, readings, and ffmpeg where it is installed.

#![allow(dead_code, reason = "each test uses its own part")]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use adatad_data::video::{Matrix, Picture, ReadReport, Video, VideoError};

/// A file of the shared folder, or nothing (and a line that says so) when the folder is not here.
pub fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos").join(name);
    if !path.exists() {
        println!("skipped: ../shared is not here");
        return None;
    }
    Some(path)
}

/// Whether ffmpeg is installed; if not, says that the test was skipped.
pub fn ffmpeg_installed() -> bool {
    let runs = |name| Command::new(name).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    let installed = runs("ffmpeg") && runs("ffprobe");
    if !installed {
        println!("skipped: ffmpeg is not installed");
    }
    installed
}

/// What ffmpeg or ffprobe writes to its standard output.
pub fn output(program: &str, arguments: &[&str]) -> Vec<u8> {
    let quiet = ["-v", "error"];
    let output = Command::new(program).args(quiet).args(arguments).stdin(Stdio::null()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {words}");
    output.stdout
}

/// Makes a clip with ffmpeg: `arguments` in words, then the file.
pub fn make(path: &Path, arguments: &str) {
    let mut all: Vec<&str> = vec!["-y"];
    all.extend(arguments.split_whitespace());
    all.push(path.to_str().unwrap());
    output("ffmpeg", &all);
}

/// All frames.
pub fn read_all(video: &Video) -> Result<(Vec<Picture>, ReadReport), VideoError> {
    let wanted: Vec<usize> = (0..video.info().frames).collect();
    read(video, &wanted)
}

/// Some frames.
pub fn read(video: &Video, wanted: &[usize]) -> Result<(Vec<Picture>, ReadReport), VideoError> {
    let mut pictures = Vec::new();
    let report = video.read(wanted, |position, picture| {
        assert_eq!(position, pictures.len());
        pictures.push(picture.clone());
        ControlFlow::Continue(())
    })?;
    Ok((pictures, report))
}

/// When frames are shown by ffprobe, which decodes them for that, in seconds.
pub fn ffprobe_times(path: &Path) -> Vec<f64> {
    let file = path.to_str().unwrap();
    let entries =
        ["-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time", "-of", "csv=p=0", file];
    let text = String::from_utf8(output("ffprobe", &entries)).unwrap();
    let mut times: Vec<f64> = Vec::new();
    for line in text.lines().map(|line| line.trim_end_matches(',')).filter(|line| !line.is_empty()) {
        // The last frame of some streams has no time: it follows the others.
        let next = || 2.0 * times[times.len() - 1] - times[times.len() - 2];
        let time = if line == "N/A" { next() } else { line.parse().unwrap() };
        times.push(time);
    }
    times.sort_by(f64::total_cmp);
    times
}

/// All frames by ffmpeg in a pixel format, not turned.
pub fn ffmpeg_frames(path: &Path, format: &[&str]) -> Vec<u8> {
    let file = path.to_str().unwrap();
    let mut all = vec!["-threads", "1", "-flags", "+unaligned", "-noautorotate", "-i", file, "-map", "0:v:0"];
    all.extend(["-fps_mode", "passthrough", "-f", "rawvideo"]);
    all.extend(format);
    all.push("pipe:1");
    output("ffmpeg", &all)
}

/// The largest and the mean difference.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Difference {
    /// In levels of 255.
    pub largest: u8,
    /// In levels of 255.
    pub mean: f64,
}

impl Difference {
    pub fn of(one: &[u8], other: &[u8]) -> Self {
        assert_eq!(one.len(), other.len(), "bytes");
        let mut sum = 0u64;
        let mut largest = 0;
        for (a, b) in one.iter().zip(other) {
            let apart = a.abs_diff(*b);
            largest = largest.max(apart);
            sum += u64::from(apart);
        }
        Self { largest, mean: sum as f64 / one.len().max(1) as f64 }
    }
}

/// RGB of planes by the formula of ITU-T H.273 in real numbers, chroma repeated. `shared` columns and rows per chroma.
pub fn formula(
    planes: &[u8],
    (width, height): (usize, usize),
    shared: (usize, usize),
    matrix: Matrix,
    full: bool,
) -> Vec<u8> {
    let (red, blue) = match matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
        Matrix::Fcc => (0.30, 0.11),
        Matrix::Smpte240 => (0.212, 0.087),
    };
    let green = 1.0 - red - blue;
    let (black, luma, chroma) = if full { (0.0, 1.0, 1.0) } else { (16.0, 255.0 / 219.0, 255.0 / 224.0) };
    let (chroma_width, chroma_height) = (width.div_ceil(shared.0), height.div_ceil(shared.1));
    let (y, rest) = planes.split_at(width * height);
    let (u, v) = rest.split_at(chroma_width * chroma_height);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for (at, &luma_sample) in y.iter().enumerate() {
        let (column, row) = (at % width / shared.0, at / width / shared.1);
        let at = row * chroma_width + column;
        let y = (f64::from(luma_sample) - black) * luma;
        let (u, v) = ((f64::from(u[at]) - 128.0) * chroma, (f64::from(v[at]) - 128.0) * chroma);
        let (r, b) = (y + 2.0 * (1.0 - red) * v, y + 2.0 * (1.0 - blue) * u);
        let g = (y - red * r - blue * b) / green;
        rgb.extend([r, g, b].map(|value| value.round().clamp(0.0, 255.0) as u8));
    }
    rgb
}
