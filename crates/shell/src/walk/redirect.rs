//! Redirections: what they read and write, and what the command finds on its input.

use super::Walker;
use super::capture::Output;
use super::state::{Stream, Variable};
use crate::expand::Documents;
use crate::parser;
use crate::paths::{join, normal, path_text};
use crate::syntax::{Descriptor, Operator, Redirect, Target, Writing};
use crate::word::{Part, Word};
use leashd_types::{Direction, Effect, Host, PathText};

/// Everything the redirections of one command do.
#[derive(Debug)]
pub(super) struct Redirected {
    pub(super) effects: Vec<Effect>,
    pub(super) input: Option<Stream>,
    pub(super) output: Output,
    /// Input opened under a number of its own.
    pub(super) opened: Vec<(u32, Stream)>,
}

/// What a file is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Read,
    Write,
    Both,
}

impl Redirected {
    pub(super) fn input_or(&self, outer: &Stream) -> Stream {
        self.input.clone().unwrap_or_else(|| outer.clone())
    }
}

impl Walker<'_> {
    pub(super) fn redirects(&mut self, redirects: &[Redirect<'_>], documents: Documents<'_>) -> Redirected {
        let mut redirected =
            Redirected { effects: Vec::new(), input: None, output: Output::Stream, opened: Vec::new() };
        for redirect in redirects {
            self.redirect(redirect, documents, &mut redirected);
        }
        redirected
    }

    fn redirect(&mut self, redirect: &Redirect<'_>, documents: Documents<'_>, into: &mut Redirected) {
        let number = match redirect.descriptor {
            Descriptor::Number(number) => Some(number),
            Descriptor::Default => None,
            Descriptor::Variable(name) => {
                // Bash takes the first free number from 10 on.
                self.processes += 1;
                let number = 9 + u32::try_from(self.processes).unwrap_or(u32::MAX / 2);
                self.set_variable(name, Variable::scalar(Word::literal(number.to_string())));
                Some(number)
            }
        };
        let word = match &redirect.target {
            Target::Document(index) => {
                let data = self.document(*index, documents);
                return open_input(number, data, into);
            }
            Target::Word(word) => word,
        };
        let word = match redirect.operator {
            Operator::HereString => {
                let mut word = self.value(&word.pieces, documents);
                word.push(Part::Text("\n".to_owned()));
                return open_input(number, Stream::of(word), into);
            }
            _ => {
                let mut words = self.words(std::slice::from_ref(word), documents);
                match (words.pop(), words.is_empty()) {
                    (Some(word), true) => word,
                    _ => {
                        self.note("a redirection to more or less than one file");
                        Word::unknown("a redirection to more or less than one file")
                    }
                }
            }
        };
        self.open(redirect.operator, number, &word, into);
    }

    fn open(&mut self, operator: Operator, number: Option<u32>, word: &Word, into: &mut Redirected) {
        let (access, writing) = match operator {
            Operator::DuplicateInput | Operator::DuplicateOutput if duplicates(word) => {
                return self.duplicate(operator, number, word, into);
            }
            Operator::DuplicateInput => {
                self.note("input taken from something that is not known");
                return into.input = Some(Stream::unknown("input that is not known"));
            }
            Operator::Read => (Access::Read, Writing::Replace),
            Operator::ReadWrite => (Access::Both, Writing::Replace),
            Operator::Append | Operator::AppendBoth => (Access::Write, Writing::Append),
            Operator::Write | Operator::WriteBoth | Operator::DuplicateOutput => {
                (Access::Write, Writing::Replace)
            }
            Operator::HereString | Operator::HereDocument => return,
        };
        let (reads, writes) = (access != Access::Write, access != Access::Read);
        if let Some(host) = network(word) {
            let direction = if writes { Direction::Send } else { Direction::Fetch };
            into.effects.push(Effect::Network { host, direction });
            if reads {
                open_input(number, Stream::unknown("downloaded by /dev/tcp"), into);
            }
            if writes && matches!(number, None | Some(1)) {
                into.output = Output::Elsewhere;
            }
            // Both ways through one descriptor: `bash -i >& /dev/tcp/HOST/PORT 0>&1`.
            if writes && !reads {
                into.opened.push((number.unwrap_or(1), Stream::unknown("downloaded by /dev/tcp")));
            }
            return;
        }
        let path = self.single_path(word);
        if reads {
            let data = match &path {
                Some(path) => self.readable(path),
                None => Stream::unknown("a file that is not known"),
            };
            open_input(if operator == Operator::ReadWrite { number.or(Some(0)) } else { number }, data, into);
        }
        self.path_effects(word, access, into);
        let standard_output = matches!(number, None | Some(1)) && writes && operator != Operator::ReadWrite;
        if standard_output {
            into.output = match &path {
                Some(path) if Self::is_stream(path) && path != "/dev/null" && !self.is_sink(path) => {
                    Output::Stream
                }
                Some(path) => Output::File { path: normal(path), writing },
                None => Output::Elsewhere,
            };
        } else if let Some(path) = path.filter(|_| writes) {
            let path = normal(&path);
            if !self.is_sink(&path) {
                let mut word = Word::unknown("what a command wrote");
                word.push(Part::Text("\n".to_owned()));
                self.write_file(&path, Stream::of(word), writing);
            }
            if let Some(number) = number.filter(|number| *number > 2) {
                self.outputs.insert(number, path);
            }
        }
    }

    fn path_effects(&self, word: &Word, access: Access, into: &mut Redirected) {
        for path in self.path_texts(word) {
            if matches!(&path, PathText::Exact(path) if Self::is_stream(path)) {
                continue;
            }
            if access != Access::Write {
                into.effects.push(Effect::Read { path: path.clone() });
            }
            if access != Access::Read {
                into.effects.push(Effect::Write { path });
            }
        }
    }

    /// `2>&1`, `<&3`, `>&-`.
    fn duplicate(&mut self, operator: Operator, number: Option<u32>, word: &Word, into: &mut Redirected) {
        let text = word.text().unwrap_or("");
        let source = text.trim_end_matches('-').parse::<u32>().ok();
        let standard = if operator == Operator::DuplicateInput { 0 } else { 1 };
        match (number.unwrap_or(standard), source) {
            (0, None) if text.is_empty() => {
                into.input = Some(Stream::unknown("a descriptor that is not known"))
            }
            (0, Some(source)) => {
                let opened = into.opened.iter().rev().find(|(number, _)| *number == source);
                let data = opened
                    .map(|(_, data)| data.clone())
                    .or_else(|| self.shell.descriptors.get(&source).cloned());
                if let Some(data) = data {
                    into.input = Some(data);
                } else if source > 2 {
                    into.input = Some(Stream::unknown("a descriptor that is not known"));
                }
            }
            (1, Some(1)) => {}
            (1, Some(number)) if self.outputs.contains_key(&number) => {
                let path = self.outputs.get(&number).cloned().unwrap_or_default();
                into.output = Output::File { path, writing: Writing::Append };
            }
            (1, _) => into.output = Output::Elsewhere,
            (target, Some(source)) if target > 2 => {
                if let Some(data) = self.shell.descriptors.get(&source).cloned() {
                    into.opened.push((target, data));
                }
            }
            _ => {}
        }
    }

    fn document(&mut self, index: usize, documents: Documents<'_>) -> Stream {
        let Some(document) = documents.get(index) else { return Stream::unknown("a here-document") };
        if !document.expands {
            if !self.spend_bytes(document.body.len()) {
                return Stream::unknown("a here-document");
            }
            let hole = document.body.contains(crate::expand::HOLE);
            return if hole {
                Stream::unknown("a here-document")
            } else {
                Stream::text(document.body.as_ref())
            };
        }
        if !self.spend_bytes(document.body.len()) {
            return Stream::unknown("a here-document");
        }
        let (pieces, inner, reject) = parser::parse_quoted(&document.body);
        if reject.is_some() {
            self.note("a here-document that is not understood");
        }
        let quoted = crate::syntax::Piece::Double(pieces);
        Stream::of(self.elsewhere(|walker| walker.value(std::slice::from_ref(&quoted), &inner)))
    }

    /// The absolute path of a word, if it is one and only one.
    pub(super) fn single_path(&self, word: &Word) -> Option<String> {
        match word.text() {
            Some(text) => join(text, self.shell.directory.only()),
            None => join(crate::paths::numbered(word)?.text()?, self.shell.directory.only()),
        }
    }

    /// The paths a word may name: one for each directory the command may run in.
    pub(super) fn path_texts(&self, word: &Word) -> Vec<PathText> {
        let mut paths: Vec<PathText> = Vec::new();
        let directories = self.shell.directory.0.iter().map(|path| Some(path.as_ref()));
        for directory in directories.chain(self.shell.directory.0.is_empty().then_some(None)) {
            let path = path_text(word, directory);
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }

    /// What is found in a file that is opened.
    pub(super) fn readable(&self, path: &str) -> Stream {
        if path == "/dev/stdin" || path == "/dev/fd/0" || path == "/proc/self/fd/0" {
            return self.input.clone();
        }
        if path == "/dev/null" {
            return Stream::text("");
        }
        let number = path.strip_prefix("/dev/fd/").or_else(|| path.strip_prefix("/proc/self/fd/"));
        if let Some(data) = number
            .and_then(|number| number.parse().ok())
            .and_then(|number: u32| self.shell.descriptors.get(&number))
        {
            return data.clone();
        }
        self.written(path).unwrap_or_else(|| Stream::File(path.to_owned()))
    }
}

fn open_input(number: Option<u32>, data: Stream, into: &mut Redirected) {
    match number {
        None | Some(0) => into.input = Some(data),
        Some(number) => into.opened.push((number, data)),
    }
}

/// A number, `-`, or a number and `-`.
fn duplicates(word: &Word) -> bool {
    word.text().is_some_and(|text| {
        let digits = text.strip_suffix('-').unwrap_or(text);
        !text.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    }) || matches!(word.unknown_reason(), Some(super::origin::NUMBER | super::origin::JOB))
}

/// `/dev/tcp/HOST/PORT`
fn network(word: &Word) -> Option<Host> {
    let prefix = word.prefix();
    let rest = prefix.strip_prefix("/dev/tcp/").or_else(|| prefix.strip_prefix("/dev/udp/"))?;
    Some(match (rest.split_once('/'), word.text()) {
        (Some((host, _)), _) if !host.is_empty() => Host::Named(host.to_lowercase()),
        (_, Some(_)) if !rest.is_empty() => Host::Named(rest.to_lowercase()),
        _ => Host::Unknown(super::origin::reason(word).to_owned()),
    })
}
