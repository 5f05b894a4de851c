//! Code given on a command line, in a language the shell analysis does not read: is it plainly harmless?
//!
//! An allow-list of what may occur, not a search for what may not: literals, arithmetic, printing, and the names
//! that come with them. Anything else is "cannot say", which is never harmless.

/// Longest text that is looked at, in bytes.
const MAX_TEXT: usize = 4096;

/// Names that neither reach the file system nor the network nor another process, in the languages people use for
/// one-liners. A name after a dot counts like any other.
const HARMLESS: &[&str] = &[
    // printing and formatting
    "print",
    "println",
    "printf",
    "puts",
    "p",
    "say",
    "console",
    "log",
    "error",
    "warn",
    "info",
    "table",
    "format",
    "join",
    "r",
    "b",
    "u",
    "n",
    "s",
    "end",
    "sep",
    "echo",
    "sprintf",
    "repr",
    "str",
    "string",
    "toString",
    "to_s",
    "inspect",
    // values, collections, arithmetic
    "int",
    "float",
    "bool",
    "list",
    "dict",
    "set",
    "tuple",
    "len",
    "length",
    "size",
    "count",
    "range",
    "sum",
    "min",
    "max",
    "abs",
    "round",
    "sorted",
    "reversed",
    "zip",
    "map",
    "filter",
    "enumerate",
    "any",
    "all",
    "ord",
    "chr",
    "hex",
    "oct",
    "bin",
    "keys",
    "values",
    "items",
    "split",
    "strip",
    "replace",
    "upper",
    "lower",
    "startswith",
    "endswith",
    "find",
    "append",
    "extend",
    "push",
    "slice",
    "concat",
    "reduce",
    "forEach",
    "includes",
    "indexOf",
    "trim",
    "toUpperCase",
    "toLowerCase",
    "parseInt",
    "parseFloat",
    "Number",
    "String",
    "Array",
    "Object",
    "Boolean",
    "Math",
    "floor",
    "ceil",
    "sqrt",
    "pow",
    "pi",
    "PI",
    "JSON",
    "stringify",
    "parse",
    "Date",
    "now",
    "toISOString",
    "type",
    "isinstance",
    // words of the languages
    "if",
    "else",
    "elif",
    "for",
    "in",
    "of",
    "while",
    "do",
    "then",
    "not",
    "and",
    "or",
    "is",
    "lambda",
    "def",
    "return",
    "const",
    "let",
    "var",
    "my",
    "our",
    "function",
    "new",
    "true",
    "false",
    "True",
    "False",
    "None",
    "null",
    "undefined",
    "nil",
    "begin",
    "BEGIN",
    "END",
    "use",
    "strict",
    "warnings",
    "pass",
    "break",
    "continue",
    "typeof",
    "as",
    "from",
    // modules that only compute or describe
    "import",
    "sys",
    "version",
    "version_info",
    "math",
    "json",
    "datetime",
    "platform",
    "process",
    "versions",
    "node",
    "dumps",
    "loads",
    "indent",
    "__version__",
    "maxsize",
    "arch",
    "machine",
    "python_version",
    "byteorder",
];

/// True only if every word of the code is on the list and nothing in it builds a word at run time.
pub(crate) fn is_harmless(language: &str, text: &str) -> bool {
    let builds_code = ["`", "${", "@{", "#{", "\\x", "\\u"].iter().any(|mark| text.contains(mark));
    if text.len() > MAX_TEXT || builds_code || has_computed_access(text) {
        return false;
    }
    // In these a string can be a program, an open or a shell all by its punctuation.
    let by_punctuation: &[&str] = match family(language) {
        Family::Perl => &["<", "qx", "|", "-e ", "-f ", "=~", "do "],
        Family::Ruby => &["%x", "|", "<"],
        Family::Other => &["<?"],
        Family::Unknown => return false,
    };
    if by_punctuation.iter().any(|mark| text.contains(mark)) {
        return false;
    }
    words(text).into_iter().all(|word| match word {
        Word::Name { name, declared } => declared || HARMLESS.contains(&name),
        Word::Opaque => false,
    })
}

enum Family {
    Perl,
    Ruby,
    Other,
    Unknown,
}

