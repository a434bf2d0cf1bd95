//! Run files that come with the program: the demonstration, and every published configuration of AdaTAD.
//!
//! Each is a whole file, `trainer/presets/NAME.toml`. Its first lines say what it trains and which mean average precision it
//! should reach; they are read here, so that it stands in one place.

use std::path::Path;

use adatad_data::datasets::DatasetPreset;

use super::error::nearest;
use super::{ConfigError, RunConfig};

/// A run file that comes with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunPreset {
    /// Its name, as it is given instead of a file.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
    /// The data set it is for; none where it is one of our own.
    pub data_set: Option<DatasetPreset>,
}

macro_rules! presets {
    ($($set:expr => [$($name:literal),* $(,)?]),* $(,)?) => {
        &[$($(RunPreset {
            name: $name,
            text: include_str!(concat!("../../presets/", $name, ".toml")),
            data_set: $set,
        }),*),*]
    };
}

/// All of them.
pub const ALL: &[RunPreset] = presets![
    None => ["demo", "sbhar_actionformer", "sbhar_tridet"],
    Some(DatasetPreset::Thumos14) => [
        "thumos_adatad_s", "thumos_adatad_b", "thumos_adatad_l", "thumos_adatad_h", "thumos_adatad_g",
        "thumos_adatad_g_1536_224",
        "thumos_ladder_s", "thumos_ladder_g", "thumos_ladder_g_1536_224",
        "thumos_frozen_s", "thumos_frozen_b", "thumos_frozen_l", "thumos_frozen_h", "thumos_frozen_g",
        "thumos_full_s", "thumos_full_b", "thumos_full_l", "thumos_full_h", "thumos_full_g",
    ],
    Some(DatasetPreset::MultiThumos) => [
        "multithumos_adatad_s", "multithumos_adatad_b", "multithumos_adatad_l", "multithumos_adatad_h",
        "multithumos_adatad_g", "multithumos_adatad_g_1536_224",
    ],
    Some(DatasetPreset::ActivityNet13) => [
        "activitynet_adatad_s", "activitynet_adatad_b", "activitynet_adatad_l", "activitynet_adatad_h",
        "activitynet_adatad_g", "activitynet_adatad_g_224", "activitynet_adatad_g_224_internvideo",
        "activitynet_adatad_g_224_internvideo2", "activitynet_adatad_l_224_200way",
        "activitynet_frozen_s", "activitynet_frozen_b", "activitynet_frozen_l", "activitynet_frozen_h",
        "activitynet_frozen_g",
        "activitynet_full_s", "activitynet_full_b", "activitynet_full_l", "activitynet_full_h", "activitynet_full_g",
    ],
    Some(DatasetPreset::Charades) => [
        "charades_adatad_s", "charades_adatad_b", "charades_adatad_l", "charades_adatad_h", "charades_adatad_g",
    ],
    Some(DatasetPreset::EpicNoun) => ["epic_adatad_l_noun"],
    Some(DatasetPreset::EpicVerb) => ["epic_adatad_l_verb"],
    Some(DatasetPreset::Ego4dMq) => ["ego4d_adatad_l"],
];

/// Begins the line that says what a run should reach.
const PUBLISHED: &str = "# Published mAP: ";

impl RunPreset {
    /// The one of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|preset| preset.name == name)
    }

    /// The name that is most like this one.
    pub fn nearest(name: &str) -> &'static str {
        nearest(name, ALL.iter().map(|preset| preset.name)).unwrap_or_default()
    }

    /// Its resolved file.
    ///
    /// # Errors
    ///
    /// An override names an unknown key or a value that does not fit.
    pub fn load(&self, overrides: &[String]) -> Result<RunConfig, ConfigError> {
        RunConfig::parse(self.text, Path::new(&format!("the preset {}", self.name)), overrides)
    }

    /// What it trains, on what: its first line.
    pub fn about(&self) -> &'static str {
        self.text.lines().next().unwrap_or_default().trim_start_matches("# ")
    }

    /// What was published of it, in percent: the average and, after it, single overlaps.
    pub fn published(&self) -> Option<&'static str> {
        self.text.lines().take_while(|line| line.starts_with('#')).find_map(|line| line.strip_prefix(PUBLISHED))
    }

    /// The published average, in percent.
    pub fn average(&self) -> Option<f64> {
        self.published()?.split_whitespace().next()?.parse().ok()
    }

    /// How many classes its data set has.
    pub fn classes(&self) -> Option<usize> {
        self.data_set.map(|data_set| data_set.settings().classes)
    }
}
