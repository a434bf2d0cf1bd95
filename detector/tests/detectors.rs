//! What holds for detectors of any size: lengths, padding, random draws, a single class.

#![cfg(test)]

use adatad_detector::actionformer::{ActionFormerConfig, AttentionWindow};
use adatad_detector::decode::DecodeConfig;
use adatad_detector::mask::Mask;
use adatad_detector::targets::Truth;
use adatad_detector::tridet::{Downsampling, SgpKernel, TriDetConfig};
use adatad_detector::{Detector, DetectorConfig, Predictions};
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use rand_core::{Rng, TryRng};

/// SplitMix64: any stream of numbers will do.
struct Numbers(u64);

impl TryRng for Numbers {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.next_u64() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        Ok(z ^ (z >> 27))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill_with(|| self.next_u64() as u8);
        Ok(())
    }
}

const STEPS: usize = 32;
const FEATURES: usize = 6;
const ALL: DecodeConfig = DecodeConfig { pre_nms_threshold: 0.0, pre_nms_top_k: 10_000 };

fn ranges() -> Vec<[f64; 2]> {
    vec![[0.0, 4.0], [4.0, 8.0], [8.0, 10_000.0]]
}

fn actionformer() -> ActionFormerConfig {
    ActionFormerConfig { channels: 16, heads: 2, regression_ranges: ranges(), ..ActionFormerConfig::thumos() }
}

fn tridet() -> TriDetConfig {
    let deviation = 0.3; // so that every convolution counts
    TriDetConfig {
        channels: 16,
        mlp: 12,
        bins: 4,
        kernel_deviation: deviation,
        regression_ranges: ranges(),
        ..TriDetConfig::thumos()
    }
}

/// One of each, with the settings that change their shape.
fn kinds() -> Vec<DetectorConfig> {
    let windows = AttentionWindow::PerLevel(vec![5, 5, 0]);
    vec![
        DetectorConfig::ActionFormer(actionformer()),
        DetectorConfig::ActionFormer(ActionFormerConfig {
            attention_window: Some(windows),
            absolute_positions: true,
            projection_dropout: 0.1,
            attention_dropout: 0.1,
            input_dropout: 0.2,
            head_channels: Some(8),
            stem_blocks: 0,
            ..actionformer()
        }),
        DetectorConfig::TriDet(tridet()),
        DetectorConfig::TriDet(TriDetConfig {
            kernel: SgpKernel::PerLevel(vec![1, 3, 5]),
            downsampling: Downsampling::Average,
            absolute_positions: true,
            boundary_kernel: 1,
            head_kernel: 5,
            head_channels: Some(8),
            path_dropout: 0.0,
            centre_radius: None,
            centred_points: true,
            ..tridet()
        }),
    ]
}

fn detector(config: &DetectorConfig, classes: usize, device: &Device) -> Detector {
    config.check([FEATURES, STEPS]).unwrap();
    Detector::init(config, [FEATURES, classes, STEPS], &mut Numbers(1), device)
}

fn features(steps: usize, device: &Device) -> Tensor<3> {
    let noise = TensorData::random::<f32, _, _>([1, FEATURES, steps], Distribution::Normal(0.0, 1.0), &mut Numbers(2));
    Tensor::from_data(noise, device)
}

fn points(predictions: &Predictions) -> usize {
    match predictions {
        Predictions::ActionFormer(said) => said.points.len(),
        Predictions::TriDet(said) => said.points.len(),
        Predictions::Gtad(_) => panic!("a map of proposals has no points"),
    }
}

#[test]
fn windows_of_any_length_are_padded_in_evaluation() {
    let device = Device::flex();
    for config in kinds() {
        let detector = detector(&config, 3, &device);
        for (steps, padded) in [(9, 32), (32, 32), (33, 36)] {
            let said = detector.forward(features(steps, &device), &Mask::prefix(&[steps], steps), None);
            let found = points(&said);
            assert!(found >= padded + padded / 2 + padded / 4, "{config:?}: {found} points for {steps} steps");
            let segments = detector.decode(&said, &ALL);
            assert!(segments[0].iter().all(|segment| segment.is_finite() && segment.start <= segment.end));
            assert!(segments[0].is_sorted_by(|a, b| a.score >= b.score));
        }
    }
}

