//! Optimisers on given gradients, and the moving average.

use std::collections::BTreeSet;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use serde_json::Value;

use super::fixture::{Tensors, numbers, read_json};
use super::score::Score;
use super::unusable::Unusable;
use crate::average::{averaged, averaged_whole};
use crate::optim::flat;
use crate::rule::{Moments, Rates, Rule, clip_factor};

/// The smallest tolerance, in units of a tensor's largest value: that of the fixtures which state theirs.
const FLOOR: f64 = 1e-6;

pub(super) fn check(folder: &Path, name: &str, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let sidecar = read_json(&folder.join(format!("{name}.json")))?;
    let tensors = Tensors::read(&folder.join(format!("{name}.safetensors")))?;
    let Value::Object(cases) = &sidecar["cases"] else {
        return Err(Unusable("`cases` is no object".into()));
    };
    let limit = match cases.get("clip").and_then(Value::as_str) {
        Some(text) => number_after(text, "norm").ok_or_else(|| Unusable(format!("no norm in `{text}`")))?,
        None => f64::INFINITY,
    };
    for (case, text) in cases.iter().filter(|(case, _)| *case != "clip") {
        let rule = match case.as_str() {
            "adamw" => Rule::AdamW,
            "adam" => Rule::Adam,
            "sgd" => Rule::Sgd,
            other => return Err(Unusable(format!("optimisers of the kind `{other}` are not known"))),
        };
        let groups = groups(text.as_str().unwrap_or_default())?;
        Steps { case, rule, groups, limit, tensors: &tensors, device }.check(score)?;
    }
    averages(&tensors, device, score)
}

/// Rates of some parameters; of all others where no name is given.
struct Group {
    names: Vec<String>,
    rates: Rates,
}

/// Reads rates out of a sentence like `group a: lr 2e-3 decay 0.05; b,c: lr 1e-3 decay 0; ...`.
fn groups(text: &str) -> Result<Vec<Group>, Unusable> {
    let group = |part: &str| {
        let (names, rates) = part.split_once(':').unwrap_or(("", part));
        let rates = Rates { rate: number_after(rates, "lr")?, decay: number_after(rates, "decay")? };
        let names = names.trim().trim_start_matches("group ").split(',').map(str::trim);
        Some(Group { names: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(), rates })
    };
    let found: Vec<_> = text.split(';').filter_map(group).collect();
    if found.is_empty() { Err(Unusable(format!("no `lr` and `decay` in `{text}`"))) } else { Ok(found) }
}

/// The number that follows a word.
fn number_after(text: &str, word: &str) -> Option<f64> {
    let mut words = text.split([' ', ',', '(']);
    words.find(|found| *found == word)?;
    words.find(|found| !found.is_empty())?.parse().ok()
}

struct Steps<'a> {
    case: &'a str,
    rule: Rule,
    groups: Vec<Group>,
    limit: f64,
    tensors: &'a Tensors,
    device: &'a Device,
}

