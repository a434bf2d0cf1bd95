//! ffmpeg and ffprobe that are missing, hang, flood, or are old: the reader says so, stops them, and keeps little.
//!
//! The programs are small scripts, named by an option; nothing here needs ffmpeg.

#![cfg(test)]
#![cfg(unix)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use adatad_data::video::{Ffmpeg, OpenOptions, Problem, ReadReport, ReaderKind, Video};
use support::{read, read_all};
use tempfile::TempDir;

/// ffprobe that describes a video of three frames of 2x2 pixels.
const PROBE: &str = r#"case "$*" in
*json*) echo '{"streams": [{"index": 0, "codec_type": "video", "codec_name": "vp9", "width": 2, "height": 2,
    "pix_fmt": "yuv420p", "time_base": "1/10"}], "format": {"start_time": "0.0"}}';;
*) for pts in 0 1 2; do echo "packet|pts=$pts|duration=1|flags=K__"; done;;
esac"#;

/// ffmpeg that gives those three frames: grey of 65, 97 and 50 before conversion.
const FRAMES: &str = r"for pts in 0 1 2; do
    [ $pts = 0 ] && echo '[Parsed_showinfo_0 @ 0x1] [info] config in time_base: 1/10, frame_rate: 10/1' >&2
    echo '[Parsed_showinfo_0 @ 0x1] [info] n:   0 pts:      '$pts' pts_time:0 s:2x2' >&2
done
printf 'AAAA\200\200aaaa\200\2002222\200\200'";

struct Programs {
    folder: TempDir,
    file: PathBuf,
    options: OpenOptions,
}

/// Scripts in the place of both programs, and a file that only they could read.
fn programs(ffprobe: &str, ffmpeg: &str) -> Programs {
    let folder = tempfile::tempdir().unwrap();
    for (name, script) in [("ffprobe", ffprobe), ("ffmpeg", ffmpeg)] {
        let path = folder.path().join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let file = folder.path().join("clip.mkv");
    fs::write(&file, b"\x1a\x45\xdf\xa3 and so on").unwrap();
    let mut ffmpeg = Ffmpeg::in_folder(folder.path());
    ffmpeg.deadline = Duration::from_millis(700);
    Programs { folder, file, options: OpenOptions { ffmpeg, ..OpenOptions::default() } }
}

impl Programs {
    /// What goes wrong with reading everything. None of these programs ends by itself, so a busy machine is given time.
    fn problem(&self) -> Problem {
        let start = Instant::now();
        let read = Video::open_with(&self.file, &self.options).and_then(|video| read_all(&video));
        assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
        read.unwrap_err().problem
    }

    fn stopped(&self) -> usize {
        self.options.ffmpeg.stopped()
    }
}

#[test]
fn frames_of_a_program_are_told_apart_by_their_times() {
    let given = programs(PROBE, FRAMES);
    let video = Video::open_with(&given.file, &given.options).unwrap();
    let info = video.info();
    assert_eq!((info.reader, info.width, info.height, info.frames, info.fps), (ReaderKind::Ffmpeg, 2, 2, 3, 10.0));
    assert!((info.duration - 0.3).abs() < 1e-12);
    let (pictures, report) = read_all(&video).unwrap();
    assert_eq!(report, ReadReport { decoded: 3, damaged: 0, filled: 0 });
    assert_eq!(pictures.iter().map(|picture| picture.rgb[0]).collect::<Vec<_>>(), [57, 94, 40]);
    assert_eq!(read(&video, &[1, 1, 2]).unwrap().0.len(), 3);
    assert_eq!(given.stopped(), 0);
}

#[test]
fn a_frame_that_does_not_come_is_counted_and_never_replaced_by_the_next() {
    let given = programs(PROBE, &FRAMES.replace("in 0 1 2", "in 0 2").replace("aaaa\\200\\200", ""));
    let refused = given.problem();
    assert!(matches!(refused, Problem::Damaged { damaged: 1, read: 3, .. }), "{refused}");
    let lenient = OpenOptions { damage_limit: 40.0, ..given.options.clone() };
    let (pictures, report) = read_all(&Video::open_with(&given.file, &lenient).unwrap()).unwrap();
    assert_eq!(report, ReadReport { decoded: 2, damaged: 1, filled: 1 });
    assert_eq!(pictures.iter().map(|picture| picture.rgb[0]).collect::<Vec<_>>(), [57, 57, 40]);
}

#[test]
fn what_ffmpeg_calls_corrupt_is_counted() {
    let corrupt = "echo '[warning] file:clip.mkv: corrupt decoded frame in stream 0' >&2\n";
    let given = programs(PROBE, &format!("{corrupt}{FRAMES}"));
    assert!(matches!(given.problem(), Problem::Damaged { damaged: 1, read: 3, .. }));
}

#[test]
fn ffmpeg_before_5_1_is_spoken_to_in_its_words() {
    let old =
        format!("case \"$*\" in *fps_mode*) echo \"Unrecognized option 'fps_mode'.\" >&2; exit 1;; esac\n{FRAMES}");
    let given = programs(PROBE, &old);
    assert_eq!(read_all(&Video::open_with(&given.file, &given.options).unwrap()).unwrap().0.len(), 3);
}

#[test]
fn a_file_is_all_that_a_program_may_open_and_its_name_is_no_option() {
    let noting = "printf '%s\\n' \"$@\" >> \"$(dirname \"$0\")/said\"\n";
    let given = programs(&format!("{noting}{PROBE}"), &format!("{noting}{FRAMES}"));
    for name in ["-i.mkv", "a b\nc.mkv", "http:x.mkv", "été 視頻.mkv", "sub/../concat:a|b.mkv"] {
        fs::create_dir_all(given.folder.path().join("sub")).unwrap();
        let path = given.folder.path().join(name);
        fs::copy(&given.file, &path).unwrap();
        read_all(&Video::open_with(&path, &given.options).unwrap()).unwrap();
        let said = fs::read_to_string(given.folder.path().join("said")).unwrap();
        let input = format!("-i\nfile:{}\n", path.display());
        assert_eq!(said.matches(&input).count(), 3, "{name}: {said}");
        assert_eq!(said.matches("-protocol_whitelist\nfile,pipe\n-max_pixels\n").count(), 3, "{said}");
        assert_eq!(said.matches("-f\nmatroska\n").count(), 3, "{said}");
        fs::remove_file(given.folder.path().join("said")).unwrap();
    }
}

#[test]
fn without_ffmpeg_the_message_says_how_to_get_it() {
    let given = programs(PROBE, FRAMES);
    let ffmpeg = Ffmpeg::in_folder(Path::new("/nowhere"));
    let error = Video::open_with(&given.file, &OpenOptions { ffmpeg, ..OpenOptions::default() }).unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with("Matroska (.mkv) and WebM video needs ffmpeg, which is not installed: install it"),
        "{text}"
    );
    assert!(text.contains("apt-get install ffmpeg") && text.contains("convert the file elsewhere"), "{text}");
}

