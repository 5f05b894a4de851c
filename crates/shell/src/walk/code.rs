//! Code inside values and files: what an interpreter is given, followed where its text is known.

use super::simple::{Call, Lookup};
use super::state::{Shell, Stream};
use super::{Outcome, Walker, origin};
use crate::expand::HOLE;
use crate::knowledge::{self, Nested};
use crate::paths::{base_name, normal, path_text};
use crate::syntax::Span;
use crate::word::{Part, Word};
use leashd_types::{CodeSource, Effect, FileText, PathText};
use std::rc::Rc;

/// Programs that read shell code.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "ksh", "zsh", "mksh", "rbash"];

impl Walker<'_> {
    /// Follows one piece of code that the command at `index` of the answer runs.
    pub(super) fn nested(&mut self, index: usize, nested: Nested, call: &Call) {
        match nested {
            Nested::Command { words, via } => {
                if words.is_empty() {
                    return;
                }
                let inner = Call {
                    words,
                    assignments: Vec::new(),
                    effects: Vec::new(),
                    input: call.input.clone(),
                    output: super::capture::Output::Stream,
                    opened: Vec::new(),
                    span: call.span,
                    lookup: Lookup::Programs,
                };
                if self.depth >= crate::limits::NESTING {
                    return self.unclear(crate::limits::TOO_DEEP);
                }
                self.depth += 1;
                self.via.push(via);
                let notes = std::mem::take(&mut self.notes);
                self.subshell(|walker| {
                    walker.handed_on(call, &inner.words);
                    walker.call(inner)
                });
                self.notes = notes;
                self.via.pop();
                self.depth -= 1;
            }
            Nested::Script { text, via } => {
                if let Some(path) = origin::file_of(&text).map(str::to_owned) {
                    return self.file(index, &Word::literal(path), &via, call);
                }
                let arguments = after(&call.words, &text);
                let name = call.words.first().cloned();
                self.in_child(arguments.or(name.map(|name| vec![name])), call, |walker| {
                    walker.code(index, &text, &via, call);
                });
            }
            Nested::StdinScript { via } => self.stdin_script(index, &via, call),
            Nested::File { path, via } => self.file(index, &path, &via, call),
        }
    }

    fn stdin_script(&mut self, index: usize, via: &str, call: &Call) {
        match call.input.clone() {
            Stream::Inherited => {
                let why = "whatever its input turns out to be".to_owned();
                self.add_effect(index, Effect::Runs { code: CodeSource::Unknown { why } });
            }
            Stream::File(path) => self.file(index, &Word::literal(path), via, call),
            Stream::Text(text) => {
                self.in_child(None, call, |walker| walker.code(index, &text, via, call));
            }
        }
    }

    /// Runs `inner` as another shell started from this one would. `arguments`: its `$0` and the rest.
    fn in_child(&mut self, arguments: Option<Vec<Word>>, call: &Call, inner: impl FnOnce(&mut Self)) {
        let child = Shell { positional: arguments, ..self.shell.child() };
        let outer = std::mem::replace(&mut self.shell, Rc::new(child));
        let input = std::mem::replace(&mut self.input, call.input.clone());
        inner(self);
        self.input = input;
        self.return_to(outer);
    }

    /// Code whose text is a value, known or not; what is not known is told of the command at `index`.
    fn code(&mut self, index: usize, text: &Word, via: &str, call: &Call) {
        if text.text().is_none() {
            let interpreter = call.name().map_or("the shell", base_name).to_owned();
            self.opaque(index, &interpreter, origin::reason(text));
            self.run_suspects(text, via, call.span);
        }
        self.run_code(text, via, call.span);
    }

    /// Runs a value as code, with holes for what is not known.
    pub(super) fn run_code(&mut self, text: &Word, via: &str, span: Span) {
        if let Some(text) = text.text() {
            return self.nested_text(text, via, span);
        }
        if text.prefix().is_empty() && text.parts().len() == 1 {
            return;
        }
        let mut code = String::new();
        for part in text.parts() {
            match part {
                Part::Text(text) | Part::Glob(text) => code.push_str(text),
                Part::Unknown(_) => code.push(HOLE),
            }
        }
        self.nested_text(&code, via, span);
    }

    /// Code that cannot be read: an effect and a doubt of the command at `index`.
    fn opaque(&mut self, index: usize, interpreter: &str, why: &str) {
        let comes_from_program = why.starts_with("the output of ") || why.starts_with("the contents of ");
        let code = if origin::is_marked(why) || comes_from_program {
            CodeSource::Piped { interpreter: interpreter.to_owned(), origin: why.to_owned() }
        } else {
            CodeSource::Unknown { why: why.to_owned() }
        };
        self.add_effect(index, Effect::Runs { code });
        self.add_doubt(index, format!("code that is not known: {why}"));
    }

    pub(super) fn add_effect(&mut self, index: usize, effect: Effect) {
        if let Some(command) = self.analysis.commands.get_mut(index)
            && !command.effects.contains(&effect)
        {
            command.effects.push(effect);
        }
    }

    pub(super) fn add_doubt(&mut self, index: usize, why: String) {
        if let Some(command) = self.analysis.commands.get_mut(index)
            && !command.unclear.contains(&why)
        {
            command.unclear.push(why);
        }
    }

    /// A script file handed to a shell, or executed.
    fn file(&mut self, index: usize, path: &Word, via: &str, call: &Call) {
        let arguments = after(&call.words, path).or_else(|| Some(vec![path.clone()]));
        let Some((text, executed)) = self.script_text(index, path, call) else { return };
        self.in_child(arguments, call, |walker| match (&text, executed) {
            (Stream::Text(text), true) => walker.executed(index, text, via, call),
            (Stream::Text(text), false) => walker.code(index, text, via, call),
            _ => {}
        });
    }

    /// The text of a script, if it is known, and whether it is executed as a program; else its effect is told.
    pub(super) fn script_text(&mut self, index: usize, path: &Word, call: &Call) -> Option<(Stream, bool)> {
        let executed = call.words.first() == Some(path);
        let Some(absolute) = self.single_path(path) else {
            let directory = self.shell.directory.0.first().map(AsRef::as_ref);
            let named = path_text(path, directory);
            if !matches!(named, PathText::Exact(_)) {
                self.add_doubt(index, "which script runs is not known".to_owned());
            }
            for path in self.path_texts(path) {
                self.add_effect(index, Effect::Runs { code: CodeSource::File { path } });
            }
            self.written_that_match(path, call);
            return None;
        };
        match self.readable_or_input(&absolute, call) {
            Stream::Text(text) => return Some((Stream::Text(text), executed)),
            Stream::Inherited => {
                let why = "whatever its input turns out to be".to_owned();
                self.add_effect(index, Effect::Runs { code: CodeSource::Unknown { why } });
                return None;
            }
            Stream::File(path) if self.below_written(&path) => {
                self.opaque(index, call.name().map_or("the shell", base_name), &origin::contents(&path));
            }
            // What runs at the same time may write it yet.
            Stream::File(path) if self.concurrent > 0 && self.sinks.len() < 16 => {
                self.sinks.push(normal(&path))
            }
            Stream::File(source) if source != absolute => {
                let code = CodeSource::File { path: PathText::Exact(source) };
                self.add_effect(index, Effect::Runs { code });
            }
            Stream::File(_) => {}
        }
        let file = CodeSource::File { path: PathText::Exact(absolute.clone()) };
        self.add_effect(index, Effect::Runs { code: file });
        match self.env.files.get(&absolute) {
            Some(FileText::Text(text)) => return Some((Stream::text(text.as_str()), executed)),
            Some(FileText::Missing | FileText::Unreadable(_)) => {}
            None => {
                self.analysis.scripts.insert(absolute);
            }
        }
        None
    }

    /// Scripts the line has written and that one of which only a pattern is known may be.
    fn written_that_match(&mut self, path: &Word, call: &Call) {
        let mut last = Word::default();
        for part in path.parts() {
            match part {
                Part::Text(text) => match text.rsplit_once('/') {
                    Some((_, after)) => last = Word::literal(after),
                    None => last.push(part.clone()),
                },
                part => last.push(part.clone()),
            }
        }
        let Some(pattern) = crate::expand::pattern::Pattern::new(&last) else { return };
        let matching = |path: &str| pattern.matches(&base_name(path).chars().collect::<Vec<char>>());
        let texts: Vec<Word> = self
            .shell
            .files
            .iter()
            .filter(|(path, _)| matching(path))
            .filter_map(|(_, data)| data.known().map(Word::literal))
            .take(8)
            .collect();
        for text in texts {
            self.branch(|walker| {
                walker.subshell(|walker| walker.run_code(&text, "a file of the line", call.span))
            });
        }
    }

    fn readable_or_input(&self, path: &str, call: &Call) -> Stream {
        match path {
            "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0" => call.input.clone(),
            path => self.readable(path),
        }
    }

    /// Whether the line has put something into a directory above the file.
    fn below_written(&self, path: &str) -> bool {
        let path = normal(path);
        let above = |at: usize| path.get(..at).is_some_and(|above| self.shell.files.contains_key(above));
        path.match_indices('/').any(|(at, _)| at > 0 && above(at))
    }

    /// A text that is started as a program: its first line names the interpreter.
    fn executed(&mut self, index: usize, text: &Word, via: &str, call: &Call) {
        let first = text.prefix().lines().next().unwrap_or("");
        let Some(line) = first.strip_prefix("#!") else { return self.code(index, text, via, call) };
        let mut names = line.split_whitespace().map(base_name).filter(|name| !matches!(*name, "env" | "-S"));
        match names.next() {
            Some(name) if SHELLS.contains(&name) => self.code(index, text, via, call),
            Some(name) => {
                let name = name.to_owned();
                match super::program::inline_flag(&name) {
                    Some(flag) => {
                        let words = vec![Word::literal(name), Word::literal(flag), text.clone()];
                        self.nested(index, Nested::Command { words, via: via.to_owned() }, call);
                    }
                    None => self.opaque(index, &name, "a script in another language"),
                }
            }
            None => self.opaque(index, "a program", "a script without an interpreter"),
        }
    }

    /// A file that the line has written, started as a program.
    pub(super) fn run_written(&mut self, call: Call, path: &str, data: Stream) -> Outcome {
        if let Stream::File(source) = &data {
            let name = base_name(source).to_owned();
            if knowledge::names().any(|known| known == name) {
                let mut copy = call;
                if let Some(first) = copy.words.first_mut() {
                    *first = Word::literal(source.as_str());
                }
                return self.described(copy);
            }
        }
        let index = self.emit_call(&call, call.effects.clone());
        let output = call.output.clone();
        self.with_output(&output, |walker| {
            let word = match data {
                Stream::File(source) => Word::literal(source),
                _ => Word::literal(path),
            };
            let mut call = call;
            if let Some(first) = call.words.first_mut() {
                *first = word.clone();
            }
            walker.file(index, &word, base_name(path), &call);
        });
        self.here()
    }
}

/// The words from `word` on that come after the first: the arguments a script is given.
fn after(words: &[Word], word: &Word) -> Option<Vec<Word>> {
    let at = words.iter().position(|other| other == word)?;
    let found = words.get(at)?;
    // After `-c TEXT` the next word is `$0`; after a file the file is.
    let rest = words.get(at + 1..).unwrap_or(&[]);
    let inline = at > 0 && words.get(at - 1).and_then(Word::text).is_some_and(|text| text.ends_with('c'));
    if inline {
        let mut all = rest.to_vec();
        if all.is_empty() {
            all.extend(words.first().cloned());
        }
        return Some(all);
    }
    Some(std::iter::once(found.clone()).chain(rest.iter().cloned()).collect())
}
