//! Detection over a subset, scored.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use adatad_data::annotation::VideoEntry;
use adatad_detector::diagnosis::{Bins, Calibration, Diagnosis, calibrate, diagnose};
use adatad_detector::metrics::{Evaluation, LabelledDetection, LabelledTruth, MeanAveragePrecision, MeanRecall};
use adatad_detector::segment::Detection;

use crate::dataset::{Counting, Dataset};
use crate::detect::{DetectError, Detector};
use crate::observe::{Observer, Stage};

/// Detections of a subset and how good they are.
#[derive(Debug)]
pub struct Evaluated {
    /// Detections of each video, in the subset's order.
    pub detections: Vec<Vec<Detection>>,
    /// Mean average precision.
    pub map: MeanAveragePrecision,
    /// Recall of the best detections, where the run asks for it (`evaluation.top-k`).
    pub recall: Option<MeanRecall>,
    /// What is wrong with the detections.
    pub diagnosis: Diagnosis,
    /// What their scores mean.
    pub calibration: Calibration,
}

/// Overlap from which a detection is right, where scores are to be explained.
const ENOUGH: f64 = 0.5;

/// Precisions for which the score to ask for is told.
const WANTED: [f64; 4] = [0.5, 0.8, 0.9, 0.95];

/// The one for which it is told for each class.
const OF_CLASS: f64 = 0.9;

/// Detects in every video of `data` and compares with its annotations; none when `stop` was set before the last video
/// was done.
///
/// # Errors
///
/// A video cannot be decoded, or lacks classes from outside.
pub fn evaluate(
    detector: &Detector,
    data: &Dataset,
    tiou: &[f64],
    stop: &AtomicBool,
    observer: &dyn Observer,
) -> Result<Option<Evaluated>, DetectError> {
    let total = data.videos().len();
    let mut detections = Vec::with_capacity(total);
    for video in 0..total {
        if stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        detections.push(detector.in_dataset(data, video)?);
        observer.stage(Stage::Detect, video + 1, total);
    }
    Ok(Some(score(detector, data.videos(), detections, data.counting(), tiou)))
}

/// Differs from OpenTAD: labels that mark what is no class are not counted, where its evaluator makes a class of them.
fn score(
    detector: &Detector,
    videos: &[VideoEntry],
    detections: Vec<Vec<Detection>>,
    counting: &Counting,
    tiou: &[f64],
) -> Evaluated {
    let Counting { blocked, ignored, top_k } = counting;
    let truth = videos.iter().map(|entry| {
        let actions = entry.actions.iter().filter(|action| !ignored.contains(&action.label));
        let actions = actions.map(|a| LabelledTruth { start: a.start, end: a.end, label: &a.label });
        (entry.name.as_str(), actions.collect())
    });
    let found = videos.iter().zip(&detections).map(|(entry, detections)| {
        let labelled = detections.iter().map(|d| LabelledDetection {
            start: d.start,
            end: d.end,
            label: detector.classes().label(d.label).unwrap_or_default(),
            score: d.score,
        });
        (entry.name.as_str(), labelled.collect())
    });
    let (truth, found) = (truth.collect::<Vec<_>>(), found.collect::<Vec<_>>());
    let blocked: BTreeSet<&str> = blocked.iter().map(String::as_str).collect();
    let evaluation = Evaluation::new(&truth, &found, &blocked);
    let recall = (!top_k.is_empty()).then(|| evaluation.recall(tiou, top_k));
    let durations = videos.iter().map(|entry| (entry.name.as_str(), entry.duration)).collect();
    let bins = Bins::even(&evaluation, &durations);
    let map = evaluation.average_precision(tiou);
    let diagnosis = diagnose(&evaluation, &durations, tiou, &bins);
    let calibration = calibrate(&evaluation, ENOUGH, &WANTED, OF_CLASS);
    Evaluated { map, recall, diagnosis, calibration, detections }
}
