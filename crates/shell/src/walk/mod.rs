//! Follows a shell text in the order bash would run it, keeping what is known of variables, functions, files and
//! the directory, and collects every command that could run. Knows what the shell itself does; what programs do is
//! asked of `knowledge`.

mod builtins;
mod capture;
mod code;
mod compound;
mod declare;
pub(crate) mod environment;
mod implicit;
mod input;
pub(crate) mod lists;
pub(crate) mod origin;
mod printed;
mod program;
mod redirect;
mod simple;
pub(crate) mod state;
mod steering;

use crate::limits::{
    COMMANDS, COPIED_BYTES, COPIES, NESTING, PARSED_BYTES, TEXT_BYTES, TOO_DEEP, TOO_MANY_COMMANDS,
    TOO_MANY_WORDS, TOO_MUCH_TEXT, WORDS,
};
use crate::parser;
use crate::syntax::Span;
use crate::word::{Part, Word};
use crate::{Analysis, Command, Env, RunsIn};
use capture::Capture;
use leashd_types::Effect;
use state::{Directory, Running, Shell, Stream, Variable};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

/// Most reasons kept for the line as a whole.
const REASONS: usize = 16;

pub(crate) struct Walker<'e> {
    pub(crate) env: &'e Env<'e>,
    pub(crate) shell: Rc<Shell>,
    analysis: Analysis,
    via: Vec<String>,
    /// Where code that is not in the line itself comes from.
    span: Option<Span>,
    /// Where the command stands that is being run: code hidden in its values is found there.
    at: Span,
    depth: u32,
    /// How many commands surround this point.
    levels: u32,
    left: Left,
    /// What cannot be told about the command that is being read.
    notes: Vec<String>,
    /// What setting variables has done since the last command that was found.
    steered: Vec<Effect>,
    /// What values that are not known may hold.
    suspects: Vec<printed::Suspect>,
    /// Paths that searches may well have found, with why the output of the search is not known.
    named: Vec<(String, String)>,
    /// Process substitutions that run what is written to them.
    sinks: Vec<String>,
    /// Files opened for writing under numbers of their own.
    outputs: BTreeMap<u32, String>,
    captures: Vec<Capture>,
    input: Stream,
    /// Variables that `local` hides, with what they were, by running function.
    locals: Vec<Vec<(String, Option<Rc<Variable>>)>>,
    /// Functions that are running, innermost last.
    running: Vec<Running>,
    /// How many pipelines and background commands surround this point.
    concurrent: u32,
    /// How many branches that may not be taken surround this point.
    branches: u32,
    /// What is known where `break`, `continue` or `return` leave a loop or function, innermost last.
    exits: Vec<Option<Rc<Shell>>>,
    traps: Vec<Word>,
    /// The turns of the innermost loop are followed one by one.
    unrolled: bool,
    /// Arrays among the arguments of the command that is being read, in order.
    arrays: VecDeque<declare::ArrayArgument>,
    processes: usize,
}

/// What may still be spent on the line.
struct Left {
    words: usize,
    text: usize,
    parsed: usize,
    commands: usize,
    copies: usize,
}

/// What is known after a command: if it succeeded, if it failed. Nothing: it cannot end that way.
pub(crate) struct Outcome {
    success: Option<Rc<Shell>>,
    failure: Option<Rc<Shell>>,
}

/// Reads a line from its start.
pub(crate) fn walk(line: &str, env: &Env<'_>) -> Analysis {
    let mut walker = Walker::new(env);
    walker.text(line);
    walker.run_traps();
    walker.emit_bare(Vec::new(), (0, line.len()));
    walker.analysis
}

impl<'e> Walker<'e> {
    fn new(env: &'e Env<'e>) -> Self {
        let shell = Shell {
            positional: Some(vec![Word::literal("bash")]),
            directory: Directory::known(env.cwd),
            ..Shell::default()
        };
        Self {
            env,
            shell: Rc::new(shell),
            analysis: Analysis::default(),
            via: Vec::new(),
            span: None,
            at: (0, 0),
            depth: 0,
            levels: 0,
            left: Left {
                words: WORDS,
                text: COPIED_BYTES,
                parsed: PARSED_BYTES,
                commands: COMMANDS,
                copies: COPIES,
            },
            notes: Vec::new(),
            steered: Vec::new(),
            suspects: Vec::new(),
            named: Vec::new(),
            sinks: Vec::new(),
            outputs: BTreeMap::new(),
            captures: Vec::new(),
            input: Stream::Inherited,
            locals: Vec::new(),
            running: Vec::new(),
            concurrent: 0,
            branches: 0,
            exits: Vec::new(),
            traps: Vec::new(),
            unrolled: false,
            arrays: VecDeque::new(),
            processes: 0,
        }
    }

