//! A text that is never shown: no `Display`, and `Debug` says only that it is there. Wiped when dropped.

use crate::Error;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;
use zeroize::Zeroizing;

/// Bytes of a secret made here.
const RANDOM: usize = 32;

#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// 256 bits nobody can guess, as text that needs no escaping in a header or a URL.
    ///
    /// # Errors
    /// If the system gives no random bytes.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0_u8; RANDOM]);
        let provider = rustls::crypto::ring::default_provider();
        provider.secure_random.fill(bytes.as_mut_slice()).map_err(|_| Error::Random)?;
        Ok(Self::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    /// The text itself: for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn a_secret_is_not_shown_and_not_repeated() {
        let secret = Secret::random().unwrap();
        assert_eq!(secret.expose().len(), 43);
        assert_ne!(secret, Secret::random().unwrap());
        assert_eq!(format!("{secret:?}"), "Secret(hidden)");
    }
}
