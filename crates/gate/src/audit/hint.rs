//! Whether a text can hold a secret at all: a look that costs next to nothing and errs only towards yes.
//!
//! INVARIANT: whatever a pattern of `redact` matches has a hint here. A test generates texts from every pattern.

/// Letter case ignored: a part of every name that a pattern looks for.
const WORDS: [&str; 9] =
    ["pass", "pwd", "secret", "token", "key", "credential", "authorization", "cookie", "bearer"];
/// Letter case ignored: the same for keys of an object.
const KEY_WORDS: [&str; 7] = ["pass", "secret", "token", "key", "authorization", "cookie", "credential"];
/// As they are: what the keys of known providers begin with.
const STARTS: [&str; 25] = [
    "-----BEGIN",
    "sk-",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xox",
    "xapp-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "npm_",
    "pypi-",
    "hf_",
    "k_live_",
    "k_test_",
    "whsec_",
    "SG.",
    "dop_v1_",
    "AGE-SECRET-KEY-",
    "eyJ",
];

/// Whether one of the shapes can be in `text`.
pub(super) fn of_a_shape(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Letters outside ASCII fold in ways nobody wants to repeat here.
    !bytes.is_ascii()
        || holds_any(bytes, &WORDS, u8::eq_ignore_ascii_case)
        || holds_any(bytes, &STARTS, u8::eq)
        || holds(bytes, b"@", u8::eq) && holds(bytes, b"://", u8::eq)
        || holds(bytes, b":", u8::eq)
            && (holds(bytes, b"-u", u8::eq_ignore_ascii_case) || number_and_colon(bytes))
}

/// Whether `key` can name a secret.
pub(super) fn of_a_key(key: &str) -> bool {
    !key.is_ascii() || holds_any(key.as_bytes(), &KEY_WORDS, u8::eq_ignore_ascii_case)
}

fn holds_any(bytes: &[u8], words: &[&str], same: fn(&u8, &u8) -> bool) -> bool {
    words.iter().any(|word| holds(bytes, word.as_bytes(), same))
}

fn holds(bytes: &[u8], word: &[u8], same: fn(&u8, &u8) -> bool) -> bool {
    bytes.windows(word.len()).any(|window| window.iter().zip(word).all(|(left, right)| same(left, right)))
}

/// `123456:`, the beginning of a bot's token.
fn number_and_colon(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| matches!(pair, [digit, b':'] if digit.is_ascii_digit()))
}
