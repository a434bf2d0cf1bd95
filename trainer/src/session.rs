//! A whole run: data, training, evaluation, report.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use adatad_adapter::TuningMode;
use adatad_backbone::Vit;
use adatad_backbone::weights::VitWeights;
use adatad_data::annotation::{AnnotationError, Annotations};
use adatad_data::classes::{ClassError, ClassList, ListFault};
use adatad_data::frames::video_path;
use adatad_data::random::{Rng, Stream};
use adatad_data::synth::{self, SynthError};
use adatad_data::video::VideoError;
use adatad_detector::metrics::MeanAveragePrecision;
use burn::tensor::Device;
use serde_json::json;

use crate::config::RunConfig;
use crate::dataset::{Dataset, DatasetError, Purpose};
use crate::detect::{DetectError, Detector};
use crate::evaluate::{Evaluated, evaluate};
use crate::folder::{FolderError, RunFolder};
use crate::model::{AdaTad, ParameterCount};
use crate::observe::{Observer, Stage};
use crate::results;
use crate::summary::{Summary, SummaryError};
use crate::train::{TrainError, Watch, train};
use crate::usage::Usage;
use crate::weights::{self, WeightsError};

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The generated data set.
    #[error(transparent)]
    Synth(#[from] SynthError),
    /// The annotations.
    #[error(transparent)]
    Annotations(#[from] AnnotationError),
    /// The labels in them.
    #[error("the labels of {}: {fault}", path.display())]
    Labels {
        /// The annotations.
        path: PathBuf,
        /// What is wrong.
        fault: ListFault,
    },
    /// The class list of the run.
    #[error(transparent)]
    Classes(#[from] ClassError),
    /// A subset.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Detection.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// A video.
    #[error(transparent)]
    Video(#[from] VideoError),
    /// The weights.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Pretrained weights of the backbone.
    #[error(transparent)]
    Pretrained(#[from] adatad_backbone::weights::WeightsError),
    /// The run folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The report.
    #[error(transparent)]
    Report(#[from] SummaryError),
}

/// One run in its folder.
pub struct Session<'a> {
    /// What is run.
    pub config: &'a RunConfig,
    /// Where its files go.
    pub folder: &'a RunFolder,
    /// Where relative paths of the configuration start.
    pub root: &'a Path,
    /// What it computes on, without gradients.
    pub device: &'a Device,
    /// The device's name.
    pub device_name: &'a str,
    /// Set to stop after the present step.
    pub stop: &'a AtomicBool,
    /// Who watches.
    pub observer: &'a dyn Observer,
    /// When the command began.
    pub begun: Instant,
}

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// Whether it was stopped before its end.
    pub stopped: bool,
    /// Steps done.
    pub steps: usize,
    /// Mean loss per epoch.
    pub epoch_losses: Vec<f64>,
    /// Parameters.
    pub parameters: ParameterCount,
    /// Scores on the test subset; none when stopped.
    pub evaluated: Option<Evaluated>,
}

impl Session<'_> {
    /// Trains, evaluates on the test subset, writes the run's files.
    ///
    /// # Errors
    ///
    /// See [`SessionError`].
    pub fn train(&self, resume: bool) -> Result<Outcome, SessionError> {
        self.generate()?;
        let annotations = self.annotations()?;
        let classes = self.labels(&annotations)?;
        classes.save(self.folder.classes())?;
        self.folder.write(&self.folder.config(), &self.config.to_toml())?;

        let data = self.open(&annotations, &classes, &self.config.data.training_subset, Purpose::Training)?;
        let watch = Watch { stop: self.stop, observer: self.observer };
        let model = self.model(classes.len())?;
        let parameters = model.parameters();
        let trained = train(self.config, model, &data, self.folder, resume, self.device, watch)?;
        drop(data);
        weights::save(&trained.model, &self.folder.weights())?;
        let mut outcome = Outcome {
            stopped: trained.stopped,
            steps: trained.steps,
            epoch_losses: trained.epoch_losses,
            parameters,
            evaluated: None,
        };
        if outcome.stopped {
            return Ok(outcome);
        }
        let detector = Detector::new(self.config, classes.clone(), trained.model, self.device)?;
        let subset = &self.config.data.test_subset;
        let data = self.open(&annotations, &classes, subset, Purpose::Testing)?;
        let evaluated = evaluate(&detector, &data, &self.config.evaluation.tiou, self.observer)?;
        self.write_results(&data, &classes, &evaluated, &outcome)?;
        outcome.evaluated = Some(evaluated);
        Ok(outcome)
    }

    /// Evaluates the folder's trained model on a subset.
    ///
    /// # Errors
    ///
    /// See [`SessionError`].
    pub fn evaluate(&self, subset: &str) -> Result<Evaluated, SessionError> {
        let detector = Detector::load(self.folder, self.device)?;
        let annotations = self.annotations()?;
        let data = self.open(&annotations, detector.classes(), subset, Purpose::Testing)?;
        Ok(evaluate(&detector, &data, &self.config.evaluation.tiou, self.observer)?)
    }

    /// The model as training begins with it.
    fn model(&self, classes: usize) -> Result<AdaTad, SessionError> {
        let random = &mut Rng::new(self.config.seed, Stream::Init, 0, 0);
        let (config, device) = (self.config.model(classes), &self.device.clone().autodiff());
        let Some(given) = &self.config.weights else { return Ok(AdaTad::init(&config, random, device)) };
        let pretrained = VitWeights::open(&self.root.join(&given.backbone), given.state_dict.as_deref())?;
        // Where the file may lack something, that must be random.
        let mut vit = match given.allow_missing.is_empty() {
            true => Vit::blank(&config.backbone, device),
            false => Vit::init(&config.backbone, random, device),
        };
        pretrained.load(&mut vit, &config.backbone, &given.allow_missing)?;
        Ok(AdaTad::around(vit, &config, random, device))
    }

    /// What learns and what does not, in plain words.
    pub fn plain_words(&self) -> Vec<String> {
        let adapter = &self.config.adapter;
        let backbone = match (&self.config.weights, adapter.backbone_learns()) {
            (None, _) => {
                "The backbone has no pretrained weights at this size: it starts from random weights and learns too."
            }
            (Some(_), true) => "The backbone starts from pretrained weights and learns too.",
            (Some(_), false) => "The backbone is pretrained and frozen: none of its weights changes.",
        };
        let adapters = match adapter.mode {
            TuningMode::Tia => "A Temporal-Informative Adapter after each of its blocks learns.",
            TuningMode::Adapter => "A plain adapter after each of its blocks learns.",
            TuningMode::Ladder => "A ladder of Temporal-Informative Adapters beside it learns.",
            TuningMode::Frozen | TuningMode::Full => "It carries no adapters.",
        };
        let mut words = vec![
            backbone.to_owned(),
            adapters.to_owned(),
            format!("The {} detector learns.", self.config.detector.name()),
        ];
        if self.config.data.shuffle_frames {
            words.push("Control: the frames of every second stand in random order, in all subsets.".to_owned());
        }
        words
    }

    fn generate(&self) -> Result<(), SessionError> {
        let Some(options) = &self.config.data.synth else { return Ok(()) };
        let annotations = self.root.join(&self.config.data.annotations);
        let folder = annotations.parent().unwrap_or(self.root);
        let options = options.options(self.config.seed);
        if !synth::is_current(folder, &options) {
            synth::generate(folder, &options, |done, total| self.observer.stage(Stage::Generate, done, total))?;
        }
        Ok(())
    }

    fn annotations(&self) -> Result<Annotations, AnnotationError> {
        Annotations::load(self.root.join(&self.config.data.annotations))
    }

    fn labels(&self, annotations: &Annotations) -> Result<ClassList, SessionError> {
        let path = self.root.join(&self.config.data.annotations);
        ClassList::from_annotations(annotations, &[]).map_err(|fault| SessionError::Labels { path, fault })
    }

    fn open(
        &self,
        annotations: &Annotations,
        classes: &ClassList,
        subset: &str,
        purpose: Purpose,
    ) -> Result<Dataset, DatasetError> {
        let progress = |done, total| self.observer.stage(Stage::Decode, done, total);
        Dataset::open(self.config, self.root, annotations, classes, subset, purpose, progress)
    }

    fn write_results(
        &self,
        data: &Dataset,
        classes: &ClassList,
        evaluated: &Evaluated,
        outcome: &Outcome,
    ) -> Result<(), SessionError> {
        let names = data.videos().iter().map(|entry| entry.name.as_str());
        let rows = names.zip(evaluated.detections.iter().map(Vec::as_slice));
        let folder = self.folder;
        folder.write(&folder.detections(), &results::activitynet(rows, classes).to_string())?;
        folder.write(&folder.scores(), &format!("{:#}\n", scores(&evaluated.map)))?;

        let config = self.config.to_toml();
        let usage = Usage::since(self.begun);
        let facts = [
            ("Average mAP", format!("{:.1} %", 100.0 * evaluated.map.average)),
            ("Seed", self.config.seed.to_string()),
            ("Device", self.device_name.to_owned()),
            ("Parameters", format!("{} ({} trained)", outcome.parameters.total, outcome.parameters.trained)),
            ("Steps", outcome.steps.to_string()),
            ("Time", format!("{:.0} s ({:.0} s of processor)", usage.wall_s, usage.cpu_s)),
            ("Peak memory", format!("{} MiB", usage.peak_mib)),
            ("Configuration", blake3::hash(config.as_bytes()).to_hex()[..16].to_owned()),
        ];
        let videos = self.root.join(&self.config.data.videos);
        let paths: Vec<PathBuf> = data.videos().iter().map(|entry| video_path(&videos, &entry.name)).collect();
        let summary = Summary {
            title: format!("Temporal action detection: {}", folder.root().display()),
            facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            notes: self.plain_words(),
            log: &folder.metrics(),
            classes,
            videos: data.videos(),
            paths: &paths,
            evaluated,
            config,
        };
        folder.write(&folder.report(), &summary.to_html()?)?;
        Ok(())
    }
}

/// Scores as the `map` object of `--json`.
pub fn scores(map: &MeanAveragePrecision) -> serde_json::Value {
    let per_class: serde_json::Map<String, serde_json::Value> =
        map.per_class.iter().map(|c| (c.name.clone(), c.average.into())).collect();
    json!({
        "thresholds": map.thresholds, "values": map.values, "average": map.average, "per_class": per_class,
    })
}
