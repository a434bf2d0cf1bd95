//! Turns `model/videomae.onnx` into Rust code and a file of weights.

use std::path::Path;
use std::process::ExitCode;

use burn_onnx::ModelGen;

/// What `export_videomae.py` writes.
const MODEL: &str = "model/videomae.onnx";

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=model"); // the folder: weights may stand beside the model
    if !Path::new(MODEL).exists() {
        println!("cargo::error={MODEL} does not exist; `python export_videomae.py` writes it");
        return ExitCode::FAILURE;
    }
    ModelGen::new().input(MODEL).out_dir("model/").run_from_script();
    ExitCode::SUCCESS
}
