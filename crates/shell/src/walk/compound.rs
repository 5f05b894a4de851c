//! Compound commands: what is known when a part of them may run, may not, or may run often.

use super::lists::Flow;
use super::state::{BRANCHED, Function, Running, Shell, Stream};
use super::{Outcome, Walker};
use crate::expand::Documents;
use crate::limits::TURNS;
use crate::syntax::{Arm, Kind, Piece, Redirect, Script, SourceWord, Span, Test};
use crate::word::Word;
use std::rc::Rc;

/// How often a loop is read before everything it could change is forgotten.
const READINGS: u32 = 3;

impl Walker<'_> {
    pub(super) fn compound(
        &mut self,
        kind: &Kind<'_>,
        redirects: &[Redirect<'_>],
        span: Span,
        documents: Documents<'_>,
    ) -> Outcome {
        if redirects.is_empty() {
            return self.compound_body(kind, span, documents);
        }
        let redirected = self.redirects(redirects, documents);
        self.emit_bare(redirected.effects.clone(), span);
        let input = redirected.input_or(&self.input);
        let outer = std::mem::replace(&mut self.input, input);
        let outcome =
            self.with_output(&redirected.output, |walker| walker.compound_body(kind, span, documents));
        self.input = outer;
        outcome
    }

    fn compound_body(&mut self, kind: &Kind<'_>, span: Span, documents: Documents<'_>) -> Outcome {
        let outer_notes = std::mem::take(&mut self.notes);
        let outcome = match kind {
            Kind::Subshell(script) => {
                self.subshell(|walker| walker.script(script, documents));
                self.here()
            }
            Kind::Group(script) => self.sequence(script, documents),
            Kind::If(branches) => self.branches(branches, documents),
            Kind::Loop { condition, body } if self.reads_known_lines(condition) => {
                self.each_line(condition, body, documents);
                self.here()
            }
            Kind::Loop { condition, body } => {
                self.repeat(|walker| {
                    walker.script(condition, documents);
                    walker.script(body, documents);
                });
                self.here()
            }
            Kind::For { name, words, body } => self.for_each(name, words.as_deref(), body, documents),
            Kind::ArithmeticFor { header, body } => {
                self.repeat(|walker| {
                    let header = walker.value(header, documents);
                    walker.expression_list(&header);
                    walker.emit_bare(Vec::new(), span);
                    walker.script(body, documents);
                });
                self.here()
            }
            Kind::Case { subject, arms } => self.case(subject, arms, documents),
            Kind::Conditional(tests) => {
                for test in tests {
                    self.test(test, documents);
                }
                self.here()
            }
            Kind::Arithmetic(pieces) => {
                self.arithmetic(pieces, documents);
                self.here()
            }
            Kind::Simple(_) | Kind::Function { .. } | Kind::Coproc(_) => self.here(),
        };
        self.emit_bare(Vec::new(), span);
        self.notes = outer_notes;
        outcome
    }

    /// `while read …` over a few lines that are known.
    fn reads_known_lines(&self, condition: &Script<'_>) -> bool {
        let few = |text: &str| !text.is_empty() && text.lines().count() <= TURNS;
        self.input.known().is_some_and(few)
            && first_word(condition) == Some("read")
            && !reads_elsewhere(condition)
    }

    fn each_line(&mut self, condition: &Script<'_>, body: &Script<'_>, documents: Documents<'_>) {
        let outer = std::mem::replace(&mut self.unrolled, true);
        let input = self.input.clone();
        let start = self.analysis.commands.len();
        self.exits.push(None);
        let lines = self.input.known().map_or(0, |text| text.lines().count());
        for _ in 0..lines {
            let before = self.analysis.commands.len();
            self.script(condition, documents);
            let shell = Rc::clone(&self.shell);
            self.branch(|walker| walker.script(body, documents));
            self.rejoin(&shell);
            self.without_repeats(before, start);
        }
        if let Some(left) = self.exits.pop().flatten() {
            self.rejoin(&left);
        }
        self.input = input;
        self.unrolled = outer;
    }

    fn sequence(&mut self, script: &Script<'_>, documents: Documents<'_>) -> Outcome {
        match self.script(script, documents) {
            Flow::GoesOn => self.here(),
            Flow::Ends => Outcome::ends(),
        }
    }

    fn branches(
        &mut self,
        branches: &[(Option<Script<'_>>, Script<'_>)],
        documents: Documents<'_>,
    ) -> Outcome {
        let mut ends = None;
        let mut complete = false;
        for (index, (condition, body)) in branches.iter().enumerate() {
            match condition {
                Some(condition) if index == 0 => {
                    self.script(condition, documents);
                }
                Some(condition) => {
                    self.branch(|walker| walker.script(condition, documents));
                }
                None => complete = true,
            }
            let before = Rc::clone(&self.shell);
            let flow = self.branch(|walker| walker.script(body, documents));
            let after = std::mem::replace(&mut self.shell, before);
            if flow == Flow::GoesOn {
                ends = self.merged(ends, Some(after));
            }
        }
        if !complete {
            ends = self.merged(ends, Some(Rc::clone(&self.shell)));
        }
        match ends {
            Some(shell) => {
                self.shell = shell;
                self.here()
            }
            None => Outcome::ends(),
        }
    }

    fn case(&mut self, subject: &SourceWord<'_>, arms: &[Arm<'_>], documents: Documents<'_>) -> Outcome {
        self.value(&subject.pieces, documents);
        let start = Rc::clone(&self.shell);
        let mut ends = Some(Rc::clone(&start));
        for arm in arms {
            for pattern in &arm.patterns {
                self.pattern(&pattern.pieces, documents);
            }
            let flow = self.branch(|walker| walker.script(&arm.body, documents));
            if flow == Flow::GoesOn {
                ends = self.merged(ends, Some(Rc::clone(&self.shell)));
            }
            // With `;&` the next body runs in what this one leaves.
            self.rejoin(&start);
        }
        if let Some(shell) = ends {
            self.shell = shell;
        }
        self.here()
    }

    fn for_each(
        &mut self,
        name: &str,
        words: Option<&[SourceWord<'_>]>,
        body: &Script<'_>,
        documents: Documents<'_>,
    ) -> Outcome {
        let items = match words {
            Some(words) => Some(self.words(words, documents)),
            None => self.shell.positional.as_ref().map(|all| all.get(1..).unwrap_or(&[]).to_vec()),
        };
        let followed = items
            .as_ref()
            .filter(|items| items.len() <= TURNS && items.iter().all(|item| item.unknown_reason().is_none()));
        let Some(items) = followed else {
            let value = items.as_ref().and_then(|items| only_glob(items)).unwrap_or_else(|| {
                let why = items.iter().flatten().find_map(Word::unknown_reason);
                let number = |word: &Word| word.text().is_some_and(|text| text.parse::<i64>().is_ok());
                let numbers = items.as_ref().is_some_and(|items| items.iter().all(number));
                let why = if numbers { Some(super::origin::NUMBER) } else { why };
                Word::unknown(why.unwrap_or("one of many values"))
            });
            self.repeat(|walker| {
                walker.bind(name, value.clone());
                walker.script(body, documents);
            });
            return self.here();
        };
        self.exits.push(None);
        let start = self.analysis.commands.len();
        for item in items {
            self.bind(name, item.clone());
            let before = self.analysis.commands.len();
            // A glob may stand for no file or for many.
            if item.has_glob() || self.exits.last().is_some_and(Option::is_some) {
                self.branch(|walker| walker.script(body, documents));
            } else {
                self.script(body, documents);
            }
            self.without_repeats(before, start);
        }
        if let Some(left) = self.exits.pop().flatten() {
            self.rejoin(&left);
        }
        self.here()
    }

    /// Reads the body of a loop until nothing new can be known, since every turn starts where another ended.
    fn repeat(&mut self, mut body: impl FnMut(&mut Self)) {
        let unrolled = std::mem::replace(&mut self.unrolled, false);
        self.exits.push(None);
        self.branches += 1;
        let start = self.analysis.commands.len();
        let mut readings = 0;
        loop {
            let before = Rc::clone(&self.shell);
            let known = self.analysis.commands.len();
            body(self);
            self.without_repeats(known, start);
            if let Some(left) = self.exits.last().cloned().flatten() {
                self.rejoin(&left);
            }
            self.rejoin(&before);
            readings += 1;
            if self.shell == before || readings > READINGS {
                break;
            }
            if readings == READINGS {
                self.forget_all();
            }
        }
        self.branches -= 1;
        self.exits.pop();
        self.unrolled = unrolled;
    }

    fn forget_all(&mut self) {
        for variable in self.shell_mut().variables.values_mut() {
            let variable = Rc::make_mut(variable);
            variable.value = Word::unknown(BRANCHED);
            variable.elements = None;
            variable.unset = false;
        }
        self.shell_mut().positional = None;
    }

    fn expression_list(&mut self, header: &Word) {
        match header.text() {
            Some(text) => {
                for part in text.split(';') {
                    self.evaluate(&Word::literal(part), 0);
                }
            }
            None => {
                self.evaluate(header, 0);
            }
        }
    }

    fn test(&mut self, test: &Test<'_>, documents: Documents<'_>) {
        match test {
            Test::Word(word) => {
                self.value(&word.pieces, documents);
            }
            Test::Unary { operator, operand } => {
                let word = self.value(&operand.pieces, documents);
                if matches!(*operator, "-v" | "-R") {
                    self.subscript_code(&word);
                }
                if matches!(*operator, "-t") {
                    self.evaluate(&word, 0);
                }
            }
            Test::Binary { operator, left, right } => {
                let left = self.value(&left.pieces, documents);
                let right = self.pattern(&right.pieces, documents);
                if matches!(*operator, "-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge") {
                    self.evaluate(&left, 0);
                    self.evaluate(&right, 0);
                }
            }
        }
    }

    pub(super) fn define(&mut self, name: &str, body: &str) {
        let function = Function { bodies: vec![Rc::from(body)], certain: true };
        self.shell_mut().functions.insert(name.to_owned(), function);
        if name == "command_not_found_handle" {
            self.note_function_call(name);
        }
    }

    fn note_function_call(&mut self, name: &str) {
        let words = vec![Word::literal(name)];
        self.call_function(name, &words, (0, 0), &Stream::Inherited);
    }

    /// Runs a function with its arguments.
    pub(super) fn call_function(&mut self, name: &str, words: &[Word], span: Span, input: &Stream) {
        let Some(function) = self.shell.functions.get(name).cloned() else { return };
        let outer_input = std::mem::replace(&mut self.input, input.clone());
        let outer_positional = self.shell.positional.clone();
        self.shell_mut().positional = Some(words.to_vec());
        let begun = Rc::clone(&self.shell);
        self.running.push(Running { name: name.to_owned(), concurrent: self.concurrent, begun });
        self.exits.push(None);
        self.locals.push(Vec::new());
        let before: Rc<Shell> = Rc::clone(&self.shell);
        for (index, body) in function.bodies.iter().enumerate() {
            if index > 0 {
                self.rejoin(&before);
            }
            let shell = self.shell_mut();
            shell.positional = Some(words.to_vec());
            self.nested_text(body, &format!("function {name}"), span);
        }
        if let Some(left) = self.exits.pop().flatten() {
            self.rejoin(&left);
        }
        self.running.pop();
        for (name, variable) in self.locals.pop().unwrap_or_default().into_iter().rev() {
            match variable {
                Some(variable) => self.shell_mut().variables.insert(name, variable),
                None => self.shell_mut().variables.remove(&name),
            };
        }
        self.shell_mut().positional = outer_positional;
        self.input = outer_input;
    }
}

/// The first word of a script that begins with a simple command.
fn first_word<'s>(script: &'s Script<'_>) -> Option<&'s str> {
    match &script.items.first()?.first.commands.first()?.kind {
        Kind::Simple(simple) => match simple.words.first()?.pieces.as_slice() {
            [Piece::Literal(text)] => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// With `-u` or a redirection of its own `read` reads something else, with `-d` something else is a line.
fn reads_elsewhere(condition: &Script<'_>) -> bool {
    let Some(command) = condition.items.first().and_then(|item| item.first.commands.first()) else {
        return true;
    };
    let Kind::Simple(simple) = &command.kind else { return true };
    !command.redirects.is_empty()
        || simple.words.iter().any(|word| {
            matches!(word.pieces.as_slice(), [Piece::Literal(text)] if text.starts_with('-') && text.contains(['u', 'd']))
        })
}

/// A value that stands for any of several globs, if there is just one.
fn only_glob(items: &[Word]) -> Option<Word> {
    match items {
        [item] if item.unknown_reason().is_none() => Some(item.clone()),
        _ => None,
    }
}
