//! The reference monitor: facts, verdict, approval, record, permit, in this order, and the audit chain.
//!
//! A tool call enters at [`Gate::begin`] and leaves as a [`Permit`], a [`Denial`] or, when a person has to be
//! asked, as a [`Pending`] that only [`Gate::settle`] turns into one of the two. Nothing here waits for people;
//! the caller does that in between. Knows no agent, no connector and no screen.

mod answer;
pub mod audit;
mod calls;
mod decide;
#[cfg(test)]
mod fixture;
mod gate;
mod grant;
mod observe;
mod outcome;
mod pending;
mod permit;
mod record;
mod settle;

pub use audit::{AuditError, AuditLog, Durability, Secrets};
pub use decide::opinion as judge;
pub use gate::{Gate, Interactive, Snapshot};
pub use grant::{Grant, GrantScope, Reach};
pub use outcome::{Denial, Observation, Outcome};
pub use pending::Pending;
pub use permit::{Permit, Released};
