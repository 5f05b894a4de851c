//! Separates Rust code from what is only said: comments and the insides of literals. Knows no rule.

use super::words::in_word;

/// The source with comments and the insides of literals blanked. Lines stay where they are.
pub(super) fn code(source: &str) -> String {
    let mut blanked = Blanked { rest: source, out: String::with_capacity(source.len()) };
    while let Some(next) = blanked.rest.chars().next() {
        if let Some(hashes) = blanked.raw_string() {
            blanked.blank_past(&format!("\"{}", "#".repeat(hashes)));
        } else if blanked.rest.starts_with("//") {
            let end = blanked.rest.find('\n').unwrap_or(blanked.rest.len());
            blanked.blank(end);
        } else if blanked.rest.starts_with("/*") {
            blanked.block_comment();
        } else if next == '"' {
            blanked.keep(1);
            blanked.quoted('"');
        } else if next == '\'' {
            blanked.keep(1);
            blanked.character();
        } else {
            blanked.keep(next.len_utf8());
        }
    }
    blanked.out
}

/// Which lines of (blanked) code are only there for tests: the items under `#[cfg(test)]`.
pub(super) fn test_lines(code: &str) -> Vec<bool> {
    let mut marks = Vec::new();
    let mut depth: Option<usize> = None;
    for line in code.lines() {
        if depth.is_none() && line.trim_start().starts_with("#[cfg(test)]") {
            depth = Some(0);
        }
        marks.push(depth.is_some());
        let Some(open) = depth.as_mut() else { continue };
        let mut ended = false;
        for c in line.chars() {
            match c {
                '{' => *open += 1,
                '}' => {
                    *open = open.saturating_sub(1);
                    ended |= *open == 0;
                }
                ';' => ended |= *open == 0,
                _ => {}
            }
        }
        if ended && *open == 0 {
            depth = None;
        }
    }
    marks
}

struct Blanked<'a> {
    rest: &'a str,
    out: String,
}

impl Blanked<'_> {
    fn take(&mut self, bytes: usize) -> &str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn keep(&mut self, bytes: usize) {
        let taken = self.take(bytes).to_owned();
        self.out.push_str(&taken);
    }

    fn blank(&mut self, bytes: usize) {
        let spaces: String = self.take(bytes).chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        self.out.push_str(&spaces);
    }

    fn blank_past(&mut self, end: &str) {
        let length = self.rest.find(end).map_or(self.rest.len(), |at| at + end.len());
        self.blank(length);
    }

    /// Keeps the opening of a raw string and says how many `#` close it.
    fn raw_string(&mut self) -> Option<usize> {
        if self.out.chars().next_back().is_some_and(in_word) {
            return None;
        }
        let prefix = ["r", "br", "cr"].into_iter().find(|it| {
            self.rest.strip_prefix(it).is_some_and(|after| after.trim_start_matches('#').starts_with('"'))
        })?;
        let after = self.rest.strip_prefix(prefix)?;
        let hashes = after.len() - after.trim_start_matches('#').len();
        self.keep(prefix.len() + hashes + 1);
        Some(hashes)
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(next) = self.rest.chars().next() {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.blank(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.blank(2);
                if depth == 0 {
                    return;
                }
            } else {
                self.blank(next.len_utf8());
            }
        }
    }

    /// From behind the opening quote to behind the closing one.
    fn quoted(&mut self, quote: char) {
        while let Some(next) = self.rest.chars().next() {
            if next == '\\' {
                self.blank(1);
                let escaped = self.rest.chars().next().map_or(0, char::len_utf8);
                self.blank(escaped);
            } else if next == quote {
                self.keep(1);
                return;
            } else {
                self.blank(next.len_utf8());
            }
        }
    }

    /// Behind a `'`: a character is blanked, a lifetime stays.
    fn character(&mut self) {
        let mut next = self.rest.chars();
        let first = next.next();
        if first == Some('\\') || next.next() == Some('\'') {
            self.quoted('\'');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(source: &str, expected: &str) {
        assert_eq!(code(source), expected);
    }

    #[test]
    fn says_is_not_does() {
        check("a // unsafe\nb", "a          \nb");
        check("a /* x /* y */ z\n */ b", "a               \n    b");
        check(r#"f("un\"safe") + g"#, r#"f("        ") + g"#);
        check("f(\"two\nlines\")", "f(\"   \n     \")");
        check(r###"r#"a"b"# + br"c" + bar"d""###, r###"r#"      + br"   + bar" ""###);
        check("'a' '\\'' '\\u{1}' 'é'", "' ' '  ' '     ' ' '");
        check("fn f<'a>(x: &'a str, y: &'static str)", "fn f<'a>(x: &'a str, y: &'static str)");
        check("\"//\" x // \"", "\"  \" x     ");
    }

    #[test]
    fn finds_the_items_under_cfg_test() {
        let source = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}";
        let expected = [false, true, true, true, true, false, true, true, false];
        assert_eq!(test_lines(source), expected);
    }
}
