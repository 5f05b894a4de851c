//! What programs print, and what may be in the output of those that are not followed: a filter passes on what it was
//! given, a program prints the texts in its arguments. Such a text is read as code where the output is run.

use super::simple::Call;
use super::state::Stream;
use super::{Walker, origin};
use crate::fold;
use crate::paths::{base_name, join, normal};
use crate::syntax::Span;
use crate::word::{Part, Word};

/// Most texts that are remembered for one line, and for one origin.
const TEXTS: usize = 32;
const TEXTS_OF_ONE: usize = 8;
/// Longest text that is remembered, in bytes.
const TEXT_BYTES: usize = 8 * 1024;

/// A text that a value which is not known may hold.
#[derive(Debug)]
pub(super) struct Suspect {
    /// Why the value is not known.
    why: String,
    text: String,
}

impl Walker<'_> {
    pub(super) fn printed(&self, name: &str, call: &Call) -> Stream {
        let own = match base_name(name) {
            "pwd" => self.shell.directory.only().map(str::to_owned),
            "mktemp" => self.temporary(call.arguments()),
            "realpath" | "readlink" => self.real_path(call.arguments()),
            _ => None,
        };
        if let Some(path) = own {
            return Stream::text(format!("{path}\n"));
        }
        fold::output(name, call.arguments(), &call.input, |path| {
            let path = join(path, self.shell.directory.only());
            path.map_or_else(|| Stream::unknown("a file that is not known"), |path| self.readable(&path))
        })
    }

    /// A name that is made anew each time: the digits in it are as good as any others.
    fn temporary(&self, arguments: &[Word]) -> Option<String> {
        let mut directory = None;
        let mut template = None;
        let mut arguments = arguments.iter().map(Word::text);
        while let Some(argument) = arguments.next() {
            match argument? {
                "-d" | "-q" | "-u" | "--directory" | "--quiet" | "--dry-run" | "-t" | "-dt" | "-td"
                | "--tmpdir" => {
                    directory = directory.or(Some("/tmp"));
                }
                "-p" | "-dp" => directory = Some(arguments.next()??),
                text => match text.strip_prefix("--tmpdir=") {
                    Some(place) => directory = Some(place),
                    None if text.starts_with('-') || template.is_some() => return None,
                    None => template = Some(text),
                },
            }
        }
        let template = template.unwrap_or("tmp.XXXXXXXXXX");
        let stem = template.split("XXX").next().unwrap_or("");
        let rest = template.get(stem.len()..)?.trim_start_matches('X');
        // No other command of the line has this number.
        let name = format!("{stem}{:010}{rest}", self.left.commands);
        let set = self.variable("TMPDIR").map(|found| found.value.text());
        let place = match (directory, set) {
            (Some(place), None) | (Some(place), Some(Some(""))) => place,
            (Some("/tmp"), Some(found)) => found?,
            (Some(place), Some(_)) => place,
            (None, _) if template.contains('/') => return join(&name, self.shell.directory.only()),
            (None, Some(found)) => found?,
            (None, None) => "/tmp",
        };
        join(&format!("{place}/{name}"), self.shell.directory.only())
    }

    /// `realpath PATH`, `readlink -f PATH`: what the name leads to is found out by whoever looks at the path.
    fn real_path(&self, arguments: &[Word]) -> Option<String> {
        let texts: Vec<&str> = arguments.iter().map(Word::text).collect::<Option<_>>()?;
        match texts.as_slice() {
            ["-f" | "-e" | "-m", path] | [path] if !path.starts_with('-') => {
                Some(normal(&join(path, self.shell.directory.only())?))
            }
            _ => None,
        }
    }

    /// Remembers what the output of a program that is not followed may hold.
    pub(super) fn suspect(&mut self, call: &Call, printed: &Stream) {
        let Stream::Text(word) = printed else { return };
        let [Part::Unknown(why)] = word.parts() else { return };
        if why == origin::NUMBER || why == origin::JOB || why == origin::SETTINGS {
            return;
        }
        let why = why.clone();
        if let Some(text) = call.input.known().filter(|text| text.len() <= TEXT_BYTES).map(str::to_owned) {
            self.remember_suspect(&why, &text);
            // What stands in it as a value: JSON, YAML, settings.
            for text in quoted(&text).chain(text.split_once(": ").map(|(_, value)| value)) {
                self.remember_suspect(&why, text);
            }
        }
        let base = call.name().map_or("", base_name);
        for text in call.arguments().iter().filter_map(Word::text) {
            for text in literals(base, text) {
                self.remember_suspect(&why, &text);
            }
        }
        self.found_by_name(base, call, &why);
    }

    /// `find . -name .git`: what it finds is called like that.
    fn found_by_name(&mut self, base: &str, call: &Call, why: &str) {
        if base != "find" {
            return;
        }
        let texts: Vec<Option<&str>> = call.arguments().iter().map(Word::text).collect();
        let root = match texts.first() {
            Some(Some(root)) if !root.starts_with('-') => *root,
            _ => ".",
        };
        let named = texts.windows(2).find_map(|pair| match pair {
            [Some("-name"), Some(name)] if !name.contains(['*', '?', '[', '/']) => {
                Some(format!("{root}/{name}"))
            }
            _ => None,
        });
        if let Some(path) = named
            && self.named.len() < TEXTS
        {
            self.named.push((why.to_owned(), path));
        }
    }

    /// `xargs -a FILE`, where the line has written the file: as if it were the input.
    pub(super) fn with_items_as_input(&self, call: Call) -> Call {
        if self.shell.files.is_empty() || call.name().map(base_name) != Some("xargs") {
            return call;
        }
        let at = call.words.iter().position(|word| matches!(word.text(), Some("-a" | "--arg-file")));
        let path = at.and_then(|at| call.words.get(at + 1)).and_then(|path| self.single_path(path));
        let (Some(at), Some(data)) = (at, path.and_then(|path| self.written(&path))) else { return call };
        let words = call.words.iter().take(at).chain(call.words.iter().skip(at + 2)).cloned().collect();
        Call { words, input: data, ..call }
    }

    /// The call with the paths its arguments may well be, where a search told their name.
    pub(super) fn with_named_paths(&self, call: &Call) -> Option<Call> {
        let path = |word: &Word| match word.parts() {
            [Part::Unknown(why)] => self.named.iter().find(|(known, _)| known == why).map(|(_, path)| path),
            _ => None,
        };
        if self.named.is_empty() || !call.arguments().iter().any(|word| path(word).is_some()) {
            return None;
        }
        let words =
            call.words.iter().map(|word| path(word).map_or_else(|| word.clone(), Word::literal)).collect();
        Some(Call { words, effects: Vec::new(), output: super::capture::Output::Elsewhere, ..call.clone() })
    }

    /// A program that runs a command it computes may run what it is given: its input, the texts in its arguments, and the
    /// variables in front of it.
    pub(super) fn run_what_is_given(&mut self, base: &str, call: &Call) {
        let mut texts: Vec<String> = call.input.known().map(str::to_owned).into_iter().collect();
        for text in call.arguments().iter().filter_map(Word::text) {
            texts.extend(literals(base, text));
            let value = text.split_once('=').filter(|(name, _)| crate::expand::is_name(name));
            texts.extend(value.map(|(_, value)| value.to_owned()));
        }
        texts.extend(call.assignments.iter().filter_map(|(_, value)| value.text()).map(str::to_owned));
        texts.retain(|text| text.trim().contains([' ', '\t']) && text.len() <= TEXT_BYTES);
        texts.truncate(TEXTS_OF_ONE);
        for text in texts {
            self.branch(|walker| walker.subshell(|walker| walker.nested_text(&text, base, call.span)));
        }
    }

    pub(crate) fn remember_suspect(&mut self, why: &str, text: &str) {
        let of_one = self.suspects.iter().filter(|suspect| suspect.why == why).count();
        let known = self.suspects.iter().any(|suspect| suspect.why == why && suspect.text == text);
        // One word can be run only where words follow it.
        let one_word_counts = why == super::state::BRANCHED;
        let worth = (one_word_counts || text.trim().contains([' ', '\t'])) && text.len() <= TEXT_BYTES;
        if worth && !known && of_one < TEXTS_OF_ONE && self.suspects.len() < TEXTS {
            self.suspects.push(Suspect { why: why.to_owned(), text: text.to_owned() });
        }
    }

    /// Reads the texts that a value may hold as code: it is about to run.
    pub(super) fn run_suspects(&mut self, value: &Word, via: &str, span: Span) {
        if self.suspects.is_empty() {
            return;
        }
        let holds =
            |why: &str| value.parts().iter().any(|part| matches!(part, Part::Unknown(other) if other == why));
        let texts: Vec<String> = self
            .suspects
            .iter()
            .filter(|suspect| holds(&suspect.why))
            .map(|suspect| suspect.text.clone())
            .collect();
        for text in texts {
            self.branch(|walker| walker.subshell(|walker| walker.nested_text(&text, via, span)));
        }
    }

    /// As `run_suspects`, for a value that is data for the most part: only texts that begin like a command.
    pub(super) fn run_suspected_commands(&mut self, value: &Word, via: &str, span: Span) {
        let command = |text: &str| {
            let first = text.split_whitespace().next().map_or("", base_name);
            crate::knowledge::names().any(|name| name == first)
        };
        let holds =
            |why: &str| value.parts().iter().any(|part| matches!(part, Part::Unknown(other) if other == why));
        let texts: Vec<String> = self
            .suspects
            .iter()
            .filter(|suspect| holds(&suspect.why) && command(&suspect.text))
            .map(|suspect| suspect.text.clone())
            .collect();
        for text in texts {
            self.branch(|walker| walker.subshell(|walker| walker.nested_text(&text, via, span)));
        }
    }

    /// Runs a call whose program is not known as the programs it may well be.
    pub(super) fn run_suspected_programs(&mut self, first: &Word, call: &Call) {
        let holds = |why: &str| matches!(first.parts(), [Part::Unknown(other)] if other == why);
        let texts: Vec<String> = self
            .suspects
            .iter()
            .filter(|suspect| holds(&suspect.why))
            .map(|suspect| suspect.text.clone())
            .collect();
        for text in texts {
            let words =
                text.split_whitespace().map(Word::literal).chain(call.arguments().iter().cloned()).collect();
            let call = Call {
                words,
                effects: Vec::new(),
                output: super::capture::Output::Elsewhere,
                ..call.clone()
            };
            self.branch(|walker| walker.subshell(|walker| walker.call(call)));
        }
    }
}

