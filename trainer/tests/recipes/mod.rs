//! The published configurations as tables: data sets, and one row for each run.
//!
//! Made from the reference's documentation (configurations, README, counted parameters), not from the run files.

mod rows;

use adatad_adapter::TuningMode;
use adatad_detector::classifier::Fusion;

pub use rows::ROWS;

/// What all runs on a data set share.
pub struct Set {
    pub train: &'static str,
    pub test: &'static str,
    /// Grid steps of a window, and of the detector's input.
    pub steps: usize,
    pub padded: usize,
    /// Frames of the video per grid step; 0: the whole video is resized.
    pub stride: usize,
    pub truncation: f64,
    pub overlap: Option<f64>,
    pub conversion: &'static str,
    pub filter_gt: bool,
    pub fps: Option<f64>,
    pub tiou: &'static [f64],
    pub top_k: &'static [usize],
    /// Channels of the detector.
    pub channels: usize,
    /// Embedding convolutions, stem blocks.
    pub arch: [usize; 2],
    /// Attention window; 0: everything.
    pub window: usize,
    pub positions: bool,
    pub projection_dropout: f64,
    pub ranges: &'static [[f64; 2]],
    pub smoothing: f64,
    pub loss_weight: f64,
    pub normalizer: f64,
    pub similar: bool,
    pub batch: usize,
    pub pre_nms: usize,
    pub sigma: f64,
    pub max_segments: usize,
    pub min_score: f64,
}

/// One run.
pub struct Row {
    pub name: &'static str,
    pub set: &'static Set,
    pub classes: usize,
    /// s, b, l, h, g.
    pub size: char,
    pub mode: TuningMode,
    pub pixels: usize,
    /// Frames shown per grid step.
    pub scale: usize,
    /// The lowest block with an adapter.
    pub first_block: usize,
    pub reduction: usize,
    /// Of adapters, detector, backbone.
    pub rates: [f64; 3],
    /// Warm-up, end of the cosine, end of training.
    pub epochs: [usize; 3],
    /// Epochs before the first evaluation, epochs from one to the next: `val_start_epoch`, `val_eval_interval`.
    pub watched: [usize; 2],
    pub input_dropout: f64,
    pub classifier: Option<Fusion>,
    pub average: Option<f64>,
    pub singles: &'static [f64],
}

const THOUSANDS: f64 = 10_000.0;
const SIX: &[[f64; 2]] = &[[0.0, 4.0], [4.0, 8.0], [8.0, 16.0], [16.0, 32.0], [32.0, 64.0], [64.0, THOUSANDS]];
const EIGHT: &[[f64; 2]] = &[
    [0.0, 4.0],
    [4.0, 8.0],
    [8.0, 16.0],
    [16.0, 32.0],
    [32.0, 64.0],
    [64.0, 128.0],
    [128.0, 256.0],
    [256.0, THOUSANDS],
];
const OVERLAPPING: &[[f64; 2]] = &[[0.0, 4.0], [2.0, 8.0], [4.0, 16.0], [8.0, 32.0], [16.0, 64.0], [32.0, THOUSANDS]];
const TEN: &[[f64; 2]] = &[
    [0.0, 4.0],
    [2.0, 8.0],
    [4.0, 16.0],
    [8.0, 32.0],
    [16.0, 64.0],
    [32.0, 128.0],
    [64.0, 256.0],
    [128.0, 512.0],
    [256.0, 1024.0],
    [512.0, THOUSANDS],
];
const DENSE: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const LOW: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5];

pub static THUMOS: Set = Set {
    train: "training",
    test: "validation",
    steps: 768,
    padded: 768,
    stride: 4,
    truncation: 0.75,
    overlap: Some(0.5),
    conversion: "ByShare",
    filter_gt: false,
    fps: None,
    tiou: &[0.3, 0.4, 0.5, 0.6, 0.7],
    top_k: &[],
    channels: 512,
    arch: [2, 2],
    window: 0,
    positions: false,
    projection_dropout: 0.0,
    ranges: SIX,
    smoothing: 0.0,
    loss_weight: 1.0,
    normalizer: 100.0,
    similar: true,
    batch: 2,
    pre_nms: 2000,
    sigma: 0.7,
    max_segments: 2000,
    min_score: 0.0,
};
pub static MULTITHUMOS: Set =
    Set { tiou: DENSE, arch: [3, 0], pre_nms: 8000, sigma: 0.5, max_segments: 8000, ..THUMOS };
