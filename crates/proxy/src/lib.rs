//! The two doors of a contained agent to the network: a reverse proxy for the model API that puts the person's
//! credential in (`ApiProxy`), and a proxy for everything else that lets only granted hosts pass (`EgressProxy`).
//! `Handover` brings both into a network namespace. Knows no rules: what a command may reach is handed in.

mod api;
mod body;
mod egress;
mod error;
mod handover;
mod headers;
mod listen;
mod secret;
mod tokens;
mod watch;

pub use api::{
    ApiEvent, ApiLimits, ApiProxy, Connector, Credential, Refused, Roots, Scheme, Upstream, connector,
};
pub use egress::{
    AddressClass, Answer, EgressEvent, EgressLimits, EgressProxy, HOST_SETS, HostList, HostSet, Question,
    Refusal, Resolve, SystemResolver, Target, TargetHost, Visitor, host_set,
};
pub use error::Error;
pub use handover::Handover;
pub use listen::{ConnectionLimits, Listener};
pub use secret::Secret;
pub use tokens::Tokens;
