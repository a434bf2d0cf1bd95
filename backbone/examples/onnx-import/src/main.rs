//! Runs a VideoMAE that was imported from ONNX and compares it with what the framework it comes from had computed.
//!
//! Exit codes: 0 agrees, 1 does not, 2 the numbers to compare with cannot be read.

use std::error::Error;
use std::process::ExitCode;

use burn::tensor::{Device, Tensor, TensorData};
use safetensors::{Dtype, SafeTensors};

/// What burn-onnx made of `model/videomae.onnx`.
#[allow(clippy::all, missing_docs, unused, reason = "generated")]
mod videomae {
    include!(concat!(env!("OUT_DIR"), "/model/videomae.rs"));
}

/// An input and what is expected of it.
const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/model/expected.safetensors");

fn main() -> ExitCode {
    match differences() {
        Ok((difference, tolerance)) => {
            let agrees = difference <= tolerance; // NaN does not
            println!("largest difference {difference:.2e}, tolerated {tolerance:.2e}");
            println!("{}", if agrees { "agrees" } else { "differs" });
            if agrees { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("error: {EXPECTED}: {error}");
            ExitCode::from(2)
        }
    }
}

/// The largest difference, and what is tolerated.
fn differences() -> Result<(f32, f32), Box<dyn Error>> {
    let bytes = std::fs::read(EXPECTED)?;
    let file = SafeTensors::deserialize(&bytes)?;
    let device = Device::flex();
    let model = videomae::Model::from_file(concat!(env!("OUT_DIR"), "/model/videomae.bpk"), &device);

    let pixels = Tensor::<5>::from_data(read(&file, "pixels")?, &device); // [clip, frame, channel, row, column]
    let features = model.forward(pixels); // [clip, token, channel]

    let expected = read(&file, "features")?;
    let found = features.to_data();
    if found.shape() != expected.shape() {
        return Err(format!("found is {:?}, expected is {:?}", found.shape(), expected.shape()).into());
    }
    let (found, expected) = (found.try_to_vec::<f32>()?, expected.try_to_vec::<f32>()?);
    let differences = found.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
    let largest = differences.max_by(f32::total_cmp).ok_or("no numbers")?; // NaN counts as the largest of all
    let tolerance = read(&file, "tolerance")?.try_to_vec::<f32>()?;
    Ok((largest, *tolerance.first().ok_or("`tolerance` is empty")?))
}

/// A tensor of float32.
fn read(file: &SafeTensors, name: &str) -> Result<TensorData, Box<dyn Error>> {
    let tensor = file.tensor(name)?;
    if tensor.dtype() != Dtype::F32 {
        return Err(format!("`{name}` is {:?}, expected is F32", tensor.dtype()).into());
    }
    let numbers = tensor.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
    Ok(TensorData::new(numbers.collect::<Vec<_>>(), tensor.shape()))
}
