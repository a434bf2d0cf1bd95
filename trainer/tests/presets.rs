//! The run files of the published configurations against tables of our own, made from the reference's documentation and
//! not from the files: what the recipe is, what the model counts, what was published, and that each can be planned.

#![cfg(test)]

mod recipes;

use std::collections::BTreeSet;
use std::path::Path;

use adatad::config::presets::{ALL, RunPreset};
use adatad::config::{AugmentConfig, CropKind, Input, RunConfig, VideoInput};
use adatad::memory::{Budget, Shape};
use adatad::plan::{Plan, Shown};
use adatad_adapter::{Keep, PrecisionChoice, TuningMode};
use adatad_data::datasets::Shape as Windows;
use adatad_detector::DetectorConfig;
use adatad_detector::actionformer::ActionFormerConfig;
use adatad_detector::suppression::Method;
use burn::tensor::Device;
use rayon::prelude::*;

use recipes::{ROWS, Row, Set};

fn preset(name: &str) -> &'static RunPreset {
    RunPreset::find(name).unwrap_or_else(|| panic!("no preset {name}"))
}

fn videos(config: &RunConfig) -> &VideoInput {
    config.input.videos().expect("published recipes learn from videos")
}

fn actionformer(config: &RunConfig) -> &ActionFormerConfig {
    match &config.detector {
        DetectorConfig::ActionFormer(detector) => detector,
        other => panic!("published recipes have an ActionFormer, not {}", other.name()),
    }
}

#[test]
fn every_preset_is_in_the_table_and_in_the_folder_and_nothing_else() {
    let published: BTreeSet<&str> = ALL.iter().filter(|p| p.data_set.is_some()).map(|preset| preset.name).collect();
    assert_eq!(published, ROWS.iter().map(|row| row.name).collect());
    assert_eq!(ROWS.len(), published.len(), "each once");
    let folder = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("presets")).unwrap();
    let files: BTreeSet<String> = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, ALL.iter().map(|preset| format!("{}.toml", preset.name)).collect());
}

#[test]
fn a_preset_says_in_its_first_lines_what_it_should_reach() {
    for Row { name, average, singles, .. } in ROWS {
        let preset = preset(name);
        assert!(preset.about().len() > 30, "{name}");
        assert_eq!(preset.average(), *average, "{name}");
        let said = preset.published().unwrap();
        let numbers = said.split([' ', ';', ',', '(', ')']).filter(|word| word.contains('.'));
        let numbers: Vec<f64> = numbers.filter_map(|word| word.parse().ok()).filter(|number| *number > 1.0).collect();
        assert_eq!(numbers.get(1..).unwrap_or_default(), *singles, "{name}: {said}");
        let head: Vec<&str> = preset.text.lines().take_while(|line| line.starts_with('#')).collect();
        assert!(head.iter().any(|line| line.starts_with("# Source: OpenTAD configs/adatad/")), "{name}");
        assert!(head.contains(&&*format!("# Command: cargo xtask train {name} --out DIR")), "{name}");
    }
}

#[test]
fn data_and_windows_are_those_of_the_reference() {
    for row in ROWS {
        let (name, set) = (row.name, row.set);
        let config = preset(name).load(&[]).unwrap();
        let (data, window, videos) = (&config.data, &config.window, videos(&config));
        assert_eq!([&data.training_subset, &data.test_subset], [set.train, set.test], "{name}");
        assert_eq!(data.validation_subset, set.test, "{name}");
        assert_eq!((data.filter_gt, videos.fps), (set.filter_gt, set.fps), "{name}");
        assert_eq!(format!("{:?}", data.time_conversion), set.conversion, "{name}");
        assert_eq!(data.class_agnostic, row.classifier.is_some(), "{name}");
        assert_eq!((window.size, window.padded_size.unwrap_or(window.size)), (set.steps, set.padded), "{name}");
        assert_eq!((window.scale_factor, window.resize), (row.scale, set.stride == 0), "{name}");
        assert_eq!((window.feature_stride, window.truncation_threshold), (set.stride, set.truncation), "{name}");
        assert_eq!((window.overlap, window.cover_tail), (set.overlap, false), "{name}");
        assert_eq!(config.evaluation.tiou, set.tiou, "{name}");
        assert_eq!(config.evaluation.top_k, set.top_k, "{name}");
        assert_eq!(config.evaluation.blocked_videos.is_empty(), set.stride != 0, "{name}");

        let varied = row.mode != TuningMode::Frozen;
        let short = if varied { row.short_side() } else { row.pixels };
        assert_eq!((videos.crop, videos.short_side, videos.shuffle_frames), (row.pixels, short, false), "{name}");
        let augment = &videos.augment;
        assert_eq!(augment.crop, if varied { CropKind::Resized } else { CropKind::Centre }, "{name}");
        let strength = if varied { [0.5, 0.5, 0.5, 0.5, 0.1] } else { [0.0; 5] };
        let AugmentConfig { flip, brightness, contrast, saturation, hue, image_operations, .. } = *augment;
        assert_eq!([flip, brightness, contrast, saturation, hue], strength, "{name}");
        assert_eq!(image_operations, if varied { 2 } else { 0 }, "{name}");
    }
}

