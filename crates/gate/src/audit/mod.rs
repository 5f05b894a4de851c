//! The audit log: an append-only chain of JSON lines.

mod chain;
mod entry;
mod error;
mod file;
#[cfg(test)]
pub(crate) mod fixture;
mod forms;
mod hint;
mod line;
mod log;
mod read;
mod recall;
mod redact;
mod search;
mod verify;

pub use entry::{Approval, Attempt, Head, Record};
pub use error::AuditError;
pub use log::{AuditLog, Durability};
pub use recall::{Recorded, recall};
pub use redact::Secrets;
pub use search::{Filter, Line, search, tail};
pub use verify::{Finding, Problem, Report, verify, verify_against};
