//! Suppression of one video's proposals, and metrics of a whole data set.
//!
//! | what | limit | reference |
//! | --- | --- | --- |
//! | 2,000 proposals, class-agnostic, gaussian, with voting | 10 ms | 102 ms: OpenTAD's C++ extension with its Python wrapper, of which the voting over all pairs is most |
//! | 5,000 proposals of 20 classes, gaussian, each class by itself | 5 ms | 2.8 ms a class of 2,000 for the plain O(n²) loop in Rust, 10 ms for one of 5,000 |
//! | mAP of 42,400 detections at 5 thresholds | 500 ms with reading the files | 36 s: OpenTAD's evaluator, 16 processes |

use std::collections::BTreeSet;

use adatad_benches::proposals;
use adatad_detector::metrics::{Evaluation, LabelledDetection, LabelledTruth};
use adatad_detector::suppression::{Method, Suppression};
use criterion::{Criterion, criterion_group, criterion_main};

fn suppression(c: &mut Criterion) {
    let voting = Suppression { max_segments: 2000, min_score: 0.0, ..Suppression::activitynet() };
    let hard = Suppression { method: Method::Hard { overlap: 0.5 }, ..voting.clone() };
    for (name, settings, count, classes) in [
        ("2000 proposals, class-agnostic with voting", voting, 2000, 20),
        ("2000 proposals, class-agnostic with voting, hard", hard, 2000, 20),
        ("5000 proposals, 20 classes", Suppression::thumos(), 5000, 20),
    ] {
        let proposals = proposals(count, classes);
        c.bench_function(name, |b| b.iter(|| settings.apply(&proposals)));
    }
}

/// As many videos, actions, classes and detections as THUMOS-14's test.
fn metrics(c: &mut Criterion) {
    let names: Vec<String> = (0..212).map(|video| format!("video_{video}")).collect();
    let labels: Vec<String> = (0..20).map(|class| format!("class_{class}")).collect();
    let (actions, found) = (proposals(3358, 20), proposals(42_400, 20));
    let of_video = |at: usize| (0..actions.len()).filter(move |action| action % 212 == at);
    let truth = |at: usize| {
        let action = &actions[at];
        LabelledTruth { start: action.start.into(), end: action.end.into(), label: &labels[action.label] }
    };
    let truths: Vec<_> =
        names.iter().enumerate().map(|(at, name)| (name.as_str(), of_video(at).map(truth).collect())).collect();
    let detection = |d: &adatad_detector::segment::Segment| LabelledDetection {
        start: d.start.into(),
        end: d.end.into(),
        label: &labels[d.label],
        score: d.score.into(),
    };
    let found: Vec<_> = names
        .iter()
        .zip(found.chunks(200))
        .map(|(name, found)| (name.as_str(), found.iter().map(detection).collect()))
        .collect();
    let thresholds = [0.3, 0.4, 0.5, 0.6, 0.7];
    c.bench_function("mAP of 42,400 detections", |b| {
        b.iter(|| Evaluation::new(&truths, &found, &BTreeSet::new()).average_precision(&thresholds));
    });
}

criterion_group!(benches, suppression, metrics);
criterion_main!(benches);
