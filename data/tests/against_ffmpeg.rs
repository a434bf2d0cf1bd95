//! Frames, times and pixels are those of ffmpeg: of every video of `../shared/videos`, and of clips of every kind that x264
//! and ffmpeg write. `docs/videos.md` holds what these tests print.

#![cfg(test)]

mod support;

use std::path::Path;

use adatad_data::video::Video;
use support::{Difference, ffmpeg_frames, ffmpeg_installed, ffprobe_times, formula, make, read_all, shared};

/// Two levels of 255.
const LEVELS: u8 = 2;

/// ffmpeg's name of planes, and how many columns and rows of them share a sample of chroma.
type Planes = (&'static str, (usize, usize));

/// A video beside ffmpeg.
struct Compared {
    frames: usize,
    times: f64,
    formula: Difference,
}

/// Reads a video and holds it against ffmpeg; `format` are its planes.
fn compare(path: &Path, (format, shared): Planes) -> Compared {
    let video = Video::open(path).unwrap();
    let info = video.info();
    let expected = ffprobe_times(path);
    assert_eq!(video.times().len(), expected.len(), "{}: frames", path.display());
    let times = video.times().iter().zip(&expected).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max);

    let (pictures, report) = read_all(&video).unwrap();
    assert_eq!((report.damaged, report.filled), (0, 0), "{}", path.display());
    let turned = !info.rotation.is_multiple_of(180);
    let size = if turned { (info.height, info.width) } else { (info.width, info.height) };
    let planes = ffmpeg_frames(path, &["-pix_fmt", format]);
    let each = planes.len() / pictures.len();
    let mut worst = Difference::default();
    for (picture, planes) in pictures.iter().zip(planes.chunks_exact(each)) {
        let upright = formula(planes, size, shared, info.colour.matrix, info.colour.full_range);
        let expected = turn(&upright, size, info.rotation);
        let found = Difference::of(&picture.rgb, &expected);
        worst.largest = worst.largest.max(found.largest);
        worst.mean += found.mean / pictures.len() as f64;
    }
    Compared { frames: pictures.len(), times, formula: worst }
}

/// A picture turned clockwise by so many degrees.
fn turn(rgb: &[u8], (width, height): (usize, usize), degrees: u32) -> Vec<u8> {
    let from = |x: usize, y: usize| &rgb[(y * width + x) * 3..][..3];
    let (out_width, out_height) = if degrees.is_multiple_of(180) { (width, height) } else { (height, width) };
    let pixels = (0..out_height).flat_map(|y| (0..out_width).map(move |x| (x, y)));
    let source = |(x, y)| match degrees {
        90 => from(y, height - 1 - x),
        180 => from(width - 1 - x, height - 1 - y),
        270 => from(width - 1 - y, x),
        _ => from(x, y),
    };
    pixels.flat_map(source).copied().collect()
}

const PLANES_420: Planes = ("yuv420p", (2, 2));

#[test]
fn every_shared_video_is_read_as_ffmpeg_reads_it() {
    if !ffmpeg_installed() {
        return;
    }
    println!("| file | codec | size | frames | a second | seconds | reader | largest | mean | times |");
    for name in [
        "alioli_wikimedia_40s.mp4",
        "mmaction2_demo.mp4",
        "flipping_a_pancake.mkv",
        "mmaction2_test_v_ApplyEyeMakeup.avi",
    ] {
        let Some(path) = shared(name) else { return };
        let Compared { frames, times, formula } = compare(&path, PLANES_420);
        let video = Video::open(&path).unwrap();
        let info = video.info();
        let Difference { largest, mean } = formula;
        println!(
            "| {name} | {} | {}x{} | {frames} | {:.3} | {:.3} | {:?} | {largest} | {mean:.3} | {times:.1e} |",
            info.codec, info.width, info.height, info.fps, info.duration, info.reader
        );
        assert!(largest <= LEVELS, "{name}: {formula:?}");
        assert!(times < 1e-6, "{name}: times differ by {times} s");
    }
}

/// What ffmpeg itself makes of the planes: repeated chroma by default, interpolated with all its accuracy flags.
#[test]
fn pictures_are_near_those_of_ffmpegs_own_conversion() {
    if !ffmpeg_installed() {
        return;
    }
    for name in ["mmaction2_demo.mp4", "flipping_a_pancake.mkv", "mmaction2_test_v_ApplyEyeMakeup.avi"] {
        let Some(path) = shared(name) else { return };
        let (pictures, _) = read_all(&Video::open(&path).unwrap()).unwrap();
        let ours: Vec<u8> = pictures.iter().flat_map(|picture| &picture.rgb).copied().collect();
        let plain = Difference::of(&ours, &ffmpeg_frames(&path, &["-pix_fmt", "rgb24"]));
        let flags = ["-sws_flags", "accurate_rnd+full_chroma_int+full_chroma_inp", "-pix_fmt", "rgb24"];
        let accurate = Difference::of(&ours, &ffmpeg_frames(&path, &flags));
        println!("{name}: by default {plain:?}, with accurate flags {accurate:?}");
        assert!(plain.mean < 1.5 && accurate.mean < 1.5, "{name}");
    }
}

