//! `doctor`.

use std::path::Path;
use std::process::{Command, Stdio};

use adatad::{disk, memory};
use adatad_data::video::Ffmpeg;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::device::DeviceName;
use super::{Clock, Ending, say};

/// What this machine has: devices, processor, memory, disk, readers of video
#[derive(clap::Args)]
pub(crate) struct Doctor {
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self, clock: &Clock) -> anyhow::Result<Ending> {
        let devices: Vec<_> = DeviceName::value_variants()
            .iter()
            .filter(|device| device.built().is_some())
            .map(|device| device.name())
            .collect();
        let processor = processor();
        let (free_memory, free_disk) = (memory::free(), disk::free(Path::new(".")));
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let programs = ["ffmpeg", "ffprobe"].map(|name| (name, version(name)));
        if self.json {
            let programs: serde_json::Map<String, Value> =
                programs.into_iter().map(|(name, version)| (name.to_owned(), json!(version))).collect();
            clock.print(json!({
                "version": env!("CARGO_PKG_VERSION"), "devices": devices, "processor": processor, "threads": threads,
                "memory_free": free_memory, "disk_free": free_disk, "programs": programs,
                "readers": ["H.264 in MP4 and MOV", "folders of frames"],
            }));
            return Ok(Ending::Done);
        }
        let mebi = |bytes: Option<u64>| bytes.map_or("unknown".into(), |bytes| format!("{} MiB free", bytes >> 20));
        say(&format!("adatad     {}", env!("CARGO_PKG_VERSION")));
        say(&format!("devices    {} (of this build; others need features, see docs/BACKENDS.md)", devices.join(", ")));
        say(&format!("processor  {threads} threads; {}", processor.join(" ")));
        say(&format!("memory     {}", mebi(free_memory)));
        say(&format!("disk       {}, here", mebi(free_disk)));
        say("video      H.264 in MP4 and MOV, folders of frames");
        for (name, version) in programs {
            match version {
                Some(version) => say(&format!("           {name} {version}: other codecs and containers, too")),
                None => say(&format!("           {name} is not installed: other codecs and containers need it")),
            }
        }
        Ok(Ending::Done)
    }
}

/// Features of the processor that kernels make use of.
fn processor() -> Vec<&'static str> {
    let mut found = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        macro_rules! look {
            ($($name:tt),*) => {
                $(if std::arch::is_x86_feature_detected!($name) { found.push($name); })*
            };
        }
        look!("sse4.2", "avx2", "fma", "f16c", "avx512f", "avx512bw", "avx512bf16");
    }
    #[cfg(target_arch = "aarch64")]
    found.push("neon");
    found
}

/// The version of a program of the FFmpeg family; none where it is not installed.
fn version(name: &str) -> Option<String> {
    let output = Command::new(Ffmpeg::default().program(name)).arg("-version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // `ffmpeg version 5.1.9-0+deb12u1 Copyright ...`
    text.split_whitespace().nth(2).map(str::to_owned)
}
