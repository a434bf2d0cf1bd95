//! Detection as a user meets it: in files, in parts, in streams, after a kill; always the same result.

#![cfg(test)]

mod tiny;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;

use adatad::detect::Detector;
use adatad::folder::RunFolder;
use adatad::stream::{Feed, Settling};
use adatad::thresholds::Thresholds;
use adatad_data::video::Video;
use burn::tensor::Device;
use serde_json::Value;
use tempfile::TempDir;

use tiny::TINY;

/// A run that has learned little, and videos of a minute and less that it has not seen.
struct Trained {
    folder: TempDir,
}

impl Trained {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let sets = [
            "data.synth.training=2",
            "data.synth.validation=1",
            "data.synth.test=2",
            "data.synth.seconds=[20, 30]",
            "schedule.epochs=3",
        ];
        let sets = TINY.iter().chain(&sets).flat_map(|set| ["--set", set]);
        let arguments: Vec<&str> = ["train", "--out", "run"].into_iter().chain(sets).collect();
        let trained = Self { folder };
        trained.good(&arguments);
        trained
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn video(&self, name: &str) -> PathBuf {
        self.path(&format!("run/data/videos/{name}.mp4"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_adatad"));
        command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn good(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(file)).unwrap()).unwrap()
    }
}

/// All tests of this process share one: they only read it.
fn trained() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(Trained::new)
}

const ALL: [&str; 2] = ["--min-score", "0"];

#[test]
fn a_stream_of_windows_finds_what_reading_each_window_by_itself_finds() {
    let trained = trained();
    let detector = Detector::load(&RunFolder::open(&trained.path("run")).unwrap(), &Device::flex()).unwrap();
    let sight = detector.sight().unwrap();
    for name in ["test-001", "test-002", "validation-001"] {
        let path = trained.video(name);
        let video = Video::open(&path).unwrap();
        let mut settling = Settling::new(detector.suppression().clone(), Thresholds::new(0.0));
        let mut windows = Vec::new();
        let (feed, stop) = (Feed::File(&video), AtomicBool::new(false));
        let seen = detector.in_stream(&sight, feed, name, None, &stop, |found| {
            windows.push(found.window);
            settling.add(found.detections);
            ControlFlow::Continue(())
        });
        assert_eq!(seen.unwrap().frames, Some(video.info().frames));
        assert!(windows.len() > 2, "{windows:?}");
        assert_eq!(settling.rest(), detector.in_file(&path, |_, _| {}).unwrap(), "{name}");

        // Begun after any window, the others are those that were missing.
        for (done, last) in windows.iter().enumerate() {
            let mut rest = Vec::new();
            let feed = Feed::File(&video);
            let seen = detector.in_stream(&sight, feed, name, Some(*last), &stop, |found| {
                rest.push(found.window);
                ControlFlow::Continue(())
            });
            seen.unwrap();
            assert_eq!(rest, windows[done + 1..]);
        }
    }
}

