//! Labels held against the files of video.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::finding::{Findings, Trouble};
use crate::annotation::{RawVideo, end_slack};
use crate::formats::same_rate;
use crate::library::Library;
use crate::nearest::nearest;
use crate::video::{OpenOptions, Video, VideoInfo};

/// Frames that a file may have more or less than told: players and tools count the last ones differently.
const FRAMES_APART: f64 = 3.0;

/// Missing videos that the nearest name is looked up for; in a wrong folder all of them are missing.
const LOOKED_UP: usize = 50;

/// A folder of videos, each one opened.
#[derive(Debug)]
pub(super) struct Videos {
    files: BTreeMap<String, (Vec<PathBuf>, Result<VideoInfo, String>)>,
}

impl Videos {
    /// `labelled` tells of folders of pictures what those do not know.
    pub(super) fn open(library: &Library, labelled: &[RawVideo]) -> Self {
        let labelled: BTreeMap<&str, &RawVideo> = labelled.iter().map(|video| (video.name.as_str(), video)).collect();
        let names: Vec<&str> = library.names().collect();
        let opened = names.into_par_iter().map(|name| {
            let paths = library.find(name).to_vec();
            let told = labelled.get(name);
            let (fps, duration) = (told.and_then(|told| told.fps), told.and_then(|told| told.duration));
            let options = OpenOptions { fps, duration, ..OpenOptions::default() };
            let open = |path: &PathBuf| Video::open_with(path, &options).map(|video| video.info().clone());
            let info = match paths.first().map(open) {
                Some(opened) => opened.map_err(|error| error.problem.to_string()),
                None => Err("no such file".to_owned()),
            };
            (name.to_owned(), (paths, info))
        });
        Self { files: opened.collect() }
    }

    /// Files that could be opened.
    pub(super) fn opened(&self) -> usize {
        self.files.values().filter(|(_, info)| info.is_ok()).count()
    }

    /// What the file of a video says, if there is one that can be opened.
    pub(super) fn info(&self, name: &str) -> Option<&VideoInfo> {
        self.files.get(name).and_then(|(_, info)| info.as_ref().ok())
    }

    pub(super) fn compare(&self, labelled: &[RawVideo], folder: &Path, found: &mut Findings) {
        let mut names = BTreeSet::new();
        let mut missing = 0;
        for video in labelled {
            names.insert(video.name.as_str());
            match self.files.get(&video.name) {
                Some((paths, info)) => compare_one(video, paths, info, found),
                None => {
                    missing += 1;
                    let known = self.files.keys().map(String::as_str).filter(|_| missing <= LOOKED_UP);
                    let nearest = nearest(&video.name, known).map(String::from);
                    found.add(Some(video.name.clone()), None, Trouble::NoVideo { nearest });
                }
            }
        }
        for (name, (paths, _)) in self.files.iter().filter(|(name, _)| !names.contains(name.as_str())) {
            let path = paths.first().map_or(folder, PathBuf::as_path);
            found.add_file(path, name, Trouble::NoLabels);
        }
    }
}

fn compare_one(video: &RawVideo, paths: &[PathBuf], info: &Result<VideoInfo, String>, found: &mut Findings) {
    let name = || Some(video.name.clone());
    let path = paths.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
    if paths.len() > 1 {
        let files = paths.iter().map(|path| path.display().to_string()).collect();
        found.add(name(), None, Trouble::SeveralVideos { files });
    }
    let info = match info {
        Ok(info) => info,
        Err(reason) => {
            return found.add_file(path, &video.name, Trouble::Unreadable { reason: reason.clone() });
        }
    };
    let real = info.duration;
    let slack = end_slack(real);
    if let Some(labelled) = video.duration.filter(|labelled| (labelled - real).abs() > slack) {
        found.add(name(), None, Trouble::Duration { labelled, real });
    }
    if let Some(labelled) = video.fps.filter(|labelled| info.fps > 0.0 && !same_rate(*labelled, info.fps)) {
        found.add(name(), None, Trouble::Rate { labelled, real: info.fps });
    }
    let frames = info.frames as f64;
    let apart = FRAMES_APART.max(0.01 * frames);
    if let Some(labelled) = video.frames.filter(|labelled| (labelled - frames).abs() > apart) {
        found.add(name(), None, Trouble::Frames { labelled, real: info.frames });
    }
    // Past the end that is told is found among the labels.
    let told = video.duration.map_or(f64::INFINITY, |told| told + end_slack(told));
    for (index, action) in video.actions.iter().enumerate() {
        let Some(action) = action.as_ref().filter(|action| action.end > real + slack && action.end <= told) else {
            continue;
        };
        found.add(name(), Some(index), Trouble::PastFile { start: action.start, end: action.end, real });
    }
}
