//! What only files of real programs show: the readers agree with each other, and with ffmpeg on what is rare.
//!
//! All of it needs ffmpeg, and says so where that is not installed.

#![cfg(test)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use adatad_data::video::{OpenOptions, Problem, ReaderKind, Video};
use support::{
    Difference, ffmpeg_frames, ffmpeg_installed, ffprobe_times, formula, make, output, read, read_all, shared,
};
use tempfile::TempDir;

const SOURCE: &str = "-f lavfi -i testsrc2=size=160x120:rate=25:duration=2 -pix_fmt yuv420p";
const X264: &str = "-c:v libx264 -bf 2 -g 12";

/// A folder with one clip, if ffmpeg is installed.
fn clip(name: &str, how: &str) -> Option<(TempDir, PathBuf)> {
    ffmpeg_installed().then(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        make(&path, how);
        (folder, path)
    })
}

/// The same stream in another container.
fn remuxed(path: &Path, name: &str, how: &str) -> PathBuf {
    let out = path.with_file_name(name);
    make(&out, &format!("{how} -i {} -c copy", path.display()));
    out
}

#[test]
fn both_readers_give_the_same_pictures_in_every_orientation_matrix_and_range() {
    let Some((_folder, path)) = clip("clip.mp4", &format!("{SOURCE} {X264}")) else { return };
    let full = path.with_file_name("full.mp4");
    make(&full, &format!("{SOURCE} {X264} -vf scale=out_range=pc -pix_fmt yuvj420p"));
    let wide = path.with_file_name("wide.mp4");
    make(&wide, &format!("{SOURCE} {X264} -colorspace bt709 -color_primaries bt709 -color_trc bt709"));
    let deep = path.with_file_name("deep.mp4");
    make(&deep, &format!("{} -c:v libx264 -pix_fmt yuv420p10le", SOURCE.replace("-pix_fmt yuv420p", "")));
    let grey = path.with_file_name("grey.mp4");
    make(&grey, &format!("{SOURCE} -c:v libx264 -pix_fmt gray"));
    let interlaced = path.with_file_name("interlaced.mp4");
    make(&interlaced, &format!("{SOURCE} -c:v libx264 -flags +ilme+ildct"));
    let squeezed = path.with_file_name("squeezed.mp4");
    make(&squeezed, &format!("{SOURCE} {X264} -vf setsar=4/3"));
    for original in [path, full, wide, deep, grey, interlaced, squeezed] {
        let ours = Video::open(&original).unwrap();
        let theirs = Video::open(&remuxed(&original, "same.mkv", "")).unwrap();
        assert_eq!((ours.info().reader, theirs.info().reader), (ReaderKind::H264, ReaderKind::Ffmpeg));
        assert_eq!(ours.info().colour, theirs.info().colour, "{}", original.display());
        assert_eq!(ours.info().pixel_aspect, theirs.info().pixel_aspect, "{}", original.display());
        let (ours, theirs) = (read_all(&ours).unwrap().0, read_all(&theirs).unwrap().0);
        assert!(ours == theirs, "{}", original.display());
    }
}

#[test]
fn a_turn_is_the_same_through_both_readers() {
    let Some((_folder, path)) = clip("clip.mp4", &format!("{SOURCE} {X264} -t 0.2")) else { return };
    // The same planes with a codec that only ffmpeg reads.
    let other = path.with_file_name("other.mov");
    make(&other, &format!("-i {} -c:v ffv1", path.display()));
    for matrix in [[0, 1, -1, 0], [-1, 0, 0, -1], [0, -1, 1, 0], [-1, 0, 0, 1], [0, 1, 1, 0]] {
        for file in [&path, &other] {
            let mut bytes = fs::read(file).unwrap();
            let at = bytes.windows(4).position(|window| window == b"tkhd").unwrap() + 4 + 40;
            let [a, b, c, d] = matrix.map(|value: i32| (value << 16).to_be_bytes());
            bytes[at..at + 20].copy_from_slice(&[a, b, [0; 4], c, d].concat());
            fs::write(file, bytes).unwrap();
        }
        let (ours, theirs) = (Video::open(&path).unwrap(), Video::open(&other).unwrap());
        assert_eq!((ours.info().reader, theirs.info().reader), (ReaderKind::H264, ReaderKind::Ffmpeg));
        assert_eq!((ours.info().rotation, ours.info().width), (theirs.info().rotation, theirs.info().width));
        assert!(read_all(&ours).unwrap().0 == read_all(&theirs).unwrap().0, "{matrix:?}");
    }
}

