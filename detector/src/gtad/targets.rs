//! What the boundary head and the proposal maps should say (OpenTAD `TemporalEvaluationHead.prepare_targets`,
//! `StandardProposalMapHead`).

use super::proposals::ProposalMap;
use crate::targets::Truth;

/// Half of the stretch around a boundary that counts as the boundary, in grid steps (OpenTAD `3.0 / 2`).
const REACH: f32 = 1.5;

/// What one window should say.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowTargets {
    /// 1 where an action starts, per grid step.
    pub starts: Vec<f32>,
    /// 1 where an action ends, per grid step.
    pub ends: Vec<f32>,
    /// Largest overlap with an action of every proposal within the window, row by row.
    pub overlaps: Vec<f32>,
}

impl WindowTargets {
    /// From ground truth in grid steps; without any, nothing starts or ends and every overlap is 0.
    ///
    /// Differs from OpenTAD, which cannot train on a window without an action.
    pub fn new(truth: &[Truth], map: ProposalMap) -> Self {
        let boundaries = |place: fn(&Truth) -> f32| (0..map.steps).map(|t| near_boundary(truth, place, t)).collect();
        let largest = |segment| truth.iter().map(|t| overlap(segment, [t.start, t.end])).fold(0.0, f32::max);
        Self {
            starts: boundaries(|t| t.start),
            ends: boundaries(|t| t.end),
            overlaps: map.valid().map(|(_, [start, end])| largest([start as f32, end as f32])).collect(),
        }
    }
}

/// Whether the step from `t` to `t + 1` lies wholly within reach of a boundary.
///
/// OpenTAD computes which share of the step does and means to ask for more than half of it, but stores the share as a
/// whole number first, so that all that is less than 1 becomes 0. Trained models have learned this.
fn near_boundary(truth: &[Truth], place: fn(&Truth) -> f32, t: usize) -> f32 {
    let (start, end) = (t as f32, (t + 1) as f32);
    let shared = |place: f32| end.min(place + REACH) - start.max(place - REACH);
    let near = truth.iter().any(|truth| shared(place(truth)) >= 1.0);
    f32::from(u8::from(near))
}

/// Intersection over union, of which the reference takes at least 1e-6.
fn overlap([start, end]: [f32; 2], [true_start, true_end]: [f32; 2]) -> f32 {
    let inner = (end.min(true_end) - start.max(true_start)).max(0.0);
    inner / ((end - start) + (true_end - true_start) - inner).max(1e-6)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(start: f32, end: f32) -> Truth {
        Truth { start, end, label: 0 }
    }

    #[test]
    fn a_boundary_marks_the_steps_that_lie_wholly_around_it() {
        let found = WindowTargets::new(&[truth(2.0, 5.5)], ProposalMap { durations: 1, steps: 8 });
        assert_eq!(found.starts, [0., 1., 1., 0., 0., 0., 0., 0.]);
        assert_eq!(found.ends, [0., 0., 0., 0., 1., 1., 1., 0.]);
    }

    #[test]
    fn a_proposal_learns_its_best_overlap() {
        let map = ProposalMap { durations: 2, steps: 4 };
        let found = WindowTargets::new(&[truth(0.0, 1.0), truth(1.0, 4.0)], map);
        let third = 1.0 / 3.0;
        assert_eq!(found.overlaps, [1.0, third, third, third, 0.5, 2.0 / 3.0, 2.0 / 3.0]);
    }

    #[test]
    fn a_window_without_an_action_teaches_that_there_is_none() {
        let found = WindowTargets::new(&[], ProposalMap { durations: 2, steps: 4 });
        assert!(found.starts.iter().chain(&found.ends).chain(&found.overlaps).all(|&target| target == 0.0));
    }
}
