//! The `adatad` command.

mod cli;

use std::process::ExitCode;

/// Training frees and takes the same large buffers thousands of times; this allocator keeps them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
