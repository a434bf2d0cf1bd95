//! Files of labels that are wrong in every way: each fault is told, nothing panics, hangs, or takes memory without measure.

#![cfg(test)]

use std::sync::Mutex;
use std::time::{Duration, Instant};

use adatad_data::annotation::{Action, Annotations};
use adatad_data::check::{CheckOptions, Checked, Report};
use adatad_data::classes::{ClassError, ClassList};
use adatad_data::datasets::{Layout, LayoutOptions};
use adatad_data::formats::{Format, LabelledVideo, ReadOptions, Written};
use adatad_data::random::{Rng, Stream};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory is counted for the whole process, so that tests which measure it must not run side by side.
static ALONE: Mutex<()> = Mutex::new(());

/// Mutated files of the usual run, which is part of CI; the long run takes `LONG`.
const SHORT: usize = 600;
/// Mutated files of the run before a release: the test of this name, in release.
#[cfg(not(debug_assertions))]
const LONG: usize = 10_000;

/// Runs it and says how much memory it took at most, in bytes.
fn peak<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let value = run();
    (value, MEMORY.peak_usage().saturating_sub(before))
}

/// No hang, and no more memory than twice the input and 64 MiB.
#[track_caller]
fn bounded<T>(input: usize, what: &str, run: impl FnOnce() -> T) -> T {
    let begun = Instant::now();
    let (value, peak) = peak(run);
    let (took, most) = (begun.elapsed(), 2 * input + (64 << 20));
    assert!(took < Duration::from_secs(5), "{what}: {took:?}");
    assert!(peak <= most, "{what}: {peak} bytes of memory for {input} bytes of input");
    value
}

/// A file of one video "v" of 10 s with these annotations.
fn one(annotations: &str) -> String {
    format!(r#"{{"database": {{"v": {{"subset": "training", "duration": 10, "annotations": [{annotations}]}}}}}}"#)
}

fn check(text: &str, classes: Option<&ClassList>, subsets: &[String]) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.json");
    std::fs::write(&path, text).unwrap();
    let checked = Checked::new(&path, CheckOptions { classes, subsets, ..CheckOptions::default() });
    checked.unwrap_or_else(|error| panic!("{error}")).report().clone()
}

fn kinds(text: &str) -> Vec<&'static str> {
    check(text, None, &[]).problems.iter().map(|finding| finding.trouble.kind()).collect()
}

