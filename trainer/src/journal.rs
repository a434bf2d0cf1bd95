//! What has been found in a long video so far, window by window, so that a detection that was stopped or killed goes on
//! where it was.
//!
//! One JSON value per line: what was looked at with what, then each window. A line that is cut, as a killed process may
//! leave it, is taken back.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use adatad_detector::segment::Detection;
use serde::{Deserialize, Serialize};

/// What was looked at with what: windows of another video or model do not count.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Name of the video.
    pub video: String,
    /// Bytes of its file.
    pub bytes: u64,
    /// Frames of it.
    pub frames: usize,
    /// BLAKE3 of the model's weights and settings.
    pub model: String,
}

/// A window that is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    window: usize,
    found: Vec<(f64, f64, usize, f64)>,
}

/// The journal of one video.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
}

/// What a journal holds already.
#[derive(Debug, Default, PartialEq)]
pub struct Done {
    /// First cell of the last window that is done.
    pub last: Option<usize>,
    /// Windows that are done.
    pub windows: usize,
    /// What they found.
    pub found: Vec<Detection>,
}

impl Journal {
    /// Opens the journal of `subject`. With `resume`, it says what is done; without, or when it is of another subject, it
    /// begins anew.
    ///
    /// # Errors
    ///
    /// The file cannot be read or written.
    pub fn open(path: &Path, subject: &Subject, resume: bool) -> io::Result<(Self, Done)> {
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(path)?;
        let (mut done, mut length) = (Done::default(), 0);
        if resume {
            (done, length) = read(&file, subject)?;
        }
        file.set_len(length)?;
        file.seek(SeekFrom::End(0))?;
        let mut journal = Self { path: path.into(), file };
        if length == 0 {
            journal.line(subject)?;
        }
        Ok((journal, done))
    }

    /// Notes what a window found.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn note(&mut self, window: usize, found: &[Detection]) -> io::Result<()> {
        let found = found.iter().map(|d| (d.start, d.end, d.label, d.score)).collect();
        self.line(&Line { window, found })
    }

    /// Removes it: the video is done.
    ///
    /// # Errors
    ///
    /// The file cannot be removed.
    pub fn finish(self) -> io::Result<()> {
        drop(self.file);
        std::fs::remove_file(self.path)
    }

    fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

/// The windows of `subject` in a journal, and the bytes that they and the first line take.
fn read(file: &File, subject: &Subject) -> io::Result<(Done, u64)> {
    let mut lines = BufReader::new(file);
    let mut text = Vec::new();
    let mut length = lines.read_until(b'\n', &mut text)? as u64;
    if !text.ends_with(b"\n") || serde_json::from_slice::<Subject>(&text).ok().as_ref() != Some(subject) {
        return Ok((Done::default(), 0));
    }
    let mut done = Done::default();
    loop {
        text.clear();
        let bytes = lines.read_until(b'\n', &mut text)? as u64;
        let Some(line) = text.ends_with(b"\n").then(|| serde_json::from_slice::<Line>(&text).ok()).flatten() else {
            return Ok((done, length));
        };
        length += bytes;
        done.last = Some(line.window);
        done.windows += 1;
        let detection = |(start, end, label, score)| Detection { start, end, label, score };
        done.found.extend(line.found.into_iter().map(detection));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject() -> Subject {
        Subject { video: "press".into(), bytes: 10, frames: 5, model: "abc".into() }
    }

    #[test]
    fn a_cut_line_is_taken_back_and_the_rest_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        let found = |start: f64| vec![Detection { start, end: start + 1.25, label: 2, score: 0.1 + 0.2 }];
        let (mut journal, done) = Journal::open(&path, &subject(), true).unwrap();
        assert_eq!(done, Done::default());
        journal.note(0, &found(1.0)).unwrap();
        journal.note(4, &found(2.0)).unwrap();
        journal.note(8, &found(3.0)).unwrap();
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
        let (mut journal, done) = Journal::open(&path, &subject(), true).unwrap();
        assert_eq!((done.last, done.windows), (Some(4), 2));
        assert_eq!(done.found, [found(1.0), found(2.0)].concat());
        journal.note(8, &found(3.0)).unwrap();
        assert!(std::fs::read(&path).unwrap() == bytes);
        journal.finish().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn a_journal_of_something_else_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal");
        for other in [Subject { bytes: 11, ..subject() }, Subject { model: "abd".into(), ..subject() }] {
            let (mut journal, _) = Journal::open(&path, &subject(), false).unwrap();
            journal.note(0, &[]).unwrap();
            drop(journal);
            assert_eq!(Journal::open(&path, &other, true).unwrap().1, Done::default());
        }
        std::fs::write(&path, "no journal").unwrap();
        assert_eq!(Journal::open(&path, &subject(), true).unwrap().1, Done::default());
    }
}
