//! Scores a file of detections against a file of annotations, whoever made them.
//!
//! Nothing here needs a model or a run. Both files are taken as they are: what is wrong with them is counted, named and
//! reported with the result ([`Problem`]), and scored as the official evaluators would.

mod chosen;
mod csv;
mod error;
pub(crate) mod file;
mod labels;
mod predictions;
mod problems;
mod rows;
mod table;
mod thresholds;
mod truth;
mod values;

use std::collections::BTreeSet;

use adatad_detector::diagnosis::{Bins, Diagnosis, diagnose};
use adatad_detector::metrics::{
    Counting, EpicDetection, EpicScores, EpicTruth, Evaluation, LabelledDetection, LabelledTruth, MeanAveragePrecision,
    MeanRecall, ProposalRecall, epic, proposal_recall,
};

pub use error::ScoreError;
pub use labels::Label;
pub use predictions::Predictions;
pub use problems::{File, Problem, ProblemKind};
pub use rows::{Row, Rows};
pub use thresholds::{InvalidThresholds, Thresholds};
pub use truth::{Truth, TruthVideo};

use chosen::Chosen;

/// What to compute.
#[derive(Debug, Clone)]
pub struct ScoreSettings {
    /// Subset of the annotations; if none is given, the one with most of the predicted videos.
    pub subset: Option<String>,
    /// Temporal intersection over union from which a detection is right.
    pub thresholds: Vec<f64>,
    /// Which annotations count.
    pub counting: Counting,
    /// Videos of which nothing counts.
    pub blocked: BTreeSet<String>,
    /// Multiples for top-kx recall.
    pub recall: Option<Vec<usize>>,
    /// Average recall with up to so many proposals per video.
    pub proposals: Option<usize>,
    /// Whether to look for what goes wrong, and into which sizes to sort it.
    pub diagnose: Option<Sizes>,
}

/// Sizes of actions in a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sizes {
    /// Equally many actions in each.
    Even,
    /// DETAD's for THUMOS-14.
    Thumos,
    /// DETAD's for ActivityNet.
    ActivityNet,
}

/// How a file of detections came out.
#[derive(Debug, Clone)]
pub struct Scored {
    /// The subset, if the annotations have any.
    pub subset: Option<String>,
    /// Mean average precision; of actions, for EPIC-Kitchens.
    pub map: MeanAveragePrecision,
    /// Verbs, nouns and actions, where both files name them.
    pub epic: Option<EpicScores>,
    /// Top-kx recall.
    pub recall: Option<MeanRecall>,
    /// Average recall of proposals.
    pub proposals: Option<ProposalRecall>,
    /// What goes wrong.
    pub diagnosis: Option<Diagnosis>,
    /// What is wrong with the files.
    pub problems: Vec<Problem>,
    /// What is not wrong, but should be known.
    pub notes: Vec<String>,
}

type Truths<'a> = Vec<(&'a str, Vec<LabelledTruth<'a>>)>;
type Detections<'a> = Vec<(&'a str, Vec<LabelledDetection<'a>>)>;

/// Scores `predictions` against `truth`.
///
/// # Errors
///
/// The subset is not there or cannot be told, or the files name classes in different ways.
pub fn score(predictions: &Predictions, truth: &Truth, settings: &ScoreSettings) -> Result<Scored, ScoreError> {
    let chosen = Chosen::new(predictions, truth, settings)?;
    let blocked: BTreeSet<&str> = settings.blocked.iter().map(String::as_str).collect();
    let named = every(predictions, truth, |label| label.name.is_some());
    let paired = every(predictions, truth, |label| label.epic.is_some());
    if !named && !paired {
        return Err(ScoreError::Unlike { predictions: predictions.path.clone(), truth: truth.path.clone() });
    }
    let epic = (paired && !(named && predictions.is_empty())).then(|| {
        let (truths, found) = (chosen.epic_truths(), chosen.epic_detections());
        epic(&truths, &found, &blocked, &settings.thresholds)
    });
    // Without names, an action is its two numbers.
    let names = Names::new(predictions, truth, named);
    let (truths, found) = (chosen.truths(&names), chosen.detections(&names));
    let evaluation = Evaluation::counting(settings.counting, &truths, &found, &blocked);
    let map = match &epic {
        Some(scores) if !named => scores.action.clone(),
        _ => evaluation.average_precision(&settings.thresholds),
    };

    let mut problems = problems::problems(&chosen, settings);
    let mut notes = chosen.notes();
    if named {
        problems.extend(problems::unknown_labels(&map, truth, &predictions.path, &mut notes));
    }
    let durations = chosen.durations();
    let diagnosis = settings.diagnose.map(|sizes| {
        let bins = match sizes {
            Sizes::Even => Bins::even(&evaluation, &durations),
            Sizes::Thumos => Bins::thumos(),
            Sizes::ActivityNet => Bins::activitynet(),
        };
        diagnose(&evaluation, &durations, &settings.thresholds, &bins)
    });
    let proposals = settings
        .proposals
        .map(|most| proposal_recall(settings.counting, &truths, &found, &blocked, &settings.thresholds, most));
    let recall = settings.recall.as_ref().map(|multiples| evaluation.recall(&settings.thresholds, multiples));
    Ok(Scored { subset: chosen.subset.clone(), map, epic, recall, proposals, diagnosis, problems, notes })
}

fn every(predictions: &Predictions, truth: &Truth, holds: impl Fn(&Label) -> bool) -> bool {
    predictions.labels.iter().chain(&truth.labels).all(holds)
}

/// What each label of the two files is called.
struct Names {
    predictions: Vec<String>,
    truth: Vec<String>,
}

impl Names {
    fn new(predictions: &Predictions, truth: &Truth, named: bool) -> Self {
        let call = |label: &Label| match (&label.name, label.epic) {
            (Some(name), _) if named => name.clone(),
            (_, Some([_, _, verb, noun])) => format!("{verb},{noun}"),
            (name, None) => name.clone().unwrap_or_default(),
        };
        Self {
            predictions: predictions.labels.iter().map(call).collect(),
            truth: truth.labels.iter().map(call).collect(),
        }
    }
}
