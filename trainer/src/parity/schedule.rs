//! Learning rates, iteration by iteration.

use std::path::Path;

use serde_json::Value;

use super::describe::{number, size};
use super::fixture::read_json;
use super::score::Score;
use super::unusable::Unusable;
use crate::schedule::{Schedule, WarmupCosine, WarmupFalls};

/// Rates are computed in 64 bits, one from the other there, each by itself here.
const TOLERANCE: f64 = 1e-12;

pub(super) fn check(folder: &Path, name: &str, score: &mut Score) -> Result<(), Unusable> {
    let sidecar = read_json(&folder.join(format!("{name}.json")))?;
    let cases = sidecar["cases"].as_array().ok_or_else(|| Unusable("`cases` is no list".into()))?;
    for (at, case) in cases.iter().enumerate() {
        let base = numbers(&case["base"])?;
        let rows = case["lr"].as_array().ok_or_else(|| Unusable("a case has no list `lr`".into()))?;
        let expected = rows.iter().map(numbers).collect::<Result<Vec<_>, _>>()?.concat();
        let schedule = schedule(case)?;
        let rates = |step: usize| base.iter().map(|&base| schedule.rate(base, step)).collect::<Vec<_>>();
        let found: Vec<f64> = (0..rows.len()).flat_map(rates).collect();
        let largest = base.iter().copied().fold(0.0, f64::max);
        score.compare(&format!("case {at}"), &found, &expected, TOLERANCE * largest.max(f64::MIN_POSITIVE));
    }
    Ok(())
}

fn schedule(case: &Value) -> Result<Schedule, Unusable> {
    let iterations = size(case, "iters_per_epoch")?;
    let warmup = size(case, "warmup_epoch")? * iterations;
    let steps = |epochs: &Value| -> Result<Vec<usize>, Unusable> {
        Ok(numbers(epochs)?.into_iter().map(|epoch| epoch as usize * iterations).collect())
    };
    match case["type"].as_str().unwrap_or_default() {
        "LinearWarmupCosineAnnealingLR" => Ok(Schedule::Cosine(WarmupCosine {
            warmup,
            total: size(case, "max_epoch")? * iterations,
            last: number(case, "eta_min")?,
        })),
        "LinearWarmupMultiStepLR" => {
            let (falls, factor) = (steps(&case["milestones"])?, number(case, "gamma")?);
            Ok(Schedule::Falls(WarmupFalls { warmup, falls, factor }))
        }
        other => Err(Unusable(format!("schedules of the kind `{other}` are not known"))),
    }
}

fn numbers(list: &Value) -> Result<Vec<f64>, Unusable> {
    let numbers = list.as_array().and_then(|list| list.iter().map(Value::as_f64).collect());
    numbers.ok_or_else(|| Unusable(format!("{list} is no list of numbers")))
}
