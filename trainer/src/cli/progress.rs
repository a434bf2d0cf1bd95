//! Progress on standard error: a bar on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use adatad::observe::{Observer, Stage, StepReport};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::tell;

/// Least time between two plain lines.
const QUIET: Duration = Duration::from_secs(10);

/// Shows a run to a person.
pub(crate) struct Progress {
    terminal: bool,
    state: Mutex<State>,
}

struct State {
    bar: Option<(&'static str, ProgressBar)>,
    said: Instant,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let state = State { bar: None, said: Instant::now() };
        Self { terminal: std::io::stderr().is_terminal(), state: Mutex::new(state) }
    }

    /// Advances what is named `title`: its bar, or now and then a line. `always` is said at the end of it.
    fn advance(&self, title: &'static str, done: usize, total: usize, text: &str, always: bool) {
        let Ok(mut state) = self.state.lock() else { return };
        if !self.terminal {
            if always || state.said.elapsed() >= QUIET {
                state.said = Instant::now();
                tell(&format!("{title} {done}/{total} {text}"));
            }
            return;
        }
        if state.bar.as_ref().is_none_or(|(name, _)| *name != title) {
            if let Some((_, old)) = state.bar.take() {
                old.finish();
            }
            state.bar = Some((title, bar(title, total)));
        }
        if let Some((_, bar)) = &state.bar {
            bar.set_message(text.to_owned());
            bar.set_position(done as u64);
            if done == total {
                bar.finish();
            }
        }
    }

    /// Windows of one long video that are done.
    pub(super) fn windows(&self, done: usize, total: usize) {
        self.advance("windows", done, total, "", false);
    }
}

fn bar(title: &'static str, total: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), ProgressDrawTarget::stderr());
    bar.set_prefix(title);
    if let Ok(style) = ProgressStyle::with_template("{prefix:>10} [{bar:30}] {pos}/{len} {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

impl Observer for Progress {
    fn stage(&self, stage: Stage, done: usize, total: usize) {
        let title = match stage {
            Stage::Generate => "generate",
            Stage::Decode => "decode",
            Stage::Detect => "detect",
        };
        self.advance(title, done, total, "videos", done == total);
    }

    fn step(&self, report: &StepReport) {
        let loss = report.epoch_loss.unwrap_or(report.losses.total);
        let text = format!(
            "epoch {}/{} loss {loss:.3} rate {:.2e} {:.0} frames/s {} left",
            report.epoch + 1,
            report.epochs,
            report.rate,
            report.frames_per_second,
            clock(report.left),
        );
        self.advance("train", report.step, report.steps, &text, report.epoch_loss.is_some());
    }

    fn note(&self, text: &str) {
        tell(text);
    }
}

/// `m:ss`.
fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}
