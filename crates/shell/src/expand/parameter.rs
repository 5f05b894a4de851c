//! `$name` and `${…}`: finding the value. What is then done with it is in `operations`.

use super::fields::Fields;
use super::{Documents, Quotes};
use crate::syntax::{Operation, Parameter, Piece};
use crate::walk::state::{BRANCHED, Key, Keys, Variable};
use crate::walk::{Walker, environment, origin};
use crate::word::{Part, Word};

/// What a parameter stands for.
#[derive(Clone, Debug)]
pub(super) enum Found {
    Unset,
    One(Word),
    /// `$@`, `$*` and whole arrays.
    List {
        items: Vec<Word>,
        kind: List,
    },
}

/// `@` or `*`: what becomes of a list between double quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Separate,
    Joined,
}

fn list_kind(name: &str) -> List {
    if name == "*" { List::Joined } else { List::Separate }
}

impl Walker<'_> {
    pub(super) fn parameter(
        &mut self,
        parameter: &Parameter<'_>,
        quotes: Quotes,
        documents: Documents<'_>,
        fields: &mut Fields<'_>,
    ) {
        if matches!(parameter.operation, Operation::Names) {
            return fields.unknown("the names of variables");
        }
        if parameter.indirect && self.is_key_list(parameter) {
            return self.keys(parameter, fields);
        }
        let mut found = self.find(&parameter.name, parameter.subscript.as_deref(), documents);
        if parameter.indirect {
            found = self.follow(&found, documents);
        }
        match self.operate(parameter, found, quotes, documents, fields) {
            None => {}
            Some(Found::Unset) => {}
            Some(Found::One(word)) => {
                if self.spend_text(&word) {
                    self.result(&word, quotes, fields);
                } else {
                    fields.unknown(crate::limits::TOO_MUCH_TEXT);
                }
            }
            Some(Found::List { items, kind }) => self.list(&items, kind, quotes, fields),
        }
    }

    fn list(&mut self, items: &[Word], kind: List, quotes: Quotes, fields: &mut Fields<'_>) {
        if !self.spend_words(items.len()) {
            return fields.unknown(crate::limits::TOO_MANY_WORDS);
        }
        if fields.mode() == super::fields::Mode::Whole {
            return fields.unknown("a list next to a dollar sign that stands for itself");
        }
        let separate = fields.separates();
        if quotes == Quotes::Double && (kind == List::Joined || !separate) {
            let separator = if kind == List::Joined { self.first_separator() } else { Some(" ".to_owned()) };
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    match &separator {
                        Some(separator) => fields.quoted(separator),
                        None => fields.unknown("how a list is joined is not known"),
                    }
                }
                fields.known(item);
            }
            return;
        }
        for (index, item) in items.iter().enumerate() {
            if index > 0 && separate {
                if quotes == Quotes::Double { fields.end_field() } else { fields.flush() }
            } else if index > 0 {
                fields.quoted(" ");
            }
            self.result(item, quotes, fields);
        }
    }

    fn first_separator(&self) -> Option<String> {
        let separators = self.separators()?;
        Some(separators.chars().next().map(String::from).unwrap_or_default())
    }

    fn is_key_list(&self, parameter: &Parameter<'_>) -> bool {
        matches!(parameter.subscript.as_deref(), Some([Piece::Quoted("@" | "*")]))
    }

    fn keys(&mut self, parameter: &Parameter<'_>, fields: &mut Fields<'_>) {
        let elements = self.variable(&parameter.name).and_then(|variable| variable.elements.clone());
        match elements {
            None => fields.unknown("the keys of an array"),
            Some(elements) => {
                for (index, key) in elements.keys().enumerate() {
                    if index > 0 {
                        fields.end_field();
                    }
                    match key {
                        Key::Index(number) => fields.quoted(&number.to_string()),
                        Key::Name(name) => fields.quoted(name),
                    }
                }
            }
        }
    }

    /// `${!name}`
    fn follow(&mut self, found: &Found, documents: Documents<'_>) -> Found {
        let name = match found {
            Found::One(word) => word.text().map(str::to_owned),
            Found::Unset | Found::List { .. } => None,
        };
        match name {
            Some(name) if super::is_name(&name) || name.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.find(&name, None, documents)
            }
            Some(name) => {
                self.evaluated_name(&name);
                let element = name.strip_suffix(']').and_then(|name| name.split_once('['));
                match element.filter(|(base, key)| super::is_name(base) && !key.contains(['$', '`'])) {
                    Some((base, key)) => self.find(base, Some(&[Piece::Quoted(key)]), documents),
                    None => Found::One(Word::unknown("an indirect expansion")),
                }
            }
            None => {
                self.note("an indirect expansion of a value that is not known");
                Found::One(Word::unknown("an indirect expansion"))
            }
        }
    }

    pub(super) fn find(
        &mut self,
        name: &str,
        subscript: Option<&[Piece<'_>]>,
        documents: Documents<'_>,
    ) -> Found {
        if let Some(subscript) = subscript {
            return self.element(name, subscript, documents);
        }
        match name {
            "@" | "*" => match &self.shell.positional {
                Some(all) => {
                    Found::List { items: all.get(1..).unwrap_or(&[]).to_vec(), kind: list_kind(name) }
                }
                None => Found::One(Word::unknown("the arguments of a script")),
            },
            "#" => match &self.shell.positional {
                Some(all) => Found::One(Word::literal(all.len().saturating_sub(1).to_string())),
                None => Found::One(Word::unknown(origin::NUMBER)),
            },
            "?" | "$" => Found::One(Word::unknown(origin::NUMBER)),
            "!" => Found::One(Word::unknown(origin::JOB)),
            "-" => Found::One(Word::unknown("the options of the shell")),
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                let index = digits.parse::<usize>().unwrap_or(usize::MAX);
                match &self.shell.positional {
                    Some(all) => all.get(index).map_or(Found::Unset, |word| Found::One(word.clone())),
                    None => Found::One(Word::unknown("an argument of a script")),
                }
            }
            name => self.named(name),
        }
    }

    fn named(&mut self, name: &str) -> Found {
        match self.variable(name) {
            Some(variable) if variable.unset => Found::Unset,
            Some(variable) => {
                let (value, either) = (variable.value.clone(), variable.either.clone());
                if value.unknown_reason() == Some(BRANCHED) {
                    for text in either.iter().filter_map(Word::text) {
                        self.remember_suspect(BRANCHED, text);
                    }
                }
                Found::One(value)
            }
            None => Found::One(self.variable_or_environment(name)),
        }
    }

    /// A variable of the line, through its references.
    pub(crate) fn variable(&self, name: &str) -> Option<&Variable> {
        self.shell.variables.get(self.referred(name)).map(AsRef::as_ref)
    }

    /// The name a `declare -n` variable refers to.
    pub(crate) fn referred<'n>(&'n self, name: &'n str) -> &'n str {
        let mut name = name;
        for _ in 0..8 {
            match self.shell.variables.get(name) {
                Some(variable) if variable.attributes.reference => match variable.value.text() {
                    Some(target) if target != name && !target.is_empty() => name = target,
                    _ => return name,
                },
                _ => return name,
            }
        }
        name
    }

    /// The value of a variable, or what is known about it from outside the line.
    pub(crate) fn variable_or_environment(&self, name: &str) -> Word {
        if let Some(variable) = self.variable(name) {
            return variable.value.clone();
        }
        match name {
            "HOME" => Word::literal(self.env.home),
            "PWD" => match self.shell.directory.only() {
                Some(path) => Word::literal(path),
                None => Word::unknown("the directory is not known here"),
            },
            "OLDPWD" => match self.shell.previous.only() {
                Some(path) => Word::literal(path),
                None => Word::unknown("the directory before is not known here"),
            },
            "IFS" => Word::literal(" \t\n"),
            // Whichever it is, it reads what bash reads.
            "SHELL" => Word::literal("/bin/bash"),
            name if environment::is_number(name) => Word::unknown(origin::NUMBER),
            name => Word::unknown(origin::environment(name)),
        }
    }

    fn element(&mut self, name: &str, subscript: &[Piece<'_>], documents: Documents<'_>) -> Found {
        let whole = match subscript {
            [Piece::Quoted(text @ ("@" | "*"))] => Some(*text),
            _ => None,
        };
        let variable = self.variable(name).cloned();
        if let Some(which) = whole {
            return match variable {
                Some(Variable { elements: Some(elements), .. }) => {
                    Found::List { items: elements.into_values().collect(), kind: list_kind(which) }
                }
                Some(variable) if variable.unset => Found::List { items: Vec::new(), kind: list_kind(which) },
                Some(variable) => Found::List { items: vec![variable.value], kind: list_kind(which) },
                None => Found::One(self.variable_or_environment(name)),
            };
        }
        let keys = variable.as_ref().map_or(Keys::Numbers, |variable| variable.attributes.keys);
        let key = self.key(subscript, keys, documents);
        match (variable, key) {
            (Some(Variable { elements: Some(elements), .. }), Some(key)) => {
                let key = from_the_end(key, &elements);
                elements.get(&key).map_or(Found::Unset, |word| Found::One(word.clone()))
            }
            (Some(variable), Some(Key::Index(0 | -1))) => Found::One(variable.value),
            (Some(variable), Some(_)) if variable.value.unknown_reason().is_none() => Found::Unset,
            (None, Some(_)) => Found::One(Word::unknown(origin::environment(name))),
            _ => Found::One(Word::unknown("an element of an array")),
        }
    }

    /// The key a subscript means; its substitutions are run on the way.
    pub(crate) fn key(
        &mut self,
        subscript: &[Piece<'_>],
        keys: Keys,
        documents: Documents<'_>,
    ) -> Option<Key> {
        if keys == Keys::Names {
            return self.value(subscript, documents).text().map(|text| Key::Name(text.to_owned()));
        }
        let word = self.arithmetic(subscript, documents);
        word.text().and_then(|text| text.parse().ok()).map(Key::Index)
    }
}

fn from_the_end(key: Key, elements: &std::collections::BTreeMap<Key, Word>) -> Key {
    match (&key, elements.keys().next_back()) {
        (Key::Index(index), Some(Key::Index(last))) if *index < 0 => Key::Index(last + 1 + index),
        _ => key,
    }
}

/// Whether a value is the one the environment gave, which the line knows nothing of.
pub(super) fn from_environment(word: &Word) -> bool {
    match word.parts() {
        [Part::Unknown(why)] => origin::is_environment(why),
        _ => false,
    }
}