/// Programs whose arguments are code or patterns of their own.
const LANGUAGES: [&str; 21] = [
    "awk", "gawk", "mawk", "nawk", "perl", "python", "python3", "ruby", "node", "php", "lua", "jq", "yq",
    "grep", "egrep", "fgrep", "rg", "sed", "bc", "deno", "bun",
];

/// The whole of an argument, unless it is code or a pattern, and what stands between quotes in it.
fn literals(program: &str, argument: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !LANGUAGES.contains(&program) {
        found.push(argument.to_owned());
    }
    if program == "sed" {
        found.extend(put_in_place(argument));
    }
    // `+FORMAT`, `--format=FORMAT`
    let value = argument.strip_prefix('+').or(argument.split_once('=').map(|(_, value)| value));
    found.extend(value.map(str::to_owned));
    found.extend(quoted(argument).take(TEXTS_OF_ONE).map(str::to_owned));
    found
}

/// What stands between quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (at, quote) = rest.char_indices().find(|(_, char)| matches!(char, '"' | '\''))?;
        let (inside, after) = rest.get(at + 1..)?.split_once(quote)?;
        rest = after;
        Some(inside)
    })
}

/// The replacement of `s/…/…/`.
fn put_in_place(script: &str) -> Option<String> {
    let rest = script.strip_prefix('s')?;
    let mark = rest.chars().next()?;
    let mut parts = vec![String::new()];
    let mut chars = rest.chars().skip(1);
    while let Some(char) = chars.next() {
        if char == mark {
            parts.push(String::new());
            continue;
        }
        let char = if char == '\\' { chars.next()? } else { char };
        parts.last_mut()?.push(char);
    }
    parts.into_iter().nth(1)
}
