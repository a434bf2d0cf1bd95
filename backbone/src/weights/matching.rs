//! What a file holds against what a transformer needs, before anything is read.

use std::collections::BTreeMap;

use serde::Serialize;

use super::layout::{Names, Place};

/// A stored tensor and where it goes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Matched {
    /// The parameter, as [`VitConfig::tensors`](crate::VitConfig::tensors) names it.
    pub name: String,
    /// Its shape, in PyTorch's layout.
    pub shape: Vec<usize>,
    /// The tensors of the file that make it up: one, or queries, keys and values.
    pub stored: Vec<String>,
}

/// A parameter that the file lacks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Missing {
    /// The parameter.
    pub name: String,
    /// Its shape, in PyTorch's layout.
    pub shape: Vec<usize>,
    /// The unused tensor of the file whose name is nearest.
    pub nearest: Option<String>,
}

/// A parameter for which the file has another shape.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WrongShape {
    /// The parameter.
    pub name: String,
    /// The shape needed.
    pub needed: Vec<usize>,
    /// The shape stored.
    pub stored: Vec<usize>,
}

/// The outcome of a comparison.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Match {
    /// Found, and of the right shape.
    pub matched: Vec<Matched>,
    /// Not found.
    pub missing: Vec<Missing>,
    /// Found, but of another shape.
    pub wrong: Vec<WrongShape>,
    /// Tensors of the file that nothing needs.
    pub unused: Vec<String>,
}

/// How like two names must be for one to be offered in place of the other.
const LIKENESS: f64 = 0.8;

/// A stored tensor that is a parameter, or one of several parts of it.
struct Part<'a> {
    at: usize,
    name: &'a str,
    shape: &'a [usize],
}

impl Match {
    /// Compares `needed` with the names and shapes of a file.
    pub fn new(needed: &[(String, Vec<usize>)], names: &Names, stored: &[(&str, &[usize])]) -> Self {
        let mut sources: BTreeMap<String, Vec<Part<'_>>> = BTreeMap::new();
        let mut unused = Vec::new();
        for (name, shape) in stored {
            match names.place(name) {
                Place::Whole(path) => sources.entry(path).or_default().push(Part { at: 0, name, shape }),
                Place::Part(path, at) => sources.entry(path).or_default().push(Part { at, name, shape }),
                Place::Elsewhere => unused.push((*name).to_owned()),
            }
        }
        let mut found = Self::default();
        let mut lacking = Vec::new();
        for (name, shape) in needed {
            let Some(mut parts) = sources.remove(name) else {
                lacking.push((name, shape));
                continue;
            };
            parts.sort_by_key(|part| part.at);
            let together = stacked(&parts.iter().map(|part| part.shape).collect::<Vec<_>>());
            if together.as_ref() == Some(shape) {
                let stored = parts.into_iter().map(|part| part.name.to_owned()).collect();
                found.matched.push(Matched { name: name.clone(), shape: shape.clone(), stored });
            } else {
                let stored = together.unwrap_or_else(|| parts[0].shape.to_vec());
                found.wrong.push(WrongShape { name: name.clone(), needed: shape.clone(), stored });
            }
        }
        unused.extend(sources.into_values().flatten().map(|part| part.name.to_owned()));
        found.missing = lacking
            .into_iter()
            .map(|(name, shape)| Missing { name: name.clone(), shape: shape.clone(), nearest: nearest(name, &unused) })
            .collect();
        found.unused = unused;
        found
    }

    /// What stops a run: everything missing or of the wrong shape, in words, except what `allowed` names.
    pub fn faults(&self, allowed: &[String]) -> Vec<String> {
        let excused = |name: &str| allowed.iter().any(|allowed| allowed == name);
        let missing = self.missing.iter().filter(|missing| !excused(&missing.name)).map(|missing| {
            let nearest = missing.nearest.as_ref().map(|name| format!(" (nearest in the file: `{name}`)"));
            format!("`{}` {:?} is missing{}", missing.name, missing.shape, nearest.unwrap_or_default())
        });
        let wrong = self.wrong.iter().filter(|wrong| !excused(&wrong.name));
        let wrong = wrong.map(|wrong| format!("`{}` is {:?}, needed is {:?}", wrong.name, wrong.stored, wrong.needed));
        missing.chain(wrong).collect()
    }
}

/// Shape of tensors put one after another along their first axis.
fn stacked(shapes: &[&[usize]]) -> Option<Vec<usize>> {
    let (first, rest) = shapes.split_first()?;
    let mut shape = first.to_vec();
    for other in rest {
        if other.get(1..) != shape.get(1..) {
            return None;
        }
        *shape.first_mut()? += other.first()?;
    }
    Some(shape)
}

fn nearest(name: &str, unused: &[String]) -> Option<String> {
    let likeness = |other: &String| strsim::jaro_winkler(tail(name), tail(other));
    let best = unused.iter().map(|other| (likeness(other), other)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LIKENESS).then(|| best.1.clone())
}

/// A name from its block on: prefixes differ from file to file.
fn tail(name: &str) -> &str {
    name.find("blocks.").or_else(|| name.find("layer.")).map_or(name, |at| &name[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "blocks.0.attn.qkv.weight";

    fn needed() -> Vec<(String, Vec<usize>)> {
        vec![(FIRST.into(), vec![12, 4]), ("blocks.0.mlp.fc1.bias".into(), vec![16])]
    }

    fn compare(stored: &[(&str, &[usize])]) -> Match {
        let names = Names::of(stored.iter().map(|(name, _)| *name)).unwrap();
        Match::new(&needed(), &names, stored)
    }

    #[test]
    fn queries_keys_and_values_make_one_parameter() {
        let name = |which: &str| format!("encoder.layer.0.attention.attention.{which}.weight");
        let names = ["value", "query", "key"].map(name);
        let stored: Vec<(&str, &[usize])> = names.iter().map(|name| (name.as_str(), [4, 4].as_slice())).collect();
        let found = compare(&stored);
        assert_eq!(found.matched[0].stored, ["query", "key", "value"].map(name));
        assert_eq!(found.missing.len(), 1);
    }

    #[test]
    fn a_missing_parameter_names_what_is_nearest() {
        let found = compare(&[(FIRST, &[12, 4]), ("blocks.0.mlp.fc1.bais", &[16])]);
        assert_eq!(found.missing[0].nearest.as_deref(), Some("blocks.0.mlp.fc1.bais"));
        assert_eq!(found.faults(&[]).len(), 1);
        assert!(found.faults(&["blocks.0.mlp.fc1.bias".into()]).is_empty());
    }

    #[test]
    fn a_wrong_shape_tells_both() {
        let found = compare(&[(FIRST, &[15, 5]), ("blocks.0.mlp.fc1.bias", &[16])]);
        assert_eq!(found.faults(&[]), ["`blocks.0.attn.qkv.weight` is [15, 5], needed is [12, 4]"]);
    }
}
