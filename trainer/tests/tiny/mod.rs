//! The demonstration's model, as small as it can be.

/// What to set for windows of 64 steps, and a model of a few thousand weights.
pub const TINY: [&str; 5] = [
    "window.size=64",
    "backbone.width=16",
    "backbone.mlp=32",
    "detector.channels=16",
    "detector.regression-ranges=[[0, 4], [4, 8], [8, 10000]]",
];