fn span(label: &str, start: &str, end: &str) -> String {
    format!(r#"{{"segment": [{start}, {end}], "label": "{label}"}}"#)
}

#[test]
fn every_fault_of_a_segment_is_found() {
    let sound = span("ok", "0", "1");
    for (start, end, kind) in [
        ("3", "2", "end-before-start"),
        ("2", "2", "zero-length"),
        ("8", "12", "past-end"),
        ("-1", "2", "negative-time"),
    ] {
        assert_eq!(
            kinds(&one(&format!("{sound}, {sound_2}, {}", span("a", start, end), sound_2 = span("ok", "4", "5")))),
            [kind]
        );
    }
    let list = [span("a", "1", "3"), span("a", "2", "4"), span("a", "1", "3"), span("b", "1", "3")].join(",");
    let report = check(&one(&list), None, &[]);
    let found: Vec<_> = report.problems.iter().map(|f| (f.place(), f.trouble.kind())).collect();
    let place = |index| format!("video \"v\", annotations[{index}]");
    assert_eq!(found, [(place(1), "overlap"), (place(2), "repeated")]);
}

#[test]
fn seconds_given_as_frames_are_recognised() {
    let found = kinds(&one(&[span("a", "25", "50"), span("b", "75", "200")].join(",")));
    assert_eq!(found, ["frames-for-seconds", "past-end", "past-end"]);
}

#[test]
fn labels_and_subsets_are_held_against_what_is_known() {
    let classes = ClassList::new(["insert", "press"]).unwrap();
    let text = one(&[span("insert", "0", "1"), span("isnert", "2", "3"), span("screw", "4", "5")].join(","));
    let report = check(&text, Some(&classes), &["trainig".into(), "training".into()]);
    let told: Vec<_> = report.problems.iter().map(|f| (f.trouble.kind(), f.trouble.to_string())).collect();
    assert_eq!(told[0].0, "unknown-subset");
    assert!(told[0].1.ends_with("did you mean `training`?"), "{told:?}");
    assert_eq!(told[1].0, "unknown-label");
    assert!(told[1].1.ends_with("did you mean `insert`?") && told.len() == 3, "{told:?}");
    let often = vec![span("insert", "0", "1"); 40].join(",");
    let slips = check(&one(&format!("{often}, {}", span("Insert", "2", "3"))), None, &[]);
    assert_eq!(slips.problems.iter().filter(|f| f.trouble.kind() == "misspelt-label").count(), 1);
}

#[test]
fn a_video_without_segments_is_no_fault_and_keys_that_stand_twice_are() {
    assert_eq!(kinds(&one("")), [""; 0]);
    let twice =
        r#"{"database": {"v": {"subset": "a", "subset": "b", "duration": 1}, "v": {"subset": "a", "duration": 1}}}"#;
    let mut found = kinds(twice);
    found.sort_unstable();
    assert_eq!(found, ["duplicate-field", "duplicate-video"]);
}

#[test]
fn numbers_that_are_none_and_deep_nesting_are_errors_with_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.json");
    for text in [one(&span("a", "NaN", "1")), one(&span("a", "0", "Infinity")), one(&"[".repeat(10_000))] {
        std::fs::write(&path, &text).unwrap();
        let error = bounded(text.len(), "nested", || Checked::new(&path, CheckOptions::default()).unwrap_err());
        assert!(error.to_string().contains("labels.json: line 1, column "), "{error}");
    }
}

#[test]
fn a_million_segments_take_no_more_than_their_share() {
    let _alone = ALONE.lock();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.json");
    let few = vec![span("a", "1", "2"); 1_000_000].join(",");
    let text = one(&few);
    drop(few);
    std::fs::write(&path, &text).unwrap();
    let size = text.len();
    drop(text);
    let begun = Instant::now();
    let (report, peak) = peak(|| Checked::new(&path, CheckOptions::default()).unwrap().report().clone());
    assert_eq!((report.segments, report.total), (1_000_000, 999_999));
    assert!(report.problems.len() <= 1000, "the rest is counted");
    assert!(peak <= 2 * size + (64 << 20), "{peak} bytes for {size}");
    eprintln!("a million segments: {:?}, {} MiB for {} MiB", begun.elapsed(), peak >> 20, size >> 20);
}

#[test]
fn what_is_mended_is_sound_and_every_change_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("labels.json"), folder.path().join("fixed.json"));
    let list = [
        span("a", "0", "1"),
        span("a", "0", "1"),
        span("a", "5", "3"),
        span("a", "7", "7"),
        span("a", "-1", "0.5"),
        span("a", "9", "20"),
        span("a", "30", "40"),
        span("", "1", "2"),
        r#"{"segment": [1], "label": "a"}"#.into(),
        span("b", "0", "1"),
        span("b", "2", "3"),
        span("b", "4", "5"),
        span("b", "6", "7"),
        span("b", "8", "9"),
    ];
    std::fs::write(&path, one(&list.join(","))).unwrap();
    let checked = Checked::new(&path, CheckOptions::default()).unwrap();
    let fixed = checked.fix().unwrap();
    fixed.save(&out).unwrap();
    let sound = Annotations::load(&out).unwrap();
    let action = |start, end| Action { label: "a".into(), start, end };
    assert_eq!(
        sound.videos()[0].actions[..4],
        [action(0.0, 1.0), action(3.0, 5.0), action(0.0, 0.5), action(9.0, 10.0)]
    );
    assert_eq!(sound.videos()[0].actions.len(), 4 + 5);
    assert_eq!(fixed.changes.len(), 8, "{:#?}", fixed.changes);
    // What overlaps stays, and goes on being found.
    let again = Checked::new(&out, CheckOptions::default()).unwrap();
    assert_eq!(again.report().problems.iter().map(|f| f.trouble.kind()).collect::<Vec<_>>(), ["overlap"]);
}

