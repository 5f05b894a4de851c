//! Splits a snippet of a scripting language into names, strings and signs, well enough to find its calls. One lexer for
//! all of them: the differences that matter are comments, quoting words and what a backtick means.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `os.system`, `fs.rmSync`, `.unlink` after something else; `::` and `->` are written as dots.
    Name(String),
    /// Text without interpolation.
    Text(String),
    /// A string with something interpolated.
    Mixed(String),
    /// A command between backticks or in `qx`, `%x`.
    Command(String),
    /// A command between backticks with something interpolated.
    MixedCommand,
    /// A template with a function in front of it: ``$`rm x` `` hands the text to `$`.
    Template(String, String),
    Sign(char),
}

struct Lexer<'t> {
    rest: &'t str,
    language: &'t str,
    tokens: Vec<Token>,
    /// What comes next stands at the start or after a blank or a sign that ends something.
    after_blank: bool,
}

/// At most this many tokens are read; a longer snippet is not understood.
pub(super) const MOST_TOKENS: usize = 20_000;

pub(super) fn tokens(language: &str, text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text, language, tokens: Vec::new(), after_blank: true };
    while lexer.tokens.len() < MOST_TOKENS && lexer.step() {}
    lexer.tokens
}

impl<'t> Lexer<'t> {
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else { return false };
        let ends = first.is_whitespace() || matches!(first, ';' | '{' | '}' | '(' | ')' | ',');
        if self.comment(first) || self.quoting_word() || self.pattern(first) {
            self.after_blank = false;
            return true;
        }
        self.after_blank = ends;
        match first {
            '\n' => self.sign(';'),
            c if c.is_whitespace() => self.skip(c.len_utf8()),
            '\'' | '"' => self.string(first),
            '`' => self.backtick(),
            c if c.is_alphanumeric() || matches!(c, '_' | '$' | '@') => self.name(),
            // In Perl and PHP a dot joins texts.
            '.' if !matches!(self.language, "perl" | "php")
                && self.rest.chars().nth(1).is_some_and(|c| c.is_alphabetic() || c == '_') =>
            {
                self.name();
            }
            '-' if self.rest.starts_with("->") => {
                self.skip(2);
                self.rest_name(".");
            }
            c => self.sign(c),
        }
        true
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or("");
    }

    fn sign(&mut self, sign: char) {
        let first = self.rest.chars().next().map_or(1, char::len_utf8);
        self.skip(first);
        self.tokens.push(Token::Sign(sign));
    }

    fn comment(&mut self, first: char) -> bool {
        let c_like = matches!(self.language, "node" | "php" | "other");
        // In Perl `$#list` and `s#a#b#` are no comments, in Lua `#` is a length.
        let hash = first == '#'
            && match self.language {
                "node" | "lua" => false,
                "perl" | "ruby" => self.after_blank,
                _ => true,
            };
        if hash
            || (c_like && self.rest.starts_with("//"))
            || (self.language == "lua" && self.rest.starts_with("--"))
        {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.skip(end);
            return true;
        }
        if c_like && self.rest.starts_with("/*") {
            let end = self.rest.find("*/").map_or(self.rest.len(), |at| at + 2);
            self.skip(end);
            return true;
        }
        false
    }

    /// `q{}`, `qq{}`, `qw()`, `qx{}` of Perl; `%q{}`, `%x{}`, `%w[]` of Ruby.
    fn quoting_word(&mut self) -> bool {
        let text = match self.language {
            "perl" => self.rest,
            "ruby" => match self.rest.strip_prefix('%') {
                Some(rest) => rest,
                None => return false,
            },
            _ => return false,
        };
        let words = ["qq", "qw", "qx", "q", "x", "w", "Q", "W"];
        let Some(word) = words.iter().find(|word| text.starts_with(**word)) else { return false };
        if self.language == "perl" && matches!(*word, "x" | "w" | "Q" | "W") {
            return false;
        }
        let tail = text.get(word.len()..).unwrap_or("");
        let Some(open) = tail.chars().next().filter(|c| "{([</|!\"'".contains(*c)) else { return false };
        let inner = tail.get(open.len_utf8()..).unwrap_or("");
        let (body, after) = delimited(inner, open);
        let mixed = body.contains(['$', '@']) || body.contains("#{");
        self.tokens.push(match *word {
            "qx" | "x" if mixed => Token::MixedCommand,
            "qx" | "x" => Token::Command(body.to_owned()),
            "qq" | "Q" if mixed => Token::Mixed(body.to_owned()),
            _ => Token::Text(body.to_owned()),
        });
        self.rest = after;
        true
    }

    /// `/x/`, `m{x}`, `s/x/y/`, `tr/x/y/`: text, but for what is code in it.
    fn pattern(&mut self, first: char) -> bool {
        let perl = self.language == "perl";
        let operators: &[(&str, usize)] =
            if perl { &[("tr", 2), ("qr", 1), ("m", 1), ("s", 2), ("y", 2)] } else { &[] };
        let worded = operators.iter().find_map(|(word, parts)| {
            let tail = self.rest.strip_prefix(word)?;
            let open = tail.chars().next().filter(|c| "/{(<|!#~,".contains(*c))?;
            Some((tail, open, *parts))
        });
        let (tail, open, parts) = match worded.filter(|_| self.after_blank) {
            Some(found) => found,
            None if first == '/' && self.pattern_may_start() => (self.rest, '/', 1),
            None => return false,
        };
        // `s => 1`, `y = 2` are no patterns.
        if open == ',' && parts == 1 {
            return false;
        }
        let Some(inner) = tail.get(open.len_utf8()..) else { return false };
        let (body, mut after) = delimited(inner, open);
        let mut replacement = "";
        if parts == 2 {
            let again = if matches!(open, '{' | '(' | '<') {
                let next = after.trim_start();
                let open = next.chars().next().unwrap_or('/');
                next.get(open.len_utf8()..).map(|inner| delimited(inner, open))
            } else {
                Some(delimited(after, open))
            };
            // Without its second half it goes on to the end.
            (replacement, after) = again.unwrap_or(("", ""));
        } else if first == '/' && (body.contains('\n') || after.is_empty() && !inner.ends_with('/')) {
            return false;
        }
        let flags = after.find(|c: char| !c.is_ascii_lowercase()).unwrap_or(after.len());
        let (flags, rest) = after.split_at_checked(flags).unwrap_or((after, ""));
        let runs = flags.contains('e') && parts == 2 || body.contains("(?{") || body.contains("(??{");
        self.rest = rest;
        if runs {
            let code = if flags.contains('e') { replacement } else { body };
            let left = MOST_TOKENS.saturating_sub(self.tokens.len());
            self.tokens.push(Token::Sign(';'));
            self.tokens.extend(tokens(self.language, code).into_iter().take(left));
            self.tokens.push(Token::Sign(';'));
        } else if [body, replacement]
            .iter()
            .any(|text| text.contains("#{") || text.contains("@{") || text.contains("${"))
        {
            self.tokens.push(Token::Mixed(format!("{body} {replacement}")));
        } else {
            self.tokens.push(Token::Text(body.to_owned()));
        }
        true
    }

    /// Whether a slash here starts a pattern and does not divide.
    fn pattern_may_start(&self) -> bool {
        if !matches!(self.language, "perl" | "ruby" | "node") {
            return false;
        }
        match self.tokens.last() {
            None => true,
            Some(Token::Sign(sign)) => !matches!(sign, ')' | ']' | '}'),
            Some(Token::Name(name)) => matches!(
                name.as_str(),
                "if" | "unless"
                    | "while"
                    | "until"
                    | "and"
                    | "or"
                    | "not"
                    | "split"
                    | "grep"
                    | "return"
                    | "when"
                    | "in"
                    | "typeof"
                    | "map"
                    | "first"
            ),
            Some(_) => false,
        }
    }

    fn string(&mut self, quote: char) {
        let triple: String = std::iter::repeat_n(quote, 3).collect();
        let long = self.language == "python" && self.rest.starts_with(&triple);
        let (raw, formatted) = self.prefix();
        self.skip(if long { 3 } else { 1 });
        let mut text = String::new();
        let mut interpolates = false;
        while let Some(c) = self.rest.chars().next() {
            if long && self.rest.starts_with(&triple) {
                self.skip(3);
                break;
            }
            if !long && c == quote {
                self.skip(1);
                break;
            }
            self.skip(c.len_utf8());
            if c == '\\' && !raw && !(quote == '\'' && matches!(self.language, "perl" | "ruby" | "php")) {
                self.escape(&mut text);
            } else if c == '\\' && self.rest.starts_with([quote, '\\']) {
                let next = self.rest.chars().next().unwrap_or(quote);
                self.skip(1);
                text.push(next);
            } else {
                let next = self.rest.chars().next().unwrap_or(quote);
                interpolates |= match c {
                    '$' => next != quote,
                    // `@-` is no list here, and `a@b` needs a name.
                    '@' => next.is_alphabetic() || matches!(next, '_' | '{' | '$'),
                    _ => false,
                };
                text.push(c);
            }
        }
        let dollar = match self.language {
            "perl" | "php" => quote == '"' && interpolates,
            "ruby" => quote == '"' && text.contains("#{"),
            _ => formatted && text.contains('{'),
        };
        self.tokens.push(if dollar { Token::Mixed(text) } else { Token::Text(text) });
    }

    /// Takes Python's `r`, `b`, `f` before a string off the tokens: (raw, formatted).
    fn prefix(&mut self) -> (bool, bool) {
        if self.language != "python" {
            return (false, false);
        }
        let Some(Token::Name(name)) = self.tokens.last() else { return (false, false) };
        let lower = name.to_ascii_lowercase();
        if !matches!(lower.as_str(), "r" | "b" | "f" | "u" | "rb" | "br" | "rf" | "fr") {
            return (false, false);
        }
        self.tokens.pop();
        (lower.contains('r'), lower.contains('f'))
    }

    fn escape(&mut self, text: &mut String) {
        let Some(c) = self.rest.chars().next() else { return };
        self.skip(c.len_utf8());
        match c {
            'n' => text.push('\n'),
            't' => text.push('\t'),
            'r' => text.push('\r'),
            'x' => self.code_point(text, 2, 16),
            'u' => self.code_point(text, 4, 16),
            '0'..='7' => {
                let mut value = c.to_digit(8).unwrap_or(0);
                while let Some(digit) =
                    self.rest.chars().next().and_then(|c| c.to_digit(8)).filter(|_| value < 32)
                {
                    value = value * 8 + digit;
                    self.skip(1);
                }
                text.extend(char::from_u32(value));
            }
            '\n' => {}
            c => text.push(c),
        }
    }

    fn code_point(&mut self, text: &mut String, digits: usize, base: u32) {
        let value = self.rest.get(..digits).and_then(|hex| u32::from_str_radix(hex, base).ok());
        if let Some(c) = value.and_then(char::from_u32) {
            text.push(c);
            self.skip(digits);
        }
    }

    fn backtick(&mut self) {
        self.skip(1);
        let (body, after) = delimited(self.rest, '`');
        let mixed =
            body.contains("${") || body.contains("#{") || (self.language == "perl" && body.contains('$'));
        let body = body.to_owned();
        self.rest = after;
        if self.language == "node"
            && let Some(Token::Name(tag)) = self.tokens.last()
            && !matches!(
                tag.as_str(),
                "return" | "case" | "typeof" | "of" | "in" | "await" | "default" | "throw" | "else"
            )
        {
            let tag = tag.clone();
            self.tokens.pop();
            self.tokens.push(Token::Template(tag, body));
            return;
        }
        self.tokens.push(match self.language {
            "node" if mixed => Token::Mixed(body),
            "node" => Token::Text(body),
            _ if mixed => Token::MixedCommand,
            _ => Token::Command(body),
        });
    }

    fn name(&mut self) {
        self.rest_name("");
    }

    fn rest_name(&mut self, start: &str) {
        let mut name = start.to_owned();
        let dots = !matches!(self.language, "perl" | "php");
        loop {
            let take = self
                .rest
                .find(|c: char| {
                    !(c.is_alphanumeric() || matches!(c, '_' | '$' | '@' | '!' | '?') || c == '.' && dots)
                })
                .unwrap_or(self.rest.len());
            let (head, tail) = self.rest.split_at_checked(take).unwrap_or((self.rest, ""));
            let trimmed = head.trim_end_matches(['!', '?']);
            name.push_str(trimmed);
            self.rest = tail;
            let joined = tail.strip_prefix("::").or_else(|| tail.strip_prefix("->"));
            match joined.filter(|rest| rest.starts_with(|c: char| c.is_alphabetic() || c == '_')) {
                Some(rest) => {
                    name.push('.');
                    self.rest = rest;
                }
                None => break,
            }
        }
        if name.is_empty() {
            self.skip(self.rest.chars().next().map_or(1, char::len_utf8));
            return;
        }
        self.tokens.push(Token::Name(name));
    }
}

/// The text up to the closing delimiter, which nests where it can.
fn delimited(text: &str, open: char) -> (&str, &str) {
    let close = match open {
        '{' => '}',
        '(' => ')',
        '[' => ']',
        '<' => '>',
        c => c,
    };
    let mut depth = 0_usize;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == close && depth == 0 {
            let (body, rest) = text.split_at_checked(at).unwrap_or((text, ""));
            return (body, rest.get(c.len_utf8()..).unwrap_or(""));
        } else if c == close {
            depth -= 1;
        } else if c == open {
            depth += 1;
        }
    }
    (text, "")
}
