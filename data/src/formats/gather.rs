//! Videos as they turn up in a file.

use std::collections::HashMap;

use super::error::Fault;
use super::{LabelledVideo, Labels, LeftOut, video_name};

/// Collects the videos of a file by name.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    videos: Vec<LabelledVideo>,
    places: HashMap<String, usize>,
    /// The file of each video that was named by its file.
    files: HashMap<String, String>,
    left_out: Vec<LeftOut>,
}

impl Gather {
    /// The video of this name, new if it is.
    pub(crate) fn video(&mut self, name: &str) -> &mut LabelledVideo {
        let place = match self.places.get(name) {
            Some(&place) => place,
            None => {
                self.places.insert(name.to_owned(), self.videos.len());
                self.videos.push(LabelledVideo { name: name.to_owned(), ..LabelledVideo::default() });
                self.videos.len() - 1
            }
        };
        &mut self.videos[place]
    }

    /// The video in this file. Two files of one name in two folders would be mixed up, and are refused.
    pub(crate) fn media(&mut self, path: &str) -> Result<&mut LabelledVideo, Fault> {
        let name = video_name(path);
        if name.is_empty() {
            return Err(Fault::NoVideo("an empty name of a media file"));
        }
        match self.files.get(name) {
            Some(known) if known != path => {
                let message = format!("two videos have the name {name:?}: {known:?} and {path:?}; rename one");
                return Err(Fault::Syntax(message));
            }
            Some(_) => {}
            None => {
                self.files.insert(name.to_owned(), path.to_owned());
            }
        }
        Ok(self.video(name))
    }

    /// Every video so far.
    pub(crate) fn videos_mut(&mut self) -> impl Iterator<Item = &mut LabelledVideo> {
        self.videos.iter_mut()
    }

    /// Counts something that is not taken over.
    pub(crate) fn leave(&mut self, reason: &'static str, place: impl FnOnce() -> String) {
        match self.left_out.iter_mut().find(|left| left.reason == reason) {
            Some(left) => left.count += 1,
            None => self.left_out.push(LeftOut { reason, count: 1, first: place() }),
        }
    }

    pub(crate) fn leave_many(&mut self, left: LeftOut) {
        match self.left_out.iter_mut().find(|known| known.reason == left.reason) {
            Some(known) => known.count += left.count,
            None => self.left_out.push(left),
        }
    }

    pub(crate) fn finish(self) -> Labels {
        Labels { videos: self.videos, left_out: self.left_out, classes: None }
    }
}

impl From<Labels> for Gather {
    fn from(Labels { videos, left_out, .. }: Labels) -> Self {
        let places = videos.iter().enumerate().map(|(place, video)| (video.name.clone(), place)).collect();
        Self { videos, places, files: HashMap::new(), left_out }
    }
}
