//! Videos written by this crate come back as they were, in any order; real ones are read as `ffprobe` reads them.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "in a test, a panic is the message")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use adatad_data::video::{Picture, Problem, ReadReport, Video, WriteOptions, write_mp4};
use tempfile::TempDir;

const OPTIONS: WriteOptions = WriteOptions { width: 128, height: 96, fps: 25, keyframe_interval: 24, qp: 26 };

/// Blocks that spell the number of a picture in binary.
const BITS: usize = 10;

/// A picture that tells its number in its upper half; in the lower half a gradient moves.
fn numbered(index: usize, picture: &mut Picture) {
    let (width, height) = (picture.width, picture.height);
    for (at, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (at % width, at / width);
        let bright = index >> (x * BITS / width) & 1 == 1;
        let colour = match (y < height / 2, bright) {
            (true, true) => [230; 3],
            (true, false) => [25; 3],
            (false, _) => [(x + 2 * index) as u8 / 2 + 40, (y + index) as u8 / 2 + 60, 120],
        };
        pixel.copy_from_slice(&colour);
    }
}

/// The number that a picture tells.
fn number(picture: &Picture) -> usize {
    let row = picture.height / 4;
    let bit = |bit: usize| {
        let x = (2 * bit + 1) * picture.width / (2 * BITS);
        usize::from(picture.rgb[(row * picture.width + x) * 3] > 127) << bit
    };
    (0..BITS).map(bit).sum()
}

fn written(options: &WriteOptions, frames: usize) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    write_mp4(&path, options, frames, numbered).unwrap();
    (folder, path)
}

fn read(video: &Video, wanted: &[usize]) -> (Vec<Picture>, ReadReport) {
    let mut pictures = Vec::new();
    let report = video.read(wanted, |position, picture| {
        assert_eq!(position, pictures.len());
        pictures.push(picture.clone());
        ControlFlow::Continue(())
    });
    (pictures, report.unwrap())
}

fn all(video: &Video) -> Vec<Picture> {
    let wanted: Vec<usize> = (0..video.info().frames).collect();
    let (pictures, report) = read(video, &wanted);
    assert_eq!((report.damaged, report.filled), (0, 0));
    pictures
}

fn psnr(a: &Picture, b: &Picture) -> f64 {
    let error: f64 = a.rgb.iter().zip(&b.rgb).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * a.rgb.len() as f64 / error.max(1e-9)).log10()
}

/// Where a four-character code stands in a file.
fn find(bytes: &[u8], code: &[u8; 4]) -> usize {
    bytes.windows(4).position(|window| window == code).unwrap()
}

/// A video of the shared folder, or nothing (and a line that says so) when the folder is not here.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos").join(name);
    if !path.exists() {
        println!("skipped: ../shared is not here");
        return None;
    }
    Some(path)
}

#[test]
fn a_written_video_comes_back_frame_by_frame() {
    let (_folder, path) = written(&OPTIONS, 100);
    let video = Video::open(&path).unwrap();
    let info = video.info();
    assert_eq!((info.width, info.height, info.frames, info.keyframes), (128, 96, 100, 5));
    assert_eq!((info.fps, info.duration, info.rotation), (25.0, 4.0, 0));
    assert!(info.codec.starts_with("avc1.42"), "{}", info.codec);
    assert!(video.times().iter().enumerate().all(|(k, &time)| time == k as f64 / 25.0));

    let mut original = Picture::black(128, 96);
    for (index, picture) in all(&video).iter().enumerate() {
        numbered(index, &mut original);
        assert_eq!(number(picture), index);
        assert!(psnr(&original, picture) > 35.0, "frame {index}: {} dB", psnr(&original, picture));
    }
}

#[test]
fn sizes_that_are_no_multiple_of_16_come_back_cropped() {
    for (width, height) in [(130, 98), (2, 2), (16, 16), (46, 178), (1280, 722)] {
        let (_folder, path) = written(&WriteOptions { width, height, ..OPTIONS }, 3);
        let video = Video::open(&path).unwrap();
        let mut original = Picture::black(width, height);
        for (index, picture) in all(&video).iter().enumerate() {
            numbered(index, &mut original);
            assert_eq!((picture.width, picture.height, picture.rgb.len()), (width, height, width * height * 3));
            // Where blocks are narrower than a chroma sample, neighbours mix.
            let expected = if width < 40 { 20.0 } else { 33.0 };
            let found = psnr(&original, picture);
            assert!(found > expected, "{width}x{height} frame {index}: {found} dB");
        }
    }
}

