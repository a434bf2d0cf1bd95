//! Files that are broken, cut short or of another kind give an error that says what to do; none may panic or hang.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the message")]

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use adatad_data::random::{Rng, Stream};
use adatad_data::video::{
    Ffmpeg, OpenOptions, Picture, Problem, ReadReport, Video, VideoError, WriteOptions, write_mp4,
};
use tempfile::TempDir;

const OPTIONS: WriteOptions = WriteOptions { width: 64, height: 48, fps: 25, keyframe_interval: 10, qp: 30 };

/// A bright square that wanders over noise-free stripes.
fn wandering(index: usize, picture: &mut Picture) {
    let width = picture.width;
    for (at, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (at % width, at / width);
        let inside = x.abs_diff(index * 3 % width) < 8 && y.abs_diff(24) < 8;
        pixel.copy_from_slice(&if inside { [240, 200, 40] } else { [x as u8 * 2, y as u8 * 3, 90] });
    }
}

/// A folder with one file of these bytes.
fn holding(bytes: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn good(frames: usize) -> Vec<u8> {
    let (_folder, path) = holding(b"");
    write_mp4(&path, &OPTIONS, frames, wandering).unwrap();
    fs::read(path).unwrap()
}

fn read_all(path: &Path) -> Result<(Vec<Picture>, ReadReport), VideoError> {
    let video = Video::open_with(path, &no_ffmpeg())?;
    let wanted: Vec<usize> = (0..video.info().frames).collect();
    let mut pictures = Vec::new();
    let report = video.read(&wanted, |_, picture| {
        pictures.push(picture.clone());
        ControlFlow::Continue(())
    })?;
    Ok((pictures, report))
}

fn error(bytes: &[u8]) -> VideoError {
    let (_folder, path) = holding(bytes);
    read_all(&path).unwrap_err()
}

/// What is said on a machine without ffmpeg.
fn without_ffmpeg(path: &Path) -> VideoError {
    Video::open_with(path, &no_ffmpeg()).unwrap_err()
}

fn no_ffmpeg() -> OpenOptions {
    OpenOptions { ffmpeg: Ffmpeg::in_folder("/nowhere"), ..OpenOptions::default() }
}

fn find(bytes: &[u8], code: &[u8; 4]) -> usize {
    bytes.windows(4).position(|window| window == code).unwrap()
}

fn word(bytes: &[u8], at: usize) -> usize {
    u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize
}

/// Where a frame's bytes start in a file of [`write_mp4`].
fn frame_start(bytes: &[u8], frame: usize) -> usize {
    let sizes = find(bytes, b"stsz") + 16;
    let first = word(bytes, find(bytes, b"stco") + 12);
    first + (0..frame).map(|frame| word(bytes, sizes + 4 * frame)).sum::<usize>()
}

/// Makes a frame undecodable: its first unit claims to run past it.
fn destroy(bytes: &mut [u8], frame: usize) {
    let at = frame_start(bytes, frame);
    bytes[at..at + 4].fill(0xff);
}

#[test]
fn files_that_are_no_video_say_so() {
    assert!(matches!(error(b"").problem, Problem::Empty));
    for bytes in [&b"This is a text file.\n"[..], b"Good morning", b"\0", &[0; 4096], &[0xff; 4096]] {
        let error = error(bytes);
        assert!(error.to_string().starts_with("no moov box: not an MP4, or cut before its index"), "{error}");
    }
}

#[test]
fn the_message_names_the_file() {
    let error = error(b"");
    assert!(error.to_string().ends_with("video.mp4"), "{error}");
}

#[test]
fn what_is_not_there_or_no_file_is_an_error_without_waiting() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Video::open(&folder.path().join("none.mp4")).unwrap_err().problem, Problem::Io(_)));
    assert!(matches!(Video::open(folder.path()).unwrap_err().problem, Problem::NoPictures));
    let long = folder.path().join(format!("{}.mp4", "x".repeat(400)));
    assert!(matches!(Video::open(&long).unwrap_err().problem, Problem::Io(_)));
}

