//! One table of settings per data set.

use crate::window::{Conversion, Grid, Resize, SlidingConfig, TruncationConfig, TruthRule, WindowError};

/// A data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DatasetPreset {
    /// THUMOS-14.
    Thumos14,
    /// MultiTHUMOS: the videos of THUMOS-14 with more labels, several at a time.
    MultiThumos,
    /// ActivityNet-1.3.
    ActivityNet13,
    /// Charades.
    Charades,
    /// EPIC-Kitchens-100, verbs.
    EpicVerb,
    /// EPIC-Kitchens-100, nouns.
    EpicNoun,
    /// Ego4D, moment queries.
    Ego4dMq,
    /// FineAction.
    FineAction,
    /// HACS Segments.
    Hacs,
    /// PKU-MMD.
    PkuMmd,
}

/// How windows lie on a video. Words and units are those of [`crate::window`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// Random pieces in training, sliding windows in testing.
    Stretch {
        /// Cells of a window.
        window_size: usize,
        /// Frames between the starts of two cells.
        feature_stride: usize,
        /// Frames shown for each cell.
        scale_factor: usize,
        /// Frames from the start of a cell to its centre: 0 when trained end to end.
        offset_frames: usize,
        /// Share of an action that must lie in a training window.
        trunc_thresh: f64,
        /// Overlap of the windows that the validation loss is computed on.
        validation_overlap: f64,
        /// Overlap of the windows that are tested.
        test_overlap: f64,
    },
    /// The whole video, whatever its length.
    Whole {
        /// Cells of a video.
        resize_length: usize,
        /// Frames shown for each cell.
        scale_factor: usize,
    },
}

/// What is set for a data set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Number of classes.
    pub classes: usize,
    /// Subset that is learned from.
    pub training_subset: &'static str,
    /// Subset that is scored.
    pub test_subset: &'static str,
    /// Windows.
    pub shape: Shape,
    /// How seconds become frames.
    pub conversion: Conversion,
    /// Frames a second of all videos, where they were brought to one rate.
    pub fps: Option<f64>,
    /// Whether actions without length are left out of training.
    pub filter_gt: bool,
    /// Labels that mark what is no class.
    pub ignored: &'static [&'static str],
    /// Videos that are left out.
    pub blocked: &'static [&'static str],
    /// Overlaps with the truth that count as found.
    pub tiou: &'static [f64],
    /// Side of the square that the model sees, in pixels.
    pub pixels: usize,
    /// Where these figures come from.
    pub source: &'static str,
}

/// Share of an action that must lie in a validation window (`ioa_thresh`), in every config.
const COMPLETENESS: f64 = 0.75;
/// Shortest and longest piece of a video that fits in a window, as shares of it.
const CROP_RATIO: (f64, f64) = (0.9, 1.0);

const TIOU_THUMOS: &[f64] = &[0.3, 0.4, 0.5, 0.6, 0.7];
const TIOU_DENSE: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const TIOU_EGO: &[f64] = &[0.1, 0.2, 0.3, 0.4, 0.5];
const TIOU_ACTIVITYNET: &[f64] = &[0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95];

const ADATAD: &str = "OpenTAD, configs/adatad";
const FEATURES: &str = "OpenTAD, its ActionFormer config for features; there is no AdaTAD config";

/// THUMOS-14, which others differ from.
const THUMOS: Settings = Settings {
    classes: 20,
    training_subset: "training",
    test_subset: "validation", // the test videos are called so in OpenTAD's file
    shape: Shape::Stretch {
        window_size: 768,
        feature_stride: 4,
        scale_factor: 1,
        offset_frames: 0,
        trunc_thresh: 0.75,
        validation_overlap: 0.25,
        test_overlap: 0.5,
    },
    conversion: Conversion::ByShare,
    fps: None,
    filter_gt: false,
    ignored: &["Ambiguous"],
    blocked: &["video_test_0000270", "video_test_0001292"], // wrong labels; no labels
    tiou: TIOU_THUMOS,
    pixels: 160,
    source: ADATAD,
};

