//! Where output goes: into a substitution, the next command of a pipeline, or a file of the line.

use super::state::{BRANCHED, Stream};
use super::{Walker, origin};
use crate::expand::Documents;
use crate::paths::normal;
use crate::syntax::{Flow, Script, Writing};
use crate::word::{Part, Word};
use leashd_types::{CodeSource, Effect};
use std::rc::Rc;

/// Why the input of a process substitution that is written to is not known.
const WRITTEN_TO: &str = "what is written to a process substitution";

/// Output that is being collected.
#[derive(Debug)]
pub(super) struct Capture {
    word: Word,
    /// All of it so far is what is in this file.
    file: Option<String>,
    /// How many branches surrounded the place where it began.
    branches: u32,
}

/// Where a command's standard output goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Output {
    Stream,
    /// Away, or somewhere it is not followed.
    Elsewhere,
    /// Into a file, by normal absolute path.
    File {
        path: String,
        writing: Writing,
    },
}

impl Walker<'_> {
    /// Collects what `inner` prints.
    pub(super) fn capture<T>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> (T, Stream) {
        self.captures.push(Capture { word: Word::default(), file: None, branches: self.branches });
        let result = inner(self);
        let data = match self.captures.pop() {
            None => Stream::Inherited,
            Some(Capture { file: Some(path), .. }) => Stream::File(path),
            Some(capture) if capture.word.parts().is_empty() => Stream::Inherited,
            Some(capture) => Stream::of(capture.word),
        };
        (result, data)
    }

    /// Runs a substitution and collects what it prints.
    pub(crate) fn captured<T>(&mut self, via: &str, inner: impl FnOnce(&mut Self) -> T) -> Stream {
        self.via.push(via.to_owned());
        let notes = std::mem::take(&mut self.notes);
        let (_, data) = self.capture(|walker| walker.subshell(inner));
        self.notes = notes;
        self.via.pop();
        data
    }

    /// Something is printed.
    pub(super) fn print(&mut self, data: Stream) {
        if let Stream::Text(word) = &data
            && !self.captures.is_empty()
            && !self.spend_text(word)
        {
            return;
        }
        let branches = self.branches;
        let Some(capture) = self.captures.last_mut() else { return };
        let before = capture.file.take();
        if let Some(path) = &before {
            capture.word.push(Part::Unknown(origin::contents(path)));
        }
        match data {
            Stream::Inherited => capture.file = before,
            Stream::File(path) if capture.word.parts().is_empty() && branches == capture.branches => {
                capture.file = Some(path);
            }
            data => {
                for part in data.word().parts() {
                    capture.word.push(part.clone());
                }
                if branches != capture.branches {
                    capture.word.push(Part::Unknown(BRANCHED.to_owned()));
                }
            }
        }
    }

    /// Sends what a command printed where its output goes.
    pub(super) fn deliver(&mut self, data: Stream, output: &Output) {
        match output {
            Output::Stream => self.print(data),
            Output::Elsewhere => {}
            Output::File { path, writing } => self.write_file(path, data, *writing),
        }
    }

    /// Runs `inner` with its output going to `output`.
    pub(super) fn with_output<T>(&mut self, output: &Output, inner: impl FnOnce(&mut Self) -> T) -> T {
        if *output == Output::Stream {
            return inner(self);
        }
        let (result, data) = self.capture(inner);
        self.deliver(data, output);
        result
    }

    pub(super) fn write_file(&mut self, path: &str, data: Stream, writing: Writing) {
        if path == "/dev/null" {
            return;
        }
        if self.is_sink(path) {
            let text = data.word();
            self.branch(|walker| {
                walker.subshell(|walker| walker.run_code(&text, ">(…)", walker.span.unwrap_or((0, 0))));
            });
        }
        let mut word = Word::default();
        if writing == Writing::Append {
            word = match self.shell.files.get(path) {
                Some(before) => before.word(),
                None => Word::unknown(origin::contents(path)),
            };
            if matches!(word.parts().last(), Some(Part::Unknown(_))) {
                word.push(Part::Text("\n".to_owned()));
            }
        }
        for part in data.word().parts() {
            word.push(part.clone());
        }
        self.remember_file(path, Stream::of(word));
    }

    /// Whether what is written here is run.
    pub(super) fn is_sink(&self, path: &str) -> bool {
        self.sinks.iter().any(|sink| sink == path)
    }

    pub(super) fn remember_file(&mut self, path: &str, data: Stream) {
        if let Stream::Text(word) = &data
            && !self.spend_text(&Rc::clone(word))
        {
            return;
        }
        let shell = self.shell_mut();
        Rc::make_mut(&mut shell.files).insert(path.to_owned(), data);
    }

    /// What the line has written to a file.
    pub(crate) fn written(&self, path: &str) -> Option<Stream> {
        if self.shell.files.is_empty() {
            return None;
        }
        let path = normal(path);
        let mut data = self.shell.files.get(&path)?;
        for _ in 0..8 {
            match data {
                Stream::File(other) => match self.shell.files.get(&normal(other)) {
                    Some(next) => data = next,
                    None => break,
                },
                _ => break,
            }
        }
        Some(data.clone())
    }

    /// Whether a file is a part of the process: nothing of the file system.
    pub(super) fn is_stream(path: &str) -> bool {
        path.starts_with("/dev/fd/")
            || path.starts_with("/proc/self/fd/")
            || matches!(path, "/dev/stdin" | "/dev/stdout" | "/dev/stderr" | "/dev/null" | "/dev/tty")
    }

    /// A process substitution: its path, whose content is what it prints.
    pub(crate) fn process(&mut self, script: &Script<'_>, flow: Flow, documents: Documents<'_>) -> String {
        self.processes += 1;
        let path = format!("/dev/fd/{}", 1000 + self.processes);
        let via = if flow == Flow::From { "<(…)" } else { ">(…)" };
        let input = match flow {
            Flow::From => self.input.clone(),
            Flow::Into => Stream::unknown(WRITTEN_TO),
        };
        let start = self.analysis.commands.len();
        let outer = std::mem::replace(&mut self.input, input);
        let data = self.captured(via, |walker| walker.script(script, documents));
        self.input = outer;
        let data = if data == Stream::Inherited { Stream::text("") } else { data };
        let runs = |command: &crate::Command| {
            let unknown = |effect: &Effect| matches!(effect, Effect::Runs { code: CodeSource::Unknown { why } } if why == WRITTEN_TO);
            command.effects.iter().any(unknown)
        };
        if self.analysis.commands.get(start..).is_some_and(|inner| inner.iter().any(runs)) {
            self.sinks.push(path.clone());
        }
        self.remember_file(&path, data);
        path
    }
}