#[test]
fn every_time_is_exact_at_every_rate() {
    for fps in [1, 24, 30, 60, 1000] {
        let (_folder, path) = written(&WriteOptions { width: 16, height: 16, fps, ..OPTIONS }, 50);
        let video = Video::open(&path).unwrap();
        assert!(video.times().iter().enumerate().all(|(k, &time)| time == k as f64 / f64::from(fps)));
        assert_eq!(video.info().fps, f64::from(fps));
        assert_eq!(video.frame_at(20.4 / f64::from(fps)), 20);
    }
}

#[test]
fn any_choice_of_frames_equals_the_same_frames_of_a_full_read() {
    let (_folder, path) = written(&OPTIONS, 120);
    let video = Video::open(&path).unwrap();
    let full = all(&video);
    let choices: [&[usize]; 6] =
        [&[119], &[0, 0, 0, 1, 1], &[23, 24, 25], &[5, 50, 51, 118], &[60; 4], &[0, 47, 48, 95, 96, 119]];
    for wanted in choices {
        let (pictures, _) = read(&video, wanted);
        assert_eq!(pictures.len(), wanted.len());
        assert!(pictures.iter().zip(wanted).all(|(picture, &frame)| *picture == full[frame]), "{wanted:?}");
    }
}

#[test]
fn reading_starts_at_the_last_key_frame_and_jumps_over_what_is_not_wanted() {
    let (_folder, path) = written(&OPTIONS, 120);
    let video = Video::open(&path).unwrap();
    assert_eq!(read(&video, &[]).1.decoded, 0);
    assert_eq!(read(&video, &[50]).1.decoded, 3); // 48, 49, 50
    assert_eq!(read(&video, &[2, 96]).1.decoded, 4); // 0, 1, 2 and 96
}

