//! The Bot API server for tests, over HTTP: against the types of an independent crate, limit by limit, error by error.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "only tests are here"
)]

mod client;
mod conversation;
mod decode;
mod errors;
mod polls;
mod published;
mod storms;
