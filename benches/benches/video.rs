//! Writing and reading the demonstration's videos, and making frames ready for a model.
//!
//! Rival: ffmpeg with one thread; decoding alone is 2 to 3 times faster there.

use std::ops::ControlFlow;
use std::path::Path;

use adatad_data::frames::{FrameStore, StoreOptions};
use adatad_data::random::{Rng, Stream};
use adatad_data::synth::{Renderer, Subset, SynthOptions};
use adatad_data::transform::{Resampler, Transform};
use adatad_data::video::{OpenOptions, Video, WriteOptions, write_mp4};
use adatad_data::window::FramePlan;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const FRAMES: usize = 250;

/// Frames of a training window, and the side that the model sees, in the published THUMOS14 recipes.
const WINDOW: usize = 768;
const SIDE: usize = 160;

fn write(path: &Path, (width, height): (usize, usize), frames: usize) {
    let synth = SynthOptions { width, height, ..SynthOptions::default() };
    let mut renderer = Renderer::new(&synth, Subset::Training, 0);
    let options = WriteOptions { width, height, fps: 25, keyframe_interval: 50, qp: 26 };
    let written = write_mp4(path, &options, frames, |frame, picture| renderer.frame(frame, &mut picture.rgb));
    assert!(written.is_ok(), "{written:?}");
}

fn video(c: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("adatad-bench-{}", std::process::id()));
    assert!(std::fs::create_dir_all(&folder).is_ok());
    let path = folder.join("clip.mp4");
    let mut group = c.benchmark_group("250 frames of 128x96");
    group.throughput(Throughput::Elements(FRAMES as u64)).sample_size(10);
    group.bench_function("render and write", |b| b.iter(|| write(&path, (128, 96), FRAMES)));
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

    let mut group = c.benchmark_group("320x240 to 160x160");
    group.sample_size(10);
    write(&path, (320, 240), WINDOW);
    group.throughput(Throughput::Elements(FRAMES as u64));
    group.bench_function("decode, resize and crop", |b| {
        let wanted: Vec<usize> = (0..FRAMES).collect();
        let drawn = Transform::testing(SIDE).draw(320, 240, &mut Rng::new(0, Stream::Augment, 0, 0));
        let (mut resampler, mut out) = (Resampler::default(), vec![0; SIDE * SIDE * 3]);
        b.iter(|| {
            let read = Video::open(&path).and_then(|video| {
                video.read(&wanted, |_, picture| {
                    drawn.apply(&picture.rgb, &mut resampler, &mut out);
                    ControlFlow::Continue(())
                })
            });
            assert!(read.is_ok(), "{read:?}");
        });
    });
    group.throughput(Throughput::Elements(WINDOW as u64));
    for (name, memory) in [("augmented window of 768, decoded", 0), ("augmented window of 768, kept", 1 << 30)] {
        let transform = Transform::reference(SIDE);
        let open = OpenOptions::default();
        let options = StoreOptions { open, stride: 1, short_side: transform.short_side, memory, shuffle: None };
        let opened = FrameStore::open(&[path.clone().into()], options).and_then(|mut store| {
            store.fill(|_, _| ())?;
            Ok(store)
        });
        assert!(opened.is_ok(), "{opened:?}");
        let Ok(store) = opened else { return };
        let plan = FramePlan::Strided { first: 0, step: 1, count: WINDOW, length: WINDOW };
        let mut index = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                index += 1; // another draw every time: some operations take longer than others
                let window = store.window(0, &plan, &transform, &mut Rng::new(0, Stream::Augment, 0, index));
                assert!(window.is_ok(), "{:?}", window.err());
            });
        });
    }
    group.finish();
    std::fs::remove_dir_all(&folder).ok();
}

criterion_group!(benches, video);
criterion_main!(benches);
