//! Programs: what the table says about one, what it prints, what it writes, and names that are not known.

use super::capture::Output;
use super::simple::{Call, Lookup};
use super::state::Stream;
use super::{Outcome, Walker, origin};
use crate::expand::pattern::Pattern;
use crate::fold;
use crate::knowledge::{self, Argv, Description, Nested, Stdin};
use crate::paths::{base_name, join, normal};
use crate::syntax::Writing;
use crate::word::{Part, Word};
use leashd_types::{CodeSource, Effect, PathText};

/// Most programs a glob in command position is described as.
const CANDIDATES: usize = 16;

/// Programs that turn sources into programs.
const COMPILERS: [&str; 9] = ["cc", "gcc", "g++", "c++", "clang", "clang++", "rustc", "go", "ld"];

impl Walker<'_> {
    pub(super) fn program(&mut self, call: Call) -> Outcome {
        let call = self.with_items_as_input(call);
        if let Some(likely) = self.with_named_paths(&call) {
            self.branch(|walker| walker.described(likely));
        }
        let name = call.name().unwrap_or("").to_owned();
        if name.contains('/')
            && let Some(path) = self.single_path(&Word::literal(name.as_str()))
            && let Some(data) = self.written(&path)
        {
            return self.run_written(call, &path, data);
        }
        self.described(call)
    }

    /// Asks the table and follows what it answers.
    pub(super) fn described(&mut self, call: Call) -> Outcome {
        let name = call.name().unwrap_or("").to_owned();
        let description = self.describe(&call);
        let printed = self.printed(&name, &call);
        self.suspect(&call, &printed);
        self.remember_writes(&name, &call, &description);
        let mut effects = call.effects.clone();
        let kept = |effect: &&Effect| !is_stream_effect(effect);
        effects.extend(description.effects.iter().filter(kept).cloned());
        self.searched_directory(&name, &call, &mut effects);
        effects.extend(shown_secret(&name, &call));
        for why in &description.unclear {
            self.note(why);
        }
        if matches!(base_name(&name), "make" | "gmake") {
            self.set_for_make(&call);
        }
        let computes = self.notes.iter().any(|note| note.contains("runs a command"));
        let index = self.emit_call(&call, effects);
        if computes {
            self.run_what_is_given(base_name(&name), &call);
        }
        self.loaded_unasked(index, &name, &call, &description.effects);
        let mut nested = if only_asks(&name, &call) { Vec::new() } else { description.nested };
        nested.extend(self.written_scripts(&call, &description.effects));
        nested.extend(self.written_options(&call));
        self.run_copies(index, &description.effects);
        nested.extend(self.written_statements(&call));
        if let Some(code) =
            fold::executed_by_sed(call.arguments(), &call.input).filter(|_| base_name(&name) == "sed")
        {
            nested.push(Nested::Script { text: Word::literal(code), via: "sed".to_owned() });
        }
        if nested.is_empty() {
            self.deliver(printed, &call.output);
        } else {
            self.nested_output(&name, &call, printed, |walker| {
                for inner in nested {
                    walker.nested(index, inner, &call);
                }
            });
        }
        match base_name(&name) {
            "true" | "echo" | "printf" => Outcome::succeeds(&self.shell),
            _ => self.here(),
        }
    }

    /// A search that is not told where looks in the directory it runs in: worth saying if that is another one.
    fn searched_directory(&self, name: &str, call: &Call, effects: &mut Vec<Effect>) {
        let searches = match base_name(name) {
            "ls" | "find" | "fd" | "rg" => true,
            "git" => call
                .arguments()
                .iter()
                .any(|word| matches!(word.text(), Some("ls-files" | "grep" | "ls-tree" | "--name-only"))),
            _ => false,
        };
        let told = effects.iter().any(|effect| matches!(effect, Effect::Read { .. }));
        if !searches || told || self.shell.directory.only() == Some(self.env.cwd) {
            return;
        }
        effects.extend(self.path_texts(&Word::literal("")).into_iter().map(|path| Effect::Read { path }));
    }

    /// What a wrapper prints is what it runs prints, where it runs that once and changes nothing.
    fn nested_output(&mut self, name: &str, call: &Call, own: Stream, inner: impl FnOnce(&mut Self)) {
        let ((), data) = self.capture(inner);
        let transparent = matches!(
            base_name(name),
            "sh" | "bash"
                | "dash"
                | "zsh"
                | "ksh"
                | "ash"
                | "busybox"
                | "env"
                | "timeout"
                | "nice"
                | "nohup"
                | "stdbuf"
                | "setsid"
                | "time"
                | "sudo"
                | "doas"
                | "ionice"
                | "chrt"
                | "taskset"
        );
        let data = if transparent {
            data
        } else {
            match (own, data) {
                (Stream::Inherited, Stream::Inherited) => Stream::Inherited,
                (own, Stream::Inherited) => own,
                (_, inner) => {
                    let mut word = inner.word();
                    word.push(Part::Unknown(format!("the output of {}", base_name(name))));
                    Stream::of(word)
                }
            }
        };
        self.deliver(data, &call.output);
    }

    fn describe(&self, call: &Call) -> Description {
        let opaque = match &call.input {
            Stream::Inherited => String::new(),
            Stream::File(path) => origin::contents(path),
            Stream::Text(word) => origin::reason(word).to_owned(),
        };
        let stdin = match (&call.input, call.input.known()) {
            (Stream::Inherited, _) => Stdin::Inherited,
            (_, Some(text)) => Stdin::Text(text),
            _ => Stdin::Opaque(&opaque),
        };
        let describe = |cwd: Option<&str>| {
            knowledge::describe(&Argv { words: &call.words, cwd, home: self.env.home, stdin })
        };
        let mut directories = self.shell.directory.0.iter();
        let mut description = describe(directories.next().map(AsRef::as_ref));
        // The directory may be any of several: what it would do in each of them counts.
        for directory in directories {
            let other = describe(Some(directory));
            for effect in other.effects {
                if !description.effects.contains(&effect) {
                    description.effects.push(effect);
                }
            }
            for why in other.unclear {
                if !description.unclear.contains(&why) {
                    description.unclear.push(why);
                }
            }
        }
        description
    }

    /// Files that a program writes hold something else from now on.
    fn remember_writes(&mut self, name: &str, call: &Call, description: &Description) {
        let base = base_name(name);
        if matches!(base, "mkdir" | "mkfifo" | "touch" | "chmod" | "rmdir") {
            return;
        }
        let operands: Vec<&str> = call
            .arguments()
            .iter()
            .filter_map(Word::text)
            .filter(|text| !text.starts_with('-') || *text == "-")
            .collect();
        let directory = self.shell.directory.only().map(str::to_owned);
        let absolute = |path: &str| join(path, directory.as_deref());
        let copied = match operands.as_slice() {
            [source, ..] => absolute(source)
                .map(|from| (self.written(&from).unwrap_or_else(|| Stream::File(from.clone())), from)),
            [] => None,
        };
        for effect in &description.effects {
            if let Effect::Write { path: PathText::Exact(path) } = effect
                && !Self::is_stream(path)
            {
                if (COMPILERS.contains(&base) || makes_environment(call))
                    && !call.input.word().unknown_reason().is_some_and(origin::is_marked)
                {
                    // What a compiler makes of the project is the project's.
                    let path = normal(path);
                    if self.shell.files.contains_key(&path) {
                        std::rc::Rc::make_mut(&mut self.shell_mut().files).remove(&path);
                    }
                    continue;
                }
                let data = match origin::output(base, call.arguments(), None) {
                    word if word.unknown_reason().is_some_and(origin::is_marked) => Stream::of(word),
                    _ => Stream::unknown(format!("what {base} wrote")),
                };
                self.suspect(call, &data);
                self.remember_file(&normal(path), data);
            }
        }
        match base {
            "dd" => {
                let operand = |name: &str| operands.iter().find_map(|operand| operand.strip_prefix(name));
                if let (None, Some(to)) = (operand("if="), operand("of=").and_then(&absolute)) {
                    self.write_file(&normal(&to), call.input.clone(), Writing::Replace);
                }
            }
            "tee" => {
                let appends =
                    call.arguments().iter().any(|word| matches!(word.text(), Some("-a" | "--append")));
                let writing = if appends { Writing::Append } else { Writing::Replace };
                for path in operands.iter().filter_map(|path| absolute(path)) {
                    self.write_file(&normal(&path), call.input.clone(), writing);
                }
            }
            "cp" | "mv" | "ln" | "install" => {
                if let ([_, target], Some((data, from))) = (operands.as_slice(), copied)
                    && let Some(to) = absolute(target)
                {
                    // The target may be a directory.
                    self.remember_file(&normal(&format!("{to}/{}", base_name(&from))), data.clone());
                    self.remember_file(&normal(&to), data);
                }
            }
            _ => {}
        }
    }

    /// A script of another language that the line has written itself: its text is known.
    fn written_scripts(&self, call: &Call, effects: &[Effect]) -> Vec<Nested> {
        let Some(name) = call.name() else { return Vec::new() };
        let Some(flag) = inline_flag(base_name(name)) else { return Vec::new() };
        effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Runs { code: CodeSource::File { path: PathText::Exact(path) } } => Some(path),
                _ => None,
            })
            .filter_map(|path| match self.written(path) {
                Some(Stream::Text(text)) => Some(Nested::Command {
                    words: vec![Word::literal(name), Word::literal(flag), Word::clone(&text)],
                    via: path.clone(),
                }),
                _ => None,
            })
            .collect()
    }

    /// A file the line has copied or linked to where it runs counts as what it came from, too.
    fn run_copies(&mut self, index: usize, effects: &[Effect]) {
        if self.shell.files.is_empty() {
            return;
        }
        for effect in effects {
            if let Effect::Runs { code: CodeSource::File { path: PathText::Exact(path) } } = effect
                && let Some(Stream::File(source)) = self.written(path)
            {
                let path = PathText::Exact(source);
                self.add_effect(index, Effect::Runs { code: CodeSource::File { path } });
            }
        }
    }

    /// `curl -K FILE`, where the line has written the file: each line of it is an option.
    fn written_options(&self, call: &Call) -> Option<Nested> {
        if base_name(call.name()?) != "curl" {
            return None;
        }
        let at = call.arguments().iter().position(|word| matches!(word.text(), Some("-K" | "--config")))?;
        let path = self.single_path(call.arguments().get(at + 1)?)?;
        let data = self.written(&path)?;
        let mut words = vec![call.words.first()?.clone()];
        for line in
            data.known()?.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let (name, value) = line.split_once(['=', ':', ' ', '\t']).unwrap_or((line, ""));
            let name = name.trim().trim_start_matches('-');
            words.push(Word::literal(format!("{}{name}", if name.len() == 1 { "-" } else { "--" })));
            let value = value.trim().trim_start_matches(['=', ':', ' ']).trim_matches('"');
            if !value.is_empty() {
                words.push(Word::literal(value));
            }
        }
        Some(Nested::Command { words, via: "curl --config".to_owned() })
    }

    /// `psql -f FILE`, where the line has written the file: the statements in it.
    fn written_statements(&self, call: &Call) -> Option<Nested> {
        let name = call.words.first().filter(|_| call.name().map(base_name) == Some("psql"))?;
        let mut words = call.arguments().iter();
        let file = words.find_map(|word| {
            let text = word.text()?;
            match text.strip_prefix("--file=").or_else(|| text.strip_prefix("-f")) {
                Some("") => Some(None),
                Some(path) => Some(Some(Word::literal(path))),
                None if text == "--file" => Some(None),
                None => None,
            }
        })?;
        let path = self.single_path(&file.or_else(|| words.next().cloned())?)?;
        let statements = Word::literal(self.written(&path)?.known()?);
        let words = vec![name.clone(), Word::literal("-c"), statements];
        Some(Nested::Command { words, via: "psql -f".to_owned() })
    }

    /// A program whose name is not known: at least asked for, and described as everything it may well be.
    pub(super) fn unknown_program(&mut self, call: Call) -> Outcome {
        let Some(first) = call.words.first().cloned() else { return self.here() };
        let why = match first.unknown_reason() {
            Some(why) => format!("the name of the program is not known: {why}"),
            None => "the name of the program is a pattern".to_owned(),
        };
        self.note(&why);
        let notes = self.notes.clone();
        let reason = origin::reason(&first).to_owned();
        let mut effects = call.effects.clone();
        if origin::is_marked(&reason) {
            let code = CodeSource::Piped { interpreter: "the shell".to_owned(), origin: reason.clone() };
            effects.push(Effect::Runs { code });
        }
        self.emit_call(&call, effects);
        self.run_suspected_programs(&first, &call);
        self.deliver(Stream::unknown("the output of a program that is not known"), &call.output);
        for candidate in self.candidates(&first) {
            self.notes.clone_from(&notes);
            let mut call = call.clone();
            call.output = Output::Elsewhere;
            if let Some(first) = call.words.first_mut() {
                *first = Word::literal(candidate);
            }
            self.branch(|walker| walker.described(call));
        }
        let vanishing = call.words.iter().take_while(|word| may_vanish(word)).count();
        if vanishing > 0 && call.words.len() > vanishing {
            // An empty value leaves no word: what follows is the program then.
            self.notes.clone_from(&notes);
            let mut rest = call.without(vanishing, Lookup::Everything);
            rest.output = Output::Elsewhere;
            self.branch(|walker| walker.subshell(|walker| walker.call(rest)));
        }
        self.here()
    }

    fn candidates(&self, word: &Word) -> Vec<String> {
        let unset = |part: &Part| matches!(part, Part::Unknown(why) if origin::is_environment(why));
        if word.parts().iter().all(|part| unset(part) || matches!(part, Part::Text(_))) && !may_vanish(word) {
            // A name nobody has set adds nothing.
            let known = word.parts().iter().filter_map(|part| match part {
                Part::Text(text) => Some(text.as_str()),
                Part::Glob(_) | Part::Unknown(_) => None,
            });
            return vec![known.collect()];
        }
        if let [.., Part::Text(tail)] = word.parts()
            && let Some((_, base)) = tail.rsplit_once('/')
        {
            return if base.is_empty() { Vec::new() } else { vec![base.to_owned()] };
        }
        let mut last = Word::default();
        for part in word.parts() {
            match part {
                Part::Text(text) => match text.rsplit_once('/') {
                    Some((_, after)) => {
                        last = Word::default();
                        last.push(Part::Text(after.to_owned()));
                    }
                    None => last.push(part.clone()),
                },
                part => last.push(part.clone()),
            }
        }
        let Some(pattern) = Pattern::new(&last) else { return Vec::new() };
        let first = last.prefix().chars().next();
        let mut chars = Vec::new();
        let mut matching = |name: &&str| {
            if first.is_some_and(|first| !name.starts_with(first)) {
                return false;
            }
            chars.clear();
            chars.extend(name.chars());
            pattern.matches(&chars)
        };
        let names: Vec<String> = knowledge::names()
            .filter(|name| matching(name))
            .take(CANDIDATES + 1)
            .map(str::to_owned)
            .collect();
        if names.len() > CANDIDATES { Vec::new() } else { names }
    }
}

