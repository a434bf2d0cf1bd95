//! The written backward pass of the adapted backbone against Burn's graph: every mode, every choice of what to keep.

#![cfg(test)]

use adatad_adapter::{AdaptedBackbone, AdapterConfig, Keep, PrecisionChoice, Representation, TuningMode};
use adatad_backbone::{Precision, Vit};
use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};
use common::SplitMix;
use model::{frames, vit};

mod common;
mod model;

/// Every number is random, so that every path matters: a new adapter's `up_proj` would be zero.
struct Randomise(SplitMix);

impl burn::module::ModuleMapper for Randomise {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let rng = &mut self.0;
        param.map(|tensor| {
            let learns = tensor.is_require_grad();
            let data = TensorData::random::<f32, _, _>(tensor.dims(), Distribution::Normal(0.1, 0.3), rng);
            let numbers = Tensor::<D>::from_data(data, &tensor.device());
            numbers.cast(tensor.dtype()).set_require_grad(learns)
        })
    }
}

fn built(config: &AdapterConfig, representation: Representation) -> AdaptedBackbone {
    let device = Device::flex().autodiff();
    let transformer = Vit::init(&vit(), &mut SplitMix(1), &device);
    let model = AdaptedBackbone::init(transformer, config, representation, &mut SplitMix(2), &device);
    model.map(&mut Randomise(SplitMix(3)))
}

/// Gradients by a weight's place, and what the backbone said.
struct Outcome {
    said: Tensor<3>,
    gradients: Vec<(String, Vec<f32>)>,
}

struct Collect {
    gradients: GradientsParams,
    path: Vec<String>,
    found: Vec<(String, Vec<f32>)>,
}

impl ModuleVisitor for Collect {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            self.found.push((self.path.join("."), gradient.to_data().iter::<f32>().collect()));
        }
    }
}

fn collect(model: &AdaptedBackbone, gradients: GradientsParams) -> Vec<(String, Vec<f32>)> {
    let mut collect = Collect { gradients, path: Vec::new(), found: Vec::new() };
    model.visit(&mut collect);
    collect.found
}

/// A loss in which every tubelet counts differently.
fn loss(features: Tensor<3>) -> Tensor<1> {
    let weights = TensorData::random::<f32, _, _>(features.dims(), Distribution::Normal(0.0, 1.0), &mut SplitMix(4));
    (features.clone().square() * 0.5 + features.clone() * Tensor::from_data(weights, &features.device())).mean()
}

fn by_graph(model: &AdaptedBackbone) -> Outcome {
    let device = Device::flex().autodiff();
    let said = model.tubelets(frames(2, &device), Some(&mut SplitMix(5)));
    let gradients = GradientsParams::from_grads(loss(model.features(said.clone())).backward(), model);
    Outcome { said: said.inner(), gradients: collect(model, gradients) }
}

fn written(model: &AdaptedBackbone, keep: &Keep) -> Outcome {
    let plain = model.valid();
    let (said, kept) = plain.run(frames(2, &Device::flex()), Some(&mut SplitMix(5)), keep).unwrap();
    let handed_over = Tensor::from_inner(said.clone()).require_grad();
    let gradients = loss(model.features(handed_over.clone())).backward();
    let gradients = plain.backward(kept, handed_over.grad(&gradients).unwrap()).unwrap();
    Outcome { said, gradients: collect(&plain, gradients) }
}

/// Largest difference in units of the largest number.
fn apart(ours: &[f32], theirs: &[f32]) -> f32 {
    let largest = theirs.iter().fold(0f32, |largest, x| largest.max(x.abs()));
    let apart = ours.iter().zip(theirs).fold(0f32, |apart, (a, b)| apart.max((a - b).abs()));
    apart / largest.max(1e-6)
}

