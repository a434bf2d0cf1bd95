//! Training with a device of another process, as if it were of another machine.

#![cfg(test)]
#![cfg(all(unix, feature = "remote"))]

mod tiny;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tiny::TINY;

/// A process that lends its processor, ended with the test.
struct Lent {
    child: Child,
    address: String,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn lend() -> Lent {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adatad"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--token", "word"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let (_, address) = line.trim().split_once("ws://").unwrap_or_else(|| panic!("said {line:?}"));
    Lent { child, address: address.to_owned() }
}

fn train(out: &Path, devices: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adatad"));
    command.args(["train", "--json", "--force", "--devices", devices, "--out"]).arg(out);
    let small = [
        "data.synth.training=2",
        "data.synth.validation=0",
        "data.synth.test=1",
        "data.synth.seconds=[10, 12]",
        "schedule.epochs=4",
        "schedule.windows-per-video=2",
    ];
    small.iter().chain(&TINY).for_each(|set| {
        command.args(["--set", set]);
    });
    command
}

/// Losses of the epochs of a run that went well.
fn losses(mut command: Command) -> Vec<f64> {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    result["loss"].as_array().unwrap().iter().map(|loss| loss.as_f64().unwrap()).collect()
}

#[test]
fn a_device_of_another_process_comes_to_the_same_losses() {
    let folder = tempfile::tempdir().unwrap();
    let here = losses(train(&folder.path().join("here"), "flex"));
    let lent = lend();
    let there = format!("ws://word@{}", lent.address);
    for (name, devices) in [("both", format!("flex,{there}")), ("there", there.clone())] {
        let found = losses(train(&folder.path().join(name), &devices));
        let apart = here.iter().zip(&found).map(|(a, b)| ((a - b) / a).abs()).fold(0.0, f64::max);
        println!("{name}: {apart:.1e}");
        assert_eq!(here.len(), found.len());
        // Kernels for host memory and those for any device differ in the last digits.
        assert!(apart < 1e-5, "{name}: {found:?} is not {here:?}");
    }
}

#[test]
fn who_does_not_know_the_word_gets_no_device() {
    let (folder, lent) = (tempfile::tempdir().unwrap(), lend());
    for devices in [format!("ws://{}", lent.address), format!("flex,ws://wrong@{}", lent.address)] {
        let output = train(&folder.path().join("run"), &devices).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(&lent.address) && said.contains("--token"), "{said}");
    }
}

#[test]
fn a_device_that_is_lost_ends_the_run_with_what_was_learned() {
    let (folder, lent) = (tempfile::tempdir().unwrap(), lend());
    let (out, log) = (folder.path().join("run"), folder.path().join("said"));
    let mut command = train(&out, &format!("flex,ws://word@{}", lent.address));
    command
        .args(["--set", "schedule.epochs=400"])
        .stdout(Stdio::null())
        .stderr(std::fs::File::options().create(true).append(true).open(&log).unwrap());
    let mut training = command.spawn().unwrap();
    let begun = || std::fs::read_to_string(out.join("metrics.jsonl")).is_ok_and(|log| log.lines().count() > 4);
    while !begun() {
        assert!(training.try_wait().unwrap().is_none(), "{}", std::fs::read_to_string(&log).unwrap());
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(lent);
    let code = training.wait().unwrap().code();
    let said = std::fs::read_to_string(&log).unwrap();
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("could not be computed") && said.contains("--resume"), "{said}");

    // What goes on without it does not begin anew.
    let mut command = Command::new(env!("CARGO_BIN_EXE_adatad"));
    let output =
        command.args(["train", "--resume", "--set", "schedule.epochs=40", "--out"]).arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("going on from"), "{said}");
}