const EPIC: Settings = Settings {
    classes: 97,
    training_subset: "train",
    test_subset: "val",
    shape: Shape::Stretch {
        window_size: 768,
        feature_stride: 16,
        scale_factor: 8,
        offset_frames: 0,
        trunc_thresh: 0.3,
        validation_overlap: 0.25,
        test_overlap: 0.5,
    },
    conversion: Conversion::ByRate,
    fps: Some(30.0),
    filter_gt: true,
    ignored: &[],
    blocked: &[],
    tiou: TIOU_EGO,
    pixels: 160,
    source: ADATAD,
};

impl DatasetPreset {
    /// Every one.
    pub const ALL: [DatasetPreset; 10] = [
        DatasetPreset::Thumos14,
        DatasetPreset::MultiThumos,
        DatasetPreset::ActivityNet13,
        DatasetPreset::Charades,
        DatasetPreset::EpicVerb,
        DatasetPreset::EpicNoun,
        DatasetPreset::Ego4dMq,
        DatasetPreset::FineAction,
        DatasetPreset::Hacs,
        DatasetPreset::PkuMmd,
    ];

    /// Its name, as its authors write it.
    pub fn title(self) -> &'static str {
        match self {
            DatasetPreset::Thumos14 => "THUMOS-14",
            DatasetPreset::MultiThumos => "MultiTHUMOS",
            DatasetPreset::ActivityNet13 => "ActivityNet-1.3",
            DatasetPreset::Charades => "Charades",
            DatasetPreset::EpicVerb => "EPIC-Kitchens-100 verb",
            DatasetPreset::EpicNoun => "EPIC-Kitchens-100 noun",
            DatasetPreset::Ego4dMq => "Ego4D-MQ",
            DatasetPreset::FineAction => "FineAction",
            DatasetPreset::Hacs => "HACS Segments",
            DatasetPreset::PkuMmd => "PKU-MMD",
        }
    }

    /// Its settings.
    pub fn settings(self) -> Settings {
        match self {
            DatasetPreset::Thumos14 => THUMOS,
            DatasetPreset::MultiThumos => Settings { classes: 65, blocked: &[], tiou: TIOU_DENSE, ..THUMOS },
            DatasetPreset::ActivityNet13 => Settings {
                classes: 200,
                shape: Shape::Whole { resize_length: 192, scale_factor: 4 },
                conversion: Conversion::Exact,
                fps: Some(15.0),
                filter_gt: true,
                ignored: &[],
                blocked: &[], // the official list of unavailable videos comes as a file
                tiou: TIOU_ACTIVITYNET,
                ..THUMOS
            },
            DatasetPreset::Charades => Settings {
                classes: 157,
                test_subset: "testing",
                shape: Shape::Stretch {
                    window_size: 512,
                    feature_stride: 4,
                    scale_factor: 1,
                    offset_frames: 0,
                    trunc_thresh: 0.5,
                    validation_overlap: 0.25,
                    test_overlap: 0.5,
                },
                conversion: Conversion::ByRate,
                fps: Some(30.0),
                ignored: &[],
                blocked: &[],
                tiou: TIOU_DENSE,
                ..THUMOS
            },
            DatasetPreset::EpicVerb => EPIC,
            DatasetPreset::EpicNoun => Settings { classes: 293, ..EPIC }, // 300, of which 7 are never trained
            DatasetPreset::Ego4dMq => Settings {
                classes: 110,
                shape: Shape::Stretch {
                    window_size: 1800,
                    feature_stride: 8,
                    scale_factor: 4,
                    offset_frames: 0,
                    trunc_thresh: 0.3,
                    validation_overlap: 0.0,
                    test_overlap: 0.0,
                },
                conversion: Conversion::ByShare,
                fps: None,
                filter_gt: false,
                pixels: 192,
                ..EPIC
            },
            DatasetPreset::FineAction => Settings {
                classes: 106,
                shape: Shape::Whole { resize_length: 192, scale_factor: 4 },
                fps: Some(30.0),
                source: "OpenTAD, its config for resized features, with the scale factor of ActivityNet-1.3; there is \
                         no AdaTAD config",
                ..DatasetPreset::ActivityNet13.settings()
            },
            DatasetPreset::Hacs => Settings {
                shape: Shape::Stretch {
                    window_size: 960,
                    feature_stride: 8,
                    scale_factor: 1,
                    offset_frames: 16,
                    trunc_thresh: 0.5,
                    validation_overlap: 0.25,
                    test_overlap: 0.5,
                },
                source: FEATURES,
                ..DatasetPreset::ActivityNet13.settings()
            },
            DatasetPreset::PkuMmd => Settings {
                classes: 51,
                training_subset: "train",
                test_subset: "val",
                fps: Some(30.0),
                ignored: &[],
                blocked: &[],
                tiou: TIOU_DENSE,
                source: "no published AdaTAD config: windows of THUMOS-14, rate and classes of the data set",
                ..THUMOS
            },
        }
    }
}