fn assert_same(ours: &Outcome, theirs: &Outcome, tolerance: f32, what: &str) {
    let numbers = |x: &Tensor<3>| x.to_data().iter::<f32>().collect::<Vec<_>>();
    let said = apart(&numbers(&ours.said), &numbers(&theirs.said));
    assert!(said < tolerance, "{what}: features differ by {said}");
    let names = |outcome: &Outcome| outcome.gradients.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(ours), names(theirs), "{what}");
    // A bias of keys or a norm before a softmax may have a gradient of nothing but rounding: sizes are those of the model.
    let scale = |o: &Outcome| o.gradients.iter().flat_map(|(_, g)| g).fold(0f32, |largest, x| largest.max(x.abs()));
    let scale = scale(theirs);
    for ((name, ours), (_, theirs)) in ours.gradients.iter().zip(&theirs.gradients) {
        let apart = apart(ours, theirs);
        let noise = ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-7 * scale);
        assert!(apart < tolerance || noise, "{what}: {name} differs by {apart}");
    }
}

/// Of all gradients together, in units of their size.
fn distance(a: &Outcome, b: &Outcome) -> f64 {
    let (mut apart, mut size) = (0f64, 0f64);
    for ((_, a), (_, b)) in a.gradients.iter().zip(&b.gradients) {
        apart += a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>();
        size += b.iter().map(|b| f64::from(*b).powi(2)).sum::<f64>();
    }
    (apart / size).sqrt()
}

fn keeps() -> Vec<Keep> {
    let inputs = Keep::inputs();
    vec![
        Keep::everything(),
        Keep { traced: 1, ..inputs.clone() },
        Keep { traced: 1, every: 2, clips_at_once: 3, ..inputs.clone() },
        inputs.clone(),
        Keep { every: 2, ..inputs.clone() },
        Keep { every: 99, clips_at_once: 4, ..inputs.clone() },
        Keep { every: 3, held: 2, ..inputs.clone() },
        Keep { every: 3, held: 1, traced: 1, ..inputs },
    ]
}

fn configs() -> Vec<AdapterConfig> {
    let tia = AdapterConfig::tia;
    vec![
        tia(),
        AdapterConfig { kernel: 5, dilation: 2, reduction: 2, ..tia() },
        AdapterConfig { mode: TuningMode::Adapter, ..tia() },
        AdapterConfig { blocks: Some(vec![1, 2]), ..tia() },
        AdapterConfig { blocks: Some(vec![0, 2]), ..tia() },
        AdapterConfig { blocks: Some(vec![1]), ..tia() },
        AdapterConfig { train_backbone: true, ..tia() },
        AdapterConfig { train_backbone: true, blocks: Some(vec![1]), centre_features: true, ..tia() },
        AdapterConfig { mode: TuningMode::Ladder, ..tia() },
        AdapterConfig { mode: TuningMode::Ladder, blocks: Some(vec![1]), ..tia() },
        AdapterConfig { mode: TuningMode::Full, ..tia() },
    ]
}

#[test]
fn written_gradients_are_those_of_the_graph_in_every_mode_whatever_is_kept() {
    for config in configs() {
        for representation in [Representation::Frames, Representation::Snippets] {
            let model = built(&config, representation);
            let graph = by_graph(&model);
            assert!(!graph.gradients.is_empty());
            for keep in keeps() {
                assert_same(&written(&model, &keep), &graph, 5e-6, &format!("{config:?}, {representation:?}, {keep}"));
            }
        }
    }
}

#[test]
fn what_is_computed_again_gives_the_same_gradients() {
    for config in configs() {
        let model = built(&config, Representation::Frames);
        let all = written(&model, &Keep::everything());
        for keep in keeps() {
            assert_same(&written(&model, &keep), &all, 1e-6, &format!("{config:?}, {keep}"));
        }
    }
}

#[test]
fn files_hold_what_memory_holds() {
    let folder = tempfile::tempdir().unwrap();
    for config in configs() {
        let model = built(&config, Representation::Frames);
        for half in [false, true] {
            let keep = Keep { half, ..Keep::inputs() };
            let memory = written(&model, &keep);
            let files = written(&model, &Keep { spill: Some(folder.path().into()), ..keep });
            // What an adapter read is found from the block above only where that block's input is in memory as it was; so in
            // f32 the two differ as any two choices do, and in bf16 not at all.
            assert_same(&files, &memory, if half { f32::MIN_POSITIVE } else { 1e-6 }, &format!("{config:?}, {half}"));
        }
    }
}

