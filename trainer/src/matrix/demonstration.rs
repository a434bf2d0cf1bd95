//! Twenty steps of the demonstration, at a fraction of its size: the same curve, the same detections, and a run that one
//! backend begins and another ends.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use adatad_detector::segment::Detection;

use super::tolerance::{CURVE, ENDS, RESUMED, SCORE};
use super::{Matrix, Outcome, Said, Subject, verdict};
use crate::config::RunConfig;
use crate::folder::RunFolder;
use crate::observe::{Observer, Stage, StepReport};
use crate::session::{MemoryLimit, Session};

/// Steps of a run.
const STEPS: usize = 20;
/// Steps after which the other backend takes over.
const HALF: usize = 10;

/// What makes the demonstration small: ten epochs of two steps on two videos of some seconds. Few sizes of tensors, since a
/// GPU backend builds a kernel for each.
const SMALL: [&str; 11] = [
    "data.synth.training=2",
    "data.synth.validation=0",
    "data.synth.test=2",
    "data.synth.seconds=[10, 12]",
    "window.size=64",
    "backbone.width=16",
    "backbone.mlp=32",
    "detector.channels=16",
    "detector.regression-ranges=[[0, 4], [4, 8], [8, 10000]]",
    "schedule.epochs=10",
    "schedule.windows-per-video=2",
];

/// Runs of the demonstration.
struct Runs<'a> {
    config: RunConfig,
    matrix: &'a Matrix<'a>,
}

/// Listens to a run, and stops it after some steps.
struct Ears<'a> {
    losses: Mutex<Vec<f64>>,
    stop_after: usize,
    stop: &'a AtomicBool,
}

