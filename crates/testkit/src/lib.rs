//! What tests of several crates need and nothing ships: the pinned real agent and a `Rig` to run it in. Panics where a
//! test would: without an agent there is nothing to test, and a test that is skipped in silence proves nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests use this"
)]

mod agent;
mod hostile;
mod rig;
pub mod telegram;
mod terminal;

pub use agent::{claude_program, claude_version};
pub use hostile::Hostile;
pub use rig::Rig;
pub use terminal::Terminal;