#[test]
fn settings_are_those_of_the_data_set() {
    for (row, preset) in ROWS.iter().map(|row| (row, preset(row.name))) {
        let (name, config) = (row.name, preset.load(&[]).unwrap());
        let settings = preset.data_set.unwrap().settings();
        assert_eq!(preset.classes(), Some(row.classes), "{name}");
        assert_eq!(config.data.training_subset, settings.training_subset, "{name}");
        assert_eq!(config.data.test_subset, settings.test_subset, "{name}");
        assert_eq!(config.data.ignored_labels, settings.ignored, "{name}");
        assert_eq!(config.data.time_conversion, settings.conversion, "{name}");
        assert_eq!(config.data.filter_gt, settings.filter_gt, "{name}");
        assert_eq!(config.evaluation.tiou, settings.tiou, "{name}");
        match settings.shape {
            Windows::Stretch { window_size, feature_stride, trunc_thresh, test_overlap, .. } => {
                assert_eq!((config.window.size, config.window.feature_stride), (window_size, feature_stride), "{name}");
                assert_eq!(config.window.truncation_threshold, trunc_thresh, "{name}");
                assert_eq!(config.window.overlap, Some(test_overlap), "{name}");
                assert_eq!(videos(&config).fps, settings.fps, "{name}");
            }
            Windows::Whole { resize_length, scale_factor } => {
                assert_eq!((config.window.size, config.window.scale_factor), (resize_length, scale_factor), "{name}");
            }
        }
    }
}

#[test]
fn backbone_and_adapters_are_those_of_the_reference() {
    for row in ROWS {
        let name = row.name;
        let config = preset(name).load(&[]).unwrap();
        let VideoInput { backbone, adapter, weights, .. } = videos(&config);
        let [width, depth, heads, mlp, patch, grid] = row.sizes();
        assert_eq!([backbone.width, backbone.depth, backbone.heads], [width, depth, heads], "{name}");
        assert_eq!([backbone.mlp, backbone.patch, backbone.position_grid], [mlp, patch, grid], "{name}");
        let still = matches!(row.mode, TuningMode::Frozen | TuningMode::Ladder);
        assert_eq!(backbone.drop_path, if still { 0.0 } else { 0.1 }, "{name}");
        assert_eq!(backbone.norm_epsilon, 1e-6, "{name}");
        assert!(weights.as_ref().is_some_and(|weights| weights.allow_missing.is_empty()), "{name}");
        assert_eq!(adapter.mode, row.mode, "{name}");
        let carried = !matches!(row.mode, TuningMode::Frozen | TuningMode::Full);
        let placed: Vec<usize> = if carried { (row.first_block..depth).collect() } else { Vec::new() };
        assert_eq!(adapter.placed(depth), placed, "{name}");
        assert_eq!((adapter.reduction, adapter.kernel, adapter.dilation), (row.reduction, 3, 1), "{name}");
        assert_eq!(adapter.backbone_learns(), row.mode == TuningMode::Full, "{name}");
        assert!(!adapter.centre_features && !adapter.half_inputs, "{name}");
        // Mixed precision in all of them (`solver.amp`), where a device has it.
        assert_eq!(adapter.precision, PrecisionChoice::Auto, "{name}");
    }
}

