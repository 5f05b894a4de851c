//! The signature of a delivery: HMAC-SHA-256 over time and body. Whoever has the secret can tell that a delivery is ours, whole
//! and not an old one.

use leashd_proxy::Secret;
use ring::hmac;
use std::fmt;
use std::fmt::Write;

pub(super) struct Signer(hmac::Key);

impl Signer {
    pub(super) fn new(secret: &Secret) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes()))
    }

    /// `sha256=` and the hexadecimal HMAC of `timestamp`, a full stop and the body.
    pub(super) fn sign(&self, timestamp: &str, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(timestamp.as_bytes());
        context.update(b".");
        context.update(body);
        let mut text = "sha256=".to_owned();
        for byte in context.sign().as_ref() {
            // Writing to a string cannot fail.
            write!(text, "{byte:02x}").ok();
        }
        text
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Signer(hidden)")
    }
}