#[test]
fn random_access_equals_reading_through() {
    let how = format!("-f lavfi -i testsrc2=size=160x120:rate=25:duration=60 -pix_fmt yuv420p {X264}");
    let Some((_folder, path)) = clip("clip.mkv", &how) else { return };
    let raw = path.with_file_name("clip.avi");
    make(&raw, "-f lavfi -i testsrc2=size=160x120:rate=25:duration=60 -pix_fmt yuv420p -c:v mpeg4 -bf 2");
    let open_gop = path.with_file_name("open.mkv");
    make(&open_gop, &how.replace("-g 12", "-g 30 -x264-params open-gop=1"));
    let program = path.with_file_name("clip.ts");
    make(&program, &how);
    for path in [path, raw, open_gop, program] {
        let video = Video::open(&path).unwrap();
        let (full, _) = read_all(&video).unwrap();
        for wanted in [vec![1499], vec![700, 701, 701, 760], vec![3, 700, 1400], (600..900).step_by(4).collect()] {
            let (pictures, report) = read(&video, &wanted).unwrap();
            assert_eq!((report.damaged, report.filled), (0, 0), "{}", path.display());
            let same = pictures.iter().zip(&wanted).all(|(picture, &frame)| *picture == full[frame]);
            assert!(same, "{}: {wanted:?}", path.display());
        }
    }
}

#[test]
fn a_read_in_the_middle_does_not_decode_what_is_before() {
    let how = format!("-f lavfi -i testsrc2=size=160x120:rate=25:duration=60 -pix_fmt yuv420p {X264}");
    let Some((_folder, path)) = clip("clip.mkv", &how) else { return };
    let video = Video::open(&path).unwrap();
    let (_, report) = read(&video, &[1400]).unwrap();
    assert!(report.decoded < 50, "{report:?}");
    // Far apart: the stretch between is jumped over.
    let (_, report) = read(&video, &[10, 1400]).unwrap();
    assert!(report.decoded < 100, "{report:?}");
}

#[test]
fn damage_in_a_real_stream_is_counted_and_fails_above_the_limit() {
    let Some((_folder, path)) = clip("clip.mkv", &format!("{SOURCE} {X264}")) else { return };
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len();
    for at in (length / 3..length * 2 / 3).step_by(997) {
        bytes[at] ^= 0x55;
    }
    fs::write(&path, bytes).unwrap();
    let error = Video::open(&path).and_then(|video| read_all(&video)).unwrap_err();
    assert!(matches!(error.problem, Problem::Damaged { damaged: 1.., .. }), "{error}");
    let lenient = OpenOptions { damage_limit: 100.0, ..OpenOptions::default() };
    let (_, report) = read_all(&Video::open_with(&path, &lenient).unwrap()).unwrap();
    assert!(report.damaged > 0 && report.decoded > 0, "{report:?}");
}

#[test]
fn a_file_cut_in_half_gives_the_frames_it_holds() {
    let Some((_folder, path)) = clip("clip.mkv", &format!("{SOURCE} {X264}")) else { return };
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let video = Video::open(&path).unwrap();
    assert!((5..50).contains(&video.info().frames), "{}", video.info().frames);
    let lenient = OpenOptions { damage_limit: 10.0, ..OpenOptions::default() };
    let (pictures, _) = read_all(&Video::open_with(&path, &lenient).unwrap()).unwrap();
    assert_eq!(pictures.len(), video.info().frames);
}

