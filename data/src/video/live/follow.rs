//! A file that somebody is still writing, as a stream that waits for more.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How often the end is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// Reads to the end of a file, and on when it grows.
#[derive(Debug)]
pub struct Follow {
    file: File,
    /// How long it may stay as it is before that is taken for the end.
    patience: Duration,
    stop: Arc<AtomicBool>,
}

impl Follow {
    /// Follows a file until it has not grown for so long, or `stop` is set.
    ///
    /// # Errors
    ///
    /// It cannot be opened.
    pub fn open(path: &Path, patience: Duration, stop: Arc<AtomicBool>) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, patience, stop })
    }
}

impl Read for Follow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let since = Instant::now();
        loop {
            let read = self.file.read(buffer)?;
            if read > 0 || since.elapsed() >= self.patience || self.stop.load(Ordering::Relaxed) {
                return Ok(read);
            }
            std::thread::sleep(LOOK);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_added_later_is_read_too_and_the_end_comes_with_patience_or_a_word() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"first ").unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let follow = Follow::open(file.path(), Duration::from_millis(400), Arc::clone(&stop)).unwrap();
        let writer = std::thread::Builder::new().name("writer".into()).spawn(move || {
            std::thread::sleep(Duration::from_millis(120));
            file.write_all(b"second").unwrap();
            file
        });
        let text = io::read_to_string(follow).unwrap();
        assert_eq!(text, "first second");
        let file = writer.unwrap().join().unwrap();
        stop.store(true, Ordering::Relaxed);
        let follow = Follow::open(file.path(), Duration::MAX, stop).unwrap();
        assert_eq!(io::read_to_string(follow).unwrap(), "first second");
    }
}
