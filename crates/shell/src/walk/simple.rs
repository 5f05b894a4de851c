//! Simple commands: expansion in the order bash does it, assignments, aliases, and finding what the name means.

use super::capture::Output;
use super::redirect::Redirected;
use super::state::{Shell, Stream};
use super::{Outcome, Walker};
use crate::Command;
use crate::expand::Documents;
use crate::limits::RECURSION;
use crate::syntax::{Piece, Redirect, Simple, Span};
use crate::word::Word;
use leashd_types::{Effect, SystemChange};
use std::rc::Rc;

/// One command about to run, expanded.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) words: Vec<Word>,
    pub(super) assignments: Vec<(String, Word)>,
    pub(super) effects: Vec<Effect>,
    pub(super) input: Stream,
    pub(super) output: Output,
    /// Input opened under numbers of its own, for `exec`.
    pub(super) opened: Vec<(u32, Stream)>,
    pub(super) span: Span,
    pub(super) lookup: Lookup,
}

/// Where a name is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    Everything,
    /// Not among functions (`command`).
    BuiltinsAndPrograms,
    /// What another program starts.
    Programs,
}

/// How a function calls itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeats {
    /// With everything as it was: nothing new happens.
    Exactly,
    /// The same, more than once at a time.
    AtOnce,
    /// With something else each time, for too long.
    TooOften,
}

impl Call {
    pub(super) fn name(&self) -> Option<&str> {
        self.words.first().and_then(Word::text)
    }

    pub(super) fn arguments(&self) -> &[Word] {
        self.words.get(1..).unwrap_or(&[])
    }

    /// The same call without its first words: what a prefix such as `command` runs.
    pub(super) fn without(&self, words: usize, lookup: Lookup) -> Self {
        Self {
            words: self.words.get(words..).unwrap_or(&[]).to_vec(),
            effects: Vec::new(),
            lookup,
            ..self.clone()
        }
    }
}

