//! What a run costs before anything runs: parameters, arithmetic, memory of the weights. Exact counts, no measurement.

use adatad_adapter::{AdapterConfig, TuningMode};
use adatad_backbone::VitConfig;
use adatad_data::random::{Rng, Stream};
use burn::tensor::Device;
use serde::Serialize;

use crate::config::RunConfig;
use crate::model::{AdaTad, FeatureSource, ModelConfig};

/// Bytes of a number.
const F32: u64 = 4;
/// Numbers kept for each one that learns: itself, its gradient, two moments, its average.
const TRAINED_STATE: u64 = 5;

/// Number of parameters by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Parameters {
    /// All of them.
    pub total: u64,
    /// Those of the transformer that never change.
    pub frozen: u64,
    /// Adapters.
    pub adapters: u64,
    /// Detector, with the frame head where there is one.
    pub detector: u64,
    /// Those that learn.
    pub trained: u64,
}

/// Floating-point operations on one window, two for each multiplication with its addition; transformer and adapters only
/// (the published detectors add 1 to 2 %).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Flops {
    /// Frames to features.
    pub forward: u64,
    /// Forward and backward.
    pub step: u64,
}

/// Memory of what is held throughout, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct WeightMemory {
    /// Every parameter and the position table: in 32 bits, but for frozen weights of products in 16.
    pub weights: u64,
    /// Gradients, moments and averages of what learns, in 32 bits.
    pub trained_state: u64,
}

/// What is seen at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Frames of a window; none where features are stored ones.
    pub frames: usize,
    /// Pixels of each side.
    pub pixels: usize,
}

impl Shown {
    /// That of a run.
    pub fn of(config: &RunConfig) -> Self {
        let frames = config.window.size * config.window.scale_factor;
        config.input.videos().map_or(Self { frames: 0, pixels: 0 }, |videos| Self { frames, pixels: videos.crop })
    }
}

/// What a model costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Parameters.
    pub params: Parameters,
    /// Arithmetic of one window.
    pub flops: Flops,
    /// Memory.
    pub memory: WeightMemory,
}

impl Plan {
    /// A transformer with adapters, without a detector.
    pub fn of_backbone(vit: &VitConfig, adapter: &AdapterConfig, input: Shown) -> Self {
        Self::with(vit, adapter, input, 0)
    }

    /// A run with this many classes.
    pub fn of_run(config: &RunConfig, classes: usize, device: &Device) -> Self {
        Self::of_model(&config.model(classes), Shown::of(config), device)
    }

    /// A model, and the windows it sees.
    pub fn of_model(config: &ModelConfig, shown: Shown, device: &Device) -> Self {
        // Only the detector is built, on features as wide as they would be: a backbone can be larger than this machine.
        let random = &mut Rng::new(0, Stream::Init, 0, 0);
        let source = FeatureSource::Stored { channels: config.source.channels() };
        let model = AdaTad::blank(&ModelConfig { source, ..config.clone() }, random, &device.clone().autodiff());
        let [.., detector] = model.parts().map(|count| count as u64);
        match &config.source {
            FeatureSource::Backbone { vit, adapter, .. } => Self::with(vit, adapter, shown, detector),
            FeatureSource::Stored { .. } => Self {
                params: Parameters { total: detector, frozen: 0, adapters: 0, detector, trained: detector },
                flops: Flops { forward: 0, step: 0 },
                memory: WeightMemory { weights: detector * F32, trained_state: detector * (TRAINED_STATE - 1) * F32 },
            },
        }
    }

    fn with(vit: &VitConfig, adapter: &AdapterConfig, input: Shown, detector: u64) -> Self {
        let backbone = vit.parameters() as u64;
        let adapters = adapter.placed(vit.depth).len() as u64 * adapter_parameters(vit, adapter);
        let learning = if adapter.backbone_learns() { backbone } else { 0 };
        let trained = learning + adapters + detector;
        let total = backbone + adapters + detector;
        let frozen = backbone - learning;
        // Norms stay in 32 bits.
        let narrow = frozen.saturating_sub((4 * vit.depth * vit.width) as u64);
        let saved = narrow * (F32 - adapter.precision.known().size() as u64);
        let table = (VitConfig::CLIP_TOKENS * vit.position_grid * vit.position_grid * vit.width) as u64;
        Self {
            params: Parameters { total, frozen, adapters, detector, trained },
            flops: flops(vit, adapter, input),
            memory: WeightMemory {
                weights: (total + table) * F32 - saved,
                trained_state: trained * (TRAINED_STATE - 1) * F32,
            },
        }
    }
}