#[test]
fn a_missing_folder_for_files_is_an_error_that_names_it() {
    let model = built(&AdapterConfig::tia(), Representation::Frames).valid();
    let keep = Keep { spill: Some("/nonexistent/folder".into()), ..Keep::inputs() };
    let error = model.run(frames(1, &Device::flex()), None, &keep).err().unwrap().to_string();
    assert!(error.contains("/nonexistent/folder") && error.contains("--spill"), "{error}");
}

/// The gradient is exactly that of the rounded forward pass, so that it stays close to the exact one.
#[test]
fn inputs_in_bf16_change_gradients_by_their_rounding_only() {
    for config in configs() {
        let model = built(&config, Representation::Frames);
        let exact = written(&model, &Keep::inputs());
        let half = Keep { half: true, ..Keep::inputs() };
        let rounded = written(&model, &half);
        assert!(distance(&rounded, &exact) < 0.03, "{config:?}: {}", distance(&rounded, &exact));
        // Whatever is computed again starts from the same rounded numbers.
        let again = written(&model, &Keep { every: 2, ..half });
        assert!(distance(&again, &rounded) < 1e-6, "{config:?}: {}", distance(&again, &rounded));
    }
}

/// Products in 16 bits round; nothing else changes: the written backward pass, Burn's graph of the same products, and all
/// choices of what to keep agree as far as rounding lets them.
#[test]
fn products_in_16_bits_change_gradients_by_their_rounding_only() {
    for (precision, allowed) in [(Precision::F16, 1e-3), (Precision::Bf16, 8e-3)] {
        for config in configs() {
            let exact = written(&built(&config, Representation::Frames), &Keep::inputs());
            let model = built(&AdapterConfig { precision: precision.into(), ..config }, Representation::Frames);
            let rounded = written(&model, &Keep::inputs());
            let near = |a: &Outcome, b: &Outcome, what: &str| {
                let names =
                    |outcome: &Outcome| outcome.gradients.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
                assert_eq!(names(a), names(b), "{what}");
                let apart = distance(a, b);
                assert!(apart < allowed, "{precision:?}, {what}: {apart}");
            };
            near(&rounded, &exact, "f32");
            near(&by_graph(&model), &rounded, "graph");
            keeps().iter().for_each(|keep| near(&written(&model, keep), &rounded, &keep.to_string()));
        }
    }
}

#[test]
fn frozen_weights_are_held_in_16_bits_and_those_that_learn_in_32() {
    struct Held(Vec<(String, DType, bool)>, Vec<String>);
    impl ModuleVisitor for Held {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.1.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.1.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.push((self.1.join("."), param.val().dtype(), param.val().is_require_grad()));
        }
    }
    for config in configs() {
        let config = AdapterConfig { precision: PrecisionChoice::F16, ..config };
        let mut held = Held(Vec::new(), Vec::new());
        built(&config, Representation::Frames).visit(&mut held);
        for (name, dtype, learns) in held.0 {
            let stays = learns || name.contains("norm") || name.contains("pos_embed");
            assert_eq!(dtype, if stays { DType::F32 } else { DType::F16 }, "{config:?}: {name}");
            let own = name.starts_with("vit.") && !name.contains("pos_embed");
            assert_eq!(learns, if own { config.backbone_learns() } else { !name.starts_with("vit.") }, "{name}");
        }
    }
}

#[test]
fn detection_sees_what_training_sees() {
    for config in configs().into_iter().chain([AdapterConfig { mode: TuningMode::Frozen, ..AdapterConfig::tia() }]) {
        let model = built(&config, Representation::Frames).valid();
        let numbers = |x: Tensor<3>| x.to_data().iter::<f32>().collect::<Vec<_>>();
        let whole = numbers(model.tubelets(frames(2, &Device::flex()), None));
        for at_once in [1, 3, 4] {
            let found = numbers(model.infer(frames(2, &Device::flex()), at_once));
            assert!(apart(&found, &whole) < 2e-6, "{config:?}: {}", apart(&found, &whole));
        }
    }
}
