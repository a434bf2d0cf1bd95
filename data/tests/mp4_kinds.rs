//! Kinds of MP4 that the writer does not write, made from its files by changing boxes: edit lists, variable rates, frames
//! out of order, several tracks. No ffmpeg is needed; `against_ffmpeg` holds real encoders' files against it.

#![cfg(test)]

mod support;

use std::fs;
use std::path::PathBuf;

use adatad_data::video::{Ffmpeg, OpenOptions, Problem, Video, VideoError, WriteOptions, write_mp4};
use support::read_all;
use tempfile::TempDir;

const OPTIONS: WriteOptions = WriteOptions { width: 64, height: 48, fps: 25, keyframe_interval: 10, qp: 26 };

/// A file of the writer: its index stands last, so that boxes may grow.
fn written(frames: usize) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    write_mp4(&path, &OPTIONS, frames, |index, picture| picture.rgb.fill(20 + 5 * index as u8)).unwrap();
    fs::read(path).unwrap()
}

fn boxed(kind: &[u8; 4], words: &[u32]) -> Vec<u8> {
    let content: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
    [&(content.len() as u32 + 8).to_be_bytes()[..], kind, &content].concat()
}

/// Changes the content of the first box at the end of a path of boxes, and the sizes of all around it.
fn change(bytes: &[u8], path: &[&[u8; 4]], change_content: &mut dyn FnMut(&mut Vec<u8>)) -> Vec<u8> {
    let Some((kind, inner)) = path.split_first() else {
        let mut content = bytes.to_vec();
        change_content(&mut content);
        return content;
    };
    let mut at = 0;
    loop {
        let size = match u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) {
            1 => u64::from_be_bytes(bytes[at + 8..at + 16].try_into().unwrap()) as usize,
            size => size as usize,
        };
        assert!(size >= 8, "no box at {at}");
        if bytes[at + 4..at + 8] == kind[..] {
            let content = change(&bytes[at + 8..at + size], inner, change_content);
            let head = (content.len() as u32 + 8).to_be_bytes();
            return [&bytes[..at], &head, *kind, &content, &bytes[at + size..]].concat();
        }
        at += size;
    }
}

const TRACK: [&[u8; 4]; 2] = [b"moov", b"trak"];
const TABLES: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];

fn add(bytes: &[u8], path: &[&[u8; 4]], added: &[u8]) -> Vec<u8> {
    change(bytes, path, &mut |content| content.extend_from_slice(added))
}

fn replace(bytes: &[u8], path: &[&[u8; 4]], words: &[u32]) -> Vec<u8> {
    change(bytes, path, &mut |content| *content = words.iter().flat_map(|word| word.to_be_bytes()).collect())
}

fn open(bytes: &[u8]) -> (TempDir, PathBuf, Result<Video, VideoError>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("video.mp4");
    fs::write(&path, bytes).unwrap();
    let options = OpenOptions { ffmpeg: Ffmpeg::in_folder("/nowhere"), ..OpenOptions::default() };
    let video = Video::open_with(&path, &options);
    (folder, path, video)
}

/// The times, and the brightness of each frame, which tells its number in the file.
fn shown(bytes: &[u8]) -> (Vec<f64>, Vec<usize>) {
    let (_folder, _, video) = open(bytes);
    let video = video.unwrap();
    let (pictures, report) = read_all(&video).unwrap();
    assert_eq!((report.damaged, report.filled), (0, 0));
    let number = |value: u8| (f64::from(value) - 20.0) / 5.0;
    let numbers = pictures.iter().map(|picture| number(picture.rgb[picture.rgb.len() / 2]).round() as usize);
    (video.times().to_vec(), numbers.collect())
}

fn seconds(ticks: &[i32]) -> Vec<f64> {
    ticks.iter().map(|tick| f64::from(*tick) / 25.0).collect()
}

/// Ticks of the media and of the movie in a frame, as the writer counts.
fn scales(bytes: &[u8]) -> (u32, u32) {
    let word = |code: &[u8; 4]| {
        let at = bytes.windows(4).position(|window| window == code).unwrap() + 16;
        u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
    };
    (word(b"mdhd") / 25, word(b"mvhd") / 25)
}

#[test]
fn a_video_of_one_frame_is_one() {
    let (times, numbers) = shown(&written(1));
    assert_eq!((times, numbers), (vec![0.0], vec![0]));
}

