//! Inputs of the benches: the same every time, and made in memory.

use adatad_data::random::{Rng, Stream};
use adatad_detector::segment::Segment;

/// Random proposals of one video, in seconds: crowded, as a detector leaves them.
pub fn proposals(count: usize, classes: usize) -> Vec<Segment> {
    let mut rng = Rng::new(0, Stream::Synth, 0, count as u64);
    let mut proposal = || {
        let (start, length) = (rng.uniform(0.0, 200.0), rng.uniform(0.5, 20.0));
        let (label, score) = (rng.integer(0, classes - 1), rng.unit() as f32);
        Segment { start: start as f32, end: (start + length) as f32, label, score }
    };
    (0..count).map(|_| proposal()).collect()
}
