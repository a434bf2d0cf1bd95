//! Which videos of the annotations are meant, and which of them each prediction is for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Detections, EpicDetection, EpicTruth, LabelledDetection, LabelledTruth, Names, Predictions, Rows, ScoreError,
    ScoreSettings, Truth, TruthVideo, Truths,
};

/// ActivityNet's videos are named with this in the annotations and without it in the results.
const PREFIX: &str = "v_";

/// The videos of one subset, and the predictions.
pub(super) struct Chosen<'a> {
    pub(super) predictions: &'a Predictions,
    pub(super) truth: &'a Truth,
    /// None if the annotations have no subsets.
    pub(super) subset: Option<String>,
    /// Whether the subset was told.
    told: bool,
    /// For each predicted video, its place in the annotations, in any subset.
    places: Vec<Option<usize>>,
}

impl<'a> Chosen<'a> {
    pub(super) fn new(
        predictions: &'a Predictions,
        truth: &'a Truth,
        settings: &ScoreSettings,
    ) -> Result<Self, ScoreError> {
        let by_name: HashMap<&str, usize> =
            truth.videos.iter().enumerate().map(|(place, video)| (video.name.as_str(), place)).collect();
        let place = |name: &str| {
            let exact = by_name.get(name);
            let longer = || by_name.get(format!("{PREFIX}{name}").as_str());
            let shorter = || name.strip_prefix(PREFIX).and_then(|name| by_name.get(name));
            exact.or_else(longer).or_else(shorter).copied()
        };
        let places: Vec<Option<usize>> = predictions.videos.iter().map(|(name, _)| place(name)).collect();
        let subset = match &settings.subset {
            Some(wanted) => Some(check(truth, wanted)?),
            None => guess(truth, &places)?,
        };
        Ok(Self { predictions, truth, subset, told: settings.subset.is_some(), places })
    }

    fn is_meant(&self, video: &TruthVideo) -> bool {
        self.subset.is_none() || video.subset == self.subset
    }

    /// The videos of the subset.
    pub(super) fn videos(&self) -> impl Iterator<Item = &'a TruthVideo> {
        self.truth.videos.iter().filter(|video| self.is_meant(video))
    }

    /// The predictions, each with the name that the annotations have for its video, and with the video, if it is of the
    /// subset.
    pub(super) fn predicted(&self) -> impl Iterator<Item = (&'a str, Option<&'a TruthVideo>, &'a Rows)> {
        self.predictions.videos.iter().zip(&self.places).map(|((name, rows), place)| match place {
            Some(place) => {
                let video = &self.truth.videos[*place];
                (video.name.as_str(), Some(video).filter(|video| self.is_meant(video)), rows)
            }
            None => (name.as_str(), None, rows),
        })
    }

    /// The subsets of predicted videos that are not of the one that is meant.
    pub(super) fn other_subsets(&self) -> BTreeSet<&'a str> {
        let videos = self.places.iter().flatten().map(|place| &self.truth.videos[*place]);
        videos.filter(|video| !self.is_meant(video)).filter_map(|video| video.subset.as_deref()).collect()
    }

    pub(super) fn truths(&self, names: &'a Names) -> Truths<'a> {
        let row = |row: &super::Row| LabelledTruth {
            start: row.start,
            end: row.end,
            label: &names.truth[row.label as usize],
        };
        self.videos().map(|video| (video.name.as_str(), video.rows.rows.iter().map(row).collect())).collect()
    }

    pub(super) fn detections(&self, names: &'a Names) -> Detections<'a> {
        let row = |row: &super::Row| LabelledDetection {
            start: row.start,
            end: row.end,
            label: &names.predictions[row.label as usize],
            score: row.score,
        };
        self.predicted().map(|(name, _, rows)| (name, rows.rows.iter().map(row).collect())).collect()
    }

    pub(super) fn epic_truths(&self) -> Vec<(&'a str, Vec<EpicTruth>)> {
        let row = |row: &super::Row| {
            let [verb, noun, ..] = self.truth.labels[row.label as usize].epic?;
            Some(EpicTruth { start: row.start, end: row.end, verb, noun })
        };
        self.videos().map(|video| (video.name.as_str(), video.rows.rows.iter().filter_map(row).collect())).collect()
    }

    pub(super) fn epic_detections(&self) -> Vec<(&'a str, Vec<EpicDetection>)> {
        let row = |row: &super::Row| {
            let [verb, noun, of_verb, of_noun] = self.predictions.labels[row.label as usize].epic?;
            let action = [of_verb, of_noun];
            Some(EpicDetection { start: row.start, end: row.end, verb, noun, action, score: row.score })
        };
        self.predicted().map(|(name, _, rows)| (name, rows.rows.iter().filter_map(row).collect())).collect()
    }

    pub(super) fn durations(&self) -> BTreeMap<&'a str, f64> {
        self.videos().filter_map(|video| Some((video.name.as_str(), video.duration?))).collect()
    }

    /// What was decided for whoever asked.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let (Some(subset), false) = (&self.subset, self.told) {
            let subsets = self.truth.subsets().len();
            if subsets > 1 {
                let predicted = self.predicted().filter(|(_, video, _)| video.is_some()).count();
                notes.push(format!(
                    "scored on subset `{subset}`, to which {predicted} of {} predicted videos belong",
                    self.predictions.videos.len()
                ));
            }
        }
        let renamed = self.predictions.videos.iter().zip(&self.places);
        let renamed = renamed.filter(|((name, _), place)| place.is_some_and(|at| self.truth.videos[at].name != *name));
        match renamed.count() {
            0 => {}
            count => notes.push(format!("{count} videos are the same but for `{PREFIX}` before their names")),
        }
        let missing = self.videos().count().saturating_sub(self.predicted().filter(|(_, v, _)| v.is_some()).count());
        if missing > 0 {
            notes.push(format!("{missing} videos of the annotations have no predictions; their actions are not found"));
        }
        notes
    }
}

/// The subset of this name, if there is one.
fn check(truth: &Truth, wanted: &str) -> Result<String, ScoreError> {
    let known: Vec<String> = truth.subsets().into_iter().map(|(name, _)| name.to_owned()).collect();
    if known.is_empty() {
        return Err(ScoreError::NoSubsets { path: truth.path.clone(), wanted: wanted.to_owned() });
    }
    match known.iter().any(|name| name == wanted) {
        true => Ok(wanted.to_owned()),
        false => Err(ScoreError::UnknownSubset {
            path: truth.path.clone(),
            wanted: wanted.to_owned(),
            nearest: crate::config::nearest(wanted, known.iter().map(String::as_str)).map(str::to_owned),
            known,
        }),
    }
}

/// The subset with most of the predicted videos.
fn guess(truth: &Truth, places: &[Option<usize>]) -> Result<Option<String>, ScoreError> {
    let subsets = truth.subsets();
    if let [] | [_] = subsets[..] {
        return Ok(subsets.first().map(|(name, _)| (*name).to_owned()));
    }
    let mut counts: Vec<(&str, usize)> = subsets.iter().map(|&(name, _)| (name, 0)).collect();
    for place in places.iter().flatten() {
        let subset = truth.videos[*place].subset.as_deref();
        if let Some((_, count)) = counts.iter_mut().find(|(name, _)| Some(*name) == subset) {
            *count += 1;
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    match counts[..] {
        [(name, first), (_, second), ..] if first > second => Ok(Some(name.to_owned())),
        _ => Err(ScoreError::WhichSubset {
            path: truth.path.clone(),
            known: subsets.into_iter().map(|(name, _)| name.to_owned()).collect(),
        }),
    }
}
