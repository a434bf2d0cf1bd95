//! The command as a process of its own: started, sent signals, killed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use adatad::config::RunConfig;
use tempfile::TempDir;

/// A folder with a run file, its data, and runs beside them.
pub struct Place {
    folder: TempDir,
    /// Arguments before `--out`.
    run: PathBuf,
}

/// How a process ended, and what it said on standard error.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

impl Place {
    /// Data written by `data` into the folder, and the run file of `config`.
    pub fn new(config: &RunConfig, data: impl Fn(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        data(folder.path());
        let run = folder.path().join("run.toml");
        std::fs::write(&run, config.to_toml()).unwrap();
        Self { folder, run }
    }

    pub fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `adatad train run.toml --out NAME`, to which more may be added.
    pub fn train(&self, name: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_adatad"));
        command.arg("train").arg(&self.run).arg("--out").arg(self.out(name)).args(more);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Starts a command whose standard error goes to a file: a pipe that nobody empties would stop it.
    pub fn start(&self, mut command: Command) -> Started {
        let said = self.folder.path().join(format!("said-{}", self.folder.path().read_dir().unwrap().count()));
        let log = std::fs::File::options().create(true).append(true).open(&said).unwrap();
        let child = command.stderr(log).spawn().unwrap();
        Started { child, said }
    }

    /// Runs a command to its end.
    pub fn end(&self, command: Command) -> Ended {
        let mut started = self.start(command);
        started.wait()
    }
}

/// A process at work.
pub struct Started {
    pub child: Child,
    said: PathBuf,
}

impl Started {
    pub fn wait(&mut self) -> Ended {
        let status: ExitStatus = self.child.wait().unwrap();
        Ended { code: status.code(), said: std::fs::read_to_string(&self.said).unwrap() }
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends a signal by name, as `kill` does.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until `happened`, or the process is over.
    pub fn until(&mut self, happened: impl Fn() -> bool) {
        while !happened() && !self.is_over() {
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// The files by which two runs are compared, with their content.
pub fn content(out: &Path) -> Vec<(String, Vec<u8>)> {
    let mut names = vec!["weights.safetensors", "metrics.jsonl", "detections.json", "scores.json", "best.safetensors"]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    let last = std::fs::read_to_string(out.join("checkpoints/latest")).unwrap();
    let last = format!("checkpoints/{}", last.trim());
    for file in ["weights.safetensors", "average.safetensors", "moments.safetensors", "state.json", "MANIFEST.json"] {
        names.push(format!("{last}/{file}"));
    }
    let read = |name: String| {
        let bytes = std::fs::read(out.join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

/// Two runs have come to the same, byte for byte.
#[track_caller]
pub fn assert_same(a: &[(String, Vec<u8>)], b: &[(String, Vec<u8>)]) {
    for ((name, a), (other, b)) in a.iter().zip(b) {
        assert_eq!(name, other);
        assert!(a == b, "{name} differs");
    }
    assert_eq!(a.len(), b.len());
}