pub static ACTIVITYNET: Set = Set {
    steps: 192,
    padded: 192,
    stride: 0,
    truncation: 0.0,
    overlap: None,
    conversion: "Exact",
    filter_gt: true,
    tiou: &[0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95],
    channels: 256,
    positions: true,
    smoothing: 0.1,
    loss_weight: 2.0,
    normalizer: 200.0,
    batch: 16,
    max_segments: 100,
    min_score: 0.001,
    ..THUMOS
};
pub static CHARADES: Set = Set {
    test: "testing",
    steps: 512,
    padded: 512,
    truncation: 0.5,
    conversion: "ByRate",
    fps: Some(30.0),
    tiou: DENSE,
    positions: true,
    ranges: EIGHT,
    batch: 16,
    sigma: 0.3,
    max_segments: 1000,
    ..THUMOS
};
pub static EPIC: Set = Set {
    train: "train",
    test: "val",
    stride: 16,
    truncation: 0.3,
    conversion: "ByRate",
    filter_gt: true,
    fps: Some(30.0),
    tiou: LOW,
    window: 9,
    ranges: OVERLAPPING,
    loss_weight: 0.5,
    normalizer: 250.0,
    pre_nms: 5000,
    sigma: 0.4,
    min_score: 0.001,
    ..THUMOS
};
pub static EGO4D: Set = Set {
    train: "train",
    test: "val",
    steps: 1800,
    padded: 2048,
    stride: 8,
    truncation: 0.3,
    overlap: Some(0.0),
    tiou: LOW,
    top_k: &[1, 5],
    window: 17,
    positions: true,
    projection_dropout: 0.1,
    ranges: TEN,
    similar: false,
    pre_nms: 5000,
    sigma: 2.0,
    min_score: 0.001,
    ..THUMOS
};

impl Set {
    pub const ALL: [&Set; 6] = [&THUMOS, &MULTITHUMOS, &ACTIVITYNET, &CHARADES, &EPIC, &EGO4D];
}

impl Row {
    /// Width, depth, heads, hidden channels, patch, position grid.
    pub fn sizes(&self) -> [usize; 6] {
        match self.size {
            's' => [384, 12, 6, 1536, 16, 14],
            'b' => [768, 12, 12, 3072, 16, 14],
            'l' => [1024, 24, 16, 4096, 16, 14],
            'h' => [1280, 32, 16, 5120, 16, 14],
            _ => [1408, 40, 16, 6144, 14, 16],
        }
    }

    /// ActivityNet with a head of its own: the detector is that of THUMOS-14, smoothed.
    pub fn own_classes(&self) -> bool {
        std::ptr::eq(self.set, &ACTIVITYNET) && self.classifier.is_none()
    }

    pub fn short_side(&self) -> usize {
        match self.pixels {
            160 => 182,
            192 => 220,
            _ => 256,
        }
    }

    pub fn backbone_parameters(&self) -> u64 {
        match self.size {
            's' => 21_879_168,
            'b' => 86_225_664,
            'l' => 303_858_688,
            'h' => 631_604_480,
            _ => 1_011_607_936,
        }
    }

    pub fn adapter_parameters(&self) -> u64 {
        let each = match (self.mode, self.size, self.reduction) {
            (TuningMode::Frozen | TuningMode::Full, ..) => 0,
            (_, 's', 4) => 83_905,
            (_, 'b', 4) => 333_697,
            (_, 'l', 4) => 592_385,
            (_, 'h', 4) => 924_801,
            (_, 'g', 4) => 1_118_657,
            (_, 'g', 8) => 529_057,
            other => panic!("no count for {other:?}"),
        };
        each * (self.sizes()[1] - self.first_block) as u64
    }

    /// Parameters of the detector. The counts of some are known from the reference; from them follow those of other widths
    /// (the first convolution has 3 weights for each pair of channels) and classes (the last has 3 weights a channel, and
    /// a bias).
    pub fn detector_parameters(&self) -> u64 {
        let (channels, known, width, classes) = match self.name.split('_').next() {
            Some("thumos") => (512, 26_695_708, 384, 20),
            Some("multithumos") => (512, 21_230_153, 384, 65),
            Some("charades") => (512, 33_230_503, 384, 157),
            Some("epic") => (512, 28_098_349, 1024, 293),
            Some("ego4d") => (512, 40_465_530, 1024, 110),
            _ if self.own_classes() => (512, 26_695_708, 384, 20),
            _ => (256, 6_845_193, 384, 1),
        };
        let wider = 3 * channels * (self.sizes()[0] as i64 - width);
        let taught = if self.classifier.is_some() { 1 } else { self.classes as i64 };
        (known + wider + (taught - classes) * (3 * channels + 1)) as u64
    }
}

#[test]
fn counts_of_other_widths_are_those_of_the_reference() {
    let counted = |name: &str| ROWS.iter().find(|row| row.name == name).map(Row::detector_parameters);
    for (name, count) in [
        ("thumos_adatad_b", 27_285_532),
        ("thumos_adatad_l", 27_678_748),
        ("thumos_adatad_h", 28_071_964),
        ("thumos_adatad_g", 28_268_572),
        ("activitynet_adatad_g", 7_631_625),
    ] {
        assert_eq!(counted(name), Some(count), "{name}");
    }
}