#[test]
fn a_change_of_size_within_a_video_is_refused_by_both_readers() {
    let Some((_folder, path)) = clip("one.h264", &format!("{SOURCE} {X264}")) else { return };
    let two = path.with_file_name("two.h264");
    make(&two, &format!("{} {X264}", SOURCE.replace("160x120", "96x64")));
    let both = path.with_file_name("both.h264");
    fs::write(&both, [fs::read(&path).unwrap(), fs::read(&two).unwrap()].concat()).unwrap();
    let mp4 = remuxed(&both, "both.mp4", "-f h264 -fflags +genpts -r 25");
    for made in [remuxed(&mp4, "both.mkv", ""), mp4] {
        let name = made.display();
        let error = Video::open(&made).and_then(|video| read_all(&video)).unwrap_err();
        assert!(error.to_string().starts_with("a change of the picture size within the video"), "{name}: {error}");
    }
}

#[test]
fn rare_sizes_and_samplings_are_those_of_ffmpeg() {
    let Some((_folder, path)) =
        clip("odd.mkv", "-f lavfi -i testsrc2=size=161x119:rate=5:duration=1 -c:v ffv1 -pix_fmt yuv420p")
    else {
        return;
    };
    for (name, size, format) in [
        ("odd.mkv", (161, 119), "yuv420p"),
        ("pixel.mkv", (1, 1), "yuv444p"),
        ("rgb.mkv", (33, 17), "bgr0"),
        ("wide.mkv", (40, 16), "yuv411p"),
        ("deep.mkv", (40, 16), "yuv422p12le"),
        ("grey.mkv", (40, 16), "gray"),
    ] {
        let made = path.with_file_name(name);
        let (width, height) = size;
        let scale = format!("scale={width}:{height}:flags=neighbor");
        make(
            &made,
            &format!("-f lavfi -i testsrc2=size=64x64:rate=5:duration=1 -vf {scale} -c:v ffv1 -pix_fmt {format}"),
        );
        let video = Video::open(&made).unwrap();
        assert_eq!((video.info().width, video.info().height, video.info().frames), (width, height, 5), "{name}");
        let (pictures, _) = read_all(&video).unwrap();
        let ours: Vec<u8> = pictures.iter().flat_map(|picture| &picture.rgb).copied().collect();
        let stored = ffmpeg_frames(&made, &["-pix_fmt", if format == "bgr0" { "rgb24" } else { format }]);
        let colour = video.info().colour;
        let of_planes = |stored: &[u8], shared| {
            let each = stored.chunks_exact(stored.len() / 5);
            each.flat_map(|planes| formula(planes, size, shared, colour.matrix, colour.full_range)).collect()
        };
        let expected: Vec<u8> = match format {
            "yuv420p" => of_planes(&stored, (2, 2)),
            "yuv444p" => of_planes(&stored, (1, 1)),
            "yuv411p" => of_planes(&stored, (4, 1)),
            "yuv422p12le" => {
                let samples = stored.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
                of_planes(&samples.map(|sample| ((sample + 8) >> 4).min(255) as u8).collect::<Vec<_>>(), (2, 1))
            }
            "gray" => stored.iter().flat_map(|&luma| [luma; 3]).collect(),
            _ => stored,
        };
        let apart = Difference::of(&ours, &expected);
        println!("{name}: {apart:?}");
        assert!(apart.largest <= 2, "{name}: {apart:?}");
    }
}

