//! From annotations to a file.

use std::io;
use std::path::Path;

use serde::{Serialize, Serializer};

use super::{Action, AnnotationError, Annotations, VideoEntry};

#[derive(Serialize)]
struct File<'a> {
    database: Database<'a>,
}

struct Database<'a>(&'a [VideoEntry]);

impl Serialize for Database<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|video| (&video.name, Video::from(video))))
    }
}

#[derive(Serialize)]
struct Video<'a> {
    subset: &'a str,
    duration: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    frame: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fps: Option<f64>,
    annotations: Actions<'a>,
}

impl<'a> From<&'a VideoEntry> for Video<'a> {
    fn from(video: &'a VideoEntry) -> Self {
        Self {
            subset: &video.subset,
            duration: video.duration,
            frame: video.frames,
            fps: video.fps,
            annotations: Actions(&video.actions),
        }
    }
}

struct Actions<'a>(&'a [Action]);

impl Serialize for Actions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Row<'a> {
            segment: [f64; 2],
            label: &'a str,
        }
        serializer
            .collect_seq(self.0.iter().map(|action| Row { segment: [action.start, action.end], label: &action.label }))
    }
}

pub(super) fn write(annotations: &Annotations, path: &Path) -> Result<(), AnnotationError> {
    let file = File { database: Database(annotations.videos()) };
    crate::atomic::write(path, |mut out| {
        serde_json::to_writer_pretty(&mut out, &file).map_err(io::Error::from)?;
        out.write_all(b"\n")
    })
    .map_err(|source| AnnotationError::Write { path: path.to_path_buf(), source })
}
