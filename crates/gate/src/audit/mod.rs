//! The audit log: an append-only chain of JSON lines.

mod chain;
mod entry;
mod error;
mod log;
mod redact;
mod search;
mod verify;

pub use entry::{Head, Record};
pub use error::AuditError;
pub use log::{AuditLog, Durability};
pub use redact::Secrets;
pub use search::{Filter, Line, search, tail};
pub use verify::{Finding, Problem, Report, verify, verify_against};
