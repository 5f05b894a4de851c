//! What is known about the shell at one point of the line: variables, functions, directory.

use super::origin::NUMBER;
use crate::limits::TEXT_BYTES;
use crate::word::{Part, Word};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Most directories the line may be in at one point before it counts as unknown.
const DIRECTORIES: usize = 4;

/// Most parts of what a file may hold, over all the ways the line may go.
const ALTERNATIVES: usize = 16;

/// Most values a variable is remembered to have on different ways.
const EITHER: usize = 4;

/// Why a value is not known that a branch may or may not have set.
pub(crate) const BRANCHED: &str = "a value that depends on how the line goes";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shell {
    pub(crate) variables: BTreeMap<String, Rc<Variable>>,
    /// `$1` and the rest; unknown if nothing.
    pub(crate) positional: Option<Vec<Word>>,
    pub(crate) directory: Directory,
    /// Where `cd -` goes.
    pub(crate) previous: Directory,
    pub(crate) stack: Vec<Directory>,
    pub(crate) functions: BTreeMap<String, Function>,
    pub(crate) aliases: BTreeMap<String, String>,
    /// `hash -p FILE NAME`
    pub(crate) hashed: BTreeMap<String, String>,
    /// Input opened with `exec N<`.
    pub(crate) descriptors: BTreeMap<u32, Stream>,
    /// `set -e`
    pub(crate) exits_on_error: bool,
    /// `set -a`
    pub(crate) exports_all: bool,
    /// Files the line has written so far, by normal absolute path.
    pub(crate) files: Rc<BTreeMap<String, Stream>>,
}

/// The directories the shell may be in, absolute. Empty: it cannot be told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directory(pub(crate) Vec<Rc<str>>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Variable {
    pub(crate) value: Word,
    pub(crate) elements: Option<BTreeMap<Key, Word>>,
    pub(crate) attributes: Attributes,
    /// `unset`, as far as the line tells.
    pub(crate) unset: bool,
    /// What the value may be, where that depends on how the line goes.
    pub(crate) either: Vec<Word>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Attributes {
    pub(crate) exported: bool,
    /// `declare -i`
    pub(crate) integer: bool,
    /// `declare -n`
    pub(crate) reference: bool,
    /// `declare -a`
    pub(crate) indexed: bool,
    pub(crate) keys: Keys,
    pub(crate) letters: Letters,
}

/// What the subscripts of an array are; `declare -A` makes them names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Keys {
    #[default]
    Numbers,
    Names,
}

/// `declare -l` and `-u`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Letters {
    #[default]
    Kept,
    Lower,
    Upper,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Index(i64),
    Name(String),
}

/// The bodies a function may have, as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) bodies: Vec<Rc<str>>,
    /// It is defined whichever way the line goes.
    pub(crate) certain: bool,
}

/// A function that is running, and how things were when it began.
#[derive(Clone, Debug)]
pub(crate) struct Running {
    pub(crate) name: String,
    /// How many things ran at once.
    pub(crate) concurrent: u32,
    pub(crate) begun: Rc<Shell>,
}

/// What a command reads or writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    /// The terminal, or nothing.
    Inherited,
    /// Text, with its unknown parts.
    Text(Rc<Word>),
    /// What is in a file, by absolute path.
    File(String),
}

impl Directory {
    pub(crate) fn known(path: &str) -> Self {
        Self(vec![Rc::from(path)])
    }

    /// The directory, if there is only one it can be.
    pub(crate) fn only(&self) -> Option<&str> {
        match self.0.as_slice() {
            [path] => Some(path),
            _ => None,
        }
    }

    fn merge(&mut self, other: &Self) {
        if self.0.is_empty() || other.0.is_empty() {
            self.0.clear();
            return;
        }
        for path in &other.0 {
            if !self.0.contains(path) {
                self.0.push(Rc::clone(path));
            }
        }
        if self.0.len() > DIRECTORIES {
            self.0.clear();
        }
    }
}

impl Variable {
    pub(crate) fn scalar(value: Word) -> Self {
        Self { value, ..Self::default() }
    }

    pub(crate) fn array(elements: BTreeMap<Key, Word>) -> Self {
        let value = elements.get(&Key::Index(0)).cloned().unwrap_or_default();
        Self { value, elements: Some(elements), ..Self::default() }
    }

    /// Whether it holds a number, known or not, and nothing else.
    fn is_number(&self) -> bool {
        let digits = |text: &str| text.parse::<i64>().is_ok();
        self.elements.is_none() && (self.value.text().is_some_and(digits) || is_only(&self.value, NUMBER))
    }

    fn forget(&mut self, other: Option<&Self>) {
        self.attributes.exported |= other.is_some_and(|other| other.attributes.exported);
        self.attributes.integer |= other.is_some_and(|other| other.attributes.integer);
        self.attributes.reference = false;
        let number = self.is_number() && other.is_none_or(Self::is_number);
        let known = |variable: &Self| Some(variable.value.clone()).filter(|value| value.text().is_some());
        let theirs = other.map(|other| other.either.iter().cloned().chain(known(other)));
        let ours = known(self);
        for value in ours.into_iter().chain(theirs.into_iter().flatten()) {
            if self.either.len() < EITHER && !self.either.contains(&value) {
                self.either.push(value);
            }
        }
        self.value = Word::unknown(if number { NUMBER } else { BRANCHED });
        self.elements = None;
        self.unset = false;
    }
}

