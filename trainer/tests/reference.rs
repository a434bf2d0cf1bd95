//! Stage by stage against the numbers of the public PyTorch implementation.

#![cfg(test)]

mod support;

use adatad::model::{AdaTad, ModelConfig};
use adatad::optim::{ModelGradients, Optimizer, OptimizerConfig};
use adatad_adapter::{AdapterConfig, TuningMode};
use adatad_backbone::VitConfig;
use adatad_data::random::{Rng, Stream};
use adatad_detector::actionformer::{ActionFormer, ActionFormerConfig};
use adatad_detector::losses::LossNormalizer;
use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde_json::Value;
use support::Fixture;

/// Weights are loaded from the fixture, so what is drawn before does not matter.
fn any_numbers() -> Rng {
    Rng::new(0, Stream::Init, 0, 0)
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or_else(|| panic!("not a number: {value}")) as usize
}

/// The sidecar's description of an end-to-end model in our words.
fn model_config(sidecar: &Value) -> ModelConfig {
    let model = &sidecar["config"]["model"];
    let vit = &model["backbone"]["backbone"];
    let (width, patch) = (number(&vit["embed_dims"]), number(&vit["patch_size"]));
    ModelConfig {
        backbone: VitConfig {
            width,
            depth: number(&vit["depth"]),
            heads: number(&vit["num_heads"]),
            mlp: width * number(&vit["mlp_ratio"]),
            patch,
            position_grid: number(&vit["img_size"]) / patch,
            drop_path: 0.0,
            norm_epsilon: VitConfig::NORM_EPSILON,
        },
        adapter: AdapterConfig {
            mode: TuningMode::Tia,
            reduction: 4,
            kernel: 3,
            train_backbone: false,
            centre_features: false,
        },
        detector: detector_config(model),
        classes: number(&model["rpn_head"]["num_classes"]),
        window_steps: number(&model["projection"]["max_seq_len"]),
        frame_loss: 0.0,
    }
}

fn detector_config(model: &Value) -> ActionFormerConfig {
    let (projection, head) = (&model["projection"], &model["rpn_head"]);
    let ranges = head["prior_generator"]["regression_range"].as_array().unwrap();
    ActionFormerConfig {
        channels: number(&projection["out_channels"]),
        embed_convs: number(&projection["arch"][0]),
        stem_blocks: number(&projection["arch"][1]),
        heads: number(&projection["attn_cfg"]["n_head"]),
        attention_window: projection["attn_cfg"]["n_mha_win_size"].as_u64().map(|w| w as usize),
        absolute_positions: projection["use_abs_pe"].as_bool().unwrap(),
        input_dropout: 0.0,
        path_dropout: projection["path_pdrop"].as_f64().unwrap(),
        head_convs: number(&head["num_convs"]),
        regression_ranges: ranges.iter().map(|r| [r[0].as_f64().unwrap(), r[1].as_f64().unwrap()]).collect(),
        centre_radius: head["center_sample_radius"].as_f64().unwrap(),
        class_prior: head["cls_prior_prob"].as_f64().unwrap(),
        label_smoothing: head["label_smoothing"].as_f64().unwrap(),
        loss_weight: head["loss_weight"].as_f64().unwrap(),
        loss_normalizer: head["loss_normalizer"].as_f64().unwrap(),
        loss_normalizer_momentum: head["loss_normalizer_momentum"].as_f64().unwrap(),
        filter_similar: true,
    }
}

fn mask(fixture: &Fixture) -> Mask {
    let data = &fixture.io["in/masks"];
    let flags: Vec<bool> = support::floats(data).iter().map(|&v| v != 0.0).collect();
    Mask::new(flags.chunks(data.shape()[1]).map(<[bool]>::to_vec).collect())
}

fn truth(fixture: &Fixture, batch: usize) -> Vec<Vec<Truth>> {
    (0..batch)
        .map(|b| {
            let segments = support::floats(&fixture.io[&format!("in/gt_segments.{b}")]);
            let labels = support::floats(&fixture.io[&format!("in/gt_labels.{b}")]);
            let pairs = segments.chunks(2).zip(labels);
            pairs.map(|(s, l)| Truth { start: s[0] as f32, end: s[1] as f32, label: l as usize }).collect()
        })
        .collect()
}

/// Worst ratios by key, checked at the end so that a failure shows every stage.
#[derive(Default)]
struct Report(Vec<(String, f64)>);

impl Report {
    fn check(&mut self, fixture: &Fixture, key: &str, found: TensorData) {
        self.0.push((key.to_owned(), fixture.ratio(key, &found)));
    }

    fn finish(self, name: &str) {
        let failed: Vec<_> = self.0.iter().filter(|(_, ratio)| *ratio > 1.0).collect();
        let worst = self.0.iter().map(|(_, r)| *r).fold(0.0, f64::max);
        eprintln!("{name}: {} values, worst {worst:.3} of tolerance", self.0.len());
        assert!(failed.is_empty(), "{name}: beyond tolerance: {failed:?}");
    }
}

fn frames(fixture: &Fixture, device: &Device) -> Tensor<5, Int> {
    let data = fixture.io["in/frames"].clone();
    let shape = data.shape().to_vec();
    Tensor::<6, Int>::from_data(data, (device, burn::tensor::DType::U8))
        .reshape([shape[0], shape[2], shape[3], shape[4], shape[5]])
}