#[test]
fn what_has_no_pictures_to_show_says_so() {
    let Some((_folder, sound)) = clip("sound.mka", "-f lavfi -i sine=duration=1 -c:a libopus") else { return };
    assert!(matches!(Video::open(&sound).unwrap_err().problem, Problem::NoVideo));
    let m4a = sound.with_file_name("sound.mp4");
    make(&m4a, "-f lavfi -i sine=duration=1 -c:a aac");
    assert!(matches!(Video::open(&m4a).unwrap_err().problem, Problem::NoVideo));
    let raw = sound.with_file_name("raw.h264");
    make(&raw, &format!("{SOURCE} {X264}"));
    let error = Video::open(&raw).unwrap_err();
    assert!(matches!(error.problem, Problem::NoTimes), "{error}");
    let broken = sound.with_file_name("broken.mkv");
    fs::write(&broken, b"\x1a\x45\xdf\xa3 and nothing more").unwrap();
    assert!(matches!(Video::open(&broken).unwrap_err().problem, Problem::Program { program: "ffprobe", .. }));
}

#[test]
fn the_first_of_two_tracks_is_read() {
    let how = "-f lavfi -i testsrc2=size=64x48:rate=5:duration=1 -f lavfi -i testsrc2=size=96x64:rate=5:duration=2 -map 0 \
               -map 1 -c:v mpeg4";
    let Some((_folder, path)) = clip("two.mkv", how) else { return };
    let video = Video::open(&path).unwrap();
    assert_eq!((video.info().width, video.info().frames), (64, 5));
}

#[test]
fn recordings_of_broadcasts_start_at_zero() {
    let Some((_folder, path)) = clip("clip.ts", &format!("{SOURCE} {X264} -output_ts_offset 1000")) else { return };
    let video = Video::open(&path).unwrap();
    let theirs = ffprobe_times(&path);
    assert!(theirs[0] > 1000.0 && video.times()[0] == 0.0);
    assert_eq!(video.times().len(), theirs.len());
    let apart = video.times().iter().zip(&theirs).map(|(ours, at)| (at - theirs[0] - ours).abs());
    assert!(apart.fold(0.0, f64::max) < 1e-5);
    assert!((video.info().duration - 2.0).abs() < 1e-6, "{}", video.info().duration);
}

#[test]
fn an_edit_list_of_several_parts_is_read_through_ffmpeg() {
    let Some((_folder, path)) = clip("clip.mp4", &format!("{SOURCE} {X264}")) else { return };
    // Two parts are in no file that ffmpeg writes; one is, so a second is written behind it.
    let bytes = fs::read(&path).unwrap();
    let list = bytes.windows(4).position(|window| window == b"elst").unwrap() - 4;
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let grown = |bytes: &mut Vec<u8>, at: usize, by: u32| {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) + by;
        bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
    };
    assert_eq!(word(list + 12), 1, "one part");
    let mut changed = bytes.clone();
    changed[list + 12..list + 16].copy_from_slice(&2u32.to_be_bytes());
    let end = list + word(list) as usize;
    let part = changed[list + 16..list + 28].to_vec();
    changed.splice(end..end, part);
    let find = |code: &[u8]| bytes.windows(4).position(|window| window == code).unwrap() - 4;
    for at in [list, list - 8, find(b"trak"), find(b"moov")] {
        grown(&mut changed, at, 12);
    }
    fs::write(&path, changed).unwrap();
    let video = Video::open(&path).unwrap();
    assert_eq!(video.info().reader, ReaderKind::Ffmpeg);
    assert_eq!(video.info().frames, ffprobe_times(&path).len());
}

#[test]
fn the_shared_matroska_file_is_the_same_in_an_mp4() {
    if !ffmpeg_installed() {
        return;
    }
    let Some(path) = shared("flipping_a_pancake.mkv") else { return };
    let folder = tempfile::tempdir().unwrap();
    let mp4 = folder.path().join("same.mp4");
    output("ffmpeg", &["-i", path.to_str().unwrap(), "-map", "0:v", "-c", "copy", mp4.to_str().unwrap()]);
    let (ours, theirs) = (Video::open(&mp4).unwrap(), Video::open(&path).unwrap());
    assert_eq!((ours.info().reader, theirs.info().reader), (ReaderKind::H264, ReaderKind::Ffmpeg));
    assert!(read_all(&ours).unwrap().0 == read_all(&theirs).unwrap().0);
}
