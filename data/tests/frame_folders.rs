//! Folders of pictures are videos: in the order of their numbers, at the rate they are told, and not silently mended.

#![cfg(test)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use adatad_data::frames::{FrameStore, StoreOptions, StoreReport, VideoFile};
use adatad_data::video::{OpenOptions, Problem, ReadReport, ReaderKind, Video, VideoError};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, Rgb, RgbImage};
use support::read_all;
use tempfile::TempDir;

/// A picture whose brightness is its number.
fn picture(number: u8) -> RgbImage {
    RgbImage::from_fn(24, 16, |x, y| Rgb([number, if x < 12 { 200 } else { 20 }, y as u8 * 8]))
}

/// A folder of pictures with these numbers, and a file with their rate.
fn folder(numbers: impl IntoIterator<Item = u8>, ending: &str, rate: Option<&str>) -> (TempDir, PathBuf) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("walk");
    fs::create_dir(&path).unwrap();
    for number in numbers {
        picture(number).save(path.join(format!("img_{number}.{ending}"))).unwrap();
    }
    if let Some(rate) = rate {
        fs::write(path.join("fps.txt"), rate).unwrap();
    }
    (root, path)
}

fn problem(path: &Path, options: &OpenOptions) -> Problem {
    let opened = Video::open_with(path, options);
    let read: Result<_, VideoError> = opened.and_then(|video| read_all(&video).map(drop));
    read.unwrap_err().problem
}

#[test]
fn pictures_are_frames_in_the_order_of_their_numbers() {
    let (_root, path) = folder(0..30, "png", Some("30000/1001\n"));
    let video = Video::open(&path).unwrap();
    let info = video.info();
    assert_eq!((info.reader, info.width, info.height, info.frames), (ReaderKind::Frames, 24, 16, 30));
    assert_eq!((info.codec.as_str(), info.fps), ("png", 30000.0 / 1001.0));
    assert!((info.duration - 1.001).abs() < 1e-12 && (video.times()[29] - 29.0 * 1.001 / 30.0).abs() < 1e-12);
    let (pictures, report) = read_all(&video).unwrap();
    assert_eq!(report, ReadReport { decoded: 30, damaged: 0, filled: 0 });
    for (number, found) in pictures.iter().enumerate() {
        assert_eq!(found.rgb, picture(number as u8).into_raw());
    }
}

#[test]
fn jpeg_comes_back_nearly_the_same() {
    let (_root, path) = folder(1..=9, "jpg", Some("25"));
    let (pictures, _) = read_all(&Video::open(&path).unwrap()).unwrap();
    for (index, found) in pictures.iter().enumerate() {
        let apart = support::Difference::of(&found.rgb, &picture(index as u8 + 1).into_raw());
        assert!(apart.mean < 8.0, "{index}: {apart:?}");
    }
}

#[test]
fn the_rate_comes_from_the_folder_then_from_whoever_opens_it_then_from_the_length() {
    let (_root, path) = folder(0..10, "png", None);
    let rate = |fps, duration| {
        Video::open_with(&path, &OpenOptions { fps, duration, ..OpenOptions::default() }).unwrap().info().fps
    };
    assert_eq!((rate(Some(5.0), Some(1.0)), rate(None, Some(0.5))), (5.0, 20.0));
    let text = Video::open(&path).unwrap_err().to_string();
    assert!(text.contains("put a file `fps.txt` into it"), "{text}");
    fs::write(path.join("fps.txt"), "12.5").unwrap();
    assert_eq!(rate(Some(5.0), None), 12.5);
    for wrong in ["fast", "0", "-3", "", "nan", "1/0"] {
        fs::write(path.join("fps.txt"), wrong).unwrap();
        assert!(matches!(problem(&path, &OpenOptions::default()), Problem::RateFile(_)), "{wrong:?}");
    }
}

#[test]
fn a_missing_picture_is_a_damaged_frame_and_too_many_are_an_error() {
    let (_root, path) = folder((0..200).filter(|number| *number != 77), "png", Some("25"));
    let video = Video::open(&path).unwrap();
    assert_eq!((video.info().frames, video.info().keyframes), (200, 199));
    let (pictures, report) = read_all(&video).unwrap();
    assert_eq!(report, ReadReport { decoded: 199, damaged: 1, filled: 1 });
    assert!(pictures[77] == pictures[76] && pictures[78].rgb[0] == 78);

    for gone in [78, 150] {
        fs::remove_file(path.join(format!("img_{gone}.png"))).unwrap();
    }
    let refused = problem(&path, &OpenOptions::default());
    assert!(matches!(refused, Problem::Gaps { missing: 3, frames: 200, first: 77 }), "{refused}");
    let lenient = OpenOptions { damage_limit: 2.0, ..OpenOptions::default() };
    let (_, report) = read_all(&Video::open_with(&path, &lenient).unwrap()).unwrap();
    assert_eq!(report, ReadReport { decoded: 197, damaged: 3, filled: 3 });
}