#[test]
fn the_detector_is_that_of_the_reference() {
    for row in ROWS {
        let (name, set) = (row.name, row.set);
        let config = preset(name).load(&[]).unwrap();
        let detector = actionformer(&config);
        let own = row.own_classes();
        let expected = ActionFormerConfig {
            channels: if own { 512 } else { set.channels },
            embed_convs: set.arch[0],
            stem_blocks: set.arch[1],
            heads: 4,
            absolute_positions: set.positions,
            input_dropout: row.input_dropout,
            path_dropout: 0.1,
            projection_dropout: set.projection_dropout,
            regression_ranges: set.ranges.to_vec(),
            label_smoothing: if name == "epic_adatad_l_noun" { 0.1 } else { set.smoothing },
            loss_weight: if own { 1.0 } else { set.loss_weight },
            loss_normalizer: set.normalizer,
            filter_similar: set.similar,
            attention_window: detector.attention_window.clone(),
            ..ActionFormerConfig::thumos()
        };
        assert_eq!(detector, &expected, "{name}");
        let windows: Vec<usize> = (0..detector.levels()).map(|level| detector.window(level).unwrap_or(0)).collect();
        let wide = if set.window == 17 { 7 } else { detector.levels() }; // Ego4D's three coarsest levels see everything
        let expected: Vec<usize> = (0..detector.levels()).map(|l| if l < wide { set.window } else { 0 }).collect();
        assert_eq!(windows, expected, "{name}");
    }
}

#[test]
fn the_recipe_is_that_of_the_reference() {
    for row in ROWS {
        let (name, set) = (row.name, row.set);
        let config = preset(name).load(&[]).unwrap();
        let (optimizer, schedule) = (&config.optimizer, &config.schedule);
        let rates = [optimizer.adapter_learning_rate, optimizer.learning_rate, optimizer.backbone_learning_rate];
        assert_eq!(rates, row.rates, "{name}");
        assert_eq!((optimizer.weight_decay, optimizer.clip_norm, optimizer.decay_all), (0.05, 1.0, false), "{name}");
        assert_eq!([schedule.warmup_epochs, schedule.cosine_epochs(), schedule.epochs], row.epochs, "{name}");
        assert_eq!((schedule.batch, schedule.windows_per_video), (set.batch, 1), "{name}");
        assert_eq!((schedule.final_rate, schedule.average_decay, schedule.frame_loss), (1e-8, 0.999, 0.0), "{name}");
        assert_eq!(schedule.falls, None, "{name}");
        // The reference evaluates after an epoch (counted from 0) at or past the first number whose successor the second
        // divides.
        let [from, every] = row.watched;
        let first = (from..).map(|epoch| epoch + 1).find(|done| done.is_multiple_of(every)).unwrap();
        assert_eq!((schedule.evaluate_from, schedule.evaluate_every), (first, every), "{name}");
    }
}

#[test]
fn what_is_done_with_predictions_is_that_of_the_reference() {
    for row in ROWS {
        let (name, set) = (row.name, row.set);
        let config = preset(name).load(&[]).unwrap();
        let (inference, suppression) = (&config.inference, &config.inference.suppression);
        assert_eq!((inference.pre_nms_threshold, inference.pre_nms_top_k), (0.001, set.pre_nms), "{name}");
        let frozen_thumos = name.starts_with("thumos_frozen");
        let sigma = if frozen_thumos {
            0.5
        } else if row.own_classes() {
            0.75
        } else {
            set.sigma
        };
        assert_eq!(suppression.method, Method::Gaussian { sigma }, "{name}");
        let least = if frozen_thumos { 0.001 } else { set.min_score };
        assert_eq!((suppression.max_segments, suppression.min_score), (set.max_segments, least), "{name}");
        assert_eq!(suppression.class_agnostic, row.classifier.is_some(), "{name}");
        assert_eq!(suppression.voting_threshold, row.classifier.map(|_| 0.9), "{name}");
        assert_eq!((inference.min_duration, suppression.class_voting), (0.0, false), "{name}");
        let given = inference.classifier.as_ref().map(|c| (c.fusion.top_k, c.fusion.softmax, c.fusion.fusion));
        assert_eq!(given, row.classifier.map(|fusion| (2, false, fusion)), "{name}");
    }
}

