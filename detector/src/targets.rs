//! Label assignment: which class and which segment each point learns (OpenTAD `ActionFormerHead.prepare_targets`).

use crate::points::Point;

/// Lengths closer than this count as equal, in grid steps.
const SIMILAR_LENGTH: f32 = 1e-3;

/// One ground-truth segment in grid steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Truth {
    /// Start, in grid steps.
    pub start: f32,
    /// End, in grid steps.
    pub end: f32,
    /// Class index.
    pub label: usize,
}

/// What the points of one window learn.
#[derive(Debug, Clone, PartialEq)]
pub struct Assignment {
    /// 1 for every class a point should say, `[points * classes]`, row-major.
    pub classes: Vec<f32>,
    /// Distances to start and end in strides of the point's level; meaningful only where a class is set.
    pub offsets: Vec<[f32; 2]>,
}

impl Assignment {
    /// Whether a point learns any class.
    pub fn is_positive(&self, point: usize) -> bool {
        let classes = self.classes.len() / self.offsets.len().max(1);
        self.classes[point * classes..(point + 1) * classes].iter().any(|&c| c > 0.0)
    }
}

/// Which segments a point may learn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CandidateRule {
    /// A point learns segments whose centre is within this many strides of its level; none: all it lies in.
    pub radius: Option<f64>,
    /// Whether it learns only the labels of segments as short as its shortest.
    pub filter_similar: bool,
}

/// Assigns segments to points.
///
/// A segment is a point's candidate when the point lies inside it, near enough to its centre, and its farther end lies in
/// the point's range. The shortest candidate gives the distances (the first of equals); the classes are those of every
/// candidate as short as it, or of all candidates without `filter_similar`.
pub fn assign(points: &[Point], truth: &[Truth], classes: usize, rule: &CandidateRule) -> Assignment {
    let mut assignment =
        Assignment { classes: vec![0.0; points.len() * classes], offsets: vec![[0.0; 2]; points.len()] };
    let radius = rule.radius.map(|radius| radius as f32);
    for (p, point) in points.iter().enumerate() {
        let candidates: Vec<&Truth> = truth.iter().filter(|t| is_candidate(point, t, radius)).collect();
        let length = |t: &Truth| t.end - t.start;
        let Some(shortest) = candidates.iter().copied().reduce(|a, b| if length(b) < length(a) { b } else { a }) else {
            continue;
        };
        let limit = length(shortest) + SIMILAR_LENGTH;
        for t in candidates.iter().filter(|t| !rule.filter_similar || length(t) <= limit) {
            assignment.classes[p * classes + t.label] = 1.0;
        }
        assignment.offsets[p] =
            [(point.position - shortest.start) / point.stride, (shortest.end - point.position) / point.stride];
    }
    assignment
}

fn is_candidate(point: &Point, t: &Truth, radius: Option<f32>) -> bool {
    let (left, right) = (point.position - t.start, t.end - point.position);
    let nearest_end = match radius {
        None => left.min(right),
        Some(radius) => {
            let centre = 0.5 * (t.start + t.end);
            let lower = (centre - radius * point.stride).max(t.start);
            let upper = (centre + radius * point.stride).min(t.end);
            (point.position - lower).min(upper - point.position)
        }
    };
    let reach = left.max(right);
    nearest_end > 0.0 && reach >= point.low && reach <= point.high
}