    /// Reads a text and runs it in the shell as it is now.
    pub(crate) fn text(&mut self, text: &str) {
        if self.depth >= NESTING {
            return self.unclear(TOO_DEEP);
        }
        let Some(left) = self.left.parsed.checked_sub(text.len()) else {
            return self.unclear(TOO_MUCH_TEXT);
        };
        self.left.parsed = left;
        let parsed = parser::parse(text);
        for note in &parsed.notes {
            self.unclear(note);
        }
        self.depth += 1;
        self.script(&parsed.script, &parsed.documents);
        self.depth -= 1;
    }

    /// Runs code that came out of a value: everything in it is found at the word that held it.
    fn nested_text(&mut self, text: &str, via: &str, span: Span) {
        let outer = self.span.replace(self.span.unwrap_or(span));
        self.via.push(via.to_owned());
        let notes = std::mem::take(&mut self.notes);
        self.text(text);
        self.notes = notes;
        self.via.pop();
        self.span = outer;
    }

    /// A value that bash would expand although it looks like data: what runs in it runs.
    pub(crate) fn hidden_code(&mut self, text: &str, what: &str) {
        if !text.contains('$') && !text.contains('`') {
            return;
        }
        self.note(&format!("code hidden in {what}"));
        let Some(left) = self.left.parsed.checked_sub(text.len()) else {
            return self.unclear(TOO_MUCH_TEXT);
        };
        self.left.parsed = left;
        if self.depth >= NESTING {
            return self.unclear(TOO_DEEP);
        }
        let (pieces, documents, reject) = parser::parse_quoted(text);
        if reject.is_some() {
            self.note("code that is not understood");
        }
        self.depth += 1;
        self.via.push(what.to_owned());
        self.elsewhere(|walker| walker.value(&pieces, &documents));
        self.via.pop();
        self.depth -= 1;
    }

    /// Expands what is not a part of the line as it stands: what runs in it is found at the command it belongs to.
    pub(crate) fn elsewhere<T>(&mut self, expand: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.span.replace(self.span.unwrap_or(self.at));
        let value = expand(self);
        self.span = outer;
        value
    }

    /// Something about the command that is being read cannot be told.
    pub(crate) fn note(&mut self, why: &str) {
        if self.notes.len() < REASONS && !self.notes.iter().any(|note| note == why) {
            self.notes.push(why.to_owned());
        }
    }

    /// Something about the whole line cannot be told.
    fn unclear(&mut self, why: &str) {
        let reasons = &mut self.analysis.unclear;
        if reasons.len() < REASONS && !reasons.iter().any(|reason| reason == why) {
            reasons.push(why.to_owned());
        }
    }

    pub(crate) fn spend_words(&mut self, count: usize) -> bool {
        match self.left.words.checked_sub(count) {
            Some(left) => {
                self.left.words = left;
                true
            }
            None => {
                self.unclear(TOO_MANY_WORDS);
                false
            }
        }
    }

    /// Accounts for a copy of a value.
    pub(crate) fn spend_text(&mut self, word: &Word) -> bool {
        let size: usize = word
            .parts()
            .iter()
            .map(|part| match part {
                Part::Text(text) | Part::Glob(text) | Part::Unknown(text) => text.len(),
            })
            .sum();
        self.spend_bytes(size)
    }

    /// Accounts for so many bytes of text copied.
    pub(crate) fn spend_bytes(&mut self, size: usize) -> bool {
        match self.left.text.checked_sub(size).filter(|_| size <= TEXT_BYTES) {
            Some(left) => {
                self.left.text = left;
                true
            }
            None => {
                self.unclear(TOO_MUCH_TEXT);
                false
            }
        }
    }

    /// Accounts for going through so many values of a shell. With nothing left the walk ends.
    fn spend_copies(&mut self, count: usize) {
        match self.left.copies.checked_sub(count + 1) {
            Some(left) => self.left.copies = left,
            None => {
                self.unclear(TOO_MANY_COMMANDS);
                self.left.commands = 0;
            }
        }
    }

    /// What is known if it may be either.
    fn merged(&mut self, one: Option<Rc<Shell>>, other: Option<Rc<Shell>>) -> Option<Rc<Shell>> {
        match (one, other) {
            (Some(one), Some(other)) => {
                if Rc::ptr_eq(&one, &other) {
                    return Some(one);
                }
                self.spend_copies(one.size() + other.size());
                if one == other {
                    return Some(one);
                }
                let mut shell = one;
                Rc::make_mut(&mut shell).merge(&other);
                Some(shell)
            }
            (one, other) => one.or(other),
        }
    }

