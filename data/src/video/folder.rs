//! Folders of pictures, one for each frame: `img_00001.jpg`, `img_00002.jpg` and so on.
//!
//! Pictures are taken in the order of the numbers in their names, and the numbers say when: a number that is missing is a
//! frame that is lost, and moves no other one. A folder says nothing of seconds, so its frame rate stands in a file
//! `fps.txt` beside the pictures (`25`, `29.97` or `30000/1001`), or comes from whoever opens it; labels tell at least the length.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

use super::error::Problem;
use super::mp4::{MAX_FRAMES, MAX_PIXELS, MAX_SIDE};
use super::reader::{Each, Handout, Reader};
use super::{Colour, Matrix, OpenOptions, Picture, ReadReport, ReaderKind, VideoInfo};

/// The file that says how many frames a second there are.
pub const RATE_FILE: &str = "fps.txt";

/// Endings of pictures that are frames.
const PICTURES: [&str; 3] = ["jpg", "jpeg", "png"];

/// Memory that decoding of one picture may take: RGB with 16 bits of the largest, and as much again.
const MAX_PICTURE_MEMORY: u64 = MAX_PIXELS as u64 * 12;

/// An opened folder of pictures.
#[derive(Debug, Clone)]
pub struct FrameFolder {
    info: VideoInfo,
    /// The picture of each frame, if there is one.
    files: Vec<Option<PathBuf>>,
    times: Vec<f64>,
    damage_limit: f64,
}

/// Whether a folder holds pictures, which makes it a video.
pub(crate) fn holds_pictures(folder: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(folder) else { return false };
    entries.any(|entry| entry.is_ok_and(|entry| is_picture(&entry.path())))
}

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| PICTURES.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

impl FrameFolder {
    /// Lists a folder and reads the first and the last picture's size.
    pub(super) fn open(folder: &Path, options: &OpenOptions) -> Result<Self, Problem> {
        let damage_limit = options.damage_limit;
        let files = numbered(pictures(folder)?, damage_limit)?;
        let mean = options.duration.map(|duration| files.len() as f64 / duration);
        let fps = told_rate(folder)?.or(options.fps).or(mean).ok_or(Problem::NoRate)?;
        if !(fps > 0.0 && fps.is_finite()) {
            return Err(Problem::Request(format!("{fps} frames a second are none")));
        }
        let (Some(first), Some(last)) = (files.iter().flatten().next(), files.iter().flatten().next_back()) else {
            return Err(Problem::NoPictures);
        };
        let (width, height) = size(first)?;
        same_size(last, size(last)?, (width, height))?;
        let ending = first.extension().unwrap_or_default().to_ascii_lowercase();
        let info = VideoInfo {
            reader: ReaderKind::Frames,
            width,
            height,
            frames: files.len(),
            fps,
            duration: files.len() as f64 / fps,
            codec: if ending == "png" { "png" } else { "jpeg" }.into(),
            rotation: 0,
            pixel_aspect: (1, 1),
            keyframes: files.iter().flatten().count(),
            colour: Colour { matrix: Matrix::Bt601, full_range: true },
        };
        let times = (0..files.len()).map(|frame| frame as f64 / fps).collect();
        Ok(Self { info, files, times, damage_limit })
    }
}

impl Reader for FrameFolder {
    fn info(&self) -> &VideoInfo {
        &self.info
    }

    fn times(&self) -> &[f64] {
        &self.times
    }

    fn read(&self, wanted: &[usize], each: &mut Each) -> Result<ReadReport, Problem> {
        let mut handout = Handout::new(wanted, self.damage_limit, each);
        while let Some(frame) = handout.next() {
            let Some(path) = &self.files[frame] else {
                handout.lose(|| format!("there is no picture of frame {frame}"))?;
                continue;
            };
            match decode(path) {
                Ok(picture) => {
                    same_size(path, (picture.width, picture.height), (self.info.width, self.info.height))?;
                    handout.came(true, String::new);
                    handout.give(picture);
                }
                Err(reason) => {
                    tracing::warn!("{}: {reason}", path.display());
                    handout.lose(|| format!("{}: {reason}", file_name(path)))?;
                }
            }
        }
        handout.finish()
    }
}

fn pictures(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_picture(&path) {
            paths.push(path);
        }
        if paths.len() > MAX_FRAMES {
            return Err(Problem::Limit("the number of pictures".into(), format!("{MAX_FRAMES} frames")));
        }
    }
    if paths.is_empty() { Err(Problem::NoPictures) } else { Ok(paths) }
}

