//! A program that is run for one file: watched, and stopped when it hangs or floods.
//!
//! Both of its outputs are read by threads that hand on a few items at a time and wait until those are taken; what waits
//! in a pipe then stops the program, not the memory. Of its words, the end is kept.

use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Ffmpeg;
use crate::video::error::Problem;

/// Most bytes of a line; what is longer is cut.
const MAX_LINE: u64 = 16 << 10;

/// Bytes kept of what a program says, for the message about its failure.
const MAX_TAIL: usize = 1000;

/// Said about frames, but not yet asked for. A decoder is a few frames ahead at most.
const LINES_AHEAD: usize = 4096;

/// How often an ending program is looked after.
const LOOK: Duration = Duration::from_millis(5);

/// A running program that gives items of one kind on its standard output, and of another among its words.
pub(super) struct Running<Out, Said> {
    name: &'static str,
    child: Child,
    deadline: Duration,
    stopped: Arc<AtomicUsize>,
    /// Tells the threads that nobody listens any more.
    over: Arc<AtomicBool>,
    out: Receiver<io::Result<Out>>,
    said: Receiver<Said>,
    tail: Arc<Mutex<String>>,
}

/// What is done with a line that a program says.
pub(super) enum Line<Said> {
    /// It says something.
    Item(Said),
    /// It may explain a failure.
    Words,
    /// Neither.
    Nothing,
}

impl<Out: Send + 'static, Said: Send + 'static> Running<Out, Said> {
    /// Starts a program. `out` takes an item from its output, none at the end; `said` judges each line of its words.
    pub(super) fn start<'a>(
        ffmpeg: &Ffmpeg,
        name: &'static str,
        arguments: impl IntoIterator<Item = &'a OsStr>,
        mut out: impl FnMut(&mut Pipe<ChildStdout>) -> io::Result<Option<Out>> + Send + 'static,
        said: impl FnMut(&str) -> Line<Said> + Send + 'static,
    ) -> Result<Self, Problem> {
        let mut command = Command::new(ffmpeg.program(name));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // Both would change what is written where.
        command.env_remove("FFREPORT").env_remove("AV_LOG_FORCE_COLOR");
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Problem::NoFfmpeg { what: "this file".into() },
            _ => Problem::Program { program: name, words: error.to_string() },
        })?;
        let (items, out_items) = sync_channel(2);
        let (saying, said_items) = sync_channel(LINES_AHEAD);
        let tail = Arc::new(Mutex::new(String::new()));
        let over = Arc::new(AtomicBool::new(false));
        if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            let kept = Arc::clone(&tail);
            let (mut stdout, mut stderr) = (pipe(stdout, &over), pipe(stderr, &over));
            // The threads end with the pipes; nobody waits for them, because a program of the program may hold those open.
            thread(name, move || {
                while let Some(item) = out(&mut stdout).transpose() {
                    let failed = item.is_err();
                    if items.send(item).is_err() || failed {
                        break;
                    }
                }
            })?;
            thread(name, move || listen(&mut stderr, said, &saying, &kept))?;
        }
        let (deadline, stopped) = (ffmpeg.deadline, Arc::clone(&ffmpeg.stopped));
        Ok(Self { name, child, deadline, stopped, over, out: out_items, said: said_items, tail })
    }

    /// The next item of the output; none when the program has closed it.
    pub(super) fn next(&mut self) -> Result<Option<Out>, Problem> {
        match self.out.recv_timeout(self.deadline) {
            Ok(item) => Ok(Some(item?)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(self.stuck()),
        }
    }

    /// The next item of its words; none when it has said its last.
    pub(super) fn next_said(&mut self) -> Result<Option<Said>, Problem> {
        match self.said.recv_timeout(self.deadline) {
            Ok(item) => Ok(Some(item)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(self.stuck()),
        }
    }

    /// Waits for its end, which must be a good one. Items not taken yet are thrown away.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        let end = Instant::now() + self.deadline;
        // Words are heard out first: the last ones explain a failure.
        while self.said.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok() {}
        loop {
            match self.child.try_wait()? {
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(self.failure(status.to_string())),
                None if Instant::now() < end => std::thread::sleep(LOOK),
                None => return Err(self.stuck()),
            }
        }
    }

    /// Why it failed, in its own words if there are any.
    pub(super) fn failure(&self, otherwise: String) -> Problem {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let words = if tail.is_empty() { otherwise } else { tail.trim_end().to_owned() };
        Problem::Program { program: self.name, words }
    }

    /// Stops it because it went beyond what it may.
    pub(super) fn refuse(mut self, problem: Problem) -> Problem {
        self.count();
        problem
    }

    fn stuck(&mut self) -> Problem {
        self.count();
        Problem::Stuck { program: self.name, seconds: self.deadline.as_secs_f64() }
    }

    fn count(&mut self) {
        self.stopped.fetch_add(1, Ordering::Relaxed);
    }
}