#[test]
fn lists_of_classes_are_refused_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("classes.txt");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        ClassList::load(&path)
    };
    assert_eq!(load("\u{feff}a  \r\nb\t\n").unwrap().labels(), ["a", "b"]);
    for (text, told) in
        [("a\nb\na\n", "line 3 repeats `a` of line 1"), ("a\n\nb\n", "line 2 is empty"), ("", "no class")]
    {
        let error = load(text).unwrap_err();
        assert!(matches!(error, ClassError::File { .. }) && error.to_string().contains(told), "{error}");
    }
}

/// A sound file of every format.
fn sound_files() -> Vec<(Format, Vec<u8>)> {
    let actions = [("take & put", 0.4, 2.0), ("press", 2.4, 4.0), ("press", 3.6, 6.0), ("é\"x\"", 6.0, 8.0)];
    let actions: Vec<_> =
        actions.map(|(label, start, end)| Action { label: label.into(), start, end }).into_iter().collect();
    let video = |name: &str| LabelledVideo {
        name: name.into(),
        subset: Some("training".into()),
        duration: Some(10.0),
        frames: Some(250),
        fps: Some(25.0),
        actions: actions.clone(),
    };
    let videos = [video("press_1"), video("press 2")];
    let mut files = Vec::new();
    for format in Format::ALL {
        match format.text(&videos, None).unwrap() {
            Written::One(text) => files.push((format, text.into_bytes())),
            Written::PerVideo(written) => files.push((format, written[0].1.clone().into_bytes())),
        }
    }
    let boris = "Observation id,x\n\nTime,Media file path,Total length,FPS,Subject,Behavior,Status\n1,v.mp4,9,25,s,eat,START\n2,v.mp4,9,25,s,eat,STOP\n";
    files.push((Format::Boris, boris.into()));
    let aggregated = "Observation id\tMedia file\tTotal length\tFPS\tSubject\tBehavior\tBehavior type\tStart (s)\tStop (s)\no\tv.mp4\t9\t25\ts\teat\tSTATE\t1\t2\n";
    files.push((Format::Boris, aggregated.into()));
    files
}

/// Pieces that files of labels break on.
const PIECES: [&[u8]; 24] = [
    b"\"",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\n",
    b"\r\n",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"NaN",
    b"1e400",
    b"-1",
    b"99999999999999999999",
    b"null",
    b"<",
    b"</",
    b"&x;",
    b"<!DOCTYPE a [<!ENTITY b \"b\">]>",
    b"-->",
    b"1e308",
    b"]]>",
];

fn mutated(bytes: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..rng.integer(1, 4) {
        let at = rng.integer(0, bytes.len().max(1) - 1).min(bytes.len());
        let end = (at + rng.integer(0, 40)).min(bytes.len());
        match rng.integer(0, 6) {
            0 if !bytes.is_empty() => bytes[at.min(end.saturating_sub(1))] ^= 1 << rng.integer(0, 7),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let piece = PIECES[rng.integer(0, PIECES.len() - 1)];
                drop(bytes.splice(at..at, piece.iter().copied()));
            }
            4 => {
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            5 => {
                let piece = PIECES[rng.integer(0, PIECES.len() - 1)];
                let many = piece.repeat(rng.integer(1, 3000));
                drop(bytes.splice(at..end, many));
            }
            _ => {
                let digit = b'0' + rng.integer(0, 9) as u8;
                bytes.iter_mut().skip(at).filter(|byte| byte.is_ascii_digit()).take(1).for_each(|byte| *byte = digit);
            }
        }
    }
    bytes
}