/// Puts pictures where their numbers say, from the lowest to the highest.
fn numbered(mut paths: Vec<PathBuf>, damage_limit: f64) -> Result<Vec<Option<PathBuf>>, Problem> {
    paths.sort_by(|a, b| natural(&file_name(a), &file_name(b)));
    let Some(numbers) = paths.iter().map(|path| number(path)).collect::<Option<Vec<u64>>>() else {
        // Without numbers there is an order, and nothing to miss.
        return Ok(paths.into_iter().map(Some).collect());
    };
    let steps = || numbers.windows(2).map(|pair| pair[1].checked_sub(pair[0]));
    for (at, step) in steps().enumerate() {
        if step.unwrap_or(0) == 0 {
            let (one, other) = (file_name(&paths[at]), file_name(&paths[at + 1]));
            return Err(Problem::Numbers(format!("{one} and {other} do not follow each other by number")));
        }
    }
    // Every fifth frame may have been kept: the same step everywhere is no gap.
    let step = steps().flatten().min().filter(|&least| steps().flatten().all(|step| step == least)).unwrap_or(1);
    let (Some(&first), Some(&last)) = (numbers.first(), numbers.last()) else { return Err(Problem::NoPictures) };
    let frames = ((last - first) / step).saturating_add(1);
    if frames > MAX_FRAMES as u64 {
        return Err(Problem::Limit(format!("numbers from {first} to {last}"), format!("{MAX_FRAMES} frames")));
    }
    let missing = frames - numbers.len() as u64;
    if missing > 0 {
        let gap = numbers.windows(2).find(|pair| pair[1] - pair[0] > step);
        let at = gap.map_or(first, |pair| pair[0] + 1);
        if missing as f64 * 100.0 > frames as f64 * damage_limit {
            return Err(Problem::Gaps { missing, frames, first: at });
        }
        tracing::warn!("{missing} of {frames} pictures are missing, the first is number {at}");
    }
    let mut files = vec![None; frames as usize];
    for (path, number) in paths.into_iter().zip(&numbers) {
        if let Some(file) = files.get_mut(((number - first) / step) as usize) {
            *file = Some(path);
        }
    }
    Ok(files)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The last number in the name of a picture.
fn number(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    let end = stem.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = stem[..end]
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |at| at + stem[at..].chars().next().map_or(1, char::len_utf8));
    stem[start..end].parse().ok()
}

/// Text by its letters, numbers in it by their size.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (in_a, in_b) = (digits(a), digits(b));
        let order = if in_a > 0 && in_b > 0 {
            let (left, right) = (a[..in_a].trim_start_matches('0'), b[..in_b].trim_start_matches('0'));
            (a, b) = (&a[in_a..], &b[in_b..]);
            left.len().cmp(&right.len()).then(left.cmp(right))
        } else {
            let (mut left, mut right) = (a.chars(), b.chars());
            let (next_a, next_b) = (left.next(), right.next());
            if next_a.is_none() && next_b.is_none() {
                return Ordering::Equal;
            }
            (a, b) = (left.as_str(), right.as_str());
            next_a.cmp(&next_b)
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// The rate that stands in the folder.
fn told_rate(folder: &Path) -> Result<Option<f64>, Problem> {
    /// More than any number takes.
    const MOST: u64 = 100;
    let path = folder.join(RATE_FILE);
    if !path.is_file() {
        return Ok(None);
    }
    let mut text = Vec::new();
    File::open(&path)?.take(MOST).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let rate = rate(text.trim_start_matches('\u{feff}').trim()).filter(|rate| *rate > 0.0 && rate.is_finite());
    rate.map(Some).ok_or_else(|| Problem::RateFile(text.trim().chars().take(40).collect()))
}

/// `25`, `29.97` or `30000/1001`.
pub(super) fn rate(text: &str) -> Option<f64> {
    match text.split_once('/') {
        None => text.parse().ok(),
        Some((above, below)) => Some(above.trim().parse::<f64>().ok()? / below.trim().parse::<f64>().ok()?),
    }
}

/// A decoder that takes no more memory than a frame may have, whatever the picture claims.
fn decoder(path: &Path) -> Result<impl ImageDecoder, String> {
    let metadata = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("not a regular file".into());
    }
    let file = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let mut reader = ImageReader::new(file).with_guessed_format().map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE as u32), Some(MAX_SIDE as u32));
    limits.max_alloc = Some(MAX_PICTURE_MEMORY);
    reader.limits(limits);
    reader.into_decoder().map_err(|error| error.to_string())
}

