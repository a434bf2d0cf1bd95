//! Folders of pictures, and what only ffmpeg reads, from labels to detection: `data check`, `data import`, `train`, `detect`.

#![cfg(test)]

mod command_line;
mod tiny;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use adatad_data::video::Video;

use command_line::{adatad, ends};
use tiny::TINY;

/// A run of a few steps on three short videos of the folder `data`, whose files `change` replaces.
fn data(folder: &Path, change: impl Fn(&Path)) {
    let made = ["--training", "1", "--validation", "1", "--test", "1", "--seconds", "6", "7"];
    ends(0, &[&["data", "synth", "data"][..], &made].concat(), folder);
    let preset = include_str!("../presets/demo.toml");
    let (start, end) = (preset.find("[data.synth]").unwrap(), preset.find("[window]").unwrap());
    std::fs::write(folder.join("run.toml"), format!("{}{}", &preset[..start], &preset[end..])).unwrap();
    for path in files(folder) {
        change(&path);
        std::fs::remove_file(path).unwrap();
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("data/videos")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// From the labels to segments of each of the videos.
fn works(folder: &Path) {
    ends(0, &["data", "check", "run.toml"], folder);
    let sets = ["schedule.epochs=1", "schedule.windows-per-video=2"];
    let mut train = vec!["train", "run.toml", "--out", "out"];
    TINY.iter().chain(&sets).for_each(|set| train.extend(["--set", set]));
    ends(0, &train, folder);
    let first = files(folder).remove(0);
    let name = first.file_stem().unwrap().to_string_lossy().into_owned();
    let (out, _) = ends(0, &["detect", "out", first.to_str().unwrap(), "--min-score", "0"], folder);
    assert!(out.starts_with(&format!("{name}: ")), "{out}");
}

#[test]
fn folders_of_pictures_go_from_labels_to_detection() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path(), |path| {
        let pictures = path.with_extension("");
        std::fs::create_dir(&pictures).unwrap();
        let video = Video::open(path).unwrap();
        let wanted: Vec<usize> = (0..video.info().frames).collect();
        let save = |frame: usize, picture: &adatad_data::video::Picture| {
            let (width, height) = (picture.width as u32, picture.height as u32);
            let file = image::RgbImage::from_raw(width, height, picture.rgb.clone()).unwrap();
            file.save(pictures.join(format!("{frame}.jpg"))).unwrap();
            ControlFlow::Continue(())
        };
        video.read(&wanted, save).unwrap();
        std::fs::write(pictures.join("fps.txt"), video.info().fps.to_string()).unwrap();
    });
    works(folder.path());

    // A table of one of them; its length comes from the pictures.
    let name = files(folder.path())[0].file_name().unwrap().to_string_lossy().into_owned();
    std::fs::write(folder.path().join("t.csv"), format!("video,label,start,end\n{name},press,1,2\n")).unwrap();
    let (_, said) =
        ends(0, &["data", "import", "csv", "t.csv", "--videos", "data/videos", "--out", "t.json"], folder.path());
    assert!(!said.contains("not known"), "{said}");
    let imported = std::fs::read_to_string(folder.path().join("t.json")).unwrap();
    assert!(imported.contains("\"duration\": 6.") || imported.contains("\"duration\": 7"), "{imported}");
}

#[test]
fn what_only_ffmpeg_reads_goes_from_labels_to_detection() {
    let ffmpeg = |arguments: &[&str]| Command::new("ffmpeg").args(["-v", "error", "-nostdin"]).args(arguments).status();
    if ffmpeg(&["-version"]).is_err() {
        println!("skipped: ffmpeg is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let kinds = [("mkv", "copy"), ("avi", "mpeg4"), ("webm", "libvpx")];
    let next = std::cell::Cell::new(0);
    data(folder.path(), |path| {
        let (ending, codec) = kinds[next.replace(next.get() + 1)];
        let out = path.with_extension(ending);
        let made = ffmpeg(&["-i", path.to_str().unwrap(), "-c:v", codec, out.to_str().unwrap()]);
        assert!(made.unwrap().success());
    });
    works(folder.path());
}

#[test]
fn how_much_damage_is_borne_stands_in_the_run_file() {
    let folder = tempfile::tempdir().unwrap();
    data(folder.path(), |path| {
        std::fs::copy(path, path.with_extension("m4v")).unwrap();
    });
    let run = std::fs::read_to_string(folder.path().join("run.toml")).unwrap();
    let with = |line: &str| run.replace("crop = 48\n", &format!("crop = 48\n{line}\n"));
    for (line, said) in [
        ("damage-limit = 101", "data.damage-limit is 101; it must be a number from 0 to 100"),
        ("fps = 0", "data.fps is 0; it must be a number above 0"),
    ] {
        std::fs::write(folder.path().join("run.toml"), with(line)).unwrap();
        let (_, found) = ends(2, &["train", "run.toml", "--dry-run"], folder.path());
        assert!(found.contains(said), "{found}");
    }
    // One frame of the test video is lost.
    let victim = files(folder.path()).remove(0);
    let mut bytes = std::fs::read(&victim).unwrap();
    let sizes = bytes.windows(4).position(|window| window == b"stsz").unwrap() + 16;
    let first = bytes.windows(4).position(|window| window == b"stco").unwrap() + 12;
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let frame = 48; // shown in windows, and the last that they need before a key frame
    let at = word(first) + (0..frame).map(|frame| word(sizes + 4 * frame)).sum::<usize>();
    bytes[at..at + 4].fill(0xff);
    std::fs::write(&victim, bytes).unwrap();
    let read = |damage_limit: f64| {
        let options = adatad_data::video::OpenOptions { damage_limit, ..Default::default() };
        let video = Video::open_with(&victim, &options).unwrap();
        let wanted: Vec<usize> = (0..video.info().frames).collect();
        video.read(&wanted, |_, _| ControlFlow::Continue(()))
    };
    assert!(read(0.0).is_err() && read(5.0).is_ok());
    for (line, code) in [("damage-limit = 0", 1), ("damage-limit = 5.0", 0)] {
        let sets = [
            "schedule.epochs=1",
            "schedule.windows-per-video=2",
            "window.size=64",
            "detector.channels=16",
            "detector.regression-ranges=[[0, 4], [4, 8], [8, 10000]]",
        ];
        std::fs::write(folder.path().join("run.toml"), with(line)).unwrap();
        let out = format!("out{code}");
        let mut train = vec!["train", "run.toml", "--out", &out];
        sets.iter().for_each(|set| train.extend(["--set", set]));
        let output = adatad(&train, folder.path());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), code == 0, "{said}");
        if code != 0 {
            assert!(said.contains("1 of ") && said.contains("frames could not be decoded"), "{said}");
        }
    }
}
