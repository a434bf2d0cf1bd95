//! Suppression of one video's proposals.
//!
//! Rival: OpenTAD's C++ extension with its Python wrapper, 102 ms for 2,000 proposals, class-agnostic with voting.

use adatad_benches::proposals;
use adatad_detector::suppression::Suppression;
use criterion::{Criterion, criterion_group, criterion_main};

fn suppression(c: &mut Criterion) {
    let voting = Suppression { max_segments: 2000, min_score: 0.0, ..Suppression::activitynet() };
    for (name, settings, count, classes) in [
        ("2000 proposals, class-agnostic with voting", voting, 2000, 20),
        ("5000 proposals, 20 classes", Suppression::thumos(), 5000, 20),
    ] {
        let proposals = proposals(count, classes);
        c.bench_function(name, |b| b.iter(|| settings.apply(&proposals)));
    }
}

criterion_group!(benches, suppression);
criterion_main!(benches);
