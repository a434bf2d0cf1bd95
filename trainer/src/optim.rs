//! The optimiser: one [`Rule`] over parameter groups, with one gradient norm for the whole model.
//!
//! The state is ours, under the parameters' names, so that a checkpoint can hold it and two runs write the same bytes.

use std::collections::BTreeMap;

use adatad_detector::losses::Losses;
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Gradients, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::path::ParameterPath;
use crate::readback::Readback;
use crate::rule::{Moments, Rates, Rule, clip_factor};
use crate::weights::file_name;

/// Learning rates and decay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OptimizerConfig {
    /// How parameters move; absent: AdamW.
    #[serde(default)]
    pub rule: Rule,
    /// Base rate of the detector.
    pub learning_rate: f64,
    /// Base rate of the adapters; absent where there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub adapter_learning_rate: f64,
    /// Base rate of the backbone; absent where it does not learn.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub backbone_learning_rate: f64,
    /// Weight decay: of all weights of backbone and adapters, and of the detector's matrices and kernels.
    pub weight_decay: f64,
    /// Whether the detector's biases, norms and scales decay, too (OpenTAD without parameter groups: G-TAD).
    #[serde(default)]
    pub decay_all: bool,
    /// Largest norm of the gradient of all parameters together; larger ones are scaled down to it.
    pub clip_norm: f64,
}

/// Whether a number need not be written into a run file.
pub(crate) fn is_zero(value: &f64) -> bool {
    value.abs() < f64::MIN_POSITIVE
}

/// Which rate and decay a parameter has (OpenTAD's paramwise groups).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// The backbone's own weights.
    Backbone,
    /// Adapters: decay on all of them, biases and gains too, as in the reference.
    Adapter,
    /// Matrices and kernels of the detector.
    Decayed,
    /// Biases, norms and scales of the detector.
    Plain,
}

impl Group {
    /// The group of the parameter at this path.
    pub fn of(path: &str) -> Self {
        if path.starts_with("backbone.adapters.") || path.starts_with("backbone.ladder.") {
            Group::Adapter
        } else if path.starts_with("backbone.") {
            Group::Backbone
        } else if path.ends_with(".weight") {
            Group::Decayed
        } else {
            Group::Plain
        }
    }

    fn rates(self, config: &OptimizerConfig) -> Rates {
        let (rate, decay) = match self {
            Group::Backbone => (config.backbone_learning_rate, config.weight_decay),
            Group::Adapter => (config.adapter_learning_rate, config.weight_decay),
            Group::Decayed => (config.learning_rate, config.weight_decay),
            Group::Plain if config.decay_all => (config.learning_rate, config.weight_decay),
            Group::Plain => (config.learning_rate, 0.0),
        };
        Rates { rate, decay }
    }
}

/// Gradients of one step.
#[derive(Debug)]
pub struct ModelGradients(pub(crate) GradientsParams);

impl ModelGradients {
    /// Runs the backward pass.
    pub fn of<M: Module>(losses: &Losses, model: &M) -> Self {
        Self::from_backward(losses.total.backward(), model)
    }

    /// Gradients of a backward pass that was run elsewhere.
    pub fn from_backward<M: Module>(gradients: Gradients, model: &M) -> Self {
        Self(GradientsParams::from_grads(gradients, model))
    }

    /// Euclidean norm over every parameter's gradient, read back from the device.
    pub fn norm<M: Module>(&self, model: &M) -> f64 {
        let norm = self.norm_on_device(model).map(|norm| Readback::default().numbers(norm));
        norm.and_then(|norm| norm.first().copied()).unwrap_or(0.0)
    }