impl<Out, Said> Drop for Running<Out, Said> {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // An error says that it has ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A pipe that ends when nobody listens any more, even if something still writes into it.
pub(super) type Pipe<From> = BufReader<Ending<From>>;

pub(super) struct Ending<From> {
    from: From,
    over: Arc<AtomicBool>,
}

fn pipe<From: Read>(from: From, over: &Arc<AtomicBool>) -> Pipe<From> {
    BufReader::with_capacity(1 << 16, Ending { from, over: Arc::clone(over) })
}

impl<From: Read> Read for Ending<From> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.over.load(Ordering::Relaxed) { Ok(0) } else { self.from.read(into) }
    }
}

fn thread(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), Problem> {
    std::thread::Builder::new().name(name.into()).spawn(run).map(drop).map_err(Problem::Io)
}

fn listen<Said>(
    stderr: &mut Pipe<ChildStderr>,
    mut said: impl FnMut(&str) -> Line<Said>,
    items: &SyncSender<Said>,
    tail: &Mutex<String>,
) {
    while let Ok(Some(line)) = line(stderr) {
        match said(&line) {
            Line::Item(item) => {
                if items.send(item).is_err() {
                    break;
                }
            }
            Line::Words => {
                let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
                tail.push_str(&line);
                tail.push('\n');
                if tail.len() > MAX_TAIL {
                    let from = (tail.len() - MAX_TAIL..).find(|&at| tail.is_char_boundary(at));
                    *tail = tail.split_off(from.unwrap_or(0));
                }
            }
            Line::Nothing => {}
        }
    }
    // Whoever asks no longer: what is still said is let go, so that the program does not wait for a reader.
    io::copy(stderr, &mut io::sink()).ok();
}

/// A line without its end, cut to [`MAX_LINE`] bytes; none at the end.
pub(super) fn line(from: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    if from.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes)? == 0 {
        return Ok(None);
    }
    if bytes.ends_with(b"\n") {
        bytes.pop();
    } else {
        skip_line(from)?;
    }
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

fn skip_line(from: &mut impl BufRead) -> io::Result<()> {
    loop {
        let there = from.fill_buf()?;
        let (end, length) = match there.iter().position(|&byte| byte == b'\n') {
            Some(at) => (true, at + 1),
            None => (there.is_empty(), there.len()),
        };
        from.consume(length);
        if end {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_and_the_next_one_is_whole() {
        let text = [&vec![b'x'; 3 * MAX_LINE as usize][..], b"\nnext\nlast"].concat();
        let mut from = BufReader::with_capacity(100, &text[..]);
        assert_eq!(line(&mut from).unwrap().map(|line| line.len() as u64), Some(MAX_LINE));
        assert_eq!(line(&mut from).unwrap().as_deref(), Some("next"));
        assert_eq!(line(&mut from).unwrap().as_deref(), Some("last"));
        assert_eq!(line(&mut from).unwrap(), None);
    }
}
