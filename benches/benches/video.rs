//! Writing and reading the demonstration's videos, 128x96.
//!
//! Rival: ffmpeg with one thread; decoding alone is 2 to 3 times faster there.

use std::ops::ControlFlow;
use std::path::Path;

use adatad_data::synth::{Renderer, Subset, SynthOptions};
use adatad_data::video::{Video, WriteOptions, write_mp4};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const FRAMES: usize = 250;

fn write(path: &Path) {
    let mut renderer = Renderer::new(&SynthOptions::default(), Subset::Training, 0);
    let options = WriteOptions { width: 128, height: 96, fps: 25, keyframe_interval: 50, qp: 26 };
    let written = write_mp4(path, &options, FRAMES, |frame, picture| renderer.frame(frame, &mut picture.rgb));
    assert!(written.is_ok(), "{written:?}");
}

fn video(c: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("adatad-bench-{}", std::process::id()));
    assert!(std::fs::create_dir_all(&folder).is_ok());
    let path = folder.join("clip.mp4");
    let mut group = c.benchmark_group("250 frames of 128x96");
    group.throughput(Throughput::Elements(FRAMES as u64)).sample_size(10);
    group.bench_function("render and write", |b| b.iter(|| write(&path)));
    for (name, step) in [("read all", 1), ("read every fourth", 4)] {
        let wanted: Vec<usize> = (0..FRAMES).step_by(step).collect();
        group.bench_function(name, |b| {
            b.iter(|| {
                let read = Video::open(&path).and_then(|video| video.read(&wanted, |_, _| ControlFlow::Continue(())));
                assert!(read.is_ok(), "{read:?}");
            });
        });
    }
    group.finish();
    std::fs::remove_dir_all(&folder).ok();
}

criterion_group!(benches, video);
criterion_main!(benches);
