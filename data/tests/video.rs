//! Videos written by this crate come back as they were; real ones are read as `ffprobe` reads them.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use adatad_data::video::{Picture, Video, WriteOptions, write_mp4};

const OPTIONS: WriteOptions = WriteOptions { width: 128, height: 96, fps: 25, keyframe_interval: 24, qp: 26 };

/// A picture that tells its number: 12 blocks, dark or bright, spell it in binary over a moving gradient.
fn numbered(index: usize, picture: &mut Picture) {
    let (width, height) = (picture.width, picture.height);
    for (at, pixel) in picture.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (at % width, at / width);
        let bright = index >> (x * 12 / width) & 1 == 1;
        *pixel.first_chunk_mut().unwrap_or(&mut [0; 3]) = if y < height / 2 {
            [if bright { 230 } else { 25 }; 3]
        } else {
            [(x + 2 * index) as u8 / 2 + 40, (y + index) as u8 / 2 + 60, 120]
        };
    }
}

/// The number that a picture tells.
fn number(picture: &Picture) -> usize {
    let row = picture.height / 4;
    (0..12)
        .map(|bit| {
            let x = (2 * bit + 1) * picture.width / 24;
            usize::from(picture.rgb[(row * picture.width + x) * 3] > 127) << bit
        })
        .sum()
}

fn all(video: &Video) -> Vec<Picture> {
    let wanted: Vec<usize> = (0..video.info().frames).collect();
    some(video, &wanted)
}

fn some(video: &Video, wanted: &[usize]) -> Vec<Picture> {
    let mut pictures = Vec::new();
    let report = video.read(wanted, |position, picture| {
        assert_eq!(position, pictures.len());
        pictures.push(picture.clone());
        ControlFlow::Continue(())
    });
    assert_eq!(report.unwrap().damaged, 0);
    pictures
}

fn psnr(a: &Picture, b: &Picture) -> f64 {
    let error: f64 = a.rgb.iter().zip(&b.rgb).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum();
    10.0 * (255.0 * 255.0 * a.rgb.len() as f64 / error.max(1e-9)).log10()
}

/// A video of the shared folder, or nothing (and a line that says so) when the folder is not here.
fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/videos").join(name);
    if !path.exists() {
        eprintln!("skipped: ../shared is not here");
        return None;
    }
    Some(path)
}

#[test]
fn a_written_video_comes_back_frame_by_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roundtrip.mp4");
    write_mp4(&path, &OPTIONS, 100, numbered).unwrap();
    let video = Video::open(&path).unwrap();
    let info = video.info();
    assert_eq!((info.width, info.height, info.frames, info.keyframes), (128, 96, 100, 5));
    assert_eq!((info.fps, info.duration, info.rotation), (25.0, 4.0, 0));
    assert!(video.times().iter().enumerate().all(|(k, &time)| time == k as f64 / 25.0));

    let pictures = all(&video);
    let mut original = Picture::black(128, 96);
    for (index, picture) in pictures.iter().enumerate() {
        numbered(index, &mut original);
        assert_eq!(number(picture), index);
        assert!(psnr(&original, picture) > 35.0, "frame {index}: {} dB", psnr(&original, picture));
    }
}

#[test]
fn the_shared_videos_have_the_frames_that_ffprobe_counts() {
    for (name, frames, width, height) in [("alioli_wikimedia_40s.mp4", 1200, 640, 360), ("mmaction2_demo.mp4", 280, 340, 256)] {
        let Some(path) = shared(name) else { return };
        let video = Video::open(&path).unwrap();
        println!("{:?}", video.info());
        assert_eq!((video.info().frames, video.info().width, video.info().height), (frames, width, height));
    }
}
