//! Runs on stored features, as small as they can be.

use std::path::Path;

use adatad::config::RunConfig;
use adatad_data::random::{Rng, Stream};

const SBHAR: &str = include_str!("../../presets/sbhar_actionformer.toml");

/// The preset on two channels, at a fraction of its size.
pub fn tiny(sets: &[&str]) -> RunConfig {
    let small = [
        "data.annotations=data/annotations.json",
        "data.features.folder=data",
        "data.features.channels=2",
        "data.features.signal-window=8",
        "data.features.offset-frames=4",
        "window.size=64",
        "window.feature-stride=4",
        "detector.channels=16",
        "detector.regression-ranges=[[0, 4], [4, 8], [8, 10000]]",
        "optimizer.learning-rate=5e-3",
        "schedule.epochs=3",
        "schedule.warmup-epochs=1",
        "schedule.windows-per-video=2",
        "schedule.average-decay=0.5",
    ];
    let sets: Vec<String> = small.iter().chain(sets).map(|set| (*set).to_owned()).collect();
    RunConfig::parse(SBHAR, Path::new("tiny.toml"), &sets).unwrap()
}

/// A recording of `rows` rows of noise in which the second channel is raised from row `from` on, for 60 rows.
fn recording(name: &str, rows: usize, from: usize) -> Vec<u8> {
    let mut noise = Rng::new(rows as u64, Stream::Synth, 0, name.len() as u64);
    let raised = |row: usize| if (from..from + 60).contains(&row) { 2.0 } else { 0.0 };
    let values = (0..rows).flat_map(|row| [noise.unit() as f32, 5.0 + raised(row) + noise.unit() as f32]);
    npy(rows, values)
}

/// A file of rows of two numbers.
pub fn npy(rows: usize, values: impl Iterator<Item = f32>) -> Vec<u8> {
    let values: Vec<u8> = values.flat_map(f32::to_le_bytes).collect();
    let header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, 2), }}");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.into_bytes());
    bytes.extend(values);
    bytes
}

/// Two recordings to learn from, one of them longer than a window, and one to test.
pub fn write_data(out: &Path) {
    std::fs::create_dir_all(out.join("data")).unwrap();
    let mut database = serde_json::Map::new();
    for (name, subset, rows, from) in
        [("one", "training", 200, 50), ("two", "training", 400, 100), ("three", "validation", 300, 80)]
    {
        std::fs::write(out.join(format!("data/{name}.npy")), recording(name, rows, from)).unwrap();
        let [start, end] = [from, from + 60].map(|row| row as f64 / 50.0);
        let entry = serde_json::json!({
            "subset": subset, "duration": rows as f64 / 50.0, "frame": rows,
            "annotations": [{"segment": [start, end], "label": "raised"}, {"segment": [0.0, start], "label": "low"}],
        });
        database.insert(name.into(), entry);
    }
    let text = serde_json::json!({ "database": database }).to_string();
    std::fs::write(out.join("data/annotations.json"), text).unwrap();
}
