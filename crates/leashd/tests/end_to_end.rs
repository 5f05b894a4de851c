//! The whole program with the real Claude Code, against a scripted model on loopback. The file system is the witness.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "end_to_end/contained.rs"]
mod contained;
#[path = "end_to_end/daemon.rs"]
mod daemon;
#[path = "end_to_end/hook.rs"]
mod hook;
#[path = "end_to_end/hook_table.rs"]
mod hook_table;
#[path = "end_to_end/kill.rs"]
mod kill;
#[path = "end_to_end/network.rs"]
mod network;
#[path = "end_to_end/places.rs"]
mod places;
#[path = "end_to_end/settings.rs"]
mod settings;
#[path = "end_to_end/support.rs"]
mod support;
#[path = "end_to_end/telegram.rs"]
mod telegram;
#[path = "end_to_end/turns.rs"]
mod turns;