/// The flag that hands an interpreter its script as text.
pub(super) fn inline_flag(interpreter: &str) -> Option<&'static str> {
    match interpreter {
        "perl" | "ruby" | "node" | "nodejs" | "bun" | "lua" => Some("-e"),
        "php" => Some("-r"),
        name if name.starts_with("python") || name.starts_with("pypy") => Some("-c"),
        _ => None,
    }
}

/// Whether nothing may be left of a word: a single value that the line does not set.
fn may_vanish(word: &Word) -> bool {
    word.parts().iter().all(|part| matches!(part, Part::Unknown(_)))
}

/// `command -v NAME`, `type NAME`, `which NAME` look a name up and run nothing.
fn only_asks(name: &str, call: &Call) -> bool {
    match base_name(name) {
        "type" | "which" => true,
        "command" => call
            .arguments()
            .first()
            .and_then(Word::text)
            .is_some_and(|text| text.starts_with('-') && text.contains(['v', 'V'])),
        _ => false,
    }
}

fn is_stream_effect(effect: &Effect) -> bool {
    match effect {
        Effect::Read { path: PathText::Exact(path) } | Effect::Write { path: PathText::Exact(path) } => {
            path.starts_with("/dev/fd/")
        }
        _ => false,
    }
}

/// `python3 -m venv DIRECTORY`, `virtualenv DIRECTORY`, `uv venv`: what comes out is the toolchain's own.
fn makes_environment(call: &Call) -> bool {
    let base = call.name().map_or("", base_name);
    let first = |word: &str| call.arguments().iter().filter_map(Word::text).any(|text| text == word);
    base == "virtualenv"
        || base.starts_with("python") && first("-m") && (first("venv") || first("virtualenv"))
        || base == "uv" && first("venv")
}

/// `echo $AWS_SECRET_ACCESS_KEY`: what is shown is a part of the environment.
fn shown_secret(name: &str, call: &Call) -> Option<Effect> {
    if !matches!(base_name(name), "echo" | "printf" | "print") || !matches!(call.output, Output::Stream) {
        return None;
    }
    let mut parts = call.arguments().iter().flat_map(Word::parts);
    let variable = parts.find_map(|part| match part {
        Part::Unknown(why) => origin::variable_of(why).filter(|name| knowledge::is_secret_name(name)),
        Part::Text(_) | Part::Glob(_) => None,
    })?;
    Some(Effect::Secret { what: format!("the variable {variable} of the environment") })
}
