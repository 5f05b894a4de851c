//! The daemon as a process: started, reached, told, killed. The file system and the process table are the witnesses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod api;
mod commands;
mod events;
mod faults;
mod memory;
mod process;
mod settings;
mod support;
mod watchdog;