#[test]
fn a_program_that_hangs_is_stopped_even_if_its_children_hold_the_pipe() {
    for hang in ["exec sleep 60", "sleep 60", "sleep 60 & wait"] {
        let given = programs(hang, FRAMES);
        let stuck = given.problem();
        assert!(matches!(stuck, Problem::Stuck { program: "ffprobe", .. }), "{stuck}");
        assert_eq!(given.stopped(), 1);
        let given = programs(PROBE, hang);
        assert!(matches!(given.problem(), Problem::Stuck { program: "ffmpeg", .. }));
        assert_eq!(given.stopped(), 1);
    }
}

#[test]
fn a_program_that_gives_all_frames_and_does_not_end_is_not_waited_for() {
    let mut given = programs(PROBE, &format!("{FRAMES}\nexec sleep 60"));
    given.options.ffmpeg.deadline = Duration::from_secs(120);
    let start = Instant::now();
    read_all(&Video::open_with(&given.file, &given.options).unwrap()).unwrap();
    assert!(start.elapsed() < Duration::from_secs(40));
}

#[test]
fn floods_are_stopped_and_take_no_memory() {
    let floods = [
        ("exec yes {", FRAMES, 1),
        ("exec yes '{' | tr -d '\\n'", FRAMES, 1),
        ("exec yes >&2", FRAMES, 1),
        (PROBE, "exec head -c 10000000000 /dev/zero", 1),
        (PROBE, "exec head -c 10000000000 /dev/zero >&2", 1),
        (PROBE, "exec yes '[Parsed_showinfo_0 @ 0x1] [info] n: 0 pts: 0 s:2x2' >&2", 1),
        (PROBE, "yes '[Parsed_showinfo_0 @ 0x1] [info] n: 0 pts: 0 s:2x2' >&2 & exec cat /dev/zero", 1),
    ];
    for (ffprobe, ffmpeg, stopped) in floods {
        let given = programs(ffprobe, ffmpeg);
        let problem = given.problem();
        assert!(matches!(problem, Problem::Stuck { .. } | Problem::Limit(..)), "{ffprobe} {ffmpeg}: {problem}");
        assert_eq!(given.stopped(), stopped, "{ffprobe} {ffmpeg}");
    }
    assert!(resident_mib() < 400, "{} MiB", resident_mib());
}

/// Memory of this process, in MiB; 0 where it cannot be told.
fn resident_mib() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.trim().trim_end_matches(" kB").parse::<usize>().ok()).unwrap_or(0) / 1024
}

#[test]
fn a_program_that_fails_is_quoted_by_its_last_words() {
    let given = programs("echo 'first words' >&2; echo 'no such luck' >&2; exit 3", FRAMES);
    let text = given.problem().to_string();
    assert!(text.contains("ffprobe cannot read the file") && text.contains("no such luck"), "{text}");
    let given = programs(PROBE, "echo '[error] out of ink' >&2; exit 1");
    assert!(given.problem().to_string().contains("out of ink"));
    let given = programs("echo nonsense", FRAMES);
    assert!(matches!(given.problem(), Problem::Program { program: "ffprobe", .. }));
}

#[test]
fn frames_of_another_size_than_told_are_refused() {
    let given = programs(PROBE, &FRAMES.replace("s:2x2", "s:4x4"));
    assert!(given.problem().to_string().starts_with("a change of the picture size within the video"));
}

#[test]
fn a_file_that_changed_since_it_was_opened_is_refused_before_a_program_runs() {
    let given = programs(PROBE, FRAMES);
    let video = Video::open_with(&given.file, &given.options).unwrap();
    fs::write(&given.file, b"\x1a\x45\xdf\xa3").unwrap();
    assert!(matches!(read_all(&video).unwrap_err().problem, Problem::Request(_)));
}
