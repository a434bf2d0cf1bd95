//! What a run survives, and what it says when it does not: signals, full disks, damaged checkpoints, windows that cannot be
//! read, losses that are not numbers, a second process. Overflow in f16 is in `overflow`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use adatad::config::RunConfig;
use adatad::fault::Fault;
use adatad::folder::RunFolder;
use adatad::observe::{Observer, Stage, StepReport};
use adatad::session::{MemoryLimit, Outcome, Session, SessionError};
use adatad_data::random::{Rng, Stream};
use burn::tensor::Device;
use serde_json::Value;

use super::process::{Ended, Place, assert_same, content};
use super::small::{npy, tiny, write_data};
use super::tiny::TINY;

fn place(sets: &[&str]) -> Place {
    Place::new(&tiny(&[&["schedule.evaluate-every=2"], sets].concat()), write_data)
}

#[track_caller]
fn done(ended: &Ended) {
    assert_eq!(ended.code, Some(0), "{}", ended.said);
}

/// Steps that the log tells of.
fn logged(out: &Path) -> usize {
    std::fs::read_to_string(out.join("metrics.jsonl")).map_or(0, |log| log.lines().count())
}

fn checkpoints(out: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = std::fs::read_dir(out.join("checkpoints")).unwrap().map(|e| e.unwrap().path()).collect();
    found.retain(|path| path.is_dir());
    found.sort();
    found
}

#[test]
fn a_signal_at_any_moment_saves_and_says_how_to_go_on() {
    let place = place(&["schedule.epochs=8"]);
    let begun = Instant::now();
    done(&place.end(place.train("whole", &[])));
    let (whole, took) = (content(&place.out("whole")), begun.elapsed());
    let mut rng = Rng::new(0, Stream::Synth, 0, 0);
    let mut stopped = 0;
    for round in 0..4 {
        let (name, mut resume) = (format!("run-{round}"), "--force");
        for signal in ["TERM", "INT", "TERM"] {
            let record = place.out(&name).join("progress.json");
            // That of an earlier process would be taken for this one's.
            std::fs::remove_file(&record).ok();
            let mut started = place.start(place.train(&name, &[resume]));
            // When it is there, signals are caught.
            started.until(|| record.exists());
            let until = Instant::now() + took.mul_f64(rng.uniform(0.0, 0.4));
            started.until(|| Instant::now() >= until);
            if started.is_over() {
                break;
            }
            started.signal(signal);
            let ended = started.wait();
            match ended.code {
                Some(0) => {}
                code => {
                    assert_eq!(code, Some(if signal == "TERM" { 143 } else { 130 }), "{}", ended.said);
                    assert!(ended.said.contains("--resume"), "{}", ended.said);
                    stopped += 1;
                }
            }
            resume = "--resume";
        }
        done(&place.end(place.train(&name, &["--resume"])));
        assert_same(&content(&place.out(&name)), &whole);
    }
    assert!(stopped >= 4, "{stopped} of 12 signals came in time");
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let place = place(&["schedule.epochs=2000"]);
    let mut started = place.start(place.train("run", &[]));
    started.until(|| logged(&place.out("run")) > 2);
    started.signal("TERM");
    started.signal("TERM");
    let sent = Instant::now();
    let code = started.wait().code;
    assert_eq!(code, Some(143));
    // It had 2,000 epochs to go.
    assert!(sent.elapsed() < Duration::from_secs(30), "{:?}", sent.elapsed());
}

/// Runs a command in which no file may become larger than so many bytes.
fn limited(command: &Command, bytes: u64) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh", &(bytes / 512).to_string()]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.stdin(Stdio::null()).stdout(Stdio::null());
    shell
}

#[test]
fn a_full_disk_while_saving_leaves_the_older_checkpoint_and_the_run_goes_on() {
    // Large enough that the moments are the largest of all files.
    let place = place(&["schedule.epochs=6", "detector.channels=64"]);
    done(&place.end(place.train("whole", &[])));
    let whole = content(&place.out("whole"));
    let size = |name: &str| whole.iter().find(|(file, _)| file.ends_with(name)).unwrap().1.len() as u64;
    let limit = size("moments.safetensors") - 4096;
    assert!(size("/weights.safetensors") < limit && whole[0].1.len() < limit as usize);

    let mut started = place.start(place.train("run", &[]));
    started.until(|| logged(&place.out("run")) > 3);
    started.signal("TERM");
    assert_eq!(started.wait().code, Some(143));
    let before = checkpoints(&place.out("run"));
    let ended = place.end(limited(&place.train("run", &["--resume"]), limit));
    done(&ended);
    let complaints = ended.said.matches("cannot be written").count();
    assert!(complaints == 1 && ended.said.contains("training goes on with the older one"), "{}", ended.said);
    assert!(ended.said.contains("MiB are free") && ended.said.contains("a checkpoint of"), "{}", ended.said);
    assert_eq!(checkpoints(&place.out("run")), before);
    for name in ["weights.safetensors", "metrics.jsonl", "detections.json"] {
        let read = |run: &str| std::fs::read(place.out(run).join(name)).unwrap();
        assert!(read("run") == read("whole"), "{name}");
    }
    // The older one is whole, and good to go on from; where that is not enough, the run can be told to end.
    let ended = place.end(limited(&place.train("run", &["--resume", "--strict-save"]), limit));
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    done(&place.end(place.train("run", &["--resume"])));
    assert_same(&content(&place.out("run")), &whole);
}