impl Settings {
    /// The grid of its windows.
    pub fn grid(&self) -> Grid {
        match self.shape {
            Shape::Stretch { window_size, feature_stride, scale_factor, offset_frames, .. } => {
                Grid { window_size, feature_stride, sample_stride: 1, scale_factor, offset_frames }
            }
            Shape::Whole { resize_length: window_size, scale_factor } => {
                Grid { window_size, feature_stride: scale_factor, sample_stride: 1, scale_factor, offset_frames: 0 }
            }
        }
    }

    /// Which actions are taught.
    pub fn truth_rule(&self) -> TruthRule {
        let ignored = self.ignored.iter().map(|label| (*label).to_owned()).collect();
        TruthRule { conversion: self.conversion, filter_gt: self.filter_gt, ignored }
    }

    /// Training windows; nothing where the whole video is one.
    pub fn truncation(&self) -> Option<TruncationConfig> {
        match self.shape {
            Shape::Stretch { trunc_thresh, .. } => {
                Some(TruncationConfig { grid: self.grid(), crop_ratio: CROP_RATIO, trunc_thresh })
            }
            Shape::Whole { .. } => None,
        }
    }

    /// Windows of the validation loss, and those that are tested; nothing where the whole video is one.
    pub fn sliding(&self, cover_tail: bool) -> Option<(SlidingConfig, SlidingConfig)> {
        match self.shape {
            Shape::Stretch { validation_overlap, test_overlap, .. } => {
                let test = SlidingConfig { grid: self.grid(), overlap: test_overlap, completeness: None, cover_tail };
                let completeness = Some(COMPLETENESS);
                Some((SlidingConfig { overlap: validation_overlap, completeness, ..test }, test))
            }
            Shape::Whole { .. } => None,
        }
    }

    /// The window of a whole video, where that is what is seen.
    ///
    /// # Errors
    ///
    /// Never for a preset.
    pub fn resize(&self) -> Option<Result<Resize, WindowError>> {
        match self.shape {
            Shape::Whole { resize_length, scale_factor } => Some(Resize::new(resize_length, scale_factor)),
            Shape::Stretch { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_of_every_data_set_make_windows() {
        for preset in DatasetPreset::ALL {
            let settings = preset.settings();
            let title = preset.title();
            if let Some(truncation) = settings.truncation() {
                assert!(truncation.build().is_ok(), "{title}");
                let (validation, test) = settings.sliding(false).unwrap();
                assert!(validation.build().is_ok() && test.build().is_ok(), "{title}");
            } else {
                assert!(settings.resize().unwrap().is_ok(), "{title}");
            }
            assert!(settings.grid().window_frames().is_multiple_of(16), "{title}: whole clips");
            assert!(settings.tiou.is_sorted() && settings.tiou.iter().all(|t| (0.0..1.0).contains(t)), "{title}");
        }
    }

    #[test]
    fn frames_of_a_window_are_those_of_the_paper() {
        let frames = |preset: DatasetPreset| preset.settings().grid().window_frames();
        assert_eq!(frames(DatasetPreset::Thumos14), 768);
        assert_eq!(frames(DatasetPreset::ActivityNet13), 768);
        assert_eq!(frames(DatasetPreset::Charades), 512);
        assert_eq!(frames(DatasetPreset::EpicVerb), 6144);
        assert_eq!(frames(DatasetPreset::Ego4dMq), 7200);
        assert_eq!(DatasetPreset::EpicNoun.settings().grid().frame_stride(), 2);
    }
}
