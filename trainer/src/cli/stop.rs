//! Ctrl-C and termination: the first asks, the second insists.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// How often somebody looks whether a signal has come, to say what it does.
const LOOK: Duration = Duration::from_millis(50);

/// What signals have asked for.
pub(crate) struct Stop {
    /// Set by the first signal.
    pub(crate) flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
}

impl Stop {
    /// From now on the first signal sets the flag; the second ends the process at once.
    pub(crate) fn on_signal() -> anyhow::Result<Self> {
        let stop = Self { flag: Arc::default(), signal: Arc::default() };
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset, the second finds it set.
            flag::register_conditional_shutdown(signal, code(signal as usize).into(), Arc::clone(&stop.flag))?;
            flag::register_usize(signal, Arc::clone(&stop.signal), signal as usize)?;
            flag::register(signal, Arc::clone(&stop.flag))?;
        }
        let asked = Arc::clone(&stop.flag);
        // It never needs to end: it holds nothing.
        thread::Builder::new().name("signals".into()).spawn(move || {
            while !asked.load(Ordering::Relaxed) {
                thread::sleep(LOOK);
            }
            super::tell("\nstopping after this step; once more to exit at once");
        })?;
        Ok(stop)
    }

    /// The exit code for what was asked.
    pub(crate) fn code(&self) -> u8 {
        code(self.signal.load(Ordering::Relaxed))
    }
}

/// What shells make of a process that a signal has ended.
fn code(signal: usize) -> u8 {
    128 + if signal == SIGTERM as usize { SIGTERM } else { SIGINT } as u8
}
