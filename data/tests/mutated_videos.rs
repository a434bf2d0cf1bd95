//! Files of video with anything in them changed: no panic, nothing over 5 s, no memory over twice the file and 64 MiB.
//!
//! A few hundred are tried; `ADATAD_MUTATIONS=10000` tries as many as it says. What they took is printed.

#![cfg(test)]

mod support;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use adatad_data::random::{Rng, Stream};
use adatad_data::video::{Ffmpeg, OpenOptions, Problem, Video, VideoError, WriteOptions, write_mp4};
use peak_alloc::PeakAlloc;
use support::{ffmpeg_installed, make};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

/// Files to change: ours, with the index behind and in front; and with B-frames and in fragments, where ffmpeg makes them.
fn originals(folder: &Path) -> Vec<Vec<u8>> {
    let path = folder.join("original.mp4");
    let options = WriteOptions { width: 64, height: 48, fps: 25, keyframe_interval: 8, qp: 30 };
    write_mp4(&path, &options, 24, |index, picture| {
        for (at, byte) in picture.rgb.iter_mut().enumerate() {
            *byte = ((at * 7 + index * 13) / 2 + at / 64) as u8;
        }
    })
    .unwrap();
    let behind = fs::read(&path).unwrap();
    let place = |code: &[u8; 4]| behind.windows(4).position(|window| window == code).unwrap() - 4;
    let (media, index) = (place(b"mdat"), place(b"moov"));
    let mut moved = behind[index..].to_vec();
    let chunk = moved.windows(4).position(|window| window == b"stco").unwrap() + 12;
    let offset = u32::from_be_bytes(moved[chunk..chunk + 4].try_into().unwrap()) + moved.len() as u32;
    moved[chunk..chunk + 4].copy_from_slice(&offset.to_be_bytes());
    let front = [&behind[..media], &moved, &behind[media..index]].concat();
    let mut all = vec![behind, front];
    if ffmpeg_installed() {
        let source = "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 -pix_fmt yuv420p -c:v libx264 -bf 3 -g 8";
        for kind in ["", "-movflags frag_keyframe+empty_moov", "-flags +ilme+ildct -movflags +faststart"] {
            make(&path, &format!("{source} {kind}"));
            all.push(fs::read(&path).unwrap());
        }
    }
    all
}

/// One of the ways in which files go wrong, drawn from a seed: pictures that are damaged in a sound index, or anything.
fn mutate(original: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = original.to_vec();
    if rng.integer(0, 1) == 0 {
        let media = bytes.windows(4).rposition(|window| window == b"mdat").unwrap_or(0) + 8;
        let end =
            bytes.windows(4).position(|window| window == b"moov").filter(|&at| at > media).unwrap_or(bytes.len()) - 8;
        for _ in 0..rng.integer(1, 12) {
            let at = rng.integer(media.min(end), end);
            bytes[at] =
                if rng.integer(0, 1) == 0 { rng.integer(0, 255) as u8 } else { bytes[at] ^ (1 << rng.integer(0, 7)) };
        }
        return bytes;
    }
    let index = bytes.windows(4).position(|window| window == b"moov").unwrap_or(0);
    for _ in 0..rng.integer(1, 4) {
        let end = bytes.len() - 1;
        // Half of the changes are in the index, where a bit can claim anything.
        let at = if rng.integer(0, 1) == 0 {
            rng.integer(index.min(end), end.min(index + 1200))
        } else {
            rng.integer(0, end)
        };
        let rest = bytes.len() - at;
        match rng.integer(0, 7) {
            0 => (0..rng.integer(1, 40)).for_each(|_| {
                let at = rng.integer(0, end);
                bytes[at] ^= 1 << rng.integer(0, 7);
            }),
            1 => bytes[at] = rng.integer(0, 255) as u8,
            2 => {
                // A word of extremes, where it may be a size or a count.
                let word = [0, 1, 7, 8, 0x7fff_ffff, u32::MAX, 0x8000_0000, 0x00ff_ffff][rng.integer(0, 7)];
                let end = (at + 4).min(bytes.len());
                bytes[at..end].copy_from_slice(&word.to_be_bytes()[..end - at]);
            }
            3 => bytes.truncate(at.max(8)),
            4 => {
                let length = rng.integer(1, 64).min(rest);
                bytes.drain(at..at + length);
            }
            5 => {
                let length = rng.integer(1, 64).min(rest);
                let copied = bytes[at..at + length].to_vec();
                let to = rng.integer(0, bytes.len());
                bytes.splice(to..to, copied);
            }
            6 => {
                let length = rng.integer(1, 200).min(rest);
                bytes[at..at + length].fill([0, 0xff][rng.integer(0, 1)]);
            }
            _ => {
                // Two four-character codes change places.
                let codes: [&[u8; 4]; 12] = [
                    b"moov", b"trak", b"mdia", b"stbl", b"stsd", b"avcC", b"stts", b"stsz", b"stsc", b"stco", b"elst",
                    b"moof",
                ];
                let to = codes[rng.integer(0, 11)];
                let code = codes[rng.integer(0, 11)];
                if let Some(found) = bytes.windows(4).position(|window| window == code) {
                    bytes[found..found + 4].copy_from_slice(to);
                }
            }
        }
        if bytes.len() < 16 {
            break;
        }
    }
    bytes
}

/// How many files are changed.
#[expect(clippy::disallowed_methods, reason = "how long to try is nothing that a result depends on")]
fn wanted() -> u64 {
    std::env::var("ADATAD_MUTATIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(300)
}

#[test]
fn no_change_of_a_file_makes_a_panic_a_hang_or_a_flood_of_memory() {
    let wanted = wanted();
    let folder = tempfile::tempdir().unwrap();
    let originals = originals(folder.path());
    let path = folder.path().join("video.mp4");
    let options = OpenOptions { ffmpeg: Ffmpeg::in_folder("/nowhere"), damage_limit: 100.0, ..OpenOptions::default() };
    let (mut slowest, mut most, mut read, mut frames) = (Duration::ZERO, 0, 0, 0);
    for seed in 0..wanted {
        let mut rng = Rng::new(seed, Stream::Synth, 0, 0);
        let bytes = mutate(&originals[seed as usize % originals.len()], &mut rng);
        fs::write(&path, &bytes).unwrap();
        let length = bytes.len();
        drop(bytes);

        let before = ALLOCATED.current_usage();
        ALLOCATED.reset_peak_usage();
        let start = Instant::now();
        let result = Video::open_with(&path, &options).and_then(|video| {
            let wanted: Vec<usize> = (0..video.info().frames).collect();
            video.read(&wanted, |_, _| ControlFlow::Continue(()))
        });
        let taken = start.elapsed();
        let memory = ALLOCATED.peak_usage().saturating_sub(before);
        match result {
            Ok(report) => {
                read += 1;
                frames += report.decoded;
            }
            Err(VideoError { problem: Problem::Decoder(words), .. }) => panic!("seed {seed}: {words}"),
            Err(_) => {}
        }
        assert!(taken < Duration::from_secs(5), "seed {seed}: {taken:?}");
        assert!(memory <= 2 * length + 64 * MIB, "seed {seed}: {} MiB for {length} bytes", memory / MIB);
        (slowest, most) = (slowest.max(taken), most.max(memory));
    }
    println!(
        "{wanted} changed files of {} originals: {read} read, {frames} frames, slowest {slowest:?}, most memory {:.1} MiB",
        originals.len(),
        most as f64 / MIB as f64
    );
}
