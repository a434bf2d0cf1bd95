//! One row for each published configuration: learning rates and epochs, adapters, and what it reached.

use adatad_adapter::TuningMode::{Frozen, Full, Ladder, Tia};
use adatad_detector::classifier::Fusion;

use super::{ACTIVITYNET, CHARADES, EGO4D, EPIC, MULTITHUMOS, Row, THUMOS};

/// AdaTAD with VideoMAE-S on THUMOS-14, without its figures: what other rows differ from.
const S: Row = Row {
    name: "",
    set: &THUMOS,
    classes: 20,
    size: 's',
    mode: Tia,
    pixels: 160,
    scale: 1,
    first_block: 0,
    reduction: 4,
    rates: [2e-4, 1e-4, 0.0],
    epochs: [5, 100, 60],
    watched: [40, 2],
    input_dropout: 0.0,
    classifier: None,
    average: None,
    singles: &[],
};
/// Larger backbones have a smaller rate.
const LARGER: Row = Row { rates: [1e-4, 1e-4, 0.0], ..S };
const FROZEN: Row = Row { mode: Frozen, watched: [39, 5], rates: [0.0, 1e-4, 0.0], input_dropout: 0.2, ..S };
const FULL: Row = Row { mode: Full, watched: [39, 5], rates: [0.0, 1e-4, 1e-5], ..S };
/// Adapters in the upper half, twice as many frames, fewer epochs.
const LONG: Row =
    Row { size: 'g', pixels: 224, scale: 2, first_block: 20, epochs: [5, 100, 50], watched: [37, 2], ..S };
const BESIDE: Row = Row { mode: Ladder, input_dropout: 0.1, ..S };
const MULTI: Row =
    Row { set: &MULTITHUMOS, classes: 65, rates: [4e-4, 1e-4, 0.0], epochs: [5, 100, 80], watched: [49, 2], ..S };
const MULTI_LARGER: Row = Row { rates: [1e-4, 1e-4, 0.0], ..MULTI };
const DAILY: Row = Row {
    set: &CHARADES,
    classes: 157,
    rates: [4e-4, 1e-4, 0.0],
    epochs: [5, 20, 20],
    watched: [7, 1],
    input_dropout: 0.3,
    ..S
};
const WHOLE: Row = Row {
    set: &ACTIVITYNET,
    classes: 200,
    scale: 4,
    rates: [1e-4, 1e-3, 0.0],
    epochs: [5, 15, 15],
    watched: [8, 1],
    classifier: Some(Fusion::Product),
    ..S
};
const WHOLE_LARGE: Row = Row { size: 'g', pixels: 224, first_block: 20, ..WHOLE };
const WHOLE_FROZEN: Row = Row { mode: Frozen, rates: [0.0, 1e-3, 0.0], input_dropout: 0.2, ..WHOLE };
const WHOLE_FULL: Row = Row { mode: Full, rates: [0.0, 1e-3, 1e-5], input_dropout: 0.2, ..WHOLE };
const KITCHEN: Row = Row {
    set: &EPIC,
    size: 'l',
    scale: 8,
    rates: [8e-5, 1e-4, 0.0],
    epochs: [5, 250, 35],
    watched: [19, 2],
    input_dropout: 0.2,
    ..S
};

const fn row(name: &'static str, size: char, base: Row) -> Row {
    Row { name, size, ..base }
}

const fn reached(name: &'static str, size: char, base: Row, average: f64, singles: &'static [f64]) -> Row {
    Row { average: Some(average), singles, ..row(name, size, base) }
}

