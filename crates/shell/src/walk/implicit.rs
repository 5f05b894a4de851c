//! Files that a tool loads without being told to (`Makefile`, `package.json`, `conftest.py`): what the line has put
//! into one of them runs with the tool.

use super::Walker;
use super::simple::Call;
use super::state::Stream;
use crate::expand::HOLE;
use crate::knowledge::Nested;
use crate::paths::base_name;
use crate::word::Word;
use leashd_types::{CodeSource, Effect};

/// Most files of a line that are looked at for one tool.
const FILES: usize = 16;

/// What is known about a file a tool loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Make,
    PackageScripts,
    Inline(&'static str, &'static str),
    /// Code that is not read.
    Unread,
}

impl Walker<'_> {
    /// Follows files that an earlier command of the line wrote and this one loads.
    pub(super) fn loaded_unasked(&mut self, index: usize, name: &str, call: &Call, effects: &[Effect]) {
        let base = base_name(name);
        self.start_file(index, base, call);
        if matches!(base, "npm" | "pnpm" | "yarn") {
            self.package_scripts_set(base, call);
        }
        let runs_project =
            effects.iter().any(|effect| matches!(effect, Effect::Runs { code: CodeSource::Project { .. } }));
        if !runs_project || self.shell.files.is_empty() || self.via.iter().any(|via| via == base) {
            return;
        }
        let files: Vec<(String, Language, Stream)> = self
            .shell
            .files
            .iter()
            .filter_map(|(path, data)| language(base, base_name(path)).map(|found| (path, found, data)))
            .take(FILES)
            .map(|(path, found, data)| (path.clone(), found, data.clone()))
            .collect();
        for (path, found, data) in files {
            self.loaded(index, base, &path, found, &data, call);
        }
    }

    fn loaded(&mut self, index: usize, tool: &str, path: &str, found: Language, data: &Stream, call: &Call) {
        let text = match data {
            Stream::Text(word) => match word.text() {
                Some(text) => text.to_owned(),
                // What a tool made of the file that was there (`npm install`, `sed -i`).
                None if word.unknown_reason().is_some_and(|why| why.ends_with(" wrote")) => return,
                None => return self.add_doubt(index, unread(tool, path)),
            },
            Stream::File(source) if source.starts_with(self.env.cwd) => return,
            Stream::File(_) | Stream::Inherited => return self.add_doubt(index, unread(tool, path)),
        };
        let code = match found {
            Language::Unread => None,
            Language::Make => Some(recipes(&text)),
            Language::PackageScripts => package_scripts(&text),
            Language::Inline(interpreter, flag) => {
                let words = vec![Word::literal(interpreter), Word::literal(flag), Word::literal(text)];
                return self.nested(index, Nested::Command { words, via: tool.to_owned() }, call);
            }
        };
        match code {
            Some(code) => self.branch(|walker| {
                walker.subshell(|walker| walker.nested_text(&code, tool, call.span));
            }),
            None => self.add_doubt(index, unread(tool, path)),
        }
    }

    /// `npm pkg set scripts.NAME=CODE`
    fn package_scripts_set(&mut self, tool: &str, call: &Call) {
        let texts: Vec<&str> = call.arguments().iter().filter_map(Word::text).collect();
        let [first, second, rest @ ..] = texts.as_slice() else { return };
        if (*first, *second) != ("pkg", "set") {
            return;
        }
        let scripts = rest.iter().filter(|text| text.starts_with("scripts"));
        let codes: Vec<String> =
            scripts.filter_map(|text| text.split_once('=')).map(|(_, code)| code.to_owned()).collect();
        for code in codes {
            self.branch(|walker| {
                walker.subshell(|walker| walker.nested_text(&code, tool, call.span));
            });
        }
    }

    /// `BASH_ENV` names a file that every shell reads before its script.
    fn start_file(&mut self, index: usize, base: &str, call: &Call) {
        let variable = match base {
            "bash" => "BASH_ENV",
            "sh" | "dash" | "ksh" => "ENV",
            _ => return,
        };
        let value = self.variable(variable).map(|found| found.value.clone());
        let Some(path) = value.and_then(|path| self.single_path(&path)) else { return };
        if self.written(&path).is_some() {
            let nested = Nested::File { path: Word::literal(path), via: variable.to_owned() };
            self.nested(index, nested, call);
        }
    }
}

