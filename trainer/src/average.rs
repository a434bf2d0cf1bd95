//! Exponential moving average of the weights that learn.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::Tensor;

use crate::optim::flat;
use crate::path::ParameterPath;

/// The average, by parameter path.
#[derive(Debug, Clone)]
pub struct WeightAverage {
    decay: f64,
    /// Averaged weights, flat.
    pub weights: BTreeMap<String, Tensor<1>>,
}

impl WeightAverage {
    /// Starts at the present weights. A decay of 0 follows them.
    pub fn new<M: Module>(model: &M, decay: f64) -> Self {
        Self { decay, weights: learning_weights(model) }
    }

    /// How many numbers learn.
    pub fn numbers(&self) -> usize {
        self.weights.values().map(|tensor| tensor.dims()[0]).sum()
    }

    /// Takes in the weights after a step: `decay * average + (1 - decay) * weights`.
    ///
    /// Differs from OpenTAD, which averages frozen weights and buffers too.
    pub fn update<M: Module>(&mut self, model: &M) {
        let keep = self.decay;
        for (path, now) in learning_weights(model) {
            let average = match self.weights.remove(&path) {
                Some(average) if keep > 0.0 => averaged(average, now, keep),
                _ => now,
            };
            self.weights.insert(path, average);
        }
    }

    /// `model` with the averaged weights in place of its own.
    pub fn apply<M: Module>(&self, model: M) -> M {
        put_weights(model, &self.weights)
    }
}

/// `model` with these weights in place of its own; those that are not among them stay.
pub fn put_weights<M: Module>(model: M, weights: &BTreeMap<String, Tensor<1>>) -> M {
    model.map(&mut Replace { path: ParameterPath::default(), weights })
}

/// One update of an average.
pub fn averaged(average: Tensor<1>, now: Tensor<1>, decay: f64) -> Tensor<1> {
    average * decay + now * (1.0 - decay)
}

/// One update of an average that is stored as a whole number, as the reference's files hold that of the loss normaliser:
/// what comes after the point is lost at every step.
pub fn averaged_whole(average: i64, now: f64, decay: f64) -> i64 {
    (average as f32 * decay as f32 + now as f32 * (1.0 - decay) as f32) as i64
}

/// Flat copies of every parameter that learns, by path.
pub fn learning_weights<M: Module>(model: &M) -> BTreeMap<String, Tensor<1>> {
    #[derive(Default)]
    struct Collect {
        path: ParameterPath,
        found: BTreeMap<String, Tensor<1>>,
    }
    impl ModuleVisitor for Collect {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.path.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let value = param.val();
            if value.is_require_grad() {
                self.found.insert(self.path.joined(), flat(value.inner()));
            }
        }
    }
    let mut collect = Collect::default();
    model.visit(&mut collect);
    collect.found
}

struct Replace<'a> {
    path: ParameterPath,
    weights: &'a BTreeMap<String, Tensor<1>>,
}

impl ModuleMapper for Replace<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        self.path.enter(name, container);
    }
    fn exit_module(&mut self, _: &str, container: &str) {
        self.path.exit(container);
    }
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.weights.get(&self.path.joined()) {
            Some(average) => param.map(|tensor| {
                let replaced = average.clone().reshape(tensor.shape());
                if tensor.is_autodiff() { Tensor::from_inner(replaced).require_grad() } else { replaced }
            }),
            None => param,
        }
    }
}