#[test]
fn a_single_class_is_neither_thresholded_nor_cut() {
    let device = Device::flex();
    let strict = DecodeConfig { pre_nms_threshold: 0.9, pre_nms_top_k: 3 };
    for config in kinds() {
        let detector = detector(&config, 1, &device);
        let said = detector.forward(features(STEPS, &device), &Mask::prefix(&[STEPS], STEPS), None);
        assert_eq!(detector.decode(&said, &strict)[0].len(), points(&said));
    }
}

#[test]
fn training_draws_from_what_it_is_given_and_only_then() {
    let device = Device::flex();
    for config in kinds().into_iter().take(3) {
        let detector = detector(&config, 3, &device);
        let mask = Mask::prefix(&[STEPS], STEPS);
        let scores = |rng: Option<&mut dyn Rng>| -> Vec<f32> {
            let said = detector.forward(features(STEPS, &device), &mask, rng);
            detector.decode(&said, &ALL)[0].iter().map(|segment| segment.score).collect()
        };
        assert_eq!(scores(Some(&mut Numbers(7))), scores(Some(&mut Numbers(7))));
        assert_eq!(scores(None), scores(None));
        let DetectorConfig::TriDet(_) = config else { continue };
        assert_ne!(scores(Some(&mut Numbers(7))), scores(None), "noise and stochastic depth are off in evaluation");
    }
}

#[test]
fn losses_and_gradients_are_numbers_with_and_without_actions() {
    let device = Device::flex().autodiff();
    let truth = vec![Truth { start: 2.0, end: 9.5, label: 1 }, Truth { start: 3.0, end: 30.0, label: 0 }];
    for config in kinds() {
        let detector = detector(&config, 3, &device);
        let mask = Mask::prefix(&[28], STEPS);
        for truth in [vec![truth.clone()], vec![Vec::new()]] {
            let positives = detector.positives(&mask, &truth);
            assert_eq!(positives > 0, !truth[0].is_empty());
            let x = features(STEPS, &device).require_grad();
            let said = detector.forward(x.clone(), &mask, Some(&mut Numbers(3)));
            let divisor = config.normalizer().update(positives);
            let losses = detector.losses(&said, &truth, divisor, &mut Numbers(4));
            let gradient = x.grad(&losses.total.backward()).unwrap();
            assert!(gradient.into_data().iter::<f32>().all(f32::is_finite), "{config:?}");
            let regression = losses.regression.into_scalar::<f32>();
            assert_eq!(regression > 0.0, positives > 0, "{config:?}");
        }
    }
}

#[test]
#[should_panic(expected = "predictions of TriDet were given to ActionFormer")]
fn predictions_belong_to_their_detector() {
    let device = Device::flex();
    let [a, b] = [DetectorConfig::ActionFormer(actionformer()), DetectorConfig::TriDet(tridet())];
    let said = detector(&b, 2, &device).forward(features(STEPS, &device), &Mask::prefix(&[STEPS], STEPS), None);
    detector(&a, 2, &device).decode(&said, &ALL);
}

#[test]
fn a_coarsest_level_of_one_step_is_enough() {
    let device = Device::flex().autodiff();
    for config in kinds() {
        let steps = config.coarsest_stride();
        let detector = Detector::init(&config, [FEATURES, 3, steps], &mut Numbers(1), &device);
        let truth = [vec![Truth { start: 0.0, end: steps as f32 / 2.0, label: 1 }]];
        let mask = Mask::prefix(&[steps], steps);
        let said = detector.forward(features(steps, &device), &mask, None);
        let divisor = config.normalizer().update(detector.positives(&mask, &truth));
        let losses = detector.losses(&said, &truth, divisor, &mut Numbers(3));
        assert!(losses.total.clone().into_scalar::<f32>().is_finite(), "{config:?}");
        losses.total.backward();
    }
}
