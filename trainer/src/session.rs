//! A whole run: data, training, evaluation, report.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use adatad_adapter::Keep;
use adatad_adapter::TuningMode;
use adatad_backbone::Vit;
use adatad_backbone::weights::VitWeights;
use adatad_data::annotation::{AnnotationError, Annotations};
use adatad_data::classes::{ClassError, ClassList};
use adatad_data::features::StandardError;
use adatad_data::frames::StoreReport;
use adatad_data::random::{Rng, Stream};
use adatad_data::synth::{self, SynthError};
use adatad_detector::metrics::MeanAveragePrecision;
use burn::tensor::Device;
use serde_json::json;

use crate::average::put_weights;
use crate::checkpoint::{self, Best, CheckpointError};
use crate::config::{Input, RunConfig, VideoInput};
use crate::dataset::{self, ClassesError, Dataset, DatasetError, Subset};
use crate::detect::{self, DetectError, Detector};
use crate::digest::{self, Unreadable};
use crate::evaluate::{Evaluated, evaluate};
use crate::fault::Fault;
use crate::folder::{FolderError, RunFolder};
use crate::memory::{self, Asked, Budget, Chosen, DoesNotFit, Shape};
use crate::model::{AdaTad, ParameterCount};
use crate::observe::{Observer, Stage};
use crate::plan::Plan;
use crate::results;
use crate::source::{Purpose, SourceError, paths};
use crate::stamp::seconds_now;
use crate::step::StepPlan;
use crate::summary::{Summary, SummaryError};
use crate::tensorboard;
use crate::train::{TrainError, Training, Watch};
use crate::usage::Usage;
use crate::weights::{self, WeightsError};

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Memory.
    #[error(transparent)]
    Memory(#[from] DoesNotFit),
    /// The generated data set.
    #[error(transparent)]
    Synth(#[from] SynthError),
    /// The annotations.
    #[error(transparent)]
    Annotations(#[from] AnnotationError),
    /// The labels in them.
    #[error(transparent)]
    Labels(#[from] ClassesError),
    /// The class list of the run.
    #[error(transparent)]
    Classes(#[from] ClassError),
    /// A subset.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// Training.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// What learned at the best evaluation, or the file of the frozen weights.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Detection.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// A video, or its features.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// How the channels of features are scaled.
    #[error(transparent)]
    Standard(#[from] StandardError),
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

impl SessionError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Train(error) => error.fault(),
            Self::Checkpoint(error) => error.fault(),
            Self::Memory(_) | Self::Weights(WeightsError::Write { .. }) => Fault::Resource,
            _ => Fault::Input,
        }
    }
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
    /// Memory for training.
    pub memory: MemoryLimit,
    /// Other devices that share the windows of a step.
    pub others: &'a [Device],
    /// Whether a checkpoint that cannot be written ends the run; otherwise it goes on with the older one.
    pub strict_save: bool,
}

/// Memory that training may use.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MemoryLimit {
    /// How much. A run that goes on is run as before, unless this is said again.
    pub asked: Asked,
    /// Folder for what is kept of a step, instead of memory.
    pub spill: Option<PathBuf>,
    /// Clips that pass through a block at once; none: as many as fill the device and fit.
    pub clips: Option<usize>,
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
    /// The best evaluation during training, whose weights are the result; none if there were no evaluations.
    pub best: Option<Best>,
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
        detect::classifier(self.config, &classes)?; // what is missing is better known before training
        classes.save(self.folder.classes())?;
        self.folder.write(&self.folder.config(), &self.config.to_toml())?;

        let subset = Subset { name: &self.config.data.training_subset, purpose: Purpose::Training, standard: None };
        let data = self.open(&annotations, &classes, subset)?;
        if let Some(standard) = data.standard() {
            standard.save(&self.folder.standard())?;
        }
        let (model, frozen) = self.model(classes.len())?;
        let parameters = model.parameters();
        let plan = self.step_plan(classes.len(), resume)?;
        let watched = match self.config.schedule.evaluate_every {
            0 => None,
            _ => Some(self.open(&annotations, &classes, self.tested(&self.config.data.validation_subset)?)?),
        };
        let validate = |model: AdaTad| match &watched {
            Some(data) => Ok(self.score(&classes, model, data)?.map(|evaluated| evaluated.map.average)),
            None => Ok(None),
        };
        let training = Training {
            config: self.config,
            data: &data,
            folder: self.folder,
            step_plan: &plan,
            device: self.device,
            others: self.others,
            watch: Watch { stop: self.stop, observer: self.observer, begun: self.begun },
            validate: &validate,
            frozen,
            strict_save: self.strict_save,
        };
        let trained = training.run(model, resume)?;
        drop((data, watched));
        let model = match trained.best {
            Some(_) => put_weights(trained.model, &checkpoint::load_learned(&self.folder.best(), self.device)?),
            None => trained.model,
        };
        weights::save(&model, &self.folder.weights())?;
        let mut outcome = Outcome {
            stopped: trained.stopped,
            steps: trained.steps,
            epoch_losses: trained.epoch_losses,
            parameters,
            evaluated: None,
            best: trained.best,
        };
        if outcome.stopped {
            return Ok(outcome);
        }
        let data = self.open(&annotations, &classes, self.tested(&self.config.data.test_subset)?)?;
        match self.score(&classes, model, &data)? {
            Some(evaluated) => {
                self.write_results(&data, &classes, &evaluated, &outcome)?;
                outcome.evaluated = Some(evaluated);
            }
            None => outcome.stopped = true,
        }
        Ok(outcome)
    }

    /// Scores a model on a subset; none when it was asked to stop.
    fn score(&self, classes: &ClassList, model: AdaTad, data: &Dataset) -> Result<Option<Evaluated>, DetectError> {
        let detector = Detector::new(self.config, self.folder, classes.clone(), model, self.device)?;
        evaluate(&detector, data, &self.config.evaluation.tiou, self.stop, self.observer)
    }

    /// Evaluates the folder's trained model on a subset; none when it was asked to stop.
    ///
    /// # Errors
    ///
    /// See [`SessionError`].
    pub fn evaluate(&self, subset: &str) -> Result<Option<Evaluated>, SessionError> {
        let detector = Detector::load(self.folder, self.device)?;
        detector.notice().iter().for_each(|notice| self.observer.note(notice));
        let annotations = self.annotations()?;
        let data = self.open(&annotations, detector.classes(), self.tested(subset)?)?;
        Ok(evaluate(&detector, &data, &self.config.evaluation.tiou, self.stop, self.observer)?)
    }

    /// How steps are run: the fastest way that fits into memory; of a run that goes on, the way it began.
    fn step_plan(&self, classes: usize, resume: bool) -> Result<StepPlan, SessionError> {
        let path = self.folder.step_plan();
        let before = std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<StepPlan>(&bytes).ok());
        if let (true, Some(before)) = (resume && self.memory == MemoryLimit::default(), before) {
            return Ok(before);
        }
        let chosen = self.choose(classes)?;
        self.observer.note(&format!(
            "A step keeps {} and needs about {} MiB in all.",
            chosen.name,
            chosen.memory.total >> 20
        ));
        self.folder.write(&path, &serde_json::to_string(&chosen.plan).unwrap_or_default())?;
        Ok(chosen.plan)
    }

    /// The fastest way of running a step that fits.
    fn choose(&self, classes: usize) -> Result<Chosen, DoesNotFit> {
        let half = self.config.input.videos().is_some_and(|videos| videos.adapter.half_inputs);
        let budget = Budget {
            bytes: self.memory.asked.bytes(),
            form: Keep { half, spill: self.memory.spill.clone(), ..Keep::inputs() },
            clips: memory::clips(self.memory.clips, self.device),
            batch: self.config.schedule.batch,
            threads: memory::threads(self.device),
        };
        Shape::of(self.config, Plan::of_run(self.config, classes, self.device)).choose(&budget)
    }

    /// The model as training begins with it, and the digest of the file that its frozen weights come from.
    fn model(&self, classes: usize) -> Result<(AdaTad, Option<String>), SessionError> {
        let random = &mut Rng::new(self.config.seed, Stream::Init, 0, 0);
        let (config, device) = (self.config.model(classes), &self.device.clone().autodiff());
        let Some(VideoInput { backbone, adapter, weights: Some(given), .. }) = self.config.input.videos() else {
            return Ok((AdaTad::init(&config, random, device), None));
        };
        let path = self.root.join(&given.backbone);
        let pretrained = VitWeights::open(&path, given.state_dict.as_deref())?;
        // Where the file may lack something, that must be random.
        // Frozen weights of 16 bits are never all there in 32.
        let numbers = adapter.numbers(self.device);
        let mut vit = match given.allow_missing.is_empty() {
            true => Vit::blank_in(numbers, backbone, device),
            false => Vit::init_in(numbers, backbone, random, device),
        };
        pretrained.load(&mut vit, backbone, &given.allow_missing)?;
        let digest = digest::of(&[path]).map_err(|Unreadable { path, source }| CheckpointError::Io { path, source })?;
        Ok((AdaTad::around(vit, &config, random, device), Some(digest)))
    }

    /// What learns and what does not, in plain words.
    pub fn plain_words(&self) -> Vec<String> {
        let detector = format!("The {} detector learns.", self.config.detector.name());
        let VideoInput { adapter, weights, shuffle_frames, .. } = match &self.config.input {
            Input::Videos(videos) => videos,
            Input::Features(_) => {
                return vec!["The features are stored ones: there is no backbone.".to_owned(), detector];
            }
        };
        let backbone = match (weights, adapter.backbone_learns()) {
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
        let mut words = vec![backbone.to_owned(), adapters.to_owned(), detector];
        if *shuffle_frames {
            words.push("Control: the frames of every second stand in random order, in all subsets.".to_owned());
        }
        words
    }

    fn generate(&self) -> Result<(), SessionError> {
        let Some(VideoInput { synth: Some(options), .. }) = self.config.input.videos() else { return Ok(()) };
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
        Ok(dataset::classes(self.config, self.root, annotations)?)
    }

    fn open(
        &self,
        annotations: &Annotations,
        classes: &ClassList,
        subset: Subset<'_>,
    ) -> Result<Dataset, DatasetError> {
        let progress = |done, total| self.observer.stage(Stage::Decode, done, total);
        Dataset::open(self.config, self.root, annotations, classes, subset, progress)
    }

    /// A subset to detect in.
    fn tested<'s>(&self, name: &'s str) -> Result<Subset<'s>, StandardError> {
        Ok(Subset { name, purpose: Purpose::Testing, standard: self.folder.standard_of(self.config)? })
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
        let mut scored = scores(&evaluated.map);
        if let Some(recall) = &evaluated.recall {
            scored["recall"] = json!(recall);
        }
        scored["diagnosis"] = json!(evaluated.diagnosis);
        scored["calibration"] = json!(evaluated.calibration);
        folder.write(&folder.scores(), &format!("{scored:#}\n"))?;

        let config = self.config.to_toml();
        let usage = Usage::since(self.begun);
        let mut facts = vec![
            ("Average mAP", format!("{:.1} %", 100.0 * evaluated.map.average)),
            ("Seed", self.config.seed.to_string()),
            ("Device", self.device_name.to_owned()),
            ("Products in", self.config.precision(self.device).name().to_owned()),
            ("Parameters", format!("{} ({} trained)", outcome.parameters.total, outcome.parameters.trained)),
            ("Steps", outcome.steps.to_string()),
            ("Time", format!("{:.0} s ({:.0} s of processor)", usage.wall_s, usage.cpu_s)),
            ("Peak memory", format!("{} MiB", usage.peak_mib)),
            ("Configuration", blake3::hash(config.as_bytes()).to_hex()[..16].to_owned()),
        ];
        if let Some(reading) = data.reading() {
            let StoreReport { damaged, filled, .. } = reading;
            facts
                .push(("Damaged frames", format!("{damaged} in the test videos, {filled} replaced by the one before")));
        }
        let names = data.videos().iter().map(|entry| entry.name.as_str());
        // Features show nothing that a person would recognise.
        let pictures = self.config.input.videos().map(|_| paths(self.config, self.root, names));
        let summary = Summary {
            title: format!("Temporal action detection: {}", folder.root().display()),
            facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            notes: self.plain_words(),
            log: &folder.metrics(),
            classes,
            videos: data.videos(),
            pictures: pictures.as_deref(),
            evaluated,
            config,
        };
        folder.write(&folder.report(), &summary.to_html()?)?;
        self.write_events();
        Ok(())
    }

    /// The log once more as TensorBoard reads it. Nothing else depends on that file, so it ends no run.
    fn write_events(&self) {
        let path = self.folder.events();
        let log = self.folder.metrics();
        if !log.is_file() {
            return;
        }
        let written = std::fs::read_to_string(&log).and_then(|log| tensorboard::write(&log, &path, seconds_now()));
        if let Err(error) = written {
            self.observer.note(&format!("{}: {error}", path.display()));
        }
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
