//! From files of any kind to the annotations that training reads.

use std::io;
use std::path::{Path, PathBuf};

use crate::datasets::{Layout, LayoutOptions};
use crate::formats::{Fault, Format, FormatError, Labels, ReadOptions, same_rate};
use crate::library::Library;
use crate::video::{OpenOptions, Video};

/// What kind of files they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Each file by itself.
    Format(Format),
    /// All files together.
    Layout(Layout),
}

/// What the files do not say themselves.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImportOptions {
    /// Subset of videos whose subset is not told; nothing leaves it open, or takes the name of the folder of the file.
    pub subset: Option<String>,
    /// Frames a second that frame numbers were counted at.
    pub fps: Option<f64>,
    /// Which layer of labels, where there are several.
    pub layer: Option<String>,
    /// Folder of the videos: it tells lengths, and rates to hold the labels' rate against.
    pub videos: Option<PathBuf>,
    /// Labels were made at another rate than that of the video, on purpose.
    pub other_rate: bool,
}

/// Imported labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Imported {
    /// What the files say; nothing of it is checked.
    pub labels: Labels,
    /// Videos of which no readable file was found, where a folder was given.
    pub missing: Vec<String>,
}

/// Why files cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A file of labels.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// A folder.
    #[error("cannot read folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A folder without files of this kind.
    #[error("{}: holds no .{ending} file", path.display())]
    Nothing {
        /// The folder.
        path: PathBuf,
        /// What they end with.
        ending: &'static str,
    },
    /// Frame numbers of a clock that is not the video's.
    #[error("video {name:?}: {fault}; if the labels were made at that rate on purpose, say --other-rate")]
    Rate {
        /// The video.
        name: String,
        /// What differs.
        fault: Fault,
    },
}

/// Reads files, or all files in folders. In a folder of folders, those name the subsets.
///
/// # Errors
///
/// A file cannot be read or is of another kind; a frame rate is not known, or contradicts the video's.
pub fn import(source: Source, paths: &[PathBuf], options: &ImportOptions) -> Result<Imported, ImportError> {
    let mut labels = match source {
        Source::Layout(layout) => {
            let known = LayoutOptions { subset: options.subset.as_deref(), fps: options.fps };
            layout.read(paths, &known)?
        }
        Source::Format(format) => {
            let mut all = Labels::default();
            for (path, folder) in files(format, paths)? {
                let read = ReadOptions { name: "", fps: options.fps, layer: options.layer.as_deref() };
                let mut labels = format.read(&path, &read)?;
                let subset = options.subset.as_ref().or(folder.as_ref());
                labels.videos.iter_mut().filter(|video| video.subset.is_none()).for_each(|video| {
                    video.subset = subset.cloned();
                });
                all.join(labels);
            }
            all
        }
    };
    let mut missing = Vec::new();
    if let Some(folder) = &options.videos {
        let library = Library::open(folder).map_err(|source| ImportError::Folder { path: folder.clone(), source })?;
        let counts_frames = matches!(source, Source::Format(format) if format.counts_frames());
        for video in &mut labels.videos {
            // Labels tell of a folder of pictures what it does not know itself.
            let (fps, duration) = (options.fps.or(video.fps), video.duration);
            let open = OpenOptions { fps, duration, ..OpenOptions::default() };
            let opened = library.find(&video.name).iter().find_map(|path| Video::open_with(path, &open).ok());
            let Some(opened) = opened else {
                missing.push(video.name.clone());
                continue;
            };
            let info = opened.info();
            if counts_frames {
                // Times are seconds now, so that from here on only the rate of the video matters.
                let labelled = video.fps.replace(info.fps).filter(|_| !options.other_rate && info.fps > 0.0);
                if let Some(labels) = labelled.filter(|labelled| !same_rate(*labelled, info.fps)) {
                    let fault = Fault::RateDiffers { labels, other: "the video", given: info.fps };
                    return Err(ImportError::Rate { name: video.name.clone(), fault });
                }
            }
            video.duration = video.duration.or(Some(info.duration));
            video.frames = video.frames.or(Some(info.frames));
            video.fps = video.fps.or(Some(info.fps));
        }
    }
    Ok(Imported { labels, missing })
}

/// The files to read, each with the subset that its folder names.
fn files(format: Format, paths: &[PathBuf]) -> Result<Vec<(PathBuf, Option<String>)>, ImportError> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push((path.clone(), None));
            continue;
        }
        let mut found: Vec<_> = of_kind(format, path)?.into_iter().map(|file| (file, None)).collect();
        for folder in entries(path)?.into_iter().filter(|entry| entry.is_dir()) {
            let subset = folder.file_name().map(|name| name.to_string_lossy().into_owned());
            found.extend(of_kind(format, &folder)?.into_iter().map(|file| (file, subset.clone())));
        }
        if found.is_empty() {
            return Err(ImportError::Nothing { path: path.clone(), ending: format.extension() });
        }
        files.extend(found);
    }
    Ok(files)
}

fn of_kind(format: Format, folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let mut files = entries(folder)?;
    let ending = format.extension();
    files.retain(|path| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending)) && path.is_file());
    Ok(files)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, ImportError> {
    let failed = |source| ImportError::Folder { path: folder.to_path_buf(), source };
    let entries = std::fs::read_dir(folder).map_err(failed)?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}