pub static ROWS: &[Row] = &[
    reached("thumos_adatad_s", 's', S, 69.03, &[83.90, 79.01, 72.38, 61.57, 48.27]),
    reached("thumos_adatad_b", 'b', LARGER, 71.14, &[85.95, 81.86, 75.02, 63.29, 49.56]),
    reached("thumos_adatad_l", 'l', LARGER, 73.51, &[87.17, 83.58, 76.88, 66.81, 53.13]),
    reached("thumos_adatad_h", 'h', LARGER, 74.95, &[88.42, 84.63, 78.72, 69.04, 53.95]),
    reached("thumos_adatad_g", 'g', LARGER, 75.06, &[88.63, 85.39, 79.17, 68.34, 53.79]),
    reached("thumos_adatad_g_1536_224", 'g', LONG, 77.07, &[89.93, 86.83, 81.24, 69.97, 57.36]),
    row("thumos_ladder_s", 's', Row { first_block: 6, ..BESIDE }),
    row("thumos_ladder_g", 'g', Row { first_block: 20, rates: [1e-4, 1e-4, 0.0], ..BESIDE }),
    reached(
        "thumos_ladder_g_1536_224",
        'g',
        Row { mode: Ladder, input_dropout: 0.1, reduction: 8, ..LONG },
        74.65,
        &[88.43, 84.72, 77.88, 68.51, 53.72],
    ),
    row("thumos_frozen_s", 's', FROZEN),
    row("thumos_frozen_b", 'b', FROZEN),
    row("thumos_frozen_l", 'l', FROZEN),
    row("thumos_frozen_h", 'h', FROZEN),
    row("thumos_frozen_g", 'g', FROZEN),
    row("thumos_full_s", 's', FULL),
    row("thumos_full_b", 'b', FULL),
    row("thumos_full_l", 'l', FULL),
    row("thumos_full_h", 'h', FULL),
    row("thumos_full_g", 'g', FULL),
    reached("multithumos_adatad_s", 's', MULTI, 40.77, &[61.34, 46.74, 26.88]),
    reached("multithumos_adatad_b", 'b', MULTI, 42.76, &[63.90, 48.74, 28.72]),
    reached("multithumos_adatad_l", 'l', MULTI, 45.15, &[66.06, 51.80, 31.73]),
    reached("multithumos_adatad_h", 'h', MULTI_LARGER, 46.02, &[67.20, 52.99, 32.70]),
    reached("multithumos_adatad_g", 'g', MULTI_LARGER, 46.74, &[68.23, 53.87, 33.03]),
    reached(
        "multithumos_adatad_g_1536_224",
        'g',
        Row { pixels: 224, scale: 2, first_block: 20, ..MULTI_LARGER },
        48.73,
        &[71.11, 55.83, 34.86],
    ),
    reached("charades_adatad_s", 's', DAILY, 24.14, &[35.89, 27.43, 16.35]),
    reached("charades_adatad_b", 'b', DAILY, 27.99, &[40.84, 31.75, 20.05]),
    reached("charades_adatad_l", 'l', Row { rates: [2e-4, 1e-4, 0.0], ..DAILY }, 32.31, &[47.00, 37.01, 23.05]),
    reached("charades_adatad_h", 'h', Row { rates: [1e-4, 1e-4, 0.0], ..DAILY }, 33.94, &[48.76, 38.80, 24.85]),
    reached("charades_adatad_g", 'g', Row { rates: [8e-5, 1e-4, 0.0], ..DAILY }, 37.56, &[53.72, 42.91, 27.69]),
    reached("activitynet_adatad_s", 's', WHOLE, 37.81, &[56.23, 38.90, 8.88]),
    reached("activitynet_adatad_b", 'b', WHOLE, 38.35, &[56.72, 39.44, 9.54]),
    reached("activitynet_adatad_l", 'l', WHOLE, 39.21, &[57.73, 40.53, 9.96]),
    reached("activitynet_adatad_h", 'h', WHOLE, 39.31, &[57.77, 40.60, 9.78]),
    reached("activitynet_adatad_g", 'g', WHOLE, 39.77, &[58.42, 40.89, 10.01]),
    reached("activitynet_adatad_g_224", 'g', WHOLE_LARGE, 39.86, &[58.57, 41.19, 10.27]),
    reached(
        "activitynet_adatad_g_224_internvideo",
        'g',
        Row { classifier: Some(Fusion::Root), ..WHOLE_LARGE },
        41.85,
        &[61.74, 43.17, 10.68],
    ),
    reached(
        "activitynet_adatad_g_224_internvideo2",
        'g',
        Row { classifier: Some(Fusion::Root), ..WHOLE_LARGE },
        42.90,
        &[63.59, 44.31, 10.66],
    ),
    reached(
        "activitynet_adatad_l_224_200way",
        'l',
        Row { pixels: 224, rates: [8e-5, 1e-3, 0.0], epochs: [5, 20, 15], watched: [10, 1], classifier: None, ..WHOLE },
        39.15,
        &[59.00, 39.96, 9.15],
    ),
    row("activitynet_frozen_s", 's', WHOLE_FROZEN),
    row("activitynet_frozen_b", 'b', WHOLE_FROZEN),
    row("activitynet_frozen_l", 'l', WHOLE_FROZEN),
    row("activitynet_frozen_h", 'h', WHOLE_FROZEN),
    row("activitynet_frozen_g", 'g', WHOLE_FROZEN),
    row("activitynet_full_s", 's', WHOLE_FULL),
    row("activitynet_full_b", 'b', WHOLE_FULL),
    row("activitynet_full_l", 'l', WHOLE_FULL),
    row("activitynet_full_h", 'h', WHOLE_FULL),
    row("activitynet_full_g", 'g', WHOLE_FULL),
    reached("epic_adatad_l_noun", 'l', Row { classes: 293, ..KITCHEN }, 29.44, &[33.88, 32.41, 30.58, 27.66, 22.67]),
    reached("epic_adatad_l_verb", 'l', Row { classes: 97, ..KITCHEN }, 29.69, &[33.02, 32.43, 30.51, 27.80, 24.69]),
    reached(
        "ego4d_adatad_l",
        'l',
        Row {
            set: &EGO4D,
            classes: 110,
            pixels: 192,
            scale: 4,
            first_block: 12,
            rates: [4e-4, 1e-4, 0.0],
            epochs: [5, 25, 20],
            watched: [12, 1],
            input_dropout: 0.2,
            ..S
        },
        28.41,
        &[33.69, 31.19, 28.37, 26.12, 22.67],
    ),
];
