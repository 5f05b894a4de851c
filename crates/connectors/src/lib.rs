//! Connectors: show events, bring commands. A connector receives one `Desk` and never sees the gate, the engine, the
//! store or an agent.

mod card;
mod desk;
mod explain;
pub mod telegram;
pub mod terminal;

pub use card::{Card, card};
pub use desk::{Delivery, Desk, EVENTS_MAX, FileLimits, Person, Query};
pub use explain::explain;
