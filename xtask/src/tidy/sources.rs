//! Rules about Rust files: headers, lengths, names, and the doors that only one crate may open.

use super::Findings;
use super::lexer::{code, test_lines};
use super::tree::Tree;
use super::words::{Word, name_parts, words};

/// Lines a file may have; one that holds only tests may have more.
const LONGEST: usize = 500;
const LONGEST_TESTS: usize = 1000;

/// Names that say nothing about the job.
const EMPTY_NAMES: [&str; 12] = [
    "core",
    "common",
    "util",
    "utils",
    "helper",
    "helpers",
    "manager",
    "service",
    "processor",
    "data",
    "info",
    "misc",
];

/// Kinds of items whose name is judged.
const TYPES: [&str; 4] = ["struct", "enum", "trait", "type"];

pub(super) fn check(tree: &Tree, findings: &mut Findings) {
    for (name, text) in tree.texts().filter(|it| it.0.ends_with(".rs")) {
        let code = code(text);
        let source = Source { name, text, in_tests: test_lines(&code), code: &code };
        source.check_shape(findings);
        source.check_names(findings);
        source.check_doors(findings);
        source.check_permit(findings);
    }
}

struct Source<'a> {
    name: &'a str,
    text: &'a str,
    code: &'a str,
    in_tests: Vec<bool>,
}

impl Source<'_> {
    /// The crate the file is in: its directory in `crates/`, else the first directory.
    fn krate(&self) -> &str {
        let below = self.name.strip_prefix("crates/").unwrap_or(self.name);
        below.split('/').next().unwrap_or_default()
    }

    /// True for a file that is compiled into tests and benchmarks only.
    fn holds_only_tests(&self) -> bool {
        let directory = self.name.split('/').any(|it| matches!(it, "tests" | "benches"));
        directory || self.name.ends_with("tests.rs") || self.krate() == "testkit"
    }

    fn is_test(&self, line: usize) -> bool {
        self.holds_only_tests() || self.in_tests.get(line - 1).copied().unwrap_or(false)
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }

    fn check_shape(&self, findings: &mut Findings) {
        if !self.text.starts_with("//!") {
            let fix = "open the file with a `//!` header: what it is for and what it does not know";
            findings.add(self.name, 1, "no header", fix);
        }
        let own_file = self.name.ends_with("tests.rs") || self.name.contains("/tests/");
        let longest = if own_file { LONGEST_TESTS } else { LONGEST };
        let length = self.text.lines().count();
        if length > longest {
            let fix = "split it by job; a long `mod tests` belongs in a file tests.rs";
            findings.add(self.name, length, format!("{length} lines, at most {longest} are allowed"), fix);
        }
    }

    fn check_names(&self, findings: &mut Findings) {
        for part in self.name.split('/').map(|it| it.trim_end_matches(".rs")) {
            if EMPTY_NAMES.contains(&part) {
                findings.add(
                    self.name,
                    1,
                    format!("`{part}` says nothing about its job"),
                    "name it after what it does",
                );
            }
        }
        for (line, text) in self.lines() {
            let words = words(text);
            for (kind, name) in words.iter().zip(words.iter().skip(1)) {
                // `mod x;` is judged as the file it names.
                let inline = kind.text == "mod" && !name.after.trim_start().starts_with(';');
                // The trait gave the name, and it may be somebody else's.
                let associated = kind.text == "type"
                    && kind.before.starts_with(' ')
                    && name.after.trim_start().starts_with('=');
                let judged = inline || (TYPES.contains(&kind.text) && !associated);
                let said = name_parts(name.text).pop().unwrap_or_default();
                if judged && kind.after.starts_with(' ') && EMPTY_NAMES.contains(&said.as_str()) {
                    let what = format!("`{}` says nothing about its job", name.text);
                    findings.add(self.name, line, what, "name it after what it does");
                }
            }
        }
    }

    fn check_doors(&self, findings: &mut Findings) {
        for (line, text) in self.lines() {
            for word in words(text) {
                if word.text == "unsafe" && self.krate() != "sandbox" {
                    let fix =
                        "use rustix or another safe interface, or put it behind a function of `sandbox`";
                    findings.add(self.name, line, "`unsafe` outside crates/sandbox", fix);
                }
                let called = word.text == "assume_resolved" && !word.before.trim_end().ends_with("fn");
                if called && self.krate() != "sandbox" && !self.is_test(line) && !self.is_made_up() {
                    let fix = "only `sandbox` knows what a path resolves to: ask it, and pass its `ResolvedPath` on";
                    findings.add(self.name, line, "`assume_resolved` outside crates/sandbox and tests", fix);
                }
            }
        }
    }

    /// Files that judge in a made-up project, where nothing is looked up: the fixtures of tests, and the examples that
    /// rules carry.
    fn is_made_up(&self) -> bool {
        self.name.starts_with("fuzz/")
            || ["/fixture.rs", "/testing.rs", "/load/examples.rs"].iter().any(|end| self.name.ends_with(end))
    }

    fn check_permit(&self, findings: &mut Findings) {
        for (line, text) in self.lines() {
            let mut found = words(text).into_iter().filter(|it| it.text == "Permit").peekable();
            if found.peek().is_none() {
                continue;
            }
            if self.krate() == "gate" {
                self.check_definition(line, text, findings);
            } else if found.any(|it| makes_permit(&it)) {
                let fix = "ask the gate: whoever makes a permit decides, and only the gate decides";
                findings.add(self.name, line, "a `Permit` is made outside crates/gate", fix);
            }
        }
    }

    /// Nothing about the definition may let another crate make a `Permit`.
    fn check_definition(&self, line: usize, text: &str, findings: &mut Findings) {
        if !words(text)
            .iter()
            .zip(words(text).iter().skip(1))
            .any(|it| it.0.text == "struct" && it.1.text == "Permit")
        {
            return;
        }
        let before: Vec<_> = self.code.lines().take(line - 1).collect();
        let attributes =
            before.iter().rev().take_while(|it| !it.trim().is_empty() && !it.trim_end().ends_with('}'));
        let derived = attributes.filter(|it| it.contains("derive")).flat_map(|it| words(it));
        for word in derived.filter(|it| matches!(it.text, "Default" | "Deserialize" | "Clone" | "Copy")) {
            let what = format!("`Permit` derives `{}`: a second way to get one", word.text);
            findings.add(self.name, line, what, "a permit is made once, by the gate, and used once");
        }
        let body = self.code.lines().skip(line - 1);
        let mut fields = body.take_while(|it| *it != "}").skip(1);
        if fields.any(|it| it.trim_start().starts_with("pub ")) || text.contains("(pub ") {
            findings.add(self.name, line, "`Permit` has a field others can set", "keep the field private");
        }
    }
}

/// Does this mention of `Permit` make one: a literal, or a function of the type.
fn makes_permit(word: &Word<'_>) -> bool {
    let before = word.before.trim_end();
    let after = word.after.trim_start();
    // A function's result, an `impl` or a definition also stand before a brace.
    let opens_body = before.ends_with("->")
        || words(before).last().is_some_and(|it| {
            it.after.trim().is_empty()
                && matches!(it.text, "impl" | "for" | "struct" | "enum" | "trait" | "dyn")
        });
    let literal = after.starts_with('{') && !opens_body;
    let function = after.strip_prefix("::").is_some_and(|it| it.starts_with(|c: char| c.is_lowercase()));
    literal || function
}
