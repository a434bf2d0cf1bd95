//! What every tuning mode is at its first step, and what learns in it.

#![cfg(test)]

use adatad_adapter::{AdaptedBackbone, AdapterConfig, Representation, TuningMode};
use adatad_backbone::Vit;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use common::SplitMix;
use model::{frames, vit};

mod common;
mod model;

const MODES: [TuningMode; 5] =
    [TuningMode::Frozen, TuningMode::Adapter, TuningMode::Tia, TuningMode::Ladder, TuningMode::Full];

fn backbone(mode: TuningMode, blocks: Option<Vec<usize>>, representation: Representation) -> AdaptedBackbone {
    let device = Device::flex().autodiff();
    let config = AdapterConfig { mode, blocks, ..AdapterConfig::tia() };
    let transformer = Vit::init(&vit(), &mut SplitMix(1), &device);
    AdaptedBackbone::init(transformer, &config, representation, &mut SplitMix(2), &device)
}

fn device() -> Device {
    Device::flex().autodiff()
}

fn numbers(features: Tensor<3>) -> Vec<f32> {
    features.to_data().iter::<f32>().collect()
}

#[test]
fn at_first_every_mode_makes_the_features_of_the_frozen_backbone() {
    let frozen =
        numbers(backbone(TuningMode::Frozen, None, Representation::Frames).forward(frames(2, &device()), None));
    for mode in MODES {
        for blocks in [None, Some(vec![1, 2])] {
            let adapted = backbone(mode, blocks.clone(), Representation::Frames);
            assert_eq!(numbers(adapted.forward(frames(2, &device()), None)), frozen, "{mode:?}, {blocks:?}");
        }
    }
}

#[test]
fn what_learns_gets_a_gradient_and_nothing_else() {
    for mode in MODES {
        for blocks in [None, Some(vec![0, 2])] {
            let adapted = backbone(mode, blocks.clone(), Representation::Frames);
            let features = adapted.forward(frames(1, &device()), None);
            if mode == TuningMode::Frozen {
                assert!(!features.is_require_grad());
                continue;
            }
            let gradients = GradientsParams::from_grads(features.square().sum().backward(), &adapted);
            let placed = blocks.map_or(3, |blocks| blocks.len());
            let AdaptedBackbone { vit, adapters, ladder, .. } = &adapted;
            let carried = adapters.iter().flatten().chain(ladder);
            let learning = carried.filter(|tia| gradients.get::<2>(tia.up_proj.weight.id).is_some()).count();
            let expected = if mode == TuningMode::Full { 0 } else { placed };
            assert_eq!(learning, expected, "{mode:?}");
            for block in &vit.blocks {
                let learns = gradients.get::<2>(block.mlp.fc1.weight.id).is_some();
                assert_eq!(learns, mode == TuningMode::Full, "{mode:?}");
            }
            assert!(gradients.get::<3>(vit.pos_embed.id).is_none());
        }
    }
}

#[test]
fn a_ladder_reads_every_rung_once() {
    let ladder = backbone(TuningMode::Ladder, Some(vec![0, 2]), Representation::Frames);
    assert_eq!((ladder.ladder.len(), ladder.adapters.len()), (2, 0));
    assert_eq!(
        ladder.clone().num_params(),
        backbone(TuningMode::Tia, Some(vec![0, 2]), Representation::Frames).num_params()
    );
}

#[test]
fn snippets_become_one_feature_each_and_do_not_see_each_other() {
    let adapted = backbone(TuningMode::Tia, None, Representation::Snippets);
    let whole = adapted.forward(frames(1, &device()), None);
    assert_eq!(whole.dims(), [1, 2, 16]);
    // Each clip by itself gives the same.
    let first = adapted.forward(frames(1, &device()).slice([0..1, 0..3, 0..16]), None);
    assert_eq!(numbers(whole.narrow(1, 0, 1)), numbers(first));
}