/// Width and height as shown.
fn size(path: &Path) -> Result<(usize, usize), Problem> {
    let unreadable = |reason: String| Problem::BadPicture(format!("{}: {reason}", file_name(path)));
    let mut decoder = decoder(path).map_err(unreadable)?;
    let mut probe = DynamicImage::new_luma8(2, 1);
    probe.apply_orientation(decoder.orientation().map_err(|error| unreadable(error.to_string()))?);
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    if width * height > MAX_PIXELS {
        let limit = format!("{MAX_SIDE} on a side and {MAX_PIXELS} pixels");
        return Err(Problem::Limit(format!("a picture of {width}x{height}"), limit));
    }
    Ok(if probe.width() == 1 { (height, width) } else { (width, height) })
}

fn decode(path: &Path) -> Result<Picture, String> {
    let mut decoder = decoder(path)?;
    let orientation = decoder.orientation().map_err(|error| error.to_string())?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| error.to_string())?;
    picture.apply_orientation(orientation);
    let rgb = picture.into_rgb8();
    Ok(Picture { width: rgb.width() as usize, height: rgb.height() as usize, rgb: rgb.into_raw() })
}

fn same_size(path: &Path, found: (usize, usize), first: (usize, usize)) -> Result<(), Problem> {
    if found == first {
        return Ok(());
    }
    let ((width, height), (first_width, first_height)) = (found, first);
    let name = file_name(path);
    Err(Problem::PictureSize(format!("{name} is {width}x{height}, the first is {first_width}x{first_height}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    fn frames(names: &[&str], limit: f64) -> Result<Vec<Option<String>>, Problem> {
        let files = numbered(paths(names), limit)?;
        Ok(files.into_iter().map(|file| file.map(|path| file_name(&path))).collect())
    }

    #[test]
    fn numbers_in_names_are_sorted_by_their_size() {
        let found = frames(&["f10.jpg", "f9.jpg", "f11.jpg"], 0.0).unwrap();
        assert_eq!(found, ["f9.jpg", "f10.jpg", "f11.jpg"].map(|name| Some(name.to_owned())));
        assert_eq!(natural("a2b10", "a2b9"), Ordering::Greater);
        assert_eq!(natural("a007", "a7"), Ordering::Equal);
        assert_eq!(natural("99999999999999999999999", "100000000000000000000000"), Ordering::Less);
    }

    #[test]
    fn the_last_number_of_a_name_is_the_frames() {
        let numbers = |name: &str| number(Path::new(name));
        assert_eq!(["img_00042.jpg", "cam2_7.png", "3.jpg", "12é5x.jpg"].map(numbers), [42, 7, 3, 5].map(Some));
        assert_eq!(numbers("first.jpg"), None);
    }

    #[test]
    fn a_missing_number_keeps_its_place() {
        let found = frames(&["1.jpg", "2.jpg", "4.jpg"], 30.0).unwrap();
        assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false, true]);
        let problem = frames(&["1.jpg", "2.jpg", "4.jpg"], 1.0).unwrap_err();
        assert!(matches!(problem, Problem::Gaps { missing: 1, frames: 4, first: 3 }), "{problem}");
        let problem = frames(&["0.jpg", "1.jpg", "18446744073709551615.jpg"], 100.0).unwrap_err();
        assert!(matches!(problem, Problem::Limit(..)), "{problem}");
    }

    #[test]
    fn the_same_step_everywhere_is_no_gap() {
        assert_eq!(frames(&["000.jpg", "005.jpg", "010.jpg"], 0.0).unwrap().len(), 3);
    }

    #[test]
    fn two_pictures_of_one_number_are_refused() {
        assert!(matches!(frames(&["1.jpg", "01.jpg"], 1.0), Err(Problem::Numbers(_))));
        assert!(matches!(frames(&["a5.jpg", "b1.jpg"], 1.0), Err(Problem::Numbers(_))));
    }

    #[test]
    fn rates_are_numbers_or_fractions() {
        assert_eq!(rate("25"), Some(25.0));
        assert_eq!(rate("30000/1001"), Some(30000.0 / 1001.0));
        assert_eq!(rate("fast"), None);
    }
}
