//! Takes secrets out of what is written: known shapes, and values the caller knows to be secret.

/// Values that must never be written in any form (raw, base64, URL-encoded, hexadecimal).
#[derive(Clone, Default)]
pub struct Secrets {
    forms: Vec<String>,
}

impl Secrets {
    /// Values shorter than 6 bytes are left out: they would blot out ordinary text.
    #[must_use]
    pub fn new<I: IntoIterator<Item = String>>(values: I) -> Self {
        Self { forms: values.into_iter().filter(|value| value.len() >= 6).collect() }
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Secrets({} forms)", self.forms.len())
    }
}
