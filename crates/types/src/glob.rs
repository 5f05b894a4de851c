//! Shell patterns held against one name. Knows no directory.

/// Whether a shell glob could match a name. Says yes when it is not sure: bracket expressions are read loosely,
/// and hidden files count as matched.
#[must_use]
pub fn glob_may_match(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    may_match(&pattern, &name)
}

fn may_match(mut pattern: &[char], mut name: &[char]) -> bool {
    let mut retry: Option<(&[char], &[char])> = None;
    loop {
        let step = match (pattern, name) {
            ([], []) => return true,
            (['*', rest @ ..], _) => {
                retry = Some((rest, name));
                Some((rest, name))
            }
            (['?', rest @ ..], [_, name_rest @ ..]) => Some((rest, name_rest)),
            // Any bracket expression matches any one character; an unclosed one matches the rest.
            (['[', rest @ ..], [_, name_rest @ ..]) => match rest.iter().skip(1).position(|c| *c == ']') {
                Some(end) => rest.get(end + 2..).map(|after| (after, name_rest)),
                None => return true,
            },
            (['\\', wanted, rest @ ..], [found, name_rest @ ..]) if wanted.eq_ignore_ascii_case(found) => {
                Some((rest, name_rest))
            }
            // Braces and extended globs are read as "anything".
            (['{' | '(' | '@' | '+' | '!', ..], _) => return true,
            ([wanted, rest @ ..], [found, name_rest @ ..]) if wanted.eq_ignore_ascii_case(found) => {
                Some((rest, name_rest))
            }
            _ => None,
        };
        match (step, retry) {
            (Some((next_pattern, next_name)), _) => {
                pattern = next_pattern;
                name = next_name;
            }
            (None, Some((after_star, [_, from @ ..]))) => {
                retry = Some((after_star, from));
                pattern = after_star;
                name = from;
            }
            (None, _) => return false,
        }
    }
}

/// True if a glob matches everything of a directory (`*`, `.*`, `.[!.]*`, `**`).
#[must_use]
pub fn matches_everything(pattern: &str) -> bool {
    let wild = |part: &str| {
        part.contains('*')
            && part.chars().all(|c| matches!(c, '*' | '?' | '.' | '[' | ']' | '!' | '^' | '{' | '}' | ','))
    };
    let mut parts = pattern.split('/').filter(|part| !part.is_empty()).peekable();
    parts.peek().is_some() && parts.all(wild)
}

#[cfg(test)]
mod tests {
    use super::{glob_may_match, matches_everything};

    #[test]
    fn globs_are_read_like_the_shell_does_or_more_widely() {
        let yes = [
            (".en?", ".env"),
            ("*", "a"),
            (".ssh*", ".ssh"),
            ("id_[rd]sa", "id_rsa"),
            ("{a,b}", "b"),
            ("*.pem", "x.pem"),
        ];
        let no = [("*.rs", ".env"), (".en", ".env"), ("?", "ab"), ("src*", "lib")];
        for (pattern, name) in yes {
            assert!(glob_may_match(pattern, name), "{pattern} should match {name}");
        }
        for (pattern, name) in no {
            assert!(!glob_may_match(pattern, name), "{pattern} should not match {name}");
        }
    }

    #[test]
    fn everything_is_everything() {
        for pattern in ["*", ".*", ".[!.]*", "**", "*/"] {
            assert!(matches_everything(pattern), "{pattern}");
        }
        for pattern in ["*.o", "a*", "", "src/*", "**/*.py", "*/x"] {
            assert!(!matches_everything(pattern), "{pattern}");
        }
    }
}