impl Observer for Ears<'_> {
    fn stage(&self, _: Stage, _: usize, _: usize) {}
    fn note(&self, _: &str) {}
    fn step(&self, report: &StepReport) {
        if let Ok(mut losses) = self.losses.lock() {
            losses.push(report.losses.total);
        }
        if report.step == self.stop_after {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

pub(super) fn checks(matrix: &Matrix<'_>, check: &mut impl FnMut(&str, &mut dyn FnMut() -> Said)) {
    let sets = SMALL.map(str::to_owned);
    let config = match RunConfig::demonstration(&sets) {
        Ok(config) => config,
        Err(error) => return check("demonstration", &mut || (Outcome::Failed, error.to_string())),
    };
    let (runs, Matrix { subject, reference, work, .. }) = (Runs { config, matrix }, matrix);
    let [whole, taken_over, own, given_back] =
        ["reference", "reference-subject", "subject", "subject-reference"].map(|name| work.join(name));

    let mut curve = Vec::new();
    let name = format!("{STEPS} steps of the demonstration on {}, for comparison", reference.name);
    check(&name, &mut || match runs.train(reference, &whole, STEPS, false) {
        Ok(losses) if losses.len() == STEPS && losses[STEPS - 1] < losses[0] => {
            curve = losses;
            (Outcome::Passed, format!("loss from {:.4} to {:.4}", curve[0], curve[STEPS - 1]))
        }
        Ok(losses) => (Outcome::Failed, format!("losses {losses:?}")),
        Err(error) => (Outcome::Failed, error),
    });

    let mut begun = Vec::new();
    let mut begun_is_saved = false;
    check(&format!("{STEPS} steps on {}, with a stop after {HALF}", subject.name), &mut || {
        let first = runs.train(subject, &own, HALF, false).and_then(|losses| {
            begun = losses;
            copy(&own, &given_back).map_err(|error| error.to_string())?;
            begun_is_saved = true;
            runs.train(subject, &own, STEPS, true)
        });
        match first {
            Ok(rest) => close(&[begun.clone(), rest].concat(), &curve, CURVE.allowed),
            Err(error) => (Outcome::Failed, error),
        }
    });
    check(&format!("saved on {}, resumed on {}", reference.name, subject.name), &mut || {
        let rest = runs.train(reference, &taken_over, HALF, false);
        match rest.and_then(|_| runs.train(subject, &taken_over, STEPS, true)) {
            Ok(rest) => close(&rest, curve.get(HALF..).unwrap_or_default(), RESUMED.allowed),
            Err(error) => (Outcome::Failed, error),
        }
    });
    check(&format!("saved on {}, resumed on {}", subject.name, reference.name), &mut || {
        if !begun_is_saved {
            return (Outcome::Failed, "nothing was saved".into());
        }
        match runs.train(reference, &given_back, STEPS, true) {
            Ok(rest) => close(&rest, curve.get(HALF..).unwrap_or_default(), RESUMED.allowed),
            Err(error) => (Outcome::Failed, error),
        }
    });
    check("detection with the same weights", &mut || {
        let found = runs.detect(reference, &whole).and_then(|a| runs.detect(subject, &whole).map(|b| (a, b)));
        match found {
            Ok((expected, found)) => same_best(&found, &expected),
            Err(error) => (Outcome::Failed, error),
        }
    });
}

impl Runs<'_> {
    fn session<T>(
        &self,
        on: &Subject<'_>,
        folder: &RunFolder,
        stop_after: usize,
        work: impl FnOnce(&Session<'_>, &Ears<'_>) -> Result<T, String>,
    ) -> Result<T, String> {
        let stop = AtomicBool::new(false);
        let ears = Ears { losses: Mutex::default(), stop_after, stop: &stop };
        let session = Session {
            config: &self.config,
            folder,
            root: self.matrix.work,
            device: on.device,
            device_name: on.name,
            stop: &stop,
            observer: &ears,
            begun: Instant::now(),
            memory: MemoryLimit::default(),
            others: &[],
            strict_save: true,
        };
        work(&session, &ears)
    }

    /// Losses of the steps up to `until`.
    fn train(&self, on: &Subject<'_>, out: &Path, until: usize, resume: bool) -> Result<Vec<f64>, String> {
        let folder = if resume { RunFolder::open(out) } else { RunFolder::create(out, true) };
        let folder = folder.map_err(|error| error.to_string())?;
        self.session(on, &folder, until, |session, ears| {
            session.train(resume).map_err(|error| error.to_string())?;
            ears.losses.lock().map(|losses| losses.clone()).map_err(|error| error.to_string())
        })
    }

    /// Detections in the test videos, with the weights in a folder.
    fn detect(&self, on: &Subject<'_>, folder: &Path) -> Result<Vec<Vec<Detection>>, String> {
        let folder = RunFolder::open(folder).map_err(|error| error.to_string())?;
        self.session(on, &folder, 0, |session, _| {
            let evaluated = session.evaluate(&self.config.data.test_subset);
            let evaluated = evaluated.map_err(|error| error.to_string())?;
            evaluated.map(|evaluated| evaluated.detections).ok_or_else(|| "stopped".to_owned())
        })
    }
}

/// Whether two curves are within a share of each other, at every step.
fn close(found: &[f64], expected: &[f64], allowed: f64) -> Said {
    if found.len() != expected.len() || found.is_empty() {
        return (Outcome::Failed, format!("{} steps, to compare with {}", found.len(), expected.len()));
    }
    let shares = found.iter().zip(expected).map(|(found, expected)| ((found - expected) / expected).abs());
    // Nothing is larger than what is no number.
    let largest = shares.fold(0.0, |a: f64, b| if b.is_nan() || b > a { b } else { a });
    verdict(largest <= allowed, format!("largest difference {largest:.1e} of a loss, allowed is {allowed:.0e}"))
}

/// Whether the best segment of each video is the same.
fn same_best(found: &[Vec<Detection>], expected: &[Vec<Detection>]) -> Said {
    if found.len() != expected.len() || expected.iter().all(Vec::is_empty) {
        return (Outcome::Failed, format!("{} videos, to compare with {}", found.len(), expected.len()));
    }
    for (video, (found, expected)) in found.iter().zip(expected).enumerate() {
        let (Some(found), Some(expected)) = (best(found), best(expected)) else {
            let lengths = format!("{} and {} detections", found.len(), expected.len());
            match found.is_empty() && expected.is_empty() {
                true => continue,
                false => return (Outcome::Failed, format!("video {video}: {lengths}")),
            }
        };
        let ends = (found.start - expected.start).abs().max((found.end - expected.end).abs());
        let score = (found.score - expected.score).abs();
        if found.label != expected.label || ends > ENDS.allowed || score > SCORE.allowed {
            return (Outcome::Failed, format!("video {video}: {found:?}, expected {expected:?}"));
        }
    }
    (Outcome::Passed, format!("the best segments of {} videos agree", found.len()))
}

/// The segment with the highest score, the first of several.
fn best(detections: &[Detection]) -> Option<&Detection> {
    detections.iter().reduce(|best, other| if other.score > best.score { other } else { best })
}

/// Copies a folder of files and of folders.
fn copy(from: &Path, to: &PathBuf) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => std::fs::copy(entry.path(), &target).map(|_| ())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed((outcome, _): Said) -> bool {
        outcome == Outcome::Passed
    }

    #[test]
    fn curves_are_close_at_every_step_or_not_close() {
        assert!(passed(close(&[1.0, 2.0005], &[1.0, 2.0], 1e-3)));
        assert!(!passed(close(&[1.0, 2.003], &[1.0, 2.0], 1e-3)));
        assert!(!passed(close(&[f64::NAN, 2.0], &[1.0, 2.0], 1e-3)));
        assert!(!passed(close(&[1.0], &[1.0, 2.0], 1e-3)));
        assert!(!passed(close(&[], &[], 1e-3)));
    }

    #[test]
    fn the_best_segment_has_the_same_label_ends_and_score() {
        let one = |start, end, label, score| vec![vec![Detection { start, end, label, score }]];
        let expected = one(1.0, 2.0, 3, 0.5);
        assert!(passed(same_best(&one(1.01, 2.0, 3, 0.5), &expected)));
        for other in [one(1.0, 2.0, 2, 0.5), one(1.0, 2.1, 3, 0.5), one(1.0, 2.0, 3, 0.6), vec![vec![]], vec![]] {
            assert!(!passed(same_best(&other, &expected)), "{other:?}");
        }
    }
}
