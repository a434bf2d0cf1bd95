//! Run files by path, and those that come with the program by name.

use std::path::{Path, PathBuf};

use adatad::config::RunConfig;
use adatad::config::presets::RunPreset;
use adatad::dataset;
use adatad_data::annotation::Annotations;
use adatad_data::classes::ClassList;
use anyhow::Context;

/// What a command was given as its run file.
pub(crate) enum RunFile {
    File(PathBuf),
    Preset(&'static RunPreset),
}

impl RunFile {
    /// The file at this path or, where there is none, the preset of this name.
    pub(crate) fn find(given: &Path) -> anyhow::Result<Self> {
        if given.exists() {
            return Ok(Self::File(given.to_path_buf()));
        }
        let name = given.to_str().unwrap_or_default();
        match RunPreset::find(name) {
            Some(preset) => Ok(Self::Preset(preset)),
            // The error of opening it says what is wrong with a path.
            None if name.contains(['/', '\\', '.']) => Ok(Self::File(given.to_path_buf())),
            None => anyhow::bail!(
                "there is neither a file `{name}` nor a preset of that name; the nearest preset is `{}` (adatad config \
                 list shows all)",
                RunPreset::nearest(name)
            ),
        }
    }

    /// The configuration as it is written.
    pub(crate) fn load(&self, overrides: &[String]) -> anyhow::Result<RunConfig> {
        Ok(match self {
            Self::File(path) => RunConfig::load(path, overrides)?,
            Self::Preset(preset) => preset.load(overrides)?,
        })
    }

    /// The same with absolute paths: relative ones start at the file's folder and, of a preset, at the current one. What
    /// generates its data keeps it in the run's folder.
    pub(crate) fn resolved(&self, overrides: &[String]) -> anyhow::Result<RunConfig> {
        let mut config = self.load(overrides)?;
        let generates = config.input.videos().is_some_and(|videos| videos.synth.is_some());
        if generates && matches!(self, Self::Preset(_)) {
            return Ok(config);
        }
        let folder = self.folder()?;
        config.paths_mut().into_iter().for_each(|path| *path = folder.join(&*path));
        Ok(config)
    }

    /// Where relative paths start.
    pub(crate) fn folder(&self) -> anyhow::Result<PathBuf> {
        match self {
            Self::File(path) => {
                let path = std::path::absolute(path).with_context(|| path.display().to_string())?;
                Ok(path.parent().unwrap_or(&path).to_path_buf())
            }
            Self::Preset(_) => std::env::current_dir().context("the current folder"),
        }
    }

    /// The classes of `config`, which is [resolved](Self::resolved): its list or, without one, what its annotations say.
    pub(crate) fn class_list(&self, config: &RunConfig) -> anyhow::Result<ClassList> {
        match &config.data.class_list {
            Some(list) => Ok(ClassList::load(list)?),
            None => {
                let annotations = Annotations::load(&config.data.annotations)?;
                Ok(dataset::classes(config, &self.folder()?, &annotations)?)
            }
        }
    }

    /// How many classes there are, where the file itself knows.
    pub(crate) fn classes(&self) -> Option<usize> {
        match self {
            Self::File(_) => None,
            Self::Preset(preset) => preset.classes(),
        }
    }
}
