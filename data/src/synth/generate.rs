//! Writes the data set: one file of video each, and the ground truth in the layout of ActivityNet.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::options::{OptionsError, Subset, SynthOptions};
use super::render::Renderer;
use super::script::{Action, Script};
use crate::atomic;
use crate::video::{VideoError, WriteOptions, write_mp4};

/// Rises when the same options come to give another data set.
const GENERATION: u32 = 3;

/// Seconds between key frames: reading may start at any of them.
const KEYFRAME_SECONDS: usize = 2;

/// Why a data set was not generated.
#[derive(Debug, thiserror::Error)]
pub enum SynthError {
    /// The options make no data set.
    #[error("cannot generate the demonstration data: {0}")]
    Options(#[from] OptionsError),
    /// A folder or the annotation file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// What was being written.
        path: PathBuf,
        /// Why it could not be.
        #[source]
        source: io::Error,
    },
    /// A video could not be written.
    #[error("cannot write a generated video: {0}")]
    Video(#[from] VideoError),
}

/// The whole annotation file.
#[derive(Debug, Serialize)]
struct AnnotationFile<'a> {
    version: String,
    generator: &'a SynthOptions,
    database: BTreeMap<String, Entry>,
}

/// One video in the annotation file.
#[derive(Debug, Serialize)]
struct Entry {
    subset: Subset,
    duration: f64,
    frame: usize,
    fps: u32,
    annotations: Vec<Annotation>,
}

/// One labelled segment in the annotation file.
#[derive(Debug, Serialize)]
struct Annotation {
    segment: [f64; 2],
    label: Action,
}

/// The beginning of an annotation file, as far as it says where it comes from.
#[derive(Debug, Deserialize)]
struct Origin {
    version: String,
    generator: SynthOptions,
}

fn version() -> String {
    format!("adatad-synth {GENERATION}")
}

/// Whether `dir` holds the complete data set that [`generate`] would write with these options.
pub fn is_current(dir: &Path, options: &SynthOptions) -> bool {
    let text = std::fs::read(dir.join("annotations.json")).unwrap_or_default();
    let origin = serde_json::from_slice::<Origin>(&text);
    origin.is_ok_and(|origin| origin.version == version() && origin.generator == *options)
}

/// Generates the data set into `dir`: `videos/NAME.mp4` and `annotations.json`, whose path is returned.
///
/// Videos are made in parallel, one per thread of the current rayon pool; `progress(done, total)` is called from those
/// threads after each, counted in videos. The annotation file comes last and whole, so that where it is, the data set
/// is complete. Files of an earlier data set of other names are left alone.
pub fn generate(
    dir: &Path,
    options: &SynthOptions,
    progress: impl Fn(usize, usize) + Sync,
) -> Result<PathBuf, SynthError> {
    options.check()?;
    let videos = dir.join("videos");
    let annotations = dir.join("annotations.json");
    std::fs::create_dir_all(&videos).map_err(|source| SynthError::Write { path: videos.clone(), source })?;
    match std::fs::remove_file(&annotations) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            return Err(SynthError::Write { path: annotations, source });
        }
        _ => {}
    }

    let plan: Vec<(Subset, usize)> = Subset::ALL
        .into_iter()
        .flat_map(|subset| (0..options.videos(subset)).map(move |index| (subset, index)))
        .collect();
    let done = AtomicUsize::new(0);
    let database = plan
        .par_iter()
        .map(|&(subset, index)| {
            let name = name(subset, index);
            let entry = write_video(&videos.join(format!("{name}.mp4")), options, subset, index)?;
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, plan.len());
            Ok((name, entry))
        })
        .collect::<Result<BTreeMap<String, Entry>, VideoError>>()?;

    let content = AnnotationFile { version: version(), generator: options, database };
    let written = atomic::write(&annotations, |out| {
        serde_json::to_writer_pretty(&mut *out, &content)?;
        out.write_all(b"\n")
    });
    match written {
        Ok(()) => Ok(annotations),
        Err(source) => Err(SynthError::Write { path: annotations, source }),
    }
}

/// Name of a video, without its extension.
fn name(subset: Subset, index: usize) -> String {
    format!("{}-{:03}", subset.name(), index + 1)
}

fn write_video(path: &Path, options: &SynthOptions, subset: Subset, index: usize) -> Result<Entry, VideoError> {
    let mut renderer = Renderer::new(options, subset, index);
    let entry = Entry::new(&renderer.scene().script, subset);
    let write = WriteOptions {
        width: options.width,
        height: options.height,
        fps: options.fps,
        keyframe_interval: KEYFRAME_SECONDS * options.fps as usize,
        qp: options.qp,
    };
    write_mp4(path, &write, entry.frame, |frame, picture| renderer.frame(frame, &mut picture.rgb))?;
    Ok(entry)
}

impl Entry {
    fn new(script: &Script, subset: Subset) -> Self {
        let annotations =
            script.actions().map(|(label, start, end)| Annotation { segment: [start, end], label }).collect();
        Self {
            subset,
            duration: (script.duration() * 100.0).round() / 100.0,
            frame: script.frames,
            fps: script.fps,
            annotations,
        }
    }
}