#[test]
fn a_log_that_cannot_be_written_is_counted_and_changes_nothing_else() {
    let place = place(&["schedule.epochs=6"]);
    done(&place.end(place.train("whole", &[])));
    let mut started = place.start(place.train("run", &[]));
    started.until(|| logged(&place.out("run")) > 2);
    started.signal("TERM");
    assert_eq!(started.wait().code, Some(143));
    let log = place.out("run").join("metrics.jsonl");
    std::fs::remove_file(&log).unwrap();
    std::os::unix::fs::symlink("/dev/full", &log).unwrap();
    let ended = place.end(place.train("run", &["--resume"]));
    done(&ended);
    assert!(ended.said.contains("lines of the log could not be written: No space left"), "{}", ended.said);
    for name in ["weights.safetensors", "detections.json"] {
        let read = |run: &str| std::fs::read(place.out(run).join(name)).unwrap();
        assert!(read("run") == read("whole"), "{name}");
    }
}

fn damage(path: &Path, change: impl Fn(&mut Vec<u8>)) {
    let mut bytes = std::fs::read(path).unwrap();
    change(&mut bytes);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_damaged_checkpoint_is_passed_over_for_an_older_one_and_said_so() {
    let place = place(&["schedule.epochs=6"]);
    done(&place.end(place.train("whole", &[])));
    let whole = content(&place.out("whole"));
    type Damage = (&'static str, fn(&Path), &'static str);
    let damages: [Damage; 6] = [
        ("moments.safetensors", |path| damage(path, |bytes| bytes[200] ^= 1), "has changed since it was written"),
        ("weights.safetensors", |path| damage(path, |bytes| bytes.truncate(100)), "has 100 bytes"),
        ("average.safetensors", |path| std::fs::remove_file(path).unwrap(), "No such file"),
        ("state.json", |path| damage(path, |bytes| bytes.push(b' ')), "state.json has"),
        ("MANIFEST.json", |path| std::fs::write(path, "{\"version\": 7, \"epochs\": 3}").unwrap(), "is of version 7"),
        ("MANIFEST.json", |path| damage(path, |bytes| bytes.truncate(40)), "MANIFEST.json: EOF"),
    ];
    for (file, change, reason) in damages {
        let found = checkpoints(&place.out("whole"));
        assert_eq!(found.len(), 2);
        change(&found[1].join(file));
        let ended = place.end(place.train("whole", &["--resume"]));
        done(&ended);
        assert!(ended.said.contains(reason) && ended.said.contains("not used"), "{reason}: {}", ended.said);
        assert_same(&content(&place.out("whole")), &whole);
    }
    for folder in checkpoints(&place.out("whole")) {
        damage(&folder.join("moments.safetensors"), |bytes| bytes[100] ^= 4);
    }
    let ended = place.end(place.train("whole", &["--resume"]));
    assert_eq!(ended.code, Some(2), "{}", ended.said);
    assert!(ended.said.contains("none of the checkpoints") && ended.said.contains("--force"), "{}", ended.said);
}

#[test]
fn other_settings_are_refused_but_for_those_that_say_how_long_and_how_watched() {
    let place = place(&["schedule.epochs=2"]);
    done(&place.end(place.train("run", &[])));
    let ended = place.end(place.train("run", &["--resume", "--set", "optimizer.learning-rate=1.0"]));
    assert_eq!(ended.code, Some(2));
    assert!(ended.said.contains("optimizer.learning-rate: 0.005 -> 1.0"), "{}", ended.said);
    let more = ["--resume", "--set", "schedule.epochs=3", "--set", "schedule.evaluate-every=1"];
    done(&place.end(place.train("run", &more)));
    assert!(std::fs::read_to_string(place.out("run").join("config.toml")).unwrap().contains("epochs = 3"));
}

/// Replaces a recording by one of these values: of a row and a channel.
fn write_recording(out: &Path, name: &str, rows: usize, value: impl Fn(usize, usize) -> f32) {
    let values = (0..rows).flat_map(|row| [value(row, 0), value(row, 1)]);
    std::fs::write(out.join(format!("data/{name}.npy")), npy(rows, values)).unwrap();
}

/// Values so large that the network's answer is no number.
fn write_poison(out: &Path) {
    write_data(out);
    write_recording(out, "one", 200, |_, _| f32::MAX);
}

const POISON: [&str; 4] =
    ["data.features.standardise=false", "schedule.epochs=4", "schedule.batch=1", "schedule.warmup-epochs=0"];

#[test]
fn a_loss_that_is_no_number_changes_nothing_and_names_its_window() {
    let place = Place::new(&tiny(&POISON), write_poison);
    let ended = place.end(place.train("run", &[]));
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    assert!(ended.said.contains("not a number") && ended.said.contains("from one"), "{}", ended.said);
    let told: Vec<_> = std::fs::read_dir(place.out("run")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let told = told.into_iter().find(|path| path.to_string_lossy().contains("not-a-number-")).unwrap();
    let told: Value = serde_json::from_slice(&std::fs::read(told).unwrap()).unwrap();
    assert_eq!(told["videos"], serde_json::json!(["one"]));
    // Going on, it ends at the same place with the same words.
    let again = place.end(place.train("run", &["--resume"]));
    assert_eq!(again.code, Some(3));
    assert!(again.said.contains(&format!("step {}", told["step"])), "{}", again.said);
}

#[test]
fn steps_without_a_number_can_be_left_out_as_if_they_had_not_been() {
    let sets = [&POISON[..], &["schedule.skip-steps=3", "schedule.evaluate-every=1"]].concat();
    let place = Place::new(&tiny(&sets), write_poison);
    let ended = place.end(place.train("run", &[]));
    done(&ended);
    assert!(ended.said.contains("the step is left out"), "{}", ended.said);
    let log = std::fs::read_to_string(place.out("run").join("metrics.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| lines.iter().filter(|line| line["kind"] == kind).count();
    assert_eq!((of("step"), of("skipped-step")), (8, 8));
    let last = checkpoints(&place.out("run")).pop().unwrap();
    let state: Value = serde_json::from_slice(&std::fs::read(last.join("state.json")).unwrap()).unwrap();
    assert_eq!((&state["step"], &state["optimizer_steps"]), (&16.into(), &8.into()));
    // An epoch's loss is that of the steps that were made.
    for (epoch, mean) in state["epoch_losses"].as_array().unwrap().iter().enumerate() {
        let of_epoch = lines.iter().filter(|line| line["kind"] == "step" && line["epoch"] == epoch);
        let losses: Vec<f64> = of_epoch.map(|line| line["loss"].as_f64().unwrap()).collect();
        let expected = losses.iter().sum::<f64>() / losses.len().max(1) as f64;
        assert!((mean.as_f64().unwrap() - expected).abs() < 1e-9, "epoch {epoch}: {mean}, losses {losses:?}");
    }

    // Where there is nothing else to learn from, nothing is learned: the weights are those of the beginning.
    let sets = [&POISON[..], &["schedule.skip-steps=100"]].concat();
    let only = Place::new(&tiny(&sets), |out| {
        write_poison(out);
        write_recording(out, "two", 400, |_, _| f32::MAX);
    });
    done(&only.end(only.train("run", &[])));
    let read = |folder: &Path| std::fs::read(folder.join("weights.safetensors")).unwrap();
    let folders = checkpoints(&only.out("run"));
    assert!(read(&folders[0]) == read(&folders[1]));
    let sets = [&POISON[..3], &["schedule.warmup-epochs=4"]].concat();
    let fresh = Place::new(&tiny(&sets), write_data);
    let mut started = fresh.start(fresh.train("run", &[]));
    started.until(|| logged(&fresh.out("run")) > 0);
    started.signal("TERM");
    started.wait();
    // The first step of a warm-up has a rate of 0: its weights are the first ones, too.
    if let Some(first) = checkpoints(&fresh.out("run")).iter().find(|folder| folder.ends_with("step-000001")) {
        assert!(read(first) == read(&folders[0]));
    }
}

/// Removes a file at some step.
struct Remove<'a>(&'a Path, usize);

impl Observer for Remove<'_> {
    fn stage(&self, _: Stage, _: usize, _: usize) {}
    fn step(&self, report: &StepReport) {
        if report.step == self.1 {
            std::fs::remove_file(self.0).unwrap();
        }
    }
    fn note(&self, _: &str) {}
}

fn with_a_video_that_vanishes(limit: &str) -> (Result<Outcome, SessionError>, String) {
    let sets = [
        "data.synth.training=2",
        "data.synth.validation=0",
        "data.synth.test=1",
        "data.synth.seconds=[10, 12]",
        "data.cache-mib=0",
        "schedule.epochs=4",
        limit,
    ];
    let sets: Vec<String> = TINY.into_iter().chain(sets).map(str::to_owned).collect();
    let config = RunConfig::demonstration(&sets).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path();
    let stop = AtomicBool::new(false);
    let session = Session {
        config: &config,
        folder: &RunFolder::create(out, false).unwrap(),
        root: out,
        device: &Device::flex(),
        device_name: "flex",
        stop: &stop,
        observer: &Remove(&out.join("data/videos/training-001.mp4"), 2),
        begun: Instant::now(),
        memory: MemoryLimit::default(),
        others: &[],
        strict_save: false,
    };
    let outcome = session.train(false);
    (outcome, std::fs::read_to_string(out.join("metrics.jsonl")).unwrap())
}

#[test]
fn a_video_that_vanishes_is_left_out_and_counted_or_ends_the_run() {
    let (outcome, log) = with_a_video_that_vanishes("schedule.skip-limit=0.01");
    let error = outcome.unwrap_err();
    assert_eq!(error.fault(), Fault::Input);
    let said = error.to_string();
    assert!(said.contains("training-001.mp4") && said.contains("schedule.skip-limit = 0.01"), "{said}");
    assert!(log.contains("skipped-window"), "{log}");

    let (outcome, log) = with_a_video_that_vanishes("schedule.skip-limit=1.0");
    assert_eq!(outcome.unwrap().steps, 8);
    let skipped = log.lines().filter(|line| line.contains("skipped-window")).count();
    assert!(skipped > 3 && log.contains("training-001.mp4"), "{log}");
}

#[test]
fn too_little_memory_is_said_before_the_first_step() {
    let place = place(&[]);
    let ended = place.end(place.train("run", &["--memory", "1MiB"]));
    assert_eq!(ended.code, Some(3), "{}", ended.said);
    assert!(ended.said.contains("a training step needs at least"), "{}", ended.said);
    assert!(!place.out("run").join("checkpoints").exists());
}

#[test]
fn only_one_place_asks_for_the_time_of_day() {
    fn search(folder: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                search(&path, found);
            } else if std::fs::read_to_string(&path).unwrap_or_default().contains("SystemTime::now") {
                found.push(path.file_name().unwrap().to_string_lossy().into_owned());
            }
        }
    }
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ["adapter", "backbone", "data", "detector", "trainer"]
        .iter()
        .for_each(|name| search(&root.join(name).join("src"), &mut found));
    assert_eq!(found, ["stamp.rs"], "durations come from a clock that nobody sets");
}