#[test]
fn an_edit_list_trims_and_delays() {
    let bytes = written(20);
    let (media, movie) = scales(&bytes);
    let list = boxed(b"elst", &[0, 2, 3 * movie, u32::MAX, 1 << 16, 6 * movie, 12 * media, 1 << 16]);
    let edits = [&(list.len() as u32 + 8).to_be_bytes()[..], b"edts", &list].concat();
    let (times, numbers) = shown(&add(&bytes, &TRACK, &edits));
    assert_eq!(numbers, [12, 13, 14, 15, 16, 17]);
    let expected = seconds(&[3, 4, 5, 6, 7, 8]);
    assert!(times.iter().zip(&expected).all(|(time, expected)| (time - expected).abs() < 1e-9), "{times:?}");
}

#[test]
fn a_variable_rate_gives_the_times_of_the_table() {
    let bytes = written(6);
    let (media, _) = scales(&bytes);
    let table = [&TABLES[..], &[b"stts"]].concat();
    let durations = [0, 3, 2, media, 1, 10 * media, 3, media / 2];
    let (times, numbers) = shown(&replace(&bytes, &table, &durations));
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
    assert_eq!(times, [0.0, 1.0, 2.0, 12.0, 12.5, 13.0].map(|frame| frame / 25.0));
}

#[test]
fn shifts_of_showing_may_be_negative_and_change_the_order() {
    let bytes = written(5);
    let (media, _) = scales(&bytes);
    let shifts = [1 << 24, 5, 1, 0, 1, media, 1, media.wrapping_neg(), 1, 0, 1, 0];
    let (times, numbers) = shown(&add(&bytes, &TABLES, &boxed(b"ctts", &shifts)));
    assert_eq!(numbers, [0, 2, 1, 3, 4]);
    assert_eq!(times, seconds(&[0, 1, 2, 3, 4]));
    // All of it before zero: times are kept as they are.
    let early = [1 << 24, 1, 5, (3 * media).wrapping_neg()];
    let (times, _) = shown(&add(&bytes, &TABLES, &boxed(b"ctts", &early)));
    assert_eq!(times, seconds(&[-3, -2, -1, 0, 1]));
}

#[test]
fn of_two_video_tracks_the_first_that_can_be_read_is_read() {
    let bytes = written(4);
    let mut track = Vec::new();
    change(&bytes, &TRACK, &mut |content| track = content.clone());
    let whole = |content: &[u8]| [&(content.len() as u32 + 8).to_be_bytes()[..], b"trak", content].concat();
    let twice = add(&bytes, &[b"moov"], &whole(&track));
    assert_eq!(shown(&twice).1, [0, 1, 2, 3]);
    // The first one is of another codec now.
    let entries: Vec<&[u8; 4]> = [&TABLES[..], &[b"stsd"]].concat();
    let other = change(&twice, &entries, &mut |content| content[12..16].copy_from_slice(b"hev1"));
    assert_eq!(shown(&other).1, [0, 1, 2, 3]);
}

#[test]
fn a_count_of_frames_that_is_not_true_is_refused() {
    let sizes = [&TABLES[..], &[b"stsz"]].concat();
    for claimed in [5u32, 1 << 30] {
        let wrong = change(&written(4), &sizes, &mut |content| content[8..12].copy_from_slice(&claimed.to_be_bytes()));
        let problem = open(&wrong).2.unwrap_err().problem;
        assert!(matches!(problem, Problem::Index(_)), "{claimed}: {problem}");
    }
    // Fewer than there are: those are shown.
    let fewer = change(&written(4), &sizes, &mut |content| content[8..12].copy_from_slice(&3u32.to_be_bytes()));
    assert_eq!(shown(&fewer).1, [0, 1, 2]);
}

#[test]
fn an_edit_list_of_several_parts_is_for_ffmpeg() {
    let bytes = written(20);
    let (media, movie) = scales(&bytes);
    let list = boxed(b"elst", &[0, 2, 3 * movie, 0, 1 << 16, 6 * movie, 12 * media, 1 << 16]);
    let edits = [&(list.len() as u32 + 8).to_be_bytes()[..], b"edts", &list].concat();
    let text = open(&add(&bytes, &TRACK, &edits)).2.unwrap_err().to_string();
    assert!(text.starts_with("an edit list of several parts needs ffmpeg, which is not installed"), "{text}");
}