    /// The same, `[1]`, where it was computed; none if there are no gradients.
    pub(crate) fn norm_on_device<M: Module>(&self, model: &M) -> Option<Tensor<1>> {
        struct Squares<'a>(&'a GradientsParams, Vec<Tensor<1>>);
        impl ModuleVisitor for Squares<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                self.1.extend(self.0.get::<D>(param.id).map(|gradient| gradient.square().sum()));
            }
        }
        let mut squares = Squares(&self.0, Vec::new());
        model.visit(&mut squares);
        (!squares.1.is_empty()).then(|| Tensor::cat(squares.1, 0).sum().sqrt())
    }

    /// The gradient of every parameter that has one, under the name and in the layout of a weights file.
    pub fn by_file_name<M: Module>(&self, model: &M) -> BTreeMap<String, TensorData> {
        by_file_name(model, Some(&self.0))
    }
}

/// Every parameter, under the name and in the layout of a weights file.
pub fn parameters_by_file_name<M: Module>(model: &M) -> BTreeMap<String, TensorData> {
    by_file_name(model, None)
}

/// Parameters, or those of `gradients`.
fn by_file_name<M: Module>(model: &M, gradients: Option<&GradientsParams>) -> BTreeMap<String, TensorData> {
    struct Collect<'a> {
        gradients: Option<&'a GradientsParams>,
        path: ParameterPath,
        in_linear: bool,
        found: BTreeMap<String, TensorData>,
    }
    impl ModuleVisitor for Collect<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
            self.in_linear = container == "Struct:Linear";
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.path.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let tensor = match self.gradients {
                Some(gradients) => gradients.get::<D>(param.id),
                None => Some(param.val().inner()),
            };
            if let Some(tensor) = tensor {
                let is_matrix = self.in_linear && D == 2;
                let tensor = if is_matrix { tensor.transpose() } else { tensor };
                self.found.insert(file_name(&self.path.joined()), tensor.to_data());
            }
        }
    }
    let mut collect = Collect { gradients, path: ParameterPath::default(), in_linear: false, found: BTreeMap::new() };
    model.visit(&mut collect);
    collect.found
}

/// Any tensor as one row.
pub(crate) fn flat<const D: usize>(tensor: Tensor<D>) -> Tensor<1> {
    let size = tensor.shape().num_elements();
    tensor.reshape([size])
}

/// Moments of every parameter that has been updated, by path.
pub type OptimizerState = BTreeMap<String, Moments>;

/// The optimiser.
#[derive(Clone)]
pub struct Optimizer {
    config: OptimizerConfig,
    /// What a checkpoint has to hold.
    pub state: OptimizerState,
}

impl Optimizer {
    /// An optimiser that has not made a step.
    pub fn new(config: OptimizerConfig) -> Self {
        Self { config, state: OptimizerState::new() }
    }

    /// One update. `factor` is the schedule's share of each base rate, `norm` the gradient's norm from
    /// [`ModelGradients::norm`].
    pub fn step<M: Module>(&mut self, model: M, gradients: ModelGradients, norm: f64, factor: f64) -> M {
        model.map(&mut Update {
            path: ParameterPath::default(),
            gradients: gradients.0,
            scale: clip_factor(norm, self.config.clip_norm),
            factor,
            config: &self.config,
            state: &mut self.state,
        })
    }
}

struct Update<'a> {
    path: ParameterPath,
    gradients: GradientsParams,
    scale: f64,
    factor: f64,
    config: &'a OptimizerConfig,
    state: &'a mut OptimizerState,
}

impl ModuleMapper for Update<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }

    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(gradient) = self.gradients.remove::<D>(param.id) else { return param };
        let path = self.path.joined();
        let base = Group::of(&path).rates(self.config);
        let rates = Rates { rate: base.rate * self.factor, ..base };
        let gradient = flat(gradient) * self.scale;
        let state = self.state.remove(&path);
        param.map(|tensor| {
            let shape = tensor.shape();
            let (updated, state) = self.config.rule.step(rates, flat(tensor.inner()), gradient, state);
            if let Some(state) = state {
                self.state.insert(path, state);
            }
            Tensor::from_inner(updated.reshape(shape)).require_grad()
        })
    }
}
