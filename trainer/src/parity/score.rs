//! The largest error so far, in units of what is tolerated.

use serde::Serialize;

use super::Verdict;
use super::unusable::Unusable;

/// The largest errors of a whole model's fixture by what they follow from, in units of what is tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Parts {
    /// Stages, predictions, losses at the start; everything, in fixtures of other kinds.
    pub forward: f64,
    /// Gradients at the start.
    pub gradient: f64,
    /// What follows from a step along them.
    pub later: f64,
}

impl Parts {
    fn of(&mut self, what: &str) -> &mut f64 {
        let later = what.strip_prefix("loss/").unwrap_or(what);
        match later.strip_prefix("step").filter(|rest| !rest.starts_with('1')) {
            Some(_) => &mut self.later,
            None if what.starts_with("grad") => &mut self.gradient,
            None => &mut self.forward,
        }
    }
}

/// What was compared, and how it came out.
#[derive(Debug, Default)]
pub(super) struct Score {
    compared: usize,
    /// The largest ratio and where.
    worst: Option<(f64, String)>,
    parts: Parts,
    failed: usize,
}

impl Score {
    /// Compares numbers one by one, with a tolerance in proportion to each number expected.
    pub(super) fn relative(&mut self, what: &str, found: &[f64], expected: &[f64], tolerance: impl Fn(f64) -> f64) {
        self.within(what, found, expected, |at| tolerance(expected[at]));
    }

    /// Compares numbers one by one.
    pub(super) fn compare(&mut self, what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
        self.within(what, found, expected, |_| tolerance);
    }

    /// Compares numbers one by one, each with a tolerance of its own.
    pub(super) fn within(&mut self, what: &str, found: &[f64], expected: &[f64], tolerance: impl Fn(usize) -> f64) {
        if found.len() != expected.len() {
            let what = format!("{what}: {} numbers, expected are {}", found.len(), expected.len());
            return self.note(&what, f64::INFINITY);
        }
        let ratio = |at: usize| match (found[at] - expected[at]).abs() {
            same if same == 0.0 || (found[at].is_nan() && expected[at].is_nan()) => 0.0,
            error if error.is_nan() => f64::INFINITY,
            error => error / tolerance(at),
        };
        let ratios = (0..found.len()).map(|at| (at, ratio(at)));
        let Some((at, worst)) = ratios.max_by(|a, b| a.1.total_cmp(&b.1)) else {
            return self.note(what, 0.0);
        };
        self.note(&format!("{what}[{at}] is {:e}, expected {:e}", found[at], expected[at]), worst);
    }

    /// Something that is either so or not.
    pub(super) fn same(&mut self, what: &str, same: bool) {
        self.note(what, if same { 0.0 } else { f64::INFINITY });
    }

    fn note(&mut self, what: &str, ratio: f64) {
        self.compared += 1;
        self.failed += usize::from(ratio > 1.0);
        let part = self.parts.of(what);
        *part = part.max(ratio);
        if self.worst.as_ref().is_none_or(|(worst, _)| ratio > *worst) {
            self.worst = Some((ratio, what.to_owned()));
        }
    }

    /// The end of a fixture that came to its end, or stopped.
    pub(super) fn verdict(self, name: &str, kind: String, done: Result<(), Unusable>) -> Verdict {
        let compared = match &self.worst {
            Some((_, at)) => format!("{} comparisons, {} failed, worst: {at}", self.compared, self.failed),
            None => "nothing was compared".to_owned(),
        };
        let note = match &done {
            Ok(()) => compared,
            Err(Unusable(reason)) if self.compared == 0 => reason.clone(),
            Err(Unusable(reason)) => format!("{reason} (before that: {compared})"),
        };
        let passed = done.is_ok() && self.failed == 0 && self.compared > 0;
        let worst_ratio = self.worst.map(|(ratio, _)| ratio.min(f64::MAX));
        Verdict { name: name.to_owned(), kind, worst_ratio, passed, finished: done.is_ok(), parts: self.parts, note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(fill: impl FnOnce(&mut Score)) -> Verdict {
        let mut score = Score::default();
        fill(&mut score);
        score.verdict("a", "b".into(), Ok(()))
    }

    #[test]
    fn an_error_beyond_its_tolerance_fails() {
        assert!(verdict(|score| score.compare("x", &[1.0, 2.0], &[1.0, 2.1], 0.2)).passed);
        let failed = verdict(|score| score.compare("x", &[1.0, 2.0], &[1.0, 2.1], 0.05));
        assert!(!failed.passed && (failed.worst_ratio.unwrap() - 2.0).abs() < 1e-9, "{failed:?}");
    }

    #[test]
    fn errors_are_told_apart_by_what_they_follow_from() {
        let parts = verdict(|score| {
            for (name, error) in [("stage/a", 0.1), ("grad/b", 0.2), ("loss/step2.cost", 0.3), ("step3/c", 0.4)] {
                score.compare(name, &[1.0 + error], &[1.0], 1.0);
            }
            score.compare("loss/step1.cost", &[1.05], &[1.0], 1.0);
        })
        .parts;
        let rounded = [parts.forward, parts.gradient, parts.later].map(|part| (part * 100.0).round());
        assert_eq!(rounded, [10.0, 20.0, 40.0]);
    }

    #[test]
    fn what_is_no_number_or_of_another_length_fails() {
        assert!(!verdict(|score| score.compare("x", &[f64::NAN], &[1.0], 1.0)).passed);
        assert!(!verdict(|score| score.compare("x", &[1.0], &[], 1.0)).passed);
        assert!(!verdict(|_| ()).passed);
    }
}
