//! A stand-in for `leashd_gate::Permit` until the gate has one. Nothing can construct it from outside.

use leashd_types::{CallId, Digest, Mode};
use serde_json::Value;

#[derive(Debug)]
pub struct Permit {
    call: CallId,
    input: Value,
    digest: Digest,
    mode: Option<Mode>,
}

impl Permit {
    #[must_use]
    pub fn call(&self) -> &CallId {
        &self.call
    }

    #[must_use]
    pub fn input(&self) -> &Value {
        &self.input
    }

    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.mode
    }
}