fn end_to_end(name: &str) {
    let Some(fixture) = Fixture::find(name) else { return };
    let device = Device::flex().autodiff();
    let mut model = AdaTad::init(&model_config(&fixture.sidecar), &mut any_numbers(), &device);
    let unused = adatad::weights::load(&mut model, &fixture.weights()).unwrap();
    assert!(unused.iter().all(|name| name.contains("fc_norm") || name.contains("loss_normalizer")), "{unused:?}");
    let mask = mask(&fixture);
    let truth = truth(&fixture, mask.batch());
    let mut report = Report::default();

    let plain = model.clone().valid();
    let input = frames(&fixture, &device.clone().inner());
    let features = plain.features(input.clone(), None);
    report.check(&fixture, "stage/backbone", features.to_data());
    let predictions = plain.detector.forward(features, &mask, None);
    let scores = burn::tensor::activation::sigmoid(predictions.output.logits.clone());
    report.check(&fixture, "pred/scores.0", scores.to_data());
    let losses = plain.detector.losses(&predictions, &truth, LossNormalizer::evaluation);
    report.check(&fixture, "loss/eval.cls_loss", losses.classification.to_data());
    report.check(&fixture, "loss/eval.reg_loss", losses.regression.to_data());

    let steps = number(&fixture.sidecar["steps"]);
    let settings = OptimizerConfig {
        learning_rate: 1e-4,
        adapter_learning_rate: 2e-4,
        backbone_learning_rate: 0.0,
        weight_decay: 0.05,
        clip_norm: fixture.sidecar["clip_grad_norm"].as_f64().unwrap(),
    };
    let mut optimizer = Optimizer::new(settings);
    let mut normalizer = LossNormalizer { value: 100.0, momentum: 0.9 };
    for step in 1..=steps {
        let predictions = model.forward(frames(&fixture, &device), &mask, None);
        let losses = model.detector.losses(&predictions, &truth, |positives| normalizer.update(positives));
        report.check(&fixture, &format!("loss/step{step}.cost"), losses.total.to_data());
        let gradients = ModelGradients::of(&losses, &model);
        let norm = gradients.norm(&model);
        report.check(&fixture, &format!("loss/step{step}.grad_norm"), TensorData::from([norm as f32]));
        if step == 1 {
            for (name, gradient) in gradients.by_file_name(&model) {
                report.check(&fixture, &format!("grad/{name}"), gradient);
            }
        }
        model = optimizer.step(model, gradients, norm, 1.0);
    }
    report.finish(name);
}

/// The detector alone, on features: forward, losses, gradients, one optimiser step after another.
fn on_features(name: &str) {
    let Some(fixture) = Fixture::find(name) else { return };
    let model = &fixture.sidecar["config"]["model"];
    let (config, device) = (detector_config(model), Device::flex().autodiff());
    let classes = number(&model["rpn_head"]["num_classes"]);
    let sizes = [number(&model["projection"]["in_channels"]), classes, number(&model["projection"]["max_seq_len"])];
    let mut detector = Wrapped { detector: ActionFormer::init(&config, sizes, &mut any_numbers(), &device) };
    let unused = adatad::weights::load(&mut detector, &fixture.weights()).unwrap();
    assert!(unused.iter().all(|name| name.contains("loss_normalizer")), "{unused:?}");
    let (mask, mut report) = (mask(&fixture), Report::default());
    let truth = truth(&fixture, mask.batch());
    let input = |device: &Device| Tensor::<3>::from_data(fixture.io["in/feats"].clone(), device);

    let plain = detector.valid().detector;
    let predictions = plain.forward(input(&device.clone().inner()), &mask, None);
    let scores = burn::tensor::activation::sigmoid(predictions.output.logits.clone());
    let [_, points, _] = scores.dims();
    for video in 0..mask.batch() {
        let valid: Vec<i32> = (0..points).filter(|&p| predictions.valid.row(video)[p]).map(|p| p as i32).collect();
        let rows = Tensor::<1, Int>::from_data(&valid[..], &scores.device());
        let kept = scores.clone().narrow(0, video, 1).squeeze_dim::<2>(0).select(0, rows);
        report.check(&fixture, &format!("pred/scores.{video}"), kept.to_data());
    }
    let losses = plain.losses(&predictions, &truth, LossNormalizer::evaluation);
    report.check(&fixture, "loss/eval.cls_loss", losses.classification.to_data());
    report.check(&fixture, "loss/eval.reg_loss", losses.regression.to_data());

    let mut normalizer = LossNormalizer { value: config.loss_normalizer, momentum: config.loss_normalizer_momentum };
    let predictions = detector.detector.forward(input(&device), &mask, None);
    let losses = detector.detector.losses(&predictions, &truth, |positives| normalizer.update(positives));
    report.check(&fixture, "loss/step1.cost", losses.total.to_data());
    let gradients = ModelGradients::of(&losses, &detector);
    report.check(&fixture, "loss/step1.grad_norm", TensorData::from([gradients.norm(&detector) as f32]));
    for (name, gradient) in gradients.by_file_name(&detector) {
        report.check(&fixture, &format!("grad/{name}"), gradient);
    }
    report.finish(name);
}

/// A detector at the place where the whole model has it, so that names are the same.
#[derive(Module, Debug)]
struct Wrapped {
    detector: ActionFormer,
}

#[test]
fn attention_within_a_window_agrees_with_the_reference() {
    on_features("feat_actionformer_local");
}

#[test]
fn absolute_positions_smoothing_and_automatic_weight_agree_with_the_reference() {
    on_features("feat_actionformer_abspe");
}

#[test]
fn the_tiny_end_to_end_model_agrees_with_the_reference() {
    end_to_end("e2e_actionformer");
}

#[test]
fn resized_positions_agree_with_the_reference() {
    end_to_end("e2e_actionformer_posinterp");
}