/// Parameters of one adapter: OpenTAD `Adapter`, spec of the reference section 3.
fn adapter_parameters(vit: &VitConfig, adapter: &AdapterConfig) -> u64 {
    let (c, r) = (vit.width as u64, (vit.width / adapter.reduction) as u64);
    let ends = (c * r + r) + (r * c + c) + 1;
    match adapter.mode {
        TuningMode::Tia | TuningMode::Ladder => ends + (r * adapter.kernel as u64 + r) + (r * r + r),
        TuningMode::Adapter | TuningMode::Frozen | TuningMode::Full => ends,
    }
}

/// Multiplications of each kind, for one token.
struct PerToken {
    linear: u64,
    attention: u64,
    adapter: u64,
}

fn flops(vit: &VitConfig, adapter: &AdapterConfig, input: Shown) -> Flops {
    let (c, hidden) = (vit.width as u64, vit.mlp as u64);
    let side = input.pixels / vit.patch;
    let clip_tokens = (VitConfig::CLIP_TOKENS * side * side) as u64;
    let tokens = (input.frames / VitConfig::CLIP_FRAMES) as u64 * clip_tokens;
    let r = (vit.width / adapter.reduction) as u64;
    let each = PerToken {
        linear: 4 * c * c + 2 * c * hidden,
        attention: 2 * clip_tokens * c,
        adapter: match adapter.mode {
            TuningMode::Tia | TuningMode::Ladder => 2 * c * r + r * r + adapter.kernel as u64 * r,
            TuningMode::Adapter => 2 * c * r,
            TuningMode::Frozen | TuningMode::Full => 0,
        },
    };
    let embedding = tokens * (3 * VitConfig::TUBELET * vit.patch * vit.patch * vit.width) as u64;
    let (depth, placed) = (vit.depth as u64, adapter.placed(vit.depth));
    let adapters = placed.len() as u64;
    let forward = embedding + depth * tokens * (each.linear + each.attention) + adapters * tokens * each.adapter;
    // A product has two gradients; that of a frozen weight is not needed. Below the first block that learns nothing is.
    let (blocks, weights) = match (adapter.mode, adapter.backbone_learns()) {
        (TuningMode::Frozen | TuningMode::Ladder, _) => (0, 0),
        (_, true) => (depth, 1),
        (_, false) => (depth - 1 - placed.first().map_or(depth - 1, |first| *first as u64), 0),
    };
    let backward = blocks * tokens * ((1 + weights) * each.linear + 2 * each.attention)
        + adapters * tokens * 2 * each.adapter
        + weights * embedding;
    Flops { forward: 2 * forward, step: 2 * (forward + backward) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatad_backbone::Preset;

    fn tia() -> AdapterConfig {
        AdapterConfig::tia()
    }

    /// Of small models of every kind, against the models themselves.
    #[test]
    fn what_is_counted_is_what_is_built() {
        let modes = [TuningMode::Frozen, TuningMode::Adapter, TuningMode::Tia, TuningMode::Ladder, TuningMode::Full];
        let device = Device::flex();
        for mode in modes {
            let mut config = RunConfig::demonstration(&[]).unwrap().model(7);
            let FeatureSource::Backbone { adapter, .. } = &mut config.source else { unreachable!() };
            (adapter.mode, adapter.blocks, adapter.train_backbone) = (mode, Some(vec![1]), mode == TuningMode::Full);
            let built = AdaTad::init(&config, &mut Rng::new(0, Stream::Init, 0, 0), &device.clone().autodiff());
            let [backbone, adapters, detector] = built.parts().map(|count| count as u64);
            let params = Plan::of_model(&config, Shown { frames: 256, pixels: 96 }, &device).params;
            assert_eq!(params.adapters, adapters, "{mode:?}");
            assert_eq!(params.detector, detector, "{mode:?}");
            assert_eq!(params.total, backbone + adapters + detector, "{mode:?}");
            assert_eq!(params.trained, built.parameters().trained as u64, "{mode:?}");
        }
    }

    #[test]
    fn counts_are_those_of_the_published_models() {
        let input = Shown { frames: 768, pixels: 160 };
        // Parameters of the adapters, and TFLOP of the forward pass on 768 frames of 160 pixels.
        let published =
            [(1_006_860, 2.32), (4_004_364, 8.05), (14_217_240, 27.42), (29_593_632, 55.77), (44_746_280, 108.2)];
        for (preset, (adapters, tera)) in Preset::ALL.into_iter().zip(published) {
            let plan = Plan::of_backbone(&preset.config(), &tia(), input);
            assert_eq!(plan.params.adapters, adapters, "{preset:?}");
            assert!((plan.flops.forward as f64 / 1e12 - tera).abs() < 0.006 * tera, "{preset:?}: {plan:?}");
            assert_eq!(plan.params.frozen, preset.config().parameters() as u64);
        }
    }
}
