//! Takes secrets out of what is written: known shapes, and values the caller knows to be secret.
//!
//! It is a net, not a proof: a secret of unknown shape that nobody named goes through.

use super::AuditError;
use super::{forms, hint};
use regex::{Regex, RegexBuilder};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::LazyLock;

const GONE: &str = "[redacted]";
/// At most so many values are looked for; more is an error, not a silent rest.
const VALUES_LIMIT: usize = 256;
/// Bytes of memory the search for values may take.
const SEARCH_LIMIT: usize = 64 * 1024 * 1024;

/// Values that must never be written in any form (raw, base64, URL-encoded, hexadecimal).
#[derive(Clone, Default)]
pub struct Secrets {
    values: Option<Regex>,
    longest: usize,
}

impl Secrets {
    /// Values shorter than 6 bytes are left out: they would blot out ordinary text.
    ///
    /// # Errors
    /// With more than 256 values, or values too long to search for.
    pub fn new<I: IntoIterator<Item = String>>(values: I) -> Result<Self, AuditError> {
        let values: Vec<String> = values.into_iter().collect();
        if values.len() > VALUES_LIMIT {
            let why = format!("{} secret values given, the limit is {VALUES_LIMIT}", values.len());
            return Err(AuditError::Encode { why });
        }
        let mut forms: Vec<String> = values.iter().flat_map(|value| forms::of(value)).collect();
        // Longest first, so that a value is not left half standing because a shorter one is a part of it.
        forms.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        forms.dedup();
        let longest = forms.first().map_or(0, String::len);
        if forms.is_empty() {
            return Ok(Self::default());
        }
        let pattern = forms.iter().map(|form| regex::escape(form)).collect::<Vec<_>>().join("|");
        let values = RegexBuilder::new(&pattern).size_limit(SEARCH_LIMIT).build().map_err(|error| {
            AuditError::Encode { why: format!("secret values cannot be searched for: {error}") }
        })?;
        Ok(Self { values: Some(values), longest })
    }

    /// Takes secrets out of every text in `value`: known shapes, the given values, and whatever stands under a key that
    /// names a secret. Texts of more than 2,048 bytes are cut, and say so: what the audit log does to its entries.
    pub fn clean(&self, value: &mut Value) {
        super::line::clean(value, self);
    }

    /// `text` without secrets, however long it is.
    #[must_use]
    pub fn text(&self, text: &str) -> String {
        self.redact(text).into_owned()
    }

    /// Bytes of the longest form: a cut through a text must keep that far from its end.
    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// `text` without secrets.
    pub(super) fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        if let Some(values) = &self.values {
            replace(&mut clean, values, GONE);
        }
        // Nearly every text holds no secret: one pass says so, and for most of them the patterns are not even compiled,
        // which takes a hundred times longer than the rest of an entry.
        if hint::of_a_shape(&clean) && ANY_SHAPE.is_match(&clean) {
            for (shape, instead) in SHAPES.iter() {
                replace(&mut clean, shape, instead);
            }
        }
        clean
    }
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secrets(..)")
    }
}

/// Whether an object key says that its value is a secret.
pub(super) fn names_a_secret(key: &str) -> bool {
    hint::of_a_key(key) && SECRET_KEY.is_match(key)
}

fn replace(text: &mut Cow<'_, str>, pattern: &Regex, instead: &str) {
    if let Cow::Owned(changed) = pattern.replace_all(text, instead) {
        *text = Cow::Owned(changed);
    }
}

static SECRET_KEY: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)pass(?:word|wd|phrase)|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|authorization|cookie|credential",
    )
});

/// Matches wherever one of the shapes does.
static ANY_SHAPE: LazyLock<Regex> =
    LazyLock::new(|| compile(&PATTERNS.map(|(pattern, _)| format!("(?:{pattern})")).join("|")));

static SHAPES: LazyLock<Vec<(Regex, &'static str)>> =
    LazyLock::new(|| PATTERNS.iter().map(|(pattern, instead)| (compile(pattern), *instead)).collect());

/// What a secret looks like, and what stands in its place.
const PATTERNS: [(&str, &str); 10] = [
    (
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)",
        "[redacted private key]",
    ),
    // Keys with a prefix of their provider: Anthropic and OpenAI, GitHub, GitLab, Slack, AWS, Google, npm,
    // PyPI, Hugging Face, Stripe, SendGrid, DigitalOcean, age; JSON web tokens; Telegram bots.
    (
        concat!(
            r"(?-u:\b)(?:sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,}",
            r"|glpat-[A-Za-z0-9_-]{16,}|xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}",
            r"|A[KS]IA[A-Z0-9]{16}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{30,}",
            r"|pypi-[A-Za-z0-9_-]{30,}|hf_[A-Za-z0-9]{30,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}",
            r"|whsec_[A-Za-z0-9+/=]{16,}|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|dop_v1_[0-9a-f]{32,}",
            r"|AGE-SECRET-KEY-1[A-Z0-9]{40,}|eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*)",
        ),
        GONE,
    ),
    (r"(?-u:\b|bot)[0-9]{6,12}:[A-Za-z0-9_-]{30,}", GONE),
    (
        r#"(?i)((?:authorization|x-api-key|api-key|x-auth-token|private-token|cookie)["']?[ \t]*[:=][ \t]*)[^\r\n"']+"#,
        "${1}[redacted]",
    ),
    (r"(?i)(bearer[ \t]+)[A-Za-z0-9._~+/=-]{8,}", "${1}[redacted]"),
    (r"(?i)([a-z][a-z0-9+.-]*://)[^\s/@:'\x22]*:[^\s/@'\x22]+@", "${1}[redacted]@"),
    (r"(?i)(https?://)[^\s/@:'\x22]+@", "${1}[redacted]@"),
    (
        concat!(
            r"(?i)((?:pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)",
            r#"[a-z0-9_-]*\\?["']?[ \t]*[=:][ \t]*)(?:\\?"[^"]*"|'[^']*'|[^\s"'&;,]+)"#,
        ),
        "${1}[redacted]",
    ),
    (
        r#"(?i)(--?(?:pass(?:word|wd|phrase)|secret|token|api-?key|access-?key)[a-z-]*[ \t]+)(?:"[^"]*"|'[^']*'|[^\s"'-][^\s"']*)"#,
        "${1}[redacted]",
    ),
    (r#"((?-u:\b|\s)(?:-u|--user|--proxy-user)[ =]?["']?[^\s:"']+:)[^\s"']+"#, "${1}[redacted]"),
];

#[expect(clippy::expect_used, reason = "the patterns are literals; a test compiles each")]
fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a literal pattern")
}

#[cfg(test)]
#[path = "redact_tests.rs"]
mod tests;
