//! Files that a tool loads without being told to (`Makefile`, `package.json`, `conftest.py`): what the line has put
//! into one of them runs with the tool.

use super::simple::Call;
use super::state::Stream;
use super::{Walker, origin};
use crate::expand::HOLE;
use crate::knowledge::Nested;
use crate::paths::base_name;
use crate::word::Word;
use leashd_types::{CodeSource, Effect, PathText};
use std::sync::LazyLock;

/// Most files of a line that are looked at for one tool.
const FILES: usize = 16;
/// Longest file of settings that is looked through, in bytes.
const SETTINGS_BYTES: usize = 64 * 1024;

const LOADS: &str = include_str!("../../knowledge/loads");

/// What is in a file a tool loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Language {
    Make,
    PackageScripts,
    Inline(&'static str, &'static str),
    /// Not read as code; looked through for what names a program or a host.
    Settings,
}

/// Which tools load which files.
struct Row {
    tools: Vec<&'static str>,
    files: Vec<&'static str>,
    language: Language,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let mut fields = line.split(" | ");
        let mut words = || fields.next().map(|field| field.split(' ').collect::<Vec<_>>());
        let (tools, files, what) = (words()?, words()?, words()?);
        let language = match what.first().copied()? {
            "make" => Language::Make,
            "scripts" => Language::PackageScripts,
            "python" => Language::Inline("python3", "-c"),
            "node" => Language::Inline("node", "-e"),
            "ruby" => Language::Inline("ruby", "-e"),
            _ => Language::Settings,
        };
        Some(Row { tools, files, language })
    };
    LOADS.lines().filter(|line| !line.starts_with('#')).filter_map(row).collect()
});

/// In settings: they name a program, a host, or a place outside.
const STEERING_SETTINGS: [&str; 26] = [
    "script-shell",
    "execute",
    "exec(",
    "exec ",
    "exec{",
    "exec.",
    "commandline",
    "command::new",
    "process::",
    "wrapper",
    "runner",
    "linker",
    "rustc =",
    "rustc=",
    "registry=",
    "registry =",
    "index-url",
    "proxy",
    "/tmp",
    "../",
    "~/",
    "system(",
    "spawn",
    "[alias",
    "$(shell",
    "commands",
];

impl Walker<'_> {
    /// Follows files that an earlier command of the line wrote and this one loads.
    pub(super) fn loaded_unasked(&mut self, index: usize, name: &str, call: &Call, effects: &[Effect]) {
        let base = base_name(name);
        self.start_file(index, base, call);
        if matches!(base, "npm" | "pnpm" | "yarn") {
            self.package_scripts_set(base, call);
        }
        if self.shell.files.is_empty() || self.via.iter().any(|via| via == base) {
            return;
        }
        let imports = super::program::inline_flag(base);
        let runs_project = effects.iter().any(|effect| match effect {
            Effect::Runs { code: CodeSource::Project { .. } } => true,
            Effect::Runs { code: CodeSource::File { .. } } => imports.is_none(),
            _ => false,
        });
        if !runs_project && imports.is_none() {
            return;
        }
        // `npx jest` loads what jest does.
        let tool = match (base, call.arguments().first().and_then(Word::text)) {
            ("npx" | "bunx" | "uvx" | "pipx", Some(tool)) if !tool.starts_with('-') => tool,
            _ => base,
        };
        let is_script = |path: &str| {
            effects.iter().any(|effect| {
                matches!(effect, Effect::Runs { code: CodeSource::File { path: PathText::Exact(other) } } if other == path)
            })
        };
        let named = |path: &str| call.arguments().iter().any(|word| self.names_file(word, path));
        let files: Vec<(String, Language, Stream)> = self
            .shell
            .files
            .iter()
            .filter(|(path, _)| !Self::is_stream(path) && (imports.is_none() || !is_script(path)))
            .filter_map(|(path, data)| {
                let found = match imports {
                    Some(flag) if !runs_project => imported(base, flag, call, base_name(path)),
                    _ => language(tool, base_name(path), || named(path)),
                };
                found.map(|found| (path.clone(), found, data.clone()))
            })
            .take(FILES)
            .collect();
        for (path, found, data) in files {
            self.loaded(index, base, &path, found, &data, call);
        }
    }

    /// `make -f FILE`, `--config=FILE`.
    fn names_file(&self, word: &Word, path: &str) -> bool {
        let Some(text) = word.text() else { return false };
        let value = text.split_once('=').map(|(_, value)| value);
        let attached = text.strip_prefix("-f").filter(|rest| !rest.is_empty());
        std::iter::once(text)
            .chain(value)
            .chain(attached)
            .any(|text| self.single_path(&Word::literal(text)).as_deref() == Some(path))
    }

    fn loaded(&mut self, index: usize, tool: &str, path: &str, found: Language, data: &Stream, call: &Call) {
        let text = match data {
            Stream::Text(word) => match word.text() {
                Some(text) => text.to_owned(),
                None => {
                    // What a tool made of the file that was there (`npm install`, `sed -i`, `jq`) is the project's.
                    self.run_suspected_commands(word, tool, call.span);
                    let why = origin::reason(word);
                    if origin::is_marked(why)
                        || why.starts_with("what is read from")
                        || word.parts().len() > 1
                    {
                        self.add_doubt(index, unread(tool, path));
                    }
                    return;
                }
            },
            Stream::File(source) if source.starts_with(self.env.cwd) => return,
            Stream::File(_) | Stream::Inherited => return self.add_doubt(index, unread(tool, path)),
        };
        let code = match found {
            Language::Settings => {
                let lower = text.get(..SETTINGS_BYTES).unwrap_or(&text).to_lowercase();
                if STEERING_SETTINGS.iter().any(|steering| lower.contains(steering)) {
                    self.add_doubt(index, unread(tool, path));
                }
                return;
            }
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

/// What a tool finds in a file of the line that it loads. `named`: the file stands among its arguments.
fn language(tool: &str, file: &str, named: impl Fn() -> bool) -> Option<Language> {
    let mut rows = ROWS.iter().filter(|row| row.tools.contains(&tool) || row.tools == ["-"]);
    let matching = rows.clone().find(|row| row.files.iter().any(|pattern| matches(pattern, file)));
    if matching.is_some() {
        return matching.map(|row| row.language);
    }
    rows.next().filter(|row| row.tools != ["-"] && named()).map(|row| row.language)
}

fn matches(pattern: &str, file: &str) -> bool {
    match pattern.split_once('*') {
        Some((start, end)) => file.len() >= pattern.len() && file.starts_with(start) && file.ends_with(end),
        None => pattern.rsplit('/').next() == Some(file),
    }
}

/// A module of the line that code on the command line names: it is loaded from the directory.
fn imported(interpreter: &str, flag: &'static str, call: &Call, file: &str) -> Option<Language> {
    let (stem, extension) = file.rsplit_once('.')?;
    let language = match (extension, interpreter) {
        ("py", _) if interpreter.starts_with("py") => "python3",
        ("js" | "cjs" | "mjs", "node" | "nodejs" | "bun") => "node",
        ("rb", "ruby") => "ruby",
        ("pl" | "pm", "perl") => "perl",
        _ => return None,
    };
    let word =
        |text: &str| text.split(|char: char| !char.is_alphanumeric() && char != '_').any(|word| word == stem);
    let mentioned = call.arguments().iter().filter_map(Word::text).any(word);
    (mentioned || matches!(stem, "sitecustomize" | "usercustomize"))
        .then_some(Language::Inline(language, flag))
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