#[test]
fn a_second_process_in_the_same_folder_is_refused_and_told_who_is_there() {
    let place = place(&["schedule.epochs=2000"]);
    let mut first = place.start(place.train("run", &[]));
    first.until(|| logged(&place.out("run")) > 0);
    for how in ["--resume", "--force"] {
        let ended = place.end(place.train("run", &[how]));
        assert_eq!(ended.code, Some(2), "{}", ended.said);
        let holder = format!("in use by another process (process {}", first.child.id());
        assert!(ended.said.contains(&holder), "{}", ended.said);
    }
    first.signal("KILL");
    first.wait();
    // The lock went with the process.
    let mut second = place.start(place.train("run", &["--resume"]));
    second.until(|| logged(&place.out("run")) > 6);
    second.signal("TERM");
    assert_eq!(second.wait().code, Some(143));
}

#[test]
fn nobody_has_to_listen() {
    let place = place(&["schedule.epochs=2"]);
    let mut command = place.train("run", &["--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(place.out("run").join("report.html").exists());
}

#[test]
fn two_devices_come_to_the_same_as_one_with_the_same_batch() {
    // A batch of three on two devices: the first has two windows of each step, the second one.
    let place = place(&["schedule.epochs=4", "schedule.batch=3"]);
    done(&place.end(place.train("one", &[])));
    done(&place.end(place.train("two", &["--devices", "flex,flex"])));
    assert_same(&content(&place.out("two")), &content(&place.out("one")));
    let ended = place.end(place.train("none", &["--devices", "flex,tpu"]));
    assert!(ended.code == Some(2) && ended.said.contains("`tpu` is none of flex"), "{}", ended.said);
}

#[test]
fn losses_do_not_depend_on_the_number_of_threads() {
    let place = place(&["schedule.epochs=4"]);
    let losses = ["1", "2", "8"].map(|threads| {
        let mut command = place.train(threads, &[]);
        command.env("RAYON_NUM_THREADS", threads);
        done(&place.end(command));
        let log = std::fs::read_to_string(place.out(threads).join("metrics.jsonl")).unwrap();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter_map(|line| line["loss"].as_f64()).collect::<Vec<f64>>()
    });
    assert_eq!(losses[0].len(), 8);
    for other in &losses[1..] {
        assert!(losses[0].iter().zip(other).all(|(a, b)| (a - b).abs() <= 1e-5 * a.abs()), "{losses:?}");
    }
}
