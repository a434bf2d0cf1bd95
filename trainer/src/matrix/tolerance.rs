//! How far a backend may be off, and why: the one table of it.

use adatad_backbone::Precision;

/// One line of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// What is compared.
    pub what: &'static str,
    /// Kind of numbers it is computed with.
    pub numbers: &'static str,
    /// How far off it may be.
    pub allowed: f64,
    /// The unit of `allowed`.
    pub unit: &'static str,
    /// Why that much.
    pub reason: &'static str,
}

/// Fixtures: stages, predictions, losses, gradients, three optimiser steps.
pub const FIXTURES: Tolerance = Tolerance {
    what: "fixtures",
    numbers: "f32",
    allowed: 1.0,
    unit: "of the fixture's own tolerance",
    reason: "each tensor's tolerance is what rounding in f32 makes of it, in any order of summation; none is a backend's",
};

/// Gradients of G-TAD on a device without numbers of 16 bits.
pub const POOLED: Tolerance = Tolerance {
    what: "gradients of G-TAD, where a device has no f16",
    numbers: "f32",
    allowed: 16.0,
    unit: "of the fixture's own tolerance",
    reason: "the reference rounds the gradient of its pooled features to 16 bits; arithmetic does the same above 2^-14, but \
             below it 16-bit numbers stand further apart, and most of these gradients are that small",
};

/// Losses of twenty training steps.
pub const CURVE: Tolerance = Tolerance {
    what: "loss of each of twenty steps",
    numbers: "f32",
    allowed: 1e-3,
    unit: "of the reference backend's loss",
    reason: "Adam divides gradients by their size: rounding moves weights whose gradient is almost nothing by a whole step",
};

/// Losses after a run was taken over by another backend.
pub const RESUMED: Tolerance = Tolerance { what: "loss of each step after a change of backend", ..CURVE };

/// The ends of the best segment of a video.
pub const ENDS: Tolerance = Tolerance {
    what: "ends of the best segment of a video",
    numbers: "f32",
    allowed: 0.011,
    unit: "seconds",
    reason: "results are rounded to hundredths of a second, and rounding may fall either way",
};

/// The score of the best segment of a video.
pub const SCORE: Tolerance = Tolerance {
    what: "score of the best segment of a video",
    numbers: "f32",
    allowed: 1e-3,
    unit: "of 1",
    reason: "results are rounded to ten thousandths; weights are the same, so that only rounding differs",
};

/// Features of a backbone in bf16.
pub const BF16: Tolerance = Tolerance {
    what: "features of the backbone",
    numbers: "bf16",
    allowed: 2e-2,
    unit: "of their root mean square",
    reason: "8 bits: 2^-9 for each rounding, and a stage rounds a few times in every block",
};

/// Features of a backbone in f16.
pub const F16: Tolerance = Tolerance {
    what: "features of the backbone",
    numbers: "f16",
    allowed: 2.5e-3,
    unit: "of their root mean square",
    reason: "11 bits: an eighth of the error of bf16",
};

/// Gradients of a step whose backbone is in bf16.
pub const BF16_GRADIENTS: Tolerance = Tolerance {
    what: "gradients of backbone, adapters and detector",
    numbers: "bf16",
    allowed: 8e-2,
    unit: "of their root mean square",
    reason: "a ReLU of the detector that is on instead of off has another gradient altogether, and so many are as features \
             are off: the error of all gradients together goes with the root of that of the features",
};

/// Gradients of a step whose backbone is in f16.
pub const F16_GRADIENTS: Tolerance =
    Tolerance { numbers: "f16", allowed: 3e-2, reason: "the root of an eighth of the error of bf16", ..BF16_GRADIENTS };

/// The whole table.
pub const TABLE: [Tolerance; 10] =
    [FIXTURES, POOLED, CURVE, RESUMED, ENDS, SCORE, BF16, F16, BF16_GRADIENTS, F16_GRADIENTS];

/// Kinds of numbers of 16 bits, each with its lines of the table: features, gradients.
pub const HALVES: [(Precision, Tolerance, Tolerance); 2] =
    [(Precision::Bf16, BF16, BF16_GRADIENTS), (Precision::F16, F16, F16_GRADIENTS)];
