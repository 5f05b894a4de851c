//! Assignments and the builtins that make, mark and drop variables.

use super::simple::Call;
use super::state::{Attributes, Key, Keys, Letters, Variable};
use super::{Outcome, Walker, origin};
use crate::expand::{ARRAY, Documents, is_name};
use crate::syntax::{AssignedValue, Assignment, Element, Piece, Writing};
use crate::word::{Part, Word};
use leashd_types::Effect;
use std::collections::BTreeMap;

/// `name=(…)` as an argument, read both ways.
#[derive(Debug)]
pub(super) struct ArrayArgument {
    numbers: BTreeMap<Key, Word>,
    /// Where every element has a key that is plain text.
    names: Option<BTreeMap<Key, Word>>,
}

impl ArrayArgument {
    fn declared(self, keys: Keys, writing: Writing) -> Option<Variable> {
        let elements = match keys {
            Keys::Numbers => Some(self.numbers),
            Keys::Names => self.names,
        };
        elements.filter(|_| writing == Writing::Replace).map(Variable::array)
    }
}

impl Walker<'_> {
    /// Sets a variable as an assignment says; returns its name and what it is set to.
    pub(super) fn assignment(
        &mut self,
        assignment: &Assignment<'_>,
        documents: Documents<'_>,
    ) -> (String, Word) {
        let name = self.referred(&assignment.name).to_owned();
        if !is_name(&name) {
            self.hidden_code(&name, "the target of a reference");
        }
        match &assignment.value {
            AssignedValue::Array(elements) => {
                let start = if assignment.writing == Writing::Append {
                    self.elements_of(&name)
                } else {
                    BTreeMap::new()
                };
                let keys = self.attributes(&name).keys;
                let mut elements = self.array(elements, start, keys, documents);
                if self.attributes(&name).integer {
                    self.computed(&mut elements);
                }
                let mut variable = Variable::array(elements);
                variable.attributes = self.attributes(&name);
                let value = variable.value.clone();
                self.set_variable(&name, variable);
                (name, value)
            }
            AssignedValue::Scalar(word) => {
                let value = self.assigned(&word.pieces, documents);
                match &assignment.subscript {
                    Some(subscript) => {
                        let of_shell = matches!(name.as_str(), "BASH_ALIASES" | "BASH_CMDS");
                        let keys = if of_shell { Keys::Names } else { self.attributes(&name).keys };
                        let key = self.key(subscript, keys, documents);
                        self.named_by_array(&name, key.as_ref(), &value);
                        self.set_element(&name, key, value.clone());
                        (name, value)
                    }
                    None => {
                        let value = self.assign(&name, value, assignment.writing);
                        (name, value)
                    }
                }
            }
        }
    }

    /// `BASH_ALIASES[NAME]=TEXT` and `BASH_CMDS[NAME]=FILE` are `alias` and `hash -p`.
    fn named_by_array(&mut self, name: &str, key: Option<&Key>, value: &Word) {
        let (Some(Key::Name(key)), Some(value)) = (key, value.text()) else { return };
        let (key, value) = (key.clone(), value.to_owned());
        match name {
            "BASH_ALIASES" => drop(self.shell_mut().aliases.insert(key, value)),
            "BASH_CMDS" => drop(self.shell_mut().hashed.insert(key, value)),
            _ => {}
        }
    }

    fn attributes(&self, name: &str) -> Attributes {
        self.shell.variables.get(name).map(|variable| variable.attributes).unwrap_or_default()
    }

    fn elements_of(&self, name: &str) -> BTreeMap<Key, Word> {
        match self.shell.variables.get(name).map(AsRef::as_ref) {
            Some(Variable { elements: Some(elements), .. }) => elements.clone(),
            Some(variable) if !variable.unset => BTreeMap::from([(Key::Index(0), variable.value.clone())]),
            _ => BTreeMap::new(),
        }
    }

    /// Sets a variable to a value, as its attributes have it.
    pub(super) fn assign(&mut self, name: &str, value: Word, writing: Writing) -> Word {
        let attributes = self.attributes(name);
        if attributes.reference {
            self.subscript_code(&value);
        }
        let mut value = value;
        if writing == Writing::Append {
            let mut whole = self.variable_or_environment(name);
            if attributes.integer {
                whole.push(Part::Text("+".to_owned()));
            }
            for part in value.parts() {
                whole.push(part.clone());
            }
            value = whole;
        }
        if attributes.integer || super::environment::is_number(name) {
            value = match self.evaluate(&value, 0) {
                Some(number) => Word::literal(number.to_string()),
                None => Word::unknown(origin::NUMBER),
            };
        }
        value = match (attributes.letters, value.text()) {
            (Letters::Lower, Some(text)) => Word::literal(text.to_lowercase()),
            (Letters::Upper, Some(text)) => Word::literal(text.to_uppercase()),
            _ => value,
        };
        let exported = attributes.exported || self.shell.exports_all;
        let mut variable = Variable::scalar(value.clone());
        variable.attributes = Attributes { exported, ..attributes };
        if let Some(Variable { elements: Some(elements), .. }) =
            self.shell.variables.get(name).map(AsRef::as_ref)
        {
            let mut elements = elements.clone();
            elements.insert(Key::Index(0), value.clone());
            variable.elements = Some(elements);
        }
        self.set_variable(name, variable);
        value
    }

    /// The elements of an array of numbers are expressions.
    fn computed(&mut self, elements: &mut BTreeMap<Key, Word>) {
        for element in elements.values_mut() {
            *element = match self.evaluate(element, 0) {
                Some(number) => Word::literal(number.to_string()),
                None => Word::unknown(origin::NUMBER),
            };
        }
    }

    fn set_element(&mut self, name: &str, key: Option<Key>, value: Word) {
        let attributes = self.attributes(name);
        let variable = match key {
            Some(key) => {
                let mut elements = self.elements_of(name);
                elements.insert(key, value);
                Variable { attributes, ..Variable::array(elements) }
            }
            None => Variable { attributes, ..Variable::scalar(Word::unknown("an array with unknown keys")) },
        };
        self.set_variable(name, variable);
    }

    pub(super) fn array(
        &mut self,
        source: &[Element<'_>],
        start: BTreeMap<Key, Word>,
        keys: Keys,
        documents: Documents<'_>,
    ) -> BTreeMap<Key, Word> {
        let mut elements = start;
        let mut next = elements.keys().rev().find_map(|key| match key {
            Key::Index(index) => Some(index + 1),
            Key::Name(_) => None,
        });
        for element in source {
            let at = next.unwrap_or(0);
            if let Some(subscript) = &element.subscript {
                let key = self.key(subscript, keys, documents);
                let value = self.value(&element.value.pieces, documents);
                let key = key.unwrap_or(Key::Index(at));
                if let Key::Index(index) = &key {
                    next = Some(index.saturating_add(1));
                }
                elements.insert(key, value);
                continue;
            }
            for value in self.words(std::slice::from_ref(&element.value), documents) {
                let at = next.unwrap_or(0);
                elements.insert(Key::Index(at), value);
                next = Some(at.saturating_add(1));
            }
        }
        elements
    }

    /// `name=(…)` as an argument: kept for the builtin that declares it.
    pub(crate) fn array_argument(&mut self, elements: &[Element<'_>], documents: Documents<'_>) {
        // Which of the two it is depends on what the variable was declared as.
        let plain = |element: &Element<'_>| {
            element.subscript.as_ref().is_some_and(|pieces| {
                pieces.iter().all(|piece| matches!(piece, Piece::Literal(_) | Piece::Quoted(_)))
            })
        };
        let names = if elements.iter().all(plain) {
            Some(self.array(elements, BTreeMap::new(), Keys::Names, documents))
        } else {
            None
        };
        let numbers = self.array(elements, BTreeMap::new(), Keys::Numbers, documents);
        self.arrays.push_back(ArrayArgument { numbers, names });
    }

    /// `declare`, `export`, `local` and `readonly`.
    pub(super) fn declare(&mut self, name: &str, call: &Call) -> Outcome {
        let mut effects = call.effects.clone();
        let mut attributes = Attributes { exported: name == "export", ..Attributes::default() };
        let mut functions = false;
        let mut operands = Vec::new();
        for word in call.arguments() {
            match word.text().filter(|text| text.len() > 1) {
                Some(text) if operands.is_empty() && text.starts_with('-') => {
                    for letter in text.chars().skip(1) {
                        match letter {
                            'x' => attributes.exported = true,
                            'i' => attributes.integer = true,
                            'n' if name != "export" => attributes.reference = true,
                            'A' => attributes.keys = Keys::Names,
                            'a' => attributes.indexed = true,
                            'l' => attributes.letters = Letters::Lower,
                            'u' => attributes.letters = Letters::Upper,
                            'f' | 'F' => functions = true,
                            _ => {}
                        }
                    }
                }
                Some(text) if operands.is_empty() && text.starts_with('+') => {}
                _ => operands.push(word),
            }
        }
        if functions {
            return self.exported_functions(&operands, call);
        }
        if operands.is_empty() {
            effects.push(printed_environment());
        }
        for word in operands {
            self.declared(name, word, attributes, &mut effects, call);
        }
        self.deliver(super::state::Stream::Inherited, &call.output);
        self.emit_call(call, effects);
        Outcome::succeeds(&self.shell)
    }

    /// An exported function is called by shells that are started later.
    fn exported_functions(&mut self, operands: &[&Word], call: &Call) -> Outcome {
        self.plain(call);
        for name in operands.iter().filter_map(|word| word.text()) {
            if self.shell.functions.contains_key(name)
                && !self.running.iter().any(|running| running.name == name)
            {
                let words = vec![Word::literal(name)];
                self.branch(|walker| {
                    walker.subshell(|walker| {
                        walker.call_function(name, &words, call.span, &super::state::Stream::Inherited);
                    });
                });
            }
        }
        self.here()
    }

    fn declared(
        &mut self,
        builtin: &str,
        word: &Word,
        attributes: Attributes,
        effects: &mut Vec<Effect>,
        call: &Call,
    ) {
        let prefix = word.prefix();
        let (target, value) = match prefix.split_once('=') {
            Some((target, _)) => (target, Some(after_equals(word, target.len() + 1))),
            None if word.text().is_none() => {
                // Which variable is set is not known: it may be any.
                self.note("a variable is set whose name is not known");
                effects.push(Effect::Environment { name: "unknown".to_owned() });
                return;
            }
            None => (prefix, None),
        };
        let writing = if target.ends_with('+') { Writing::Append } else { Writing::Replace };
        let target = target.trim_end_matches('+').to_owned();
        self.evaluated_name(&target);
        let name = target.split('[').next().unwrap_or("").to_owned();
        if !is_name(&name) {
            return;
        }
        if builtin == "local" || builtin == "declare" && !self.running.is_empty() {
            let before = self.shell.variables.get(&name).cloned();
            if let Some(frame) = self.locals.last_mut() {
                frame.push((name.clone(), before));
            }
            if builtin == "local" && value.is_none() {
                self.shell_mut().variables.remove(&name);
            }
        }
        let mut all = self.attributes(&name);
        all.exported |= attributes.exported;
        all.integer |= attributes.integer;
        all.reference |= attributes.reference;
        all.indexed |= attributes.indexed;
        if attributes.keys == Keys::Names {
            all.keys = Keys::Names;
        }
        if attributes.letters != Letters::Kept {
            all.letters = attributes.letters;
        }
        let Some(value) = value else {
            self.mark(&name, all);
            if attributes.exported {
                let value = self.variable_or_environment(&name);
                self.set_effects(&name, &value, effects, call.span);
            }
            return;
        };
        if target.contains('[') {
            return self.set_element(&name, None, value);
        }
        let known = self.shell.variables.get(&name).map(|variable| Variable::clone(variable));
        let mut variable = known.unwrap_or_default();
        variable.attributes = all;
        if all.reference {
            self.subscript_code(&value);
            variable.value = value;
            variable.unset = false;
            return self.set_variable(&name, variable);
        }
        if value.unknown_reason() == Some(ARRAY)
            && let Some(elements) = self.arrays.pop_front()
        {
            let mut array = elements.declared(all.keys, writing).unwrap_or_else(|| Variable::scalar(value));
            if let Some(elements) = array.elements.as_mut().filter(|_| all.integer) {
                self.computed(elements);
            }
            return self.set_variable(&name, Variable { attributes: all, ..array });
        }
        self.set_variable(&name, variable);
        let value = self.assign(&name, value, writing);
        self.set_effects(&name, &value, effects, call.span);
    }

    /// A declaration without a value.
    fn mark(&mut self, name: &str, attributes: Attributes) {
        let known = self.shell.variables.get(name).map(|variable| Variable::clone(variable));
        let mut variable = match known {
            Some(variable) => variable,
            None if attributes.indexed || attributes.keys == Keys::Names => {
                Variable { unset: true, ..Variable::array(BTreeMap::new()) }
            }
            None if attributes.integer || attributes.letters != Letters::Kept => {
                Variable { unset: true, ..Variable::default() }
            }
            // What the environment holds is still there.
            None => return self.mark_inherited(name, attributes),
        };
        variable.attributes = attributes;
        self.set_variable(name, variable);
    }

    fn mark_inherited(&mut self, name: &str, attributes: Attributes) {
        if attributes.reference {
            let variable = Variable { attributes, unset: true, ..Variable::default() };
            self.set_variable(name, variable);
        }
    }
}

/// Without names these builtins print every variable.
pub(super) fn printed_environment() -> Effect {
    Effect::Secret { what: "the environment".to_owned() }
}

/// The part of a word behind its first bytes, which are known text.
pub(super) fn after_equals(word: &Word, bytes: usize) -> Word {
    let mut value = Word::default();
    for (index, part) in word.parts().iter().enumerate() {
        match part {
            Part::Text(text) if index == 0 => {
                let rest = text.get(bytes..).unwrap_or("");
                if !rest.is_empty() {
                    value.push(Part::Text(rest.to_owned()));
                }
            }
            // A pattern in an assignment is text.
            Part::Glob(text) => value.push(Part::Text(text.clone())),
            part => value.push(part.clone()),
        }
    }
    value
}
