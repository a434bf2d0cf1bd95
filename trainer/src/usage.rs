//! What the process has used so far, as the operating system counts it.

use std::time::Instant;

use serde::Serialize;

/// Ticks per second of `/proc`; fixed at 100 on Linux whatever the kernel's own.
const TICKS: f64 = 100.0;

/// Resources of a whole command.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usage {
    /// Seconds by the clock.
    pub wall_s: f64,
    /// Processor seconds, user and system, of all threads; 0 where the system does not tell.
    pub cpu_s: f64,
    /// Largest resident memory, in MiB; 0 where the system does not tell.
    pub peak_mib: u64,
}

impl Usage {
    /// Since `start`, and since the process began.
    pub fn since(start: Instant) -> Self {
        let two = |value: f64| (value * 100.0).round() / 100.0;
        Self {
            wall_s: two(start.elapsed().as_secs_f64()),
            cpu_s: two(cpu_seconds().unwrap_or(0.0)),
            peak_mib: peak_mib().unwrap_or(0),
        }
    }
}

/// Processor seconds of the process so far, in hundredths; none where the system does not tell.
pub fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The second field is the command's name in brackets, and may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

fn peak_mib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}
