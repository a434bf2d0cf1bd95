//! Ctrl-C and termination: the first asks, the second insists.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that the first signal sets; the second ends the process at once.
pub(crate) fn on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(super::STOPPED));
        }
        eprintln!("\nstopping after this step; once more to exit at once");
    })?;
    Ok(stop)
}
