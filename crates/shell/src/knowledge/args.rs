//! Reads a command's words against an entry: options with their values, subcommands, operands. Knows how options are
//! written, not what they mean.

use super::spec::{Action, Dashes, Flag, Operand, Repeat, Spec, Takes};
use crate::{Part, Word};

/// A command's words, sorted.
pub(super) struct Parsed<'s> {
    pub(super) hits: Vec<Hit<'s>>,
    pub(super) operands: Vec<Word>,
    /// The subcommand words that were recognised.
    pub(super) path: Vec<String>,
    pub(super) sub: Option<&'s Spec>,
    pub(super) unknown_flags: Vec<String>,
    /// A word in the place of a subcommand that cannot be told.
    pub(super) unknown_sub: Option<String>,
    /// Operands as the flags and the subcommand define them.
    pub(super) roles: &'s [Operand],
}

/// One option that was given.
pub(super) struct Hit<'s> {
    pub(super) flag: &'s Flag,
    pub(super) value: Option<Word>,
}

impl Parsed<'_> {
    pub(super) fn has(&self, name: &str) -> bool {
        self.hits.iter().any(|hit| hit.flag.names.contains(&name))
    }

    /// The last value of an option, as with most programs.
    pub(super) fn value<'p>(&'p self, name: &'p str) -> Option<&'p Word> {
        self.values(name).last()
    }

    pub(super) fn values<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p Word> {
        self.hits
            .iter()
            .filter(move |hit| hit.flag.names.contains(&name))
            .filter_map(|hit| hit.value.as_ref())
    }
}

/// The rest of a word after known text.
pub(super) fn after(word: &Word, prefix_len: usize) -> Word {
    let mut rest = Word::default();
    for (at, part) in word.parts().iter().enumerate() {
        match part {
            Part::Text(text) if at == 0 => {
                let tail = text.get(prefix_len..).unwrap_or("");
                if !tail.is_empty() {
                    rest.push(Part::Text(tail.to_owned()));
                }
            }
            part => rest.push(part.clone()),
        }
    }
    rest
}

pub(super) fn parse<'s>(spec: &'s Spec, words: &[Word]) -> Parsed<'s> {
    let mut reader = Reader {
        spec,
        single: spec.dashes == Dashes::Single,
        choosing: !spec.subs.is_empty(),
        score: 0,
        parsed: Parsed {
            hits: Vec::new(),
            operands: Vec::new(),
            path: Vec::new(),
            sub: None,
            unknown_flags: Vec::new(),
            unknown_sub: None,
            roles: &spec.operands,
        },
    };
    let mut rest = words;
    while let Some((word, tail)) = rest.split_first() {
        rest = match reader.step(word, tail) {
            Step::On(taken) => tail.get(taken..).unwrap_or(&[]),
            Step::RestAreOperands => {
                reader.parsed.operands.extend(tail.iter().cloned());
                break;
            }
        };
    }
    reader.parsed
}

enum Step {
    /// Go on after so many more words.
    On(usize),
    RestAreOperands,
}

struct Reader<'s> {
    spec: &'s Spec,
    single: bool,
    choosing: bool,
    /// How many words of the chosen subcommand are not stars.
    score: usize,
    parsed: Parsed<'s>,
}

impl<'s> Reader<'s> {
    fn step(&mut self, word: &Word, tail: &[Word]) -> Step {
        let start = word.prefix();
        if start == "--" && word.text().is_some() {
            if self.choosing {
                return Step::On(0);
            }
            return Step::RestAreOperands;
        }
        if start.len() > 1 && start.starts_with('-') {
            return if self.find(start).is_none() && is_number(start) {
                Step::On(0)
            } else {
                self.option(word, start, tail)
            };
        }
        if start.starts_with('+')
            && let Some(flag) = self.find("+")
        {
            return self.hit(flag, Some(after(word, 1)), tail);
        }
        self.operand(word)
    }

    fn operand(&mut self, word: &Word) -> Step {
        if self.choosing {
            if word.text().is_some_and(|text| self.choose(text)) {
                return Step::On(0);
            }
            if word.text().is_none() && self.parsed.sub.is_none() {
                let why = word.unknown_reason().unwrap_or("the subcommand is a pattern");
                self.parsed.unknown_sub = Some(why.to_owned());
            }
            self.choosing = false;
        }
        let at = self.parsed.operands.len();
        self.parsed.operands.push(word.clone());
        if ends_options(self.parsed.roles, at) { Step::RestAreOperands } else { Step::On(0) }
    }