/// Kinds of `../shared/h264.md`, section 2: name, how ffmpeg makes it, its planes.
const CLIPS: [(&str, &str, Planes); 37] = {
    const P420: Planes = ("yuv420p", (2, 2));
    const P422: Planes = ("yuv422p", (2, 1));
    const P444: Planes = ("yuv444p", (1, 1));
    [
        ("baseline.mp4", "-c:v libx264 -profile:v baseline", P420),
        ("main_bf3.mp4", "-c:v libx264 -profile:v main -bf 3", P420),
        ("main_cavlc_bf3.mp4", "-c:v libx264 -profile:v main -bf 3 -coder 0", P420),
        ("high_8x8.mp4", "-c:v libx264 -profile:v high -bf 3 -x264-params 8x8dct=1", P420),
        ("refs4_direct.mp4", "-c:v libx264 -refs 4 -x264-params weightp=2:direct=temporal", P420),
        ("refs16.mp4", "-c:v libx264 -refs 16 -level 5.2", P420),
        ("bf16_pyramid.mp4", "-c:v libx264 -bf 16 -x264-params b-pyramid=normal:b-adapt=0", P420),
        ("veryslow.mp4", "-c:v libx264 -preset veryslow", P420),
        ("slices.mp4", "-c:v libx264 -x264-params slices=4", P420),
        ("open_gop.mp4", "-c:v libx264 -g 20 -bf 3 -x264-params open-gop=1", P420),
        ("intra_refresh.mp4", "-c:v libx264 -x264-params intra-refresh=1", P420),
        ("hrd_aud.mp4", "-c:v libx264 -b:v 300k -maxrate 300k -bufsize 300k -x264-params nal-hrd=vbr:aud=1", P420),
        ("crf1.mp4", "-c:v libx264 -crf 1", P420),
        ("fake_interlaced.mp4", "-c:v libx264 -x264-params fake-interlaced=1", P420),
        ("mbaff.mp4", "-c:v libx264 -flags +ilme+ildct -x264-params tff=1", P420),
        ("full_range.mp4", "-vf scale=out_range=pc -pix_fmt yuvj420p -c:v libx264", ("yuvj420p", (2, 2))),
        ("bt709.mp4", "-c:v libx264 -colorspace bt709 -color_primaries bt709 -color_trc bt709", P420),
        ("bt2020.mp4", "-c:v libx264 -colorspace bt2020nc -color_primaries bt2020 -color_trc bt2020-10", P420),
        ("aspect.mp4", "-vf setsar=4/3 -c:v libx264", P420),
        ("one.mp4", "-frames:v 1 -c:v libx264", P420),
        ("crop.mp4", "-vf crop=162:118 -c:v libx264", P420),
        ("grey.mp4", "-pix_fmt gray -c:v libx264", P420),
        ("bits10.mp4", "-pix_fmt yuv420p10le -c:v libx264", P420),
        ("p422.mp4", "-pix_fmt yuv422p -c:v libx264", P422),
        ("p444.mp4", "-pix_fmt yuv444p -c:v libx264", P444),
        ("odd444.mp4", "-vf crop=161:119 -pix_fmt yuv444p -c:v libx264", P444),
        ("lossless.mp4", "-qp 0 -c:v libx264", P420),
        ("vfr.mp4", "-vf select='not(mod(n\\,3))+not(mod(n\\,7))' -fps_mode vfr -c:v libx264", P420),
        ("fragments.mp4", "-c:v libx264 -g 20 -movflags frag_keyframe+empty_moov+default_base_moof", P420),
        ("fragments_sound.mp4", "-c:v libx264 -g 20 -c:a aac -shortest -movflags frag_keyframe+empty_moov", P420),
        ("faststart.mp4", "-c:v libx264 -c:a aac -shortest -movflags +faststart", P420),
        ("negative_ctts.mp4", "-c:v libx264 -bf 3 -movflags negative_cts_offsets", P420),
        ("sound_first.mov", "-map 1:a -map 0:v -c:v libx264 -c:a aac -shortest", P420),
        ("part2.mp4", "-c:v mpeg4 -q:v 3", P420),
        ("hevc.mp4", "-c:v libx265 -x265-params log-level=none", P420),
        ("vp9.webm", "-c:v libvpx-vp9 -b:v 300k -deadline realtime -cpu-used 8", P420),
        ("vp8.webm", "-c:v libvpx -b:v 300k -auto-alt-ref 1 -lag-in-frames 16 -deadline good -cpu-used 5", P420),
    ]
};

/// Moving pictures of noise and edges, 60 frames, with sound beside them.
const SOURCE: &str = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=2 -f lavfi -i sine=duration=2 -map 0:v";

#[test]
fn clips_of_every_kind_are_read_as_ffmpeg_reads_them() {
    if !ffmpeg_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut faults = Vec::new();
    for (name, how, planes) in CLIPS {
        let path = folder.path().join(name);
        let source = if how.contains("-map") { SOURCE.replace(" -map 0:v", "") } else { SOURCE.to_owned() };
        let sound = if how.contains("-c:a") && !how.contains("-map") { "-map 1:a" } else { "" };
        let format = if how.contains("-pix_fmt") { "" } else { "-pix_fmt yuv420p" };
        make(&path, &format!("{source} {sound} {how} {format}"));
        let video = Video::open(&path).unwrap();
        if name.starts_with("bits10") || name == "grey.mp4" {
            // ffmpeg's way to 8 bits and to planes for grey is its own: frames and times only, pixels below.
            assert!(read_all(&video).unwrap().0.len() == 60, "{name}");
            continue;
        }
        let Compared { frames, times, formula } = compare(&path, planes);
        println!("{name}: {frames} frames by {:?}, times {times:.1e}, {formula:?}", video.info().reader);
        if formula.largest > LEVELS || times > 1e-6 {
            faults.push(format!("{name}: times {times:.1e}, {formula:?}"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