    fn spend_command(&mut self) -> bool {
        match self.left.commands.checked_sub(1) {
            Some(left) => {
                self.left.commands = left;
                true
            }
            None => {
                self.unclear(TOO_MANY_COMMANDS);
                false
            }
        }
    }

    /// The shell, to be changed.
    fn shell_mut(&mut self) -> &mut Shell {
        if Rc::strong_count(&self.shell) > 1 {
            let size = self.shell.size();
            self.spend_copies(size);
        }
        Rc::make_mut(&mut self.shell)
    }

    pub(crate) fn set_variable(&mut self, name: &str, variable: Variable) {
        if self.spend_text(&variable.value) {
            self.shell_mut().variables.insert(name.to_owned(), Rc::new(variable));
        }
    }

    /// Puts a command into the answer.
    fn emit(&mut self, command: Command) -> usize {
        let mut command = command;
        for effect in self.steered.drain(..) {
            if !command.effects.contains(&effect) {
                command.effects.push(effect);
            }
        }
        if self.spend_command() {
            let runs_in = match self.shell.directory.0.as_slice() {
                [] => RunsIn::Unknown,
                [directory] if **directory == *self.env.cwd => RunsIn::Start,
                [directory] => RunsIn::At(directory.to_string()),
                several => RunsIn::OneOf(several.iter().map(ToString::to_string).collect()),
            };
            let command = Command { runs_in, ..command };
            self.analysis.commands.push(command);
        }
        self.analysis.commands.len().saturating_sub(1)
    }

    /// Puts effects or doubts into the answer that no simple command stands for.
    fn emit_bare(&mut self, effects: Vec<Effect>, span: Span) {
        let unclear = std::mem::take(&mut self.notes);
        if !effects.is_empty() || !unclear.is_empty() || !self.steered.is_empty() {
            let command = Command {
                via: self.via.clone(),
                span: self.span.unwrap_or(span),
                effects,
                unclear,
                ..Command::default()
            };
            self.emit(command);
        }
    }

    /// Runs `inner` in a copy of the shell.
    fn subshell<T>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> T {
        let shell = Rc::clone(&self.shell);
        let result = inner(self);
        self.return_to(shell);
        result
    }

    /// Back in the shell that started another one: of that one only its files are left.
    fn return_to(&mut self, shell: Rc<Shell>) {
        let inner = std::mem::replace(&mut self.shell, shell);
        if !Rc::ptr_eq(&inner.files, &self.shell.files) {
            self.shell_mut().files = Rc::clone(&inner.files);
        }
    }

    /// Runs `inner` as something that may not happen.
    fn branch<T>(&mut self, inner: impl FnOnce(&mut Self) -> T) -> T {
        self.branches += 1;
        let result = inner(self);
        self.branches -= 1;
        result
    }

    /// Notes where a loop or function may be left.
    fn leave(&mut self) {
        let shell = Rc::clone(&self.shell);
        let exits = std::mem::take(&mut self.exits);
        self.exits = exits.into_iter().map(|exit| self.merged(exit, Some(Rc::clone(&shell)))).collect();
    }

    /// What traps hold runs at the end, whatever was known when they were set.
    fn run_traps(&mut self) {
        let traps = std::mem::take(&mut self.traps);
        for trap in &traps {
            let before = self.analysis.commands.len();
            self.run_code(trap, "trap", (0, 0));
            self.without_repeats(before, 0);
        }
    }

    /// Drops commands from `start` on that are already in the answer from `from` on.
    fn without_repeats(&mut self, start: usize, from: usize) {
        let end = self.analysis.commands.len();
        if end - start > 256 {
            return;
        }
        let tail = self.analysis.commands.split_off(start);
        for command in tail {
            let known = self.analysis.commands.get(from..).unwrap_or(&[]);
            if known.len() > 512 || !known.contains(&command) {
                self.analysis.commands.push(command);
            }
        }
    }
}

impl Outcome {
    fn either(shell: &Rc<Shell>) -> Self {
        Self { success: Some(Rc::clone(shell)), failure: Some(Rc::clone(shell)) }
    }

    fn succeeds(shell: &Rc<Shell>) -> Self {
        Self { success: Some(Rc::clone(shell)), failure: None }
    }

    fn ends() -> Self {
        Self { success: None, failure: None }
    }
}
