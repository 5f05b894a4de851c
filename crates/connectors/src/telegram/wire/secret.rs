//! The bot's token: never shown, wiped when dropped. Knows no address it is sent to.

use leashd_types::Digest;
use std::fmt;
use zeroize::Zeroizing;

/// Characters of a name made from a token.
const NAME: usize = 16;

/// `123456:ABC-DEF…`, as @BotFather gives it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Zeroizing<String>);

impl Token {
    /// Spaces around it go.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Zeroizing::new(text.trim().to_owned()))
    }

    /// Has it the form of a token? Everything else would change the address it is put into.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let secret = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        self.0.split_once(':').is_some_and(|(id, rest)| {
            !id.is_empty()
                && !rest.is_empty()
                && id.chars().all(|c| c.is_ascii_digit())
                && rest.chars().all(secret)
        })
    }

    /// A name for files that belong to this bot. Nobody can get the token back from it.
    #[must_use]
    pub fn name(&self) -> String {
        let digest = Digest::plain(&[b"leashd telegram token", self.0.as_bytes()]).to_string();
        let digest = digest.rsplit(':').next().unwrap_or_default();
        digest.chars().take(NAME).collect()
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }

    /// The text with the token taken out.
    pub(super) fn scrub(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(self.0.as_str(), "<token>") }
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn a_token_has_one_form_and_is_not_shown() {
        for (text, good) in [
            (" 12:a_b-C \n", true),
            ("12", false),
            (":a", false),
            ("12:", false),
            ("x:a", false),
            ("1:a/../b", false),
        ] {
            assert_eq!(Token::new(text).is_well_formed(), good, "{text}");
        }
        let token = Token::new("12:hunter2");
        assert_eq!(format!("{token:?} {}", token.scrub("at 12:hunter2!")), "Token(hidden) at <token>!");
        assert_eq!((token.name().len(), token.name() == Token::new("12:hunter3").name()), (16, false));
    }
}