#[cfg(unix)]
#[test]
fn devices_pipes_and_loops_are_refused_unopened() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Video::open(Path::new("/dev/zero")).unwrap_err().problem, Problem::NotAFile));
    let pipe = folder.path().join("pipe.mp4");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(matches!(Video::open(&pipe).unwrap_err().problem, Problem::NotAFile));
    let (one, other) = (folder.path().join("one.mp4"), folder.path().join("other.mp4"));
    std::os::unix::fs::symlink(&other, &one).unwrap();
    std::os::unix::fs::symlink(&one, &other).unwrap();
    assert!(matches!(Video::open(&one).unwrap_err().problem, Problem::Io(_)));
}

#[test]
fn any_name_is_a_name() {
    let bytes = good(5);
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("sub")).unwrap();
    for name in ["a b.mp4", "-i", "a\nb.mp4", "été 視頻.mp4", "sub/../c.mp4", "http:x.mp4", "no ending", "wrong.avi"]
    {
        let path = folder.path().join(name);
        fs::write(&path, &bytes).unwrap();
        assert_eq!(read_all(&path).unwrap().0.len(), 5, "{name}");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let bytes = good(50);
    let index = find(&bytes, b"moov") - 4;
    for percent in [1, 10, 50, 90] {
        let error = error(&bytes[..bytes.len() * percent / 100]);
        assert!(matches!(error.problem, Problem::NoIndex | Problem::CutIndex(_)), "{percent} %: {error}");
    }
    for cut in [index, index + 4, index + 8, index + 100, bytes.len() - 1] {
        let error = error(&bytes[..cut]);
        assert!(matches!(error.problem, Problem::NoIndex | Problem::CutIndex(_)), "at {cut}: {error}");
    }
}

#[test]
fn a_file_with_its_index_in_front_and_half_its_media_says_how_much_it_holds() {
    let bytes = good(50);
    let (media, index) = (find(&bytes, b"mdat") - 4, find(&bytes, b"moov") - 4);
    let mut moved = bytes[index..].to_vec();
    let chunk = find(&moved, b"stco") + 12;
    let offset = (word(&moved, chunk) + moved.len()) as u32;
    moved[chunk..chunk + 4].copy_from_slice(&offset.to_be_bytes());
    let whole = [&bytes[..media], &moved, &bytes[media..index]].concat();
    let cut = frame_start(&whole, 30) + 1;
    let error = error(&whole[..cut]);
    assert!(matches!(error.problem, Problem::Truncated { held: 30, frames: 50 }), "{error}");
    assert!(error.to_string().contains("it holds 30 of 50 frames"), "{error}");
}

#[test]
fn a_codec_that_is_missing_is_named_with_the_way_out() {
    let mut bytes = good(5);
    let brand = find(&bytes, b"avc1");
    // The brand at the head of the file is "avc1" too; the sample entry is the last one.
    let entry = brand + 4 + find(&bytes[brand + 4..], b"avc1");
    bytes[entry..entry + 4].copy_from_slice(b"hev1");
    let (_folder, path) = holding(&bytes);
    let text = without_ffmpeg(&path).to_string();
    assert!(text.starts_with("codec hev1 needs ffmpeg, which is not installed: install it"), "{text}");
    assert!(text.contains("convert the file elsewhere with `ffmpeg -i IN -c:v libx264"), "{text}");
}

#[test]
fn sound_alone_is_no_video() {
    let mut bytes = good(5);
    let handler = find(&bytes, b"vide");
    bytes[handler..handler + 4].copy_from_slice(b"soun");
    assert!(matches!(error(&bytes).problem, Problem::NoVideo));
}

#[test]
fn a_lost_frame_is_counted_and_the_one_before_stands_in() {
    let mut bytes = good(300);
    destroy(&mut bytes, 49); // the last one before a key frame, so that no other frame misses it
    let (_folder, path) = holding(&bytes);
    let (pictures, report) = read_all(&path).unwrap();
    assert_eq!((pictures.len(), report), (300, ReadReport { decoded: 299, damaged: 1, filled: 1 }));
    assert!(pictures[49] == pictures[48]);
    assert!(pictures[50] != pictures[48]);
}