fn is_only(word: &Word, why: &str) -> bool {
    matches!(word.parts(), [Part::Unknown(reason)] if reason == why)
}

impl Shell {
    /// What a program started from here sees: exported variables, nothing else of the shell.
    pub(crate) fn child(&self) -> Self {
        let variables = self.variables.iter().filter(|(_, variable)| variable.attributes.exported);
        Self {
            variables: variables.map(|(name, variable)| (name.clone(), Rc::clone(variable))).collect(),
            directory: self.directory.clone(),
            previous: self.previous.clone(),
            descriptors: self.descriptors.clone(),
            files: Rc::clone(&self.files),
            ..Self::default()
        }
    }

    /// How many values it holds, for accounting.
    pub(crate) fn size(&self) -> usize {
        self.variables.len()
            + self.functions.len()
            + self.files.len()
            + self.aliases.len()
            + self.hashed.len()
    }

    /// Becomes what is known when it may be either of the two.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.merge_variables(other);
        self.directory.merge(&other.directory);
        self.previous.merge(&other.previous);
        if self.stack != other.stack {
            self.stack.clear();
        }
        if self.positional != other.positional {
            self.positional = None;
        }
        for (name, function) in &other.functions {
            let mine = self
                .functions
                .entry(name.clone())
                .or_insert_with(|| Function { bodies: Vec::new(), certain: false });
            mine.certain &= function.certain;
            for body in &function.bodies {
                if !mine.bodies.contains(body) {
                    mine.bodies.push(Rc::clone(body));
                }
            }
        }
        for (name, function) in &mut self.functions {
            function.certain &= other.functions.contains_key(name);
        }
        let theirs = |map: &BTreeMap<String, String>| map.clone();
        self.aliases.extend(theirs(&other.aliases));
        self.hashed.extend(theirs(&other.hashed));
        for (number, data) in &other.descriptors {
            if self.descriptors.get(number) != Some(data) {
                self.descriptors.insert(*number, Stream::unknown(BRANCHED));
            }
        }
        self.merge_files(&other.files);
        self.exits_on_error &= other.exits_on_error;
        self.exports_all |= other.exports_all;
    }

    fn merge_files(&mut self, other: &Rc<BTreeMap<String, Stream>>) {
        if Rc::ptr_eq(&self.files, other) || self.files == *other {
            return;
        }
        let mine = Rc::make_mut(&mut self.files);
        for (path, data) in mine.iter_mut() {
            data.merge(other.get(path));
        }
        for (path, data) in other.iter() {
            if !mine.contains_key(path) {
                let mut data = data.clone();
                data.merge(None);
                mine.insert(path.clone(), data);
            }
        }
    }

    fn merge_variables(&mut self, other: &Self) {
        for (name, variable) in &mut self.variables {
            let theirs = other.variables.get(name);
            if theirs != Some(variable) {
                Rc::make_mut(variable).forget(theirs.map(AsRef::as_ref));
            }
        }
        for (name, theirs) in &other.variables {
            if !self.variables.contains_key(name) {
                let mut variable = Variable::clone(theirs);
                variable.forget(None);
                self.variables.insert(name.clone(), Rc::new(variable));
            }
        }
    }
}

impl Stream {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::of(Word::literal(text))
    }

    pub(crate) fn unknown(why: impl Into<String>) -> Self {
        Self::of(Word::unknown(why))
    }

    pub(crate) fn of(word: Word) -> Self {
        Self::Text(Rc::new(word))
    }

    /// Becomes what is known when it may be either: what both hold, with a doubt.
    fn merge(&mut self, other: Option<&Self>) {
        if other == Some(&*self) {
            return;
        }
        let (mut word, other) = (self.word(), other.map(Self::word).unwrap_or_default());
        let known = |parts: &[Part]| {
            other.parts().is_empty() || parts.windows(other.parts().len()).any(|some| some == other.parts())
        };
        let doubt = Part::Unknown(BRANCHED.to_owned());
        if known(word.parts()) && word.parts().contains(&doubt) {
            return;
        }
        if word.parts().len() + other.parts().len() > ALTERNATIVES {
            *self = Self::unknown(BRANCHED);
            return;
        }
        word.push(doubt);
        for part in other.parts() {
            word.push(part.clone());
        }
        *self = Self::of(word);
    }

    /// As a value, where one is needed.
    pub(crate) fn word(&self) -> Word {
        match self {
            Self::Inherited => Word::default(),
            Self::Text(word) => Word::clone(word),
            Self::File(path) => Word::unknown(super::origin::contents(path)),
        }
    }

    /// The text, if all of it is known.
    pub(crate) fn known(&self) -> Option<&str> {
        match self {
            Self::Text(word) => word.text().filter(|text| text.len() <= TEXT_BYTES),
            Self::Inherited | Self::File(_) => None,
        }
    }
}
