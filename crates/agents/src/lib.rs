//! Agent adapters: drive an agent, report what it does as typed events, carry replies back. An adapter can say "allow"
//! only by handing over a `Permit`.
