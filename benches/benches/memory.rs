//! Memory of whole training steps: the largest resident memory above an idle process, beside what was planned.
//!
//! Memory is no time, so that criterion does not measure it: each step runs once, in a process of its own
//! (`adatad bench step`), and a line is printed for each. Sizes S and B, 96 to 1,536 frames, every kind of plan.
//! The rival, a plain PyTorch implementation with a checkpoint per block, needs 2,450 MiB for S and 4,450 MiB for B at 768
//! frames. `cargo xtask bench memory -- 96` runs the shortest windows only.

use std::process::Command;

/// What is asked of each plan.
const PLANS: [(&str, &[&str]); 4] = [
    ("generous", &["--memory", "1TiB"]),
    ("smallest", &["--memory", "min"]),
    ("smallest, bf16", &["--memory", "min", "--precision", "bf16"]),
    ("smallest, files", &["--memory", "min", "--spill", "."]),
];

#[expect(clippy::print_stdout, reason = "a bench talks to whoever called it")]
fn main() {
    // Cargo itself says `--bench`.
    let wanted: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    println!("size  frames  plan              keeps                                    MiB above idle   planned");
    for size in ["s", "b"] {
        for frames in [96, 384, 768, 1536] {
            if !wanted.is_empty() && !wanted.contains(&frames) {
                continue;
            }
            for (name, options) in PLANS {
                match measure(size, frames, options) {
                    Ok((keep, above, planned)) => {
                        println!("{size:<5} {frames:>6}  {name:<17} {keep:<40} {above:>14}   {planned:>7}");
                    }
                    Err(error) => println!("{size:<5} {frames:>6}  {name:<17} {error}"),
                }
            }
        }
    }
}

fn measure(size: &str, frames: usize, options: &[&str]) -> Result<(String, u64, u64), String> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let frames = frames.to_string();
    let fixed =
        ["run", "--release", "--quiet", "--package", "adatad", "--bin", "adatad", "--", "bench", "step", "--json"];
    // The moments of the optimiser are there from the second step on, as in any training.
    let step = ["--size", size, "--frames", &frames, "--repeats", "2"];
    let output = Command::new(cargo).args(fixed).args(step).args(options).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let result: serde_json::Value = serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    let number = |value: &serde_json::Value| value.as_u64().ok_or_else(|| "no such number".to_owned());
    let parts = ["trained_state", "kept", "working"].map(|part| number(&result["memory"][part]));
    let planned = parts.into_iter().sum::<Result<u64, String>>()?;
    let keep = result["keep"].as_str().unwrap_or_default().to_owned();
    Ok((keep, number(&result["above_idle_mib"])?, planned >> 20))
}