#[test]
fn a_read_stops_when_told_to() {
    let (_folder, path) = written(&OPTIONS, 120);
    let mut seen = 0;
    let report = Video::open(&path).unwrap().read(&[0, 1, 2, 100], |position, _| {
        seen += 1;
        if position == 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!((seen, report.unwrap().decoded), (2, 2));
}

#[test]
fn frames_out_of_order_or_beyond_the_end_are_refused() {
    let (_folder, path) = written(&OPTIONS, 10);
    let video = Video::open(&path).unwrap();
    for wanted in [&[1, 0][..], &[10]] {
        let error = video.read(wanted, |_, _| ControlFlow::Continue(())).unwrap_err();
        assert!(matches!(error.problem, Problem::Request(_)), "{error}");
    }
}

#[test]
fn the_same_pictures_give_the_same_bytes() {
    let (_first_folder, first) = written(&OPTIONS, 60);
    let (_second_folder, second) = written(&OPTIONS, 60);
    assert!(fs::read(first).unwrap() == fs::read(second).unwrap());
}

#[test]
fn writing_leaves_one_complete_file_or_the_old_one() {
    let (folder, path) = written(&OPTIONS, 10);
    let before = fs::read(&path).unwrap();
    let result = write_mp4(&path, &OPTIONS, 10, |index, picture| {
        if index == 5 {
            picture.rgb.pop();
        }
    });
    assert!(matches!(result.unwrap_err().problem, Problem::Request(_)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn options_that_cannot_be_are_refused() {
    let path = Path::new("never-written.mp4");
    let wrong = [
        WriteOptions { width: 129, ..OPTIONS },
        WriteOptions { height: 0, ..OPTIONS },
        WriteOptions { width: 100_000, ..OPTIONS },
        WriteOptions { fps: 0, ..OPTIONS },
        WriteOptions { keyframe_interval: 0, ..OPTIONS },
        WriteOptions { qp: 52, ..OPTIONS },
    ];
    for options in wrong {
        let error = write_mp4(path, &options, 1, numbered).unwrap_err();
        assert!(matches!(error.problem, Problem::Request(_)), "{options:?}: {error}");
    }
    assert!(write_mp4(path, &OPTIONS, 0, numbered).is_err());
    assert!(!path.exists());
}

#[test]
fn the_rotation_of_the_file_is_applied() {
    let (_folder, path) = written(&OPTIONS, 2);
    let upright = all(&Video::open(&path).unwrap());
    let mut bytes = fs::read(&path).unwrap();
    let matrix = find(&bytes, b"tkhd") + 4 + 40;
    let quarter: Vec<u8> = [0, 1 << 16, 0, -1 << 16, 0].iter().flat_map(|value: &i32| value.to_be_bytes()).collect();
    bytes[matrix..matrix + 20].copy_from_slice(&quarter);
    fs::write(&path, bytes).unwrap();

    let video = Video::open(&path).unwrap();
    assert_eq!((video.info().width, video.info().height, video.info().rotation), (96, 128, 90));
    for (turned, upright) in all(&video).iter().zip(&upright) {
        assert_eq!((turned.width, turned.height), (96, 128));
        let pixel = |picture: &Picture, x: usize, y: usize| picture.rgb[(y * picture.width + x) * 3..][..3].to_vec();
        for (x, y) in [(0, 0), (127, 0), (5, 90), (64, 48)] {
            assert_eq!(pixel(turned, 95 - y, x), pixel(upright, x, y));
        }
    }
}

#[test]
fn an_index_in_front_reads_the_same() {
    let (_folder, path) = written(&OPTIONS, 30);
    let behind = all(&Video::open(&path).unwrap());
    let bytes = fs::read(&path).unwrap();
    let (media, index) = (find(&bytes, b"mdat") - 4, find(&bytes, b"moov") - 4);
    let mut moved = bytes[index..].to_vec();
    let chunk = find(&moved, b"stco") + 12;
    let offset = u32::from_be_bytes(moved[chunk..chunk + 4].try_into().unwrap()) + moved.len() as u32;
    moved[chunk..chunk + 4].copy_from_slice(&offset.to_be_bytes());
    fs::write(&path, [&bytes[..media], &moved, &bytes[media..index]].concat()).unwrap();
    assert!(all(&Video::open(&path).unwrap()) == behind);
}

#[test]
fn one_video_serves_many_readers_at_once() {
    let (_folder, path) = written(&OPTIONS, 60);
    let video = Video::open(&path).unwrap();
    std::thread::scope(|scope| {
        for start in [0, 13, 40] {
            let video = &video;
            scope.spawn(move || {
                let wanted: Vec<usize> = (start..60).step_by(3).collect();
                let (pictures, _) = read(video, &wanted);
                assert!(pictures.iter().map(number).eq(wanted));
            });
        }
    });
}

#[test]
fn the_shared_videos_are_what_ffprobe_says() {
    let known = [("alioli_wikimedia_40s.mp4", 1200, 640, 360, 30.0), ("mmaction2_demo.mp4", 280, 340, 256, 28.0)];
    for (name, frames, width, height, fps) in known {
        let Some(path) = shared(name) else { return };
        let video = Video::open(&path).unwrap();
        let info = video.info();
        assert_eq!((info.frames, info.width, info.height), (frames, width, height), "{name}");
        assert_eq!((info.fps, info.duration), (fps, frames as f64 / fps), "{name}");
        assert!(video.times().iter().enumerate().all(|(k, &time)| (time - k as f64 / fps).abs() < 1e-9), "{name}");
    }
}

/// The real video has B-frames: stored and shown order differ, and some pictures can be left out.
#[test]
fn random_access_into_a_real_video_equals_reading_it_through() {
    let Some(path) = shared("alioli_wikimedia_40s.mp4") else { return };
    let video = Video::open(&path).unwrap();
    let stride: Vec<usize> = (300..700).step_by(7).collect();
    let through: Vec<usize> = (300..700).collect();
    let (full, _) = read(&video, &through);
    let (pictures, report) = read(&video, &stride);
    assert!(pictures.iter().zip(&stride).all(|(picture, frame)| *picture == full[frame - 300]));
    assert_eq!(report.damaged, 0);
    for frame in [301, 499, 698] {
        assert!(read(&video, &[frame]).0[0] == full[frame - 300], "frame {frame} alone");
    }
}
