//! Top-kx recall: how many actions are among the best few detections.
//!
//! "Few" is a multiple of how many actions of the class the video really has. Unlike in average precision, one
//! detection may find several actions. Source: OpenTAD `compute_topkx_recall_detection`, after Ego4D.

use serde::Serialize;

use super::class::Class;
use super::{Evaluation, mean};

/// Mean recall. All values are fractions of 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeanRecall {
    /// Temporal intersection over union from which an action is found.
    pub thresholds: Vec<f64>,
    /// How many times the number of actions: the `k` of "top-kx".
    pub multiples: Vec<usize>,
    /// Mean over the classes, for each threshold and then each multiple.
    pub values: Vec<Vec<f64>>,
    /// The classes that are annotated, by name.
    pub per_class: Vec<ClassRecall>,
}

/// Recall of one class.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassRecall {
    /// Name of the class.
    pub name: String,
    /// Annotations that count.
    pub truths: usize,
    /// For each threshold and then each multiple.
    pub values: Vec<Vec<f64>>,
}

pub(super) fn evaluate(evaluation: &Evaluation, thresholds: &[f64], multiples: &[usize]) -> MeanRecall {
    let per_class = evaluation.classes.iter().map(|(&name, class)| {
        let values = of_class(class, thresholds, multiples);
        ClassRecall { name: name.to_owned(), truths: class.truths, values }
    });
    let per_class: Vec<_> = per_class.collect();
    let at = |threshold: usize, k: usize| mean(per_class.iter().map(|class| class.values[threshold][k]));
    let row = |threshold| (0..multiples.len()).map(|k| at(threshold, k)).collect();
    let values = (0..thresholds.len()).map(row).collect();
    MeanRecall { thresholds: thresholds.to_vec(), multiples: multiples.to_vec(), values, per_class }
}

fn of_class(class: &Class, thresholds: &[f64], multiples: &[usize]) -> Vec<Vec<f64>> {
    let most = multiples.iter().copied().max().unwrap_or(0);
    // How many detections of its own video must be looked at until an annotation is found.
    let mut needed = vec![vec![usize::MAX; class.truths]; thresholds.len()];
    let mut looked_at = vec![0; class.videos.len()];
    let mut actions = vec![0; class.truths];
    for detection in &class.detections {
        let Some(video) = detection.video else { continue };
        looked_at[video] += 1;
        let many = class.videos[video].spans.len();
        if looked_at[video] > most.saturating_mul(many) {
            continue;
        }
        for (truth, overlap) in class.videos[video].spans.overlapping(detection.span) {
            actions[truth] = many;
            for (threshold, needed) in thresholds.iter().zip(&mut needed) {
                if overlap >= *threshold {
                    needed[truth] = needed[truth].min(looked_at[video]);
                }
            }
        }
    }
    let share = |needed: &[usize], k: usize| {
        let found = needed.iter().zip(&actions).filter(|&(&needed, &many)| needed <= many.saturating_mul(k));
        found.count() as f64 / class.truths as f64
    };
    needed.iter().map(|needed| multiples.iter().map(|&k| share(needed, k)).collect()).collect()
}