fn unread(tool: &str, path: &str) -> String {
    format!("{tool} runs what this line writes to {path}")
}

fn language(tool: &str, file: &str) -> Option<Language> {
    let python = matches!(file, "conftest.py" | "setup.py" | "noxfile.py" | "sitecustomize.py")
        || file.starts_with("test_") && file.ends_with(".py")
        || file.ends_with("_test.py");
    match (tool, file) {
        ("make" | "gmake", "Makefile" | "makefile" | "GNUmakefile")
        | ("just", "justfile" | "Justfile" | ".justfile") => Some(Language::Make),
        ("npm" | "pnpm" | "yarn" | "bun" | "npx", "package.json") => Some(Language::PackageScripts),
        (_, "build.rs" | ".npmrc" | "build.gradle" | "build.gradle.kts" | "settings.gradle" | "pom.xml") => {
            Some(Language::Unread)
        }
        ("rake", "Rakefile") => Some(Language::Inline("ruby", "-e")),
        _ if python => Some(Language::Inline("python3", "-c")),
        _ => None,
    }
}

/// The shell lines of a makefile or justfile, with holes for what make puts in.
fn recipes(text: &str) -> String {
    let mut code = String::new();
    for line in text.lines() {
        let recipe = match line.strip_prefix(['\t', ' ']) {
            Some(recipe) => recipe.trim_start(),
            None => match line.split_once(':').and_then(|(_, rest)| rest.split_once(';')) {
                Some((_, recipe)) => recipe.trim_start(),
                None => {
                    if let Some((_, shell)) = line.split_once("$(shell ") {
                        code.push_str(shell.trim_end().trim_end_matches(')'));
                        code.push('\n');
                    }
                    continue;
                }
            },
        };
        without_references(recipe.trim_start_matches(['@', '-', '+']), &mut code);
        code.push('\n');
    }
    code
}

/// `$(NAME)` is a variable of make, `$$` a dollar sign.
fn without_references(recipe: &str, code: &mut String) {
    let mut rest = recipe;
    while let Some((before, after)) = rest.split_once('$') {
        code.push_str(before);
        rest = match after.chars().next() {
            Some('$') => {
                code.push('$');
                after.get(1..).unwrap_or("")
            }
            Some(open @ ('(' | '{')) => {
                code.push(HOLE);
                let close = if open == '(' { ')' } else { '}' };
                after.split_once(close).map_or("", |(_, rest)| rest)
            }
            Some(name) => {
                code.push(HOLE);
                after.get(name.len_utf8()..).unwrap_or("")
            }
            None => "",
        };
    }
    code.push_str(rest);
}

/// The commands in `"scripts": {…}`, one per line; nothing if it is written in a way that is not followed.
fn package_scripts(text: &str) -> Option<String> {
    let Some((_, after)) = text.split_once("\"scripts\"") else { return Some(String::new()) };
    let (_, object) = after.split_once('{')?;
    let mut code = String::new();
    let mut rest = object.trim_start();
    while !rest.starts_with('}') {
        let (_, after) = json_string(rest)?;
        let (value, after) = json_string(after.trim_start().strip_prefix(':')?.trim_start())?;
        code.push_str(&value);
        code.push('\n');
        rest = after.trim_start().trim_start_matches(',').trim_start();
    }
    Some(code)
}

fn json_string(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.strip_prefix('"')?.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(at + 2..)?)),
            '\\' => value.push(match chars.next()?.1 {
                'n' => '\n',
                't' => '\t',
                escaped @ ('"' | '\\' | '/') => escaped,
                _ => return None,
            }),
            char => value.push(char),
        }
    }
    None
}
