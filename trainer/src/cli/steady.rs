//! Memory of a process that works for hours: taken once, and kept.

/// How the allocator is told not to give memory back that it will need again a window later.
#[cfg(unix)]
const KEEP: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "-1");

/// Makes this process one whose memory stays as large as it had to be once, instead of going up and down by a fifth. The
/// allocator asks its environment before `main`, so the process becomes itself anew. Where that cannot be, nothing is lost.
#[cfg(unix)]
pub(super) fn keep_memory() {
    use std::os::unix::process::CommandExt;
    #[expect(clippy::disallowed_methods, reason = "the allocator has no other way of being told")]
    let said = std::env::var_os(KEEP.0).is_some();
    let Ok(program) = std::env::current_exe() else { return };
    if !said {
        let mut command = std::process::Command::new(program);
        let _not_possible = command.args(std::env::args_os().skip(1)).env(KEEP.0, KEEP.1).exec();
    }
}

/// Nothing, where a process cannot become another.
#[cfg(not(unix))]
pub(super) fn keep_memory() {}