#[test]
fn a_broken_picture_is_counted_and_the_limit_is_whoever_opens_its() {
    let (_root, path) = folder(0..50, "png", Some("25"));
    fs::write(path.join("img_20.png"), b"no picture").unwrap();
    let refused = problem(&path, &OpenOptions::default());
    assert!(
        matches!(&refused, Problem::Damaged { damaged: 1, read: 50, reason } if reason.contains("img_20.png")),
        "{refused}"
    );
    let lenient = OpenOptions { damage_limit: 2.0, ..OpenOptions::default() };
    let (_, report) = read_all(&Video::open_with(&path, &lenient).unwrap()).unwrap();
    assert_eq!(report, ReadReport { decoded: 49, damaged: 1, filled: 1 });
}

#[test]
fn sizes_must_agree() {
    let (_root, path) = folder(0..5, "png", Some("25"));
    RgbImage::new(24, 18).save(path.join("img_2.png")).unwrap();
    let refused = problem(&path, &OpenOptions::default());
    assert!(refused.to_string().starts_with("img_2.png is 24x18, the first is 24x16"), "{refused}");
    RgbImage::new(20, 16).save(path.join("img_5.png")).unwrap();
    assert!(matches!(Video::open(&path).unwrap_err().problem, Problem::PictureSize(_)));
}

#[test]
fn a_turned_photograph_is_shown_upright() {
    let (_root, path) = folder([], "jpg", Some("25"));
    // A TIFF header with one entry: orientation 6, a quarter turn clockwise.
    let exif = [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0"[..], &[0; 4]].concat();
    for number in 0..2 {
        let mut file = Vec::new();
        let mut encoder = JpegEncoder::new(&mut file);
        encoder.set_exif_metadata(exif.clone()).unwrap();
        encoder.encode_image(&picture(0)).unwrap();
        fs::write(path.join(format!("{number}.jpg")), file).unwrap();
    }
    let video = Video::open(&path).unwrap();
    assert_eq!((video.info().width, video.info().height), (16, 24));
    let (pictures, _) = read_all(&video).unwrap();
    let green = |y: usize| pictures[0].rgb[(y * 16 + 8) * 3 + 1];
    assert!(green(2) > 150 && green(21) < 80, "{} {}", green(2), green(21));
}

#[test]
fn a_picture_that_claims_to_be_huge_is_refused_before_it_is_read() {
    let (_root, path) = folder([], "png", Some("25"));
    let chunk = |kind: &[u8; 4], content: &[u8]| {
        let mut crc = !0u32;
        for byte in kind.iter().chain(content) {
            crc ^= u32::from(*byte);
            (0..8).for_each(|_| crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 });
        }
        [&(content.len() as u32).to_be_bytes()[..], kind, content, &(!crc).to_be_bytes()].concat()
    };
    let mut header = [[0, 0, 0x40, 0], [0, 0, 0x40, 0]].concat();
    header.extend([8, 2, 0, 0, 0]);
    fs::write(path.join("1.png"), [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &header), &chunk(b"IDAT", &[])].concat())
        .unwrap();
    let refused = problem(&path, &OpenOptions::default());
    assert!(matches!(refused, Problem::BadPicture(_) | Problem::Limit(..)), "{refused}");
}

#[test]
fn a_folder_without_pictures_and_a_single_picture_are_no_videos() {
    let (_root, path) = folder([], "png", Some("25"));
    assert!(matches!(problem(&path, &OpenOptions::default()), Problem::NoPictures));
    picture(1).save(path.join("one.png")).unwrap();
    let text = Video::open(&path.join("one.png")).unwrap_err().to_string();
    assert!(text.starts_with("a single PNG picture is no video: give the folder"), "{text}");
}

#[test]
fn a_store_of_frames_counts_what_was_damaged() {
    let (_root, path) = folder((0..200).filter(|number| *number != 77), "png", None);
    let options =
        StoreOptions { open: OpenOptions::default(), stride: 1, short_side: 16, memory: usize::MAX, shuffle: None };
    let file = VideoFile { duration: Some(8.0), ..path.into() };
    let mut store = FrameStore::open(&[file], options).unwrap();
    assert_eq!((store.video(0).info().fps, store.report()), (25.0, StoreReport::default()));
    let report = store.fill(|_, _| {}).unwrap();
    assert_eq!(report, StoreReport { kept: 1, damaged: 1, filled: 1 });
    assert_eq!(store.report(), report);
}
