//! Processes that are killed, stopped, starved and lied to.

#![cfg(unix)]
#![cfg(test)]

mod faults;
mod kill;
mod overflow;
mod process;
#[path = "../small/mod.rs"]
mod small;
#[path = "../tiny/mod.rs"]
mod tiny;
