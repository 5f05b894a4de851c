//! Splits lines and names into words, so that a rule about `unsafe` does not see `unsafe_code`. Knows no rule.

/// A word of a line with what stands around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) before: &'a str,
    pub(super) after: &'a str,
}

/// The identifiers and keywords of a line of code, in order.
pub(super) fn words(line: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((before, rest)) = line.split_at_checked(at) {
        if rest.is_empty() {
            break;
        }
        let end = rest.find(|c: char| !in_word(c)).unwrap_or(rest.len());
        if let Some((text, after)) = rest.split_at_checked(end).filter(|it| !it.0.is_empty()) {
            found.push(Word { text, before, after });
        }
        at += end + rest.get(end..).and_then(|it| it.chars().next()).map_or(0, char::len_utf8);
    }
    found
}

pub(super) fn in_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The words of a name in snake or camel case, in lower case: `JobManager` and `job_manager` are `job`, `manager`.
pub(super) fn name_parts(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for c in name.chars() {
        if matches!(c, '_' | '-') || c.is_uppercase() {
            parts.push(String::new());
        }
        if let (Some(last), true) = (parts.last_mut(), c.is_alphanumeric()) {
            last.extend(c.to_lowercase());
        }
    }
    parts.retain(|it| !it.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_line() {
        let texts: Vec<_> = words("  unsafe_code(ä, unsafe{x1}) ").iter().map(|it| it.text).collect();
        assert_eq!(texts, ["unsafe_code", "ä", "unsafe", "x1"]);
        let found = words("a::b");
        assert_eq!(found.last(), Some(&Word { text: "b", before: "a::", after: "" }));
    }

    #[test]
    fn parts_of_a_name() {
        assert_eq!(name_parts("JobManager"), ["job", "manager"]);
        assert_eq!(name_parts("job_manager"), ["job", "manager"]);
        assert_eq!(name_parts("Database"), ["database"]);
    }
}