impl Walker<'_> {
    pub(super) fn simple(
        &mut self,
        simple: &Simple<'_>,
        redirects: &[Redirect<'_>],
        span: Span,
        documents: Documents<'_>,
    ) -> Outcome {
        if self.left.commands == 0 {
            return Outcome::ends();
        }
        let outer_notes = std::mem::take(&mut self.notes);
        let arrays = std::mem::take(&mut self.arrays);
        self.alias(simple, span);
        let words = self.command_words(&simple.words, documents);
        let redirected = self.redirects(redirects, documents);
        let outcome = if words.is_empty() {
            self.only_assignments(simple, redirected, span, documents)
        } else {
            self.prefixed(simple, words, redirected, span, documents)
        };
        self.notes = outer_notes;
        self.arrays = arrays;
        outcome
    }

    fn only_assignments(
        &mut self,
        simple: &Simple<'_>,
        redirected: Redirected,
        span: Span,
        documents: Documents<'_>,
    ) -> Outcome {
        let mut effects = redirected.effects;
        let mut certain = true;
        let mut assigned = Vec::new();
        for assignment in &simple.assignments {
            let (name, value) = self.assignment(assignment, documents);
            certain &= value.text().is_some();
            self.set_effects(&name, &value, &mut effects, span);
            assigned.push((name, value));
        }
        if let Output::File { path, writing } = &redirected.output {
            // `$(< file)` prints the file; anything else that has no command writes nothing.
            self.write_file(path, Stream::text(""), *writing);
        } else if simple.assignments.is_empty()
            && let Some(data) = redirected.input
        {
            self.print(data);
        }
        let unclear = std::mem::take(&mut self.notes);
        if !effects.is_empty() || !unclear.is_empty() || !self.steered.is_empty() {
            self.emit(Command {
                words: Vec::new(),
                assignments: assigned,
                via: self.via.clone(),
                span: self.span.unwrap_or(span),
                effects,
                unclear,
            });
        }
        if certain { Outcome::succeeds(&self.shell) } else { self.here() }
    }

    fn prefixed(
        &mut self,
        simple: &Simple<'_>,
        words: Vec<Word>,
        redirected: Redirected,
        span: Span,
        documents: Documents<'_>,
    ) -> Outcome {
        let mut call = Call {
            words,
            assignments: Vec::new(),
            input: redirected.input_or(&self.input),
            effects: redirected.effects,
            output: redirected.output,
            opened: redirected.opened,
            span,
            lookup: Lookup::Everything,
        };
        if simple.assignments.is_empty() {
            return self.call(call);
        }
        let before = Rc::clone(&self.shell);
        for assignment in &simple.assignments {
            let (name, value) = self.assignment(assignment, documents);
            self.set_effects(&name, &value, &mut call.effects, span);
            if let Some(variable) = self.shell_mut().variables.get_mut(&name) {
                Rc::make_mut(variable).attributes.exported = true;
            }
            call.assignments.push((name, value));
        }
        let names: Vec<String> = call.assignments.iter().map(|(name, _)| name.clone()).collect();
        let outcome = self.call(call);
        let restored = |shell: Rc<Shell>| without_prefix(shell, &before, &names);
        self.shell = without_prefix(Rc::clone(&self.shell), &before, &names);
        Outcome { success: outcome.success.map(restored), failure: outcome.failure.map(restored) }
    }

    /// A name that an earlier `alias` defined: the text it stands for takes the place of the word.
    fn alias(&mut self, simple: &Simple<'_>, span: Span) {
        if self.shell.aliases.is_empty() {
            return;
        }
        let Some([Piece::Literal(name)]) = simple.words.first().map(|word| word.pieces.as_slice()) else {
            return;
        };
        let Some(text) = self.shell.aliases.get(*name).cloned() else { return };
        // Bash does not expand an alias inside itself.
        self.shell_mut().aliases.remove(*name);
        let mut text = text;
        for word in simple.words.get(1..).unwrap_or(&[]) {
            text.push(' ');
            literal_text(&word.pieces, &mut text);
        }
        let name = *name;
        self.subshell(|walker| walker.nested_text(&text, &format!("alias {name}"), span));
    }

    /// Runs a command whose words are known as far as they can be.
    pub(super) fn call(&mut self, call: Call) -> Outcome {
        let Some(name) = call.name() else { return self.unknown_program(call) };
        let name = name.to_owned();
        if call.lookup == Lookup::Everything && self.shell.functions.contains_key(&name) {
            return self.function_call(&name, call);
        }
        if call.lookup != Lookup::Programs {
            if let Some(outcome) = self.builtin(&name, &call) {
                return outcome;
            }
            if let Some(path) = self.shell.hashed.get(&name).cloned() {
                let mut call = call;
                if let Some(first) = call.words.first_mut() {
                    *first = Word::literal(path);
                }
                return self.program(call);
            }
        }
        self.program(call)
    }

    fn function_call(&mut self, name: &str, call: Call) -> Outcome {
        if let Some(repeats) = self.repeats(name, &call) {
            let mut effects = call.effects.clone();
            if repeats == Repeats::AtOnce {
                effects.push(Effect::System { change: SystemChange::ForkBomb });
            }
            if repeats == Repeats::TooOften {
                self.note("a function that calls itself with something else each time");
            }
            if !effects.is_empty() || !self.notes.is_empty() {
                self.emit_call(&call, effects);
            }
            return self.here();
        }
        let certain = self.shell.functions.get(name).is_some_and(|function| function.certain);
        if !call.effects.is_empty() || !self.notes.is_empty() {
            self.emit_call(&call, call.effects.clone());
        }
        let output = call.output.clone();
        self.with_output(&output, |walker| {
            walker.call_function(name, &call.words, call.span, &call.input);
        });
        if !certain {
            let mut call = call;
            call.lookup = Lookup::BuiltinsAndPrograms;
            call.effects.clear();
            return self.branch(|walker| walker.call(call));
        }
        self.here()
    }

    /// Whether a call only repeats what is being read already: the same function, defined the same way, with the same
    /// arguments and variables.
    fn repeats(&self, name: &str, call: &Call) -> Option<Repeats> {
        let mut frames = self.running.iter().filter(|running| running.name == name).peekable();
        frames.peek()?;
        let mut now = (*self.shell).clone();
        now.positional = Some(call.words.clone());
        if let Some(frame) = frames.clone().find(|frame| *frame.begun == now) {
            return Some(if self.concurrent > frame.concurrent { Repeats::AtOnce } else { Repeats::Exactly });
        }
        (frames.count() >= RECURSION).then_some(Repeats::TooOften)
    }

    /// Puts a call into the answer, with the doubts noted so far.
    pub(super) fn emit_call(&mut self, call: &Call, effects: Vec<Effect>) -> usize {
        let unclear = std::mem::take(&mut self.notes);
        self.emit(Command {
            words: call.words.clone(),
            assignments: call.assignments.clone(),
            via: self.via.clone(),
            span: self.span.unwrap_or(call.span),
            effects,
            unclear,
        })
    }
}

/// `NAME=value` in front of a command is gone after it.
fn without_prefix(shell: Rc<Shell>, before: &Rc<Shell>, names: &[String]) -> Rc<Shell> {
    let mut shell = shell;
    let changed = Rc::make_mut(&mut shell);
    for name in names {
        match before.variables.get(name) {
            Some(variable) => changed.variables.insert(name.clone(), Rc::clone(variable)),
            None => changed.variables.remove(name),
        };
    }
    if *changed == **before { Rc::clone(before) } else { shell }
}

/// The pieces of a word as text that reads the same; what cannot be written so becomes unknown.
fn literal_text(pieces: &[Piece<'_>], text: &mut String) {
    for piece in pieces {
        match piece {
            Piece::Literal(part) => text.push_str(part),
            Piece::Quoted(part) => {
                text.push('\'');
                text.push_str(&part.replace('\'', "'\\''"));
                text.push('\'');
            }
            Piece::Double(inner) => literal_text(inner, text),
            _ => text.push(crate::expand::HOLE),
        }
    }
}