fn family(language: &str) -> Family {
    let language = language.to_ascii_lowercase();
    match language.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.') {
        "perl" => Family::Perl,
        "ruby" => Family::Ruby,
        "python" | "pypy" | "node" | "nodejs" | "javascript" | "deno" | "bun" | "php" | "lua" => {
            Family::Other
        }
        _ => Family::Unknown,
    }
}

/// `a[b]` with anything but a number: a member chosen by a string can be any member.
fn has_computed_access(text: &str) -> bool {
    let mut before = ' ';
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let on_a_value = before.is_alphanumeric() || matches!(before, '_' | ')' | ']' | '"' | '\'');
        if character == '[' && on_a_value && !characters.peek().is_some_and(char::is_ascii_digit) {
            return true;
        }
        before = character;
    }
    false
}

enum Word<'a> {
    Name {
        name: &'a str,
        declared: bool,
    },
    /// A string that does not end, or one that is code (`f"{…}"`).
    Opaque,
}

/// The names of the code, without strings, numbers and comments. A name that is assigned is known, unless it is a
/// member of something or imported.
fn words(text: &str) -> Vec<Word<'_>> {
    let mut found: Vec<Word<'_>> = Vec::new();
    let mut declared: Vec<&str> = Vec::new();
    let mut rest = text;
    let mut before = ' ';
    let mut importing = false;
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            match string_end(rest, first) {
                Some(end) => rest = rest.get(end..).unwrap_or_default(),
                None => {
                    found.push(Word::Opaque);
                    break;
                }
            }
            before = first;
            continue;
        }
        if first.is_alphabetic() || first == '_' {
            let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            rest = after;
            importing |= matches!(name, "import" | "from" | "use" | "require");
            let next = rest.trim_start();
            let member = before == '.' || importing;
            if next.starts_with('=') && !next.starts_with("==") && !next.starts_with("=>") && !member {
                declared.push(name);
            }
            if rest.starts_with(['"', '\'']) && !matches!(name, "r" | "b" | "u") {
                found.push(Word::Opaque);
            }
            found.push(Word::Name { name, declared: !member && declared.contains(&name) });
            before = 'a';
            continue;
        }
        if matches!(first, '\n' | ';') {
            importing = false;
        }
        if !first.is_whitespace() {
            before = first;
        }
        rest = rest.get(first.len_utf8()..).unwrap_or_default();
        if first.is_ascii_digit() {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.');
        }
    }
    found
}

/// Where the string that starts here ends, in bytes.
fn string_end(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            other if other == quote => return Some(at + other.len_utf8()),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::is_harmless;

    #[test]
    fn plain_computation_is_harmless_and_anything_else_is_not() {
        let yes = [
            ("node", "const bad = \"rm -rf /\";\nconsole.log(bad.length)"),
            ("perl", "print \"DROP TABLE users\\n\""),
            ("python3", "print(1 + 2)"),
            ("python", "import sys; print(sys.version)"),
            ("python3", "import json; print(json.dumps({'a': 1}))"),
        ];
        let no = [
            ("python3", "import os; os.remove('x')"),
            ("python3", "print(open('.env').read())"),
            ("python3", "x = eval; x('1')"),
            ("python3", "__import__('os').unlink('x')"),
            ("node", "fs.rmSync('canary',{recursive:true})"),
            ("node", "process.mainModule.require('fs')"),
            ("perl", "unlink 'x'"),
            ("perl", "print <*>"),
            ("ruby", "File.delete('x')"),
            ("python3", "print('a"),
            ("brainfuck", "+"),
            ("python3", "print(f\"{open('.env').read()}\")"),
            ("python3", "f = 1; print(f\"{open('.env').read()}\")"),
            ("python3", "remove = 1; os = 1\nfrom os import remove; remove('x')"),
            ("perl", "print \"@{[unlink 'x']}\""),
            ("perl", "system('rm x')"),
            ("node", "[]['filter']['con'+'structor']('x')()"),
            ("ruby", "puts \"#{File.read('.env')}\""),
            ("node", "require('fs')"),
        ];
        for (language, text) in yes {
            assert!(is_harmless(language, text), "{language}: {text}");
        }
        for (language, text) in no {
            assert!(!is_harmless(language, text), "{language}: {text}");
        }
    }
}