impl Steps<'_> {
    fn rates(&self, name: &str) -> Result<Rates, Unusable> {
        let fits = |group: &&Group| group.names.is_empty() || group.names.iter().any(|n| n == name);
        let group = self.groups.iter().find(fits);
        group.map(|group| group.rates).ok_or_else(|| Unusable(format!("{}: `{name}` is in no group", self.case)))
    }

    fn tensor(&self, name: &str) -> Result<Tensor<1>, Unusable> {
        let data = self.tensors.get(name)?.clone().convert::<f32>();
        let size = data.num_elements();
        Ok(Tensor::from_data(
            burn::tensor::TensorData::new(data.iter::<f32>().collect::<Vec<_>>(), [size]),
            self.device,
        ))
    }

    fn check(&self, score: &mut Score) -> Result<(), Unusable> {
        let start = format!("{}.init.", self.case);
        let names: Vec<&str> = self.tensors.under(&start).collect();
        let mut parameters: Vec<(Tensor<1>, Option<Moments>)> = Vec::new();
        for name in &names {
            parameters.push((self.tensor(&format!("{start}{name}"))?, None));
        }
        for step in 0.. {
            let first = names.first().map(|name| format!("grads.{step}.{name}"));
            if first.is_none_or(|name| self.tensors.get(&name).is_err()) {
                break;
            }
            let gradients: Result<Vec<_>, _> =
                names.iter().map(|name| self.tensor(&format!("grads.{step}.{name}"))).collect();
            let gradients = gradients?;
            let squares = gradients.iter().map(|gradient| gradient.clone().square().sum());
            let norm = f64::from(Tensor::cat(squares.collect(), 0).sum().sqrt().into_scalar::<f32>());
            let scale = clip_factor(norm, self.limit);
            for ((name, (weights, moments)), gradient) in names.iter().zip(&mut parameters).zip(gradients) {
                let rates = self.rates(name)?;
                (*weights, *moments) = self.rule.step(rates, weights.clone(), gradient * scale, moments.take());
            }
            let done = step + 1;
            self.compare(score, &format!("norm{done}"), &[norm], &format!("norm{done}64"), self.limit)?;
            for (name, (weights, _)) in names.iter().zip(&parameters) {
                let found = numbers(&weights.to_data());
                self.compare(
                    score,
                    &format!("after{done}.{name}"),
                    &found,
                    &format!("after{done}64.{name}"),
                    f64::INFINITY,
                )?;
            }
        }
        Ok(())
    }

    /// Compares with the numbers in 64 bits, where the fixture has this step: tolerated is ten times what the reference
    /// itself is off in 32 bits. Numbers above `most` count as `most`: norms were noted before clipping, but the reference
    /// clips in place, so that the gradients of the fixture have been clipped.
    fn compare(&self, score: &mut Score, name: &str, found: &[f64], gold: &str, most: f64) -> Result<(), Unusable> {
        let (name, gold) = (format!("{}.{name}", self.case), format!("{}.{gold}", self.case));
        let (Ok(single), Ok(expected)) = (self.tensors.numbers(&name), self.tensors.numbers(&gold)) else {
            return Ok(());
        };
        let expected: Vec<f64> = expected.into_iter().map(|value| value.min(most)).collect();
        let single = single.into_iter().map(|value| value.min(most));
        let off = single.zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        let largest = expected.iter().map(|value| value.abs()).fold(0.0, f64::max);
        score.compare(&name, found, &expected, (10.0 * off).max(FLOOR * largest));
        Ok(())
    }
}

/// `emaD.K.NAME` from `emaD.K-1.NAME` and `emaD.modelK.NAME`.
fn averages(tensors: &Tensors, device: &Device, score: &mut Score) -> Result<(), Unusable> {
    let decays: BTreeSet<&str> =
        tensors.under("ema").filter_map(|name| name.split_once(".0.")).map(|(d, _)| d).collect();
    for decay in decays {
        let keep: f64 = decay.parse().map_err(|error| Unusable(format!("`ema{decay}`: no decay: {error}")))?;
        let start = format!("ema{decay}.0.");
        for name in tensors.under(&start) {
            let first = tensors.get(&format!("{start}{name}"))?.clone();
            let whole = first.dtype().is_int();
            let mut average = flat(Tensor::<1>::from_data(first.iter::<f32>().collect::<Vec<_>>().as_slice(), device));
            let mut number = first.iter::<i64>().next().unwrap_or(0);
            for step in 1.. {
                let Ok(now) = tensors.numbers(&format!("ema{decay}.model{step}.{name}")) else { break };
                let expected = format!("ema{decay}.{step}.{name}");
                let found = if whole {
                    number = averaged_whole(number, now[0], keep);
                    vec![number as f64]
                } else {
                    let now: Vec<f32> = now.iter().map(|&value| value as f32).collect();
                    average = averaged(average, Tensor::from_data(now.as_slice(), device), keep);
                    numbers(&average.to_data())
                };
                let wanted = tensors.numbers(&expected)?;
                let largest = wanted.iter().map(|value| value.abs()).fold(0.0, f64::max);
                score.compare(&expected, &found, &wanted, if whole { 0.5 } else { FLOOR * largest });
            }
        }
    }
    Ok(())
}