/// Reads mutated files of every format, and checks and mends what is read; says how many were still read.
fn survive(count: usize) -> usize {
    let _alone = ALONE.lock();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("labels.json");
    let files = sound_files();
    let mut read = 0;
    for seed in 0..count {
        let (format, bytes) = &files[seed % files.len()];
        let mut rng = Rng::new(206, Stream::Synth, 0, seed as u64);
        let bytes = mutated(bytes, &mut rng);
        let what = format!("{format:?}, seed {seed}");
        let options = ReadOptions { name: "v", fps: Some(25.0), layer: None };
        let labels = bounded(bytes.len(), &what, || match format.parse(&bytes, &options) {
            Ok(labels) => Some(labels),
            Err(error) => {
                assert!(!error.to_string().is_empty());
                None
            }
        });
        if let Some(labels) = &labels {
            read += 1;
            // Whatever was read can be written, or is refused; never a panic.
            for format in Format::ALL {
                let _written = bounded(bytes.len(), &what, || format.text(&labels.videos, Some(25.0)));
            }
        }
        if *format == Format::ActivityNet {
            std::fs::write(&path, &bytes).unwrap();
            bounded(bytes.len(), &what, || {
                if let Ok(checked) = Checked::new(&path, CheckOptions::default()) {
                    checked.fix().unwrap();
                }
            });
        }
        for layout in [Layout::Charades, Layout::PkuMmd] {
            std::fs::write(&path, &bytes).unwrap();
            let _read =
                bounded(bytes.len(), &what, || layout.read(std::slice::from_ref(&path), &LayoutOptions::default()));
        }
    }
    read
}

#[test]
fn mutated_files_are_read_or_refused() {
    let read = survive(SHORT);
    assert!(read > SHORT / 20 && read < SHORT, "{read} of {SHORT} were still read: too harsh or too mild");
}

/// The long run takes about a minute in release, and so is left to it: `cargo nextest run --release -p adatad-data
/// --test label_faults`.
#[cfg(not(debug_assertions))]
#[test]
fn ten_thousand_mutated_files_are_read_or_refused() {
    let begun = Instant::now();
    let read = survive(LONG);
    eprintln!("{read} of {LONG} were still read, in {:?}", begun.elapsed());
    assert!(read > LONG / 20);
}

#[test]
fn files_that_only_look_small_are_read_in_measure() {
    let _alone = ALONE.lock();
    let repeated = |head: &str, piece: &str, tail: &str| format!("{head}{}{tail}", piece.repeat(60_000));
    let task = r#"{"data":{"video":"v.mp4","fps":5},"annotations":[]},"#;
    for (format, text) in [
        (Format::Via, repeated(r#"{"file":{},"metadata":{"#, r#""a":{"vid":"1"},"#, r#""z":{"vid":"1"}}}"#)),
        (Format::Boris, repeated(r#"{"observations":{"o":{"events":["#, r#"[1,"","s",""],"#, r#"[1,"","s",""]]}}}"#)),
        (Format::LabelStudio, repeated("[", task, &task[..task.len() - 1]) + "]"),
        (Format::Cvat, repeated("<annotations>", "<track label=\"a\"></track>", "</annotations>")),
        (Format::Cvat, repeated("<annotations>", "<a>", "")),
        (Format::Elan, repeated("<ANNOTATION_DOCUMENT ", "a=\"1\" ", "/>")),
        (Format::Elan, repeated("<ANNOTATION_DOCUMENT>", "<TIER TIER_ID=\"a\"/>", "</ANNOTATION_DOCUMENT>")),
        (Format::Csv, repeated("label,start,end\n", "a,1,2\n", "")),
        (Format::Csv, repeated("label,start,end\n", ",", "")),
        (Format::Srt, repeated("", "00:00:01,000 --> 00:00:02,000\nx\n\n", "")),
    ] {
        let what = format!("{format:?}: {}", &text[..30]);
        let options = ReadOptions { name: "v", fps: Some(25.0), layer: None };
        let _read = bounded(text.len(), &what, || format.parse(text.as_bytes(), &options));
    }
}