#[test]
fn more_than_one_lost_frame_in_a_hundred_is_an_error() {
    let mut bytes = good(150);
    destroy(&mut bytes, 49);
    destroy(&mut bytes, 99);
    let error = error(&bytes);
    assert!(matches!(error.problem, Problem::Damaged { damaged: 2, read: 150, .. }), "{error}");
}

#[test]
fn how_much_damage_is_borne_is_for_whoever_opens() {
    let mut bytes = good(150);
    destroy(&mut bytes, 49);
    destroy(&mut bytes, 99);
    let (_folder, path) = holding(&bytes);
    let read = |damage_limit| {
        let video = Video::open_with(&path, &OpenOptions { damage_limit, ..OpenOptions::default() })?;
        let wanted: Vec<usize> = (0..150).collect();
        video.read(&wanted, |_, _| ControlFlow::Continue(()))
    };
    assert_eq!(read(1.5).unwrap(), ReadReport { decoded: 148, damaged: 2, filled: 2 });
    assert!(matches!(read(1.3).unwrap_err().problem, Problem::Damaged { damaged: 2, read: 150, .. }));
    assert!(matches!(read(f64::NAN).unwrap_err().problem, Problem::Request(_)));
}

#[test]
fn a_lost_first_frame_is_an_error_because_nothing_can_stand_in() {
    let mut bytes = good(150);
    destroy(&mut bytes, 0);
    assert!(matches!(error(&bytes).problem, Problem::Damaged { .. }));
}

#[test]
fn a_file_that_changed_since_it_was_opened_is_refused() {
    let bytes = good(10);
    let (_folder, path) = holding(&bytes);
    let video = Video::open(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let error = video.read(&[0], |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(matches!(error.problem, Problem::Request(_)), "{error}");
}

/// Half of the seeds hit the index, where one bit can claim anything; the others hit the pictures.
#[test]
fn flipped_bits_give_frames_or_an_error_within_seconds() {
    let bytes = good(30);
    let index = find(&bytes, b"moov") - 4;
    let (_folder, path) = holding(&bytes);
    let mut slowest = Duration::ZERO;
    for seed in 0..400 {
        let mut rng = Rng::new(seed, Stream::Synth, 0, 0);
        let mut damaged = bytes.clone();
        let first = if seed % 2 == 0 { index } else { 0 };
        for _ in 0..rng.integer(1, 40) {
            let at = rng.integer(first, bytes.len() - 1);
            damaged[at] ^= 1 << rng.integer(0, 7);
        }
        fs::write(&path, &damaged).unwrap();
        let start = Instant::now();
        match read_all(&path) {
            Ok((pictures, _)) => assert!(!pictures.is_empty(), "seed {seed}"),
            Err(error) => assert!(!matches!(error.problem, Problem::Decoder(_)), "seed {seed}: {error}"),
        }
        slowest = slowest.max(start.elapsed());
    }
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

#[test]
fn every_single_byte_of_the_index_may_be_wrong() {
    let bytes = good(6);
    let index = find(&bytes, b"moov") - 4;
    let (_folder, path) = holding(&bytes);
    for at in index..bytes.len() {
        for value in [0, 0xff, bytes[at] ^ 1] {
            let mut damaged = bytes.clone();
            damaged[at] = value;
            fs::write(&path, &damaged).unwrap();
            if let Err(error) = read_all(&path) {
                assert!(!matches!(error.problem, Problem::Decoder(_)), "byte {at} = {value}: {error}");
            }
        }
    }
}

#[test]
fn the_shared_videos_of_other_kinds_are_named() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos");
    let known = [("flipping_a_pancake.mkv", "Matroska"), ("mmaction2_test_v_ApplyEyeMakeup.avi", "AVI")];
    for (name, container) in known {
        let path = folder.join(name);
        if !path.exists() {
            println!("skipped: ../shared is not here");
            return;
        }
        let error = without_ffmpeg(&path);
        assert!(matches!(error.problem, Problem::NoFfmpeg { .. }), "{error}");
        assert!(error.to_string().contains(container), "{error}");
        assert!(error.to_string().contains("install it"), "{error}");
    }
}