/// Detectors that are built to be counted, one for each pyramid: what others count follows from the table.
const BUILT: [&str; 7] = [
    "thumos_frozen_s",
    "multithumos_adatad_s",
    "charades_adatad_s",
    "activitynet_frozen_s",
    "activitynet_adatad_l_224_200way",
    "epic_adatad_l_noun",
    "ego4d_adatad_l",
];

#[test]
fn detectors_have_as_many_parameters_as_those_of_the_reference() {
    let device = Device::flex();
    BUILT.par_iter().for_each(|name| {
        let row = ROWS.iter().find(|row| row.name == *name).unwrap();
        let config = preset(name).load(&[]).unwrap();
        let params = Plan::of_run(&config, row.classes, &device).params;
        assert_eq!(params.detector, row.detector_parameters(), "{name}");
        assert_eq!(params.adapters, row.adapter_parameters(), "{name}");
        assert_eq!(params.total, row.backbone_parameters() + params.adapters + params.detector, "{name}");
        assert_eq!(params.trained, params.adapters + params.detector, "{name}");
    });
}

/// What a run costs, the detector counted as the reference has it (see above) instead of built.
fn plan(row: &Row, config: &RunConfig) -> Plan {
    let VideoInput { backbone, adapter, .. } = videos(config);
    let mut plan = Plan::of_backbone(backbone, adapter, Shown::of(config));
    let detector = row.detector_parameters();
    plan.params.detector = detector;
    plan.params.total += detector;
    plan.params.trained += detector;
    plan.memory.weights += 4 * detector;
    plan.memory.trained_state += 16 * detector;
    plan
}

#[test]
fn backbones_and_adapters_have_as_many_parameters_as_those_of_the_reference() {
    for row in ROWS {
        let (name, config) = (row.name, preset(row.name).load(&[]).unwrap());
        let params = plan(row, &config).params;
        let learning = if row.mode == TuningMode::Full { row.backbone_parameters() } else { 0 };
        assert_eq!(params.adapters, row.adapter_parameters(), "{name}");
        assert_eq!(params.frozen, row.backbone_parameters() - learning, "{name}");
        assert_eq!(params.trained, learning + params.adapters + params.detector, "{name}");
        assert_eq!(config.model(row.classes).classes, if row.classifier.is_some() { 1 } else { row.classes }, "{name}");
    }
}

#[test]
fn every_preset_can_be_planned_and_the_largest_fits_into_sixteen_gibibytes() {
    for (row, half) in ROWS.iter().map(|row| (row, row.name.contains("1536"))) {
        let set: Vec<String> = if half { vec!["adapter.half-inputs=true".into()] } else { Vec::new() };
        let config = preset(row.name).load(&set).unwrap();
        let shape = Shape::of(&config, plan(row, &config));
        let budget =
            |bytes| Budget { bytes, form: Keep { half, ..Keep::inputs() }, clips: 1..=1, batch: 2, threads: 2 };
        let total = |bytes| shape.choose(&budget(bytes)).unwrap().memory.total;
        let least = total(None);
        assert!(least > 0 && total(Some(u64::MAX)) >= least, "{}", row.name);
        if half {
            assert!(total(Some(16 << 30)) <= 16 << 30, "{}: at least {} MiB", row.name, least >> 20);
        }
    }
}

#[test]
fn a_run_on_features_is_no_published_recipe() {
    let own = ALL.iter().filter(|preset| preset.data_set.is_none());
    let features = own.filter(|preset| matches!(preset.load(&[]).unwrap().input, Input::Features(_)));
    assert_eq!(features.map(|preset| preset.name).collect::<Vec<_>>(), ["sbhar_actionformer", "sbhar_tridet"]);
}

/// So that a set without a row is found.
#[test]
fn every_data_set_has_rows() {
    for set in Set::ALL {
        assert!(ROWS.iter().any(|row| std::ptr::eq(row.set, set)), "{}", set.train);
    }
}
