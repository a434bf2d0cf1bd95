//! A small model and what it sees, for tests of the whole backbone.

use adatad_backbone::VitConfig;
use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use rand_core::Rng;

use crate::common::SplitMix;

/// A transformer of three blocks that drops some of their branches in training.
pub(crate) fn vit() -> VitConfig {
    VitConfig {
        width: 16,
        depth: 3,
        heads: 2,
        mlp: 32,
        patch: 8,
        position_grid: 2,
        drop_path: 0.4,
        norm_epsilon: VitConfig::NORM_EPSILON,
    }
}

/// Random frames: two clips each of `b` windows.
pub(crate) fn frames(b: usize, device: &Device) -> Tensor<5, Int> {
    let shape = [b, 3, 32, 16, 16];
    let mut rng = SplitMix(3);
    let bytes: Vec<u8> = (0..shape.iter().product::<usize>()).map(|_| rng.next_u64() as u8).collect();
    Tensor::from_data(TensorData::new(bytes, shape), (device, DType::U8))
}