    /// Takes the word as (part of) a subcommand if one begins so. A pattern of stars never beats words that fit.
    fn choose(&mut self, text: &str) -> bool {
        let depth = self.parsed.path.len();
        let mut begins = false;
        let mut best: Option<(usize, &'s Spec)> = None;
        for sub in &self.spec.subs {
            for path in &sub.paths {
                let fits = path.len() > depth
                    && path.iter().zip(&self.parsed.path).all(|(pattern, word)| matches(pattern, word))
                    && path.get(depth).is_some_and(|pattern| matches(pattern, text));
                if !fits {
                    continue;
                }
                let score = path.iter().take(depth + 1).filter(|pattern| **pattern != "*").count();
                begins |= path.len() > depth + 1 && (score > self.score || self.parsed.sub.is_none());
                if path.len() == depth + 1 && best.is_none_or(|(before, _)| score > before) {
                    best = Some((score, &sub.spec));
                }
            }
        }
        let Some((score, sub)) = best.filter(|(score, _)| *score >= self.score) else {
            if begins {
                self.parsed.path.push(text.to_owned());
            }
            return begins;
        };
        self.parsed.path.push(text.to_owned());
        self.score = score;
        self.parsed.sub = Some(sub);
        self.parsed.roles = &sub.operands;
        self.single |= sub.dashes == Dashes::Single;
        true
    }

    fn option(&mut self, word: &Word, start: &str, tail: &[Word]) -> Step {
        if start.starts_with("--") || self.single {
            return self.long(word, start, tail);
        }
        // `-fplugin=x`, `-javaagent:x`: a long name behind one dash.
        let name = start.split(['=', ':']).next().unwrap_or(start);
        if name.len() > 2 && self.find(name).is_some() {
            return self.long(word, start, tail);
        }
        self.bundle(word, start, tail)
    }

    fn long(&mut self, word: &Word, start: &str, tail: &[Word]) -> Step {
        let single = !start.starts_with("--");
        let separator = |c: char| c == '=' || single && c == ':';
        let (name, attached) = match start.split_once(separator) {
            Some((name, _)) => (name, Some(after(word, name.len() + 1))),
            None => (start, None),
        };
        let flag = self.find(name).or_else(|| self.find_abbreviated(name));
        match flag {
            Some(flag) => self.hit(flag, attached, tail),
            None => {
                if !is_help(name) {
                    self.parsed.unknown_flags.push(name.to_owned());
                } else {
                    self.parsed.hits.push(Hit { flag: help_flag(), value: None });
                }
                Step::On(0)
            }
        }
    }

    fn bundle(&mut self, word: &Word, start: &str, tail: &[Word]) -> Step {
        let mut used = 1;
        let mut name = String::with_capacity(5);
        for letter in start.chars().skip(1) {
            used += letter.len_utf8();
            name.clear();
            name.push('-');
            name.push(letter);
            let Some(flag) = self.find(&name) else {
                if letter.is_ascii_alphabetic() {
                    self.parsed.unknown_flags.push(name.clone());
                }
                continue;
            };
            if flag.takes == Takes::Nothing {
                self.parsed.hits.push(Hit { flag, value: None });
                self.change_roles(flag);
                if stops(flag) {
                    return Step::RestAreOperands;
                }
                continue;
            }
            let rest = after(word, used);
            let attached = (!rest.parts().is_empty()).then_some(rest);
            return self.hit(flag, attached, tail);
        }
        Step::On(0)
    }

    fn hit(&mut self, flag: &'s Flag, attached: Option<Word>, tail: &[Word]) -> Step {
        let next = || tail.first().cloned();
        let (value, taken) = match (flag.takes, attached) {
            (Takes::Nothing, _) => (None, 0),
            (Takes::Value, None) => (next(), 1),
            (_, attached) => (attached, 0),
        };
        self.parsed.hits.push(Hit { flag, value });
        self.change_roles(flag);
        if stops(flag) {
            self.parsed.operands.extend(tail.get(taken..).unwrap_or(&[]).iter().cloned());
            return Step::On(tail.len());
        }
        Step::On(taken)
    }

    fn change_roles(&mut self, flag: &'s Flag) {
        let roles = flag.actions.iter().find_map(|action| match action {
            Action::Operands(roles) => Some(roles),
            _ => None,
        });
        if let Some(roles) = roles {
            self.parsed.roles = roles;
            if stops(flag) {
                // What stood before had the roles of before.
                self.parsed.operands.clear();
            }
        }
    }

    /// A subcommand's own options come before the program's.
    fn find(&self, name: &str) -> Option<&'s Flag> {
        let named = |flag: &&Flag| flag.names.contains(&name);
        self.parsed
            .sub
            .and_then(|sub| sub.flags.iter().find(named))
            .or_else(|| self.spec.flags.iter().find(named))
    }

    /// GNU programs take any unambiguous beginning of a long option.
    fn find_abbreviated(&self, name: &str) -> Option<&'s Flag> {
        if name.len() < 4 || !name.starts_with("--") || is_help(name) {
            return None;
        }
        let begins = |flag: &&Flag| flag.names.iter().any(|full| full.starts_with(name));
        let all = self.parsed.sub.iter().flat_map(|sub| &sub.flags).chain(&self.spec.flags);
        all.into_iter().find(begins)
    }
}

fn stops(flag: &Flag) -> bool {
    flag.actions.iter().any(|action| matches!(action, Action::Stop))
}

/// Whether the words after operand `at` belong to another program.
fn ends_options(roles: &[Operand], at: usize) -> bool {
    roles.get(at).is_some_and(|role| {
        role.repeat == Repeat::Once
            && role.actions.iter().any(|action| {
                matches!(action, Action::Command | Action::CommandOrShell | Action::Script(_) | Action::Stop)
            })
    })
}

/// `-5` is a count, not an option, unless the entry says otherwise.
fn is_number(text: &str) -> bool {
    text.strip_prefix('-').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_help(name: &str) -> bool {
    matches!(name, "--help" | "--version" | "-help" | "-version")
}

fn help_flag() -> &'static Flag {
    static HELP: std::sync::OnceLock<Flag> = std::sync::OnceLock::new();
    HELP.get_or_init(|| Flag { names: vec!["--help"], takes: Takes::Nothing, actions: vec![Action::Help] })
}

/// `*` stands for any text, at most once in a pattern.
pub(super) fn matches(pattern: &str, word: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == word,
        Some((start, end)) => {
            word.len() >= start.len() + end.len() && word.starts_with(start) && word.ends_with(end)
        }
    }
}
