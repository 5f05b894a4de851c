//! Names of programs and tools, and patterns for them. Knows no rules.

/// Options of git that take the next word.
pub(crate) const GIT_VALUES: &[&str] =
    &["-C", "-c", "--git-dir", "--work-tree", "--namespace", "--exec-path", "--config-env", "--attr-source"];

/// A program's name without its directory.
pub(crate) fn base_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Matches `text` against `pattern`, where `*` stands for any run of characters. Linear in practice: it backtracks
/// only to the last star.
pub(crate) fn star_fits(pattern: &str, text: &str) -> bool {
    if !pattern.contains('*') {
        return pattern == text;
    }
    let (mut pattern, mut text) = (pattern.as_bytes(), text.as_bytes());
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', rest)), _) => {
                retry = Some((rest, text));
                pattern = rest;
            }
            (Some((wanted, pattern_rest)), Some((found, text_rest))) if wanted == found => {
                pattern = pattern_rest;
                text = text_rest;
            }
            (None, None) => return true,
            _ => match retry {
                Some((after_star, [_, from @ ..])) => {
                    retry = Some((after_star, from));
                    pattern = after_star;
                    text = from;
                }
                _ => return false,
            },
        }
    }
}
