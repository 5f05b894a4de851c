//! Agent adapters: drive an agent, report what it does as typed events, carry replies back. An adapter can say "allow"
//! only by handing over a `Permit`. Knows no rule, no person and no store: what a call means is decided elsewhere.

mod agent;
pub mod claude;
mod error;
pub mod messages_api;
mod scripted;

pub mod trust;

pub use agent::{
    AfterDenial, Agent, Conversation, Launch, Limits, Message, Order, Reply, Running, Starting, Walls,
};
pub use error::StartError;
pub use leashd_gate::Permit;
pub use scripted::{Act, Scripted};