#[test]
fn shards_merge_to_what_one_machine_finds() {
    let trained = trained();
    let videos = ["test-001", "test-002", "validation-001"].map(|name| trained.video(name));
    let videos = videos.each_ref().map(|path| path.to_str().unwrap());
    let whole = trained.good(&[&["detect", "run", "--json"], &ALL[..], &videos].concat());
    let whole: Value = serde_json::from_str(&whole).unwrap();
    for shard in ["0/2", "1/2"] {
        trained.good(&[&["detect", "run", "--json", "--out", "parts", "--shard", shard], &ALL[..], &videos].concat());
    }
    trained.good(&["merge", "parts", "--out", "all.json"]);
    let merged = trained.json("all.json");
    assert_eq!(merged["results"], whole["results"]);
    assert_eq!(merged["results"].as_object().unwrap().len(), 3);
    // Again: nothing is done twice, and nothing is lost.
    let again = trained.good(&[&["detect", "run", "--json", "--out", "parts", "--resume"], &ALL[..], &videos].concat());
    assert!(again.contains("\"videos\":3"), "{again}");
    let refused = trained.command(&["merge", "parts", "--out", "all.json"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(2));
    let other = merged["results"]["test-001"].to_string().replacen("0.", "1.", 1);
    std::fs::write(trained.path("other.json"), format!("{{\"results\": {{\"test-001\": {other}}}}}")).unwrap();
    let refused = trained.command(&["merge", "parts", "other.json", "--out", "x.json"]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("`test-001` has other results"), "{said}");
}

#[test]
fn what_was_found_is_a_draft_of_labels_in_other_programs() {
    let trained = trained();
    let video = trained.video("test-001");
    let video = video.to_str().unwrap();
    for (format, file, kind) in [
        ("csv", "found/test-001.csv", "csv"),
        ("vtt", "found/test-001.vtt", "vtt"),
        ("labelstudio", "found/test-001.json", "labelstudio"),
    ] {
        trained.good(&["detect", "run", video, "--format", format, "--out", "found", "--min-score", "0", "--force"]);
        let labels = format!("{kind}.labels.json");
        let videos = trained.path("run/data/videos");
        let (videos, fps) = (videos.to_str().unwrap(), ["--fps", "25"]);
        let mut import = vec!["data", "import", kind, file, "--videos", videos, "--out", &labels, "--subset", "test"];
        if kind == "labelstudio" {
            import.extend(fps);
        }
        trained.good(&import);
        let labels = trained.json(&labels);
        let actions =
            labels["database"]["test-001"]["annotations"].as_array().unwrap_or_else(|| panic!("{format}: {labels}"));
        assert!(!actions.is_empty(), "{format}: {labels}");
    }
}

/// The frames of a video as an uncompressed stream of grey.
fn grey_stream(path: &Path) -> Vec<u8> {
    let video = Video::open(path).unwrap();
    let info = video.info();
    let mut bytes = format!("YUV4MPEG2 W{} H{} F25:1 Cmono\n", info.width, info.height).into_bytes();
    let wanted: Vec<usize> = (0..info.frames).collect();
    let read = video.read(&wanted, |_, picture| {
        bytes.extend(b"FRAME\n");
        bytes.extend(picture.rgb.chunks_exact(3).map(|pixel| pixel[1]));
        ControlFlow::Continue(())
    });
    read.unwrap();
    bytes
}

fn piped(mut command: Command, bytes: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let bytes = bytes.to_vec();
    let feed = std::thread::Builder::new().name("feed".into()).spawn(move || stdin.write_all(&bytes)).unwrap();
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap().unwrap();
    output
}

#[test]
fn standard_input_and_a_file_that_grows_give_the_same() {
    let trained = trained();
    let stream = grey_stream(&trained.video("test-001"));
    let arguments = ["detect", "run", "-", "--format", "csv", "--min-score", "0.02"];
    let output = piped(trained.command(&arguments), &stream);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let piped_rows = String::from_utf8(output.stdout).unwrap();
    assert!(piped_rows.starts_with("video,label,start,end,score\nstdin,") && piped_rows.lines().count() > 3);

    let path = trained.path("growing.y4m");
    let half = stream.len() / 2;
    std::fs::write(&path, &stream[..half]).unwrap();
    let mut command = trained.command(&["detect", "run", "growing.y4m", "--follow", "--patience", "3"]);
    command.args(["--format", "csv", "--min-score", "0.02"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    file.write_all(&stream[half..]).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).unwrap();
    assert_eq!(rows.replace("growing,", "stdin,"), piped_rows);
}

#[test]
fn what_is_no_stream_says_what_it_needs() {
    let trained = trained();
    let output = piped(trained.command(&["detect", "run", "-", "--json"]), b"");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("empty"), "{said}");
    let output = trained.command(&["detect", "run", "a.mp4", "b.mp4", "--follow"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("one stream at a time"));
    let output = trained.command(&["detect", "run", "-", "--min-score", "pik=0.5"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("the nearest is `pick`"));
}

/// Lines of the journal of a video that is being looked at.
fn journal(folder: &Path) -> usize {
    std::fs::read_to_string(folder.join(".test-002.windows.jsonl")).map_or(0, |text| text.lines().count())
}

#[cfg(unix)]
#[test]
fn a_killed_detection_goes_on_where_it_was() {
    let trained = trained();
    let video = trained.video("test-002");
    let video = video.to_str().unwrap();
    let looks = |out: &str, more: &[&str]| {
        let arguments = [&["detect", "run", video, "--json", "--out", out], &ALL[..], more].concat();
        let mut command = trained.command(&arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    };
    assert!(looks("calm", &[]).status().unwrap().success());
    let whole = trained.json("calm/test-002.json");
    let mut kills = 0;
    for round in 0..4 {
        let out = format!("killed-{round}");
        let mut child = looks(&out, &[]).spawn().unwrap();
        while journal(&trained.path(&out)) < 2 + round && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        child.kill().unwrap();
        kills += usize::from(!child.wait().unwrap().success());
        let before = journal(&trained.path(&out));
        assert!(looks(&out, &["--resume"]).status().unwrap().success());
        assert_eq!(trained.json(&format!("{out}/test-002.json")), whole);
        assert_eq!(journal(&trained.path(&out)), 0, "{before} lines before");
    }
    assert!(kills > 0);
}
