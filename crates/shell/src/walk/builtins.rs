//! What the shell does itself: directories, code in its own process, options, and the prefixes that find a command.

use super::simple::{Call, Lookup};
use super::state::{Directory, Shell, Stream, Variable};
use super::{Outcome, Walker, origin};
use crate::fold;
use crate::paths::{join, normal};
use crate::word::Word;
use leashd_types::{CodeSource, Effect};
use std::rc::Rc;

impl Walker<'_> {
    /// Runs a builtin that changes or reads the shell; nothing if the name is not one, or acts like a program.
    pub(super) fn builtin(&mut self, name: &str, call: &Call) -> Option<Outcome> {
        Some(match name {
            ":" => {
                self.plain(call);
                Outcome::succeeds(&self.shell)
            }
            "cd" | "pushd" | "popd" => self.change_directory(name, call),
            "exit" | "logout" => {
                self.plain(call);
                Outcome::ends()
            }
            "break" | "continue" | "return" => {
                self.plain(call);
                self.leave();
                self.here()
            }
            "eval" => self.eval(call),
            "source" | "." => self.source(call),
            "exec" => self.exec(call),
            "command" => self.command_prefix(call),
            "builtin" if call.words.len() > 1 => {
                self.plain(call);
                self.prefix(call, 1, name)
            }
            "trap" => self.trap(call),
            "alias" | "unalias" | "hash" | "enable" | "bind" | "complete" | "compgen" => {
                self.names(name, call)
            }
            "export" | "declare" | "typeset" | "local" | "readonly" => self.declare(name, call),
            "unset" | "set" | "shift" | "shopt" | "let" | "getopts" => self.variables(name, call),
            "read" | "mapfile" | "readarray" => self.read_input(name, call),
            "printf" => self.printf_variable(call)?,
            "test" | "[" => {
                self.test_subscripts(call);
                return None;
            }
            "wait" => {
                self.test_subscripts(call);
                return None;
            }
            "fc" => {
                self.note("commands of the history run again");
                self.plain(call);
                self.here()
            }
            _ => return None,
        })
    }

    /// A builtin with no effects but those of its redirections.
    pub(super) fn plain(&mut self, call: &Call) -> usize {
        self.deliver(Stream::Inherited, &call.output);
        self.emit_call(call, call.effects.clone())
    }

    fn change_directory(&mut self, name: &str, call: &Call) -> Outcome {
        self.plain(call);
        let before = Rc::clone(&self.shell);
        let operand = call
            .arguments()
            .iter()
            .find(|word| word.text().is_none_or(|text| text == "-" || !text.starts_with('-')));
        let (target, certain) = match (name, operand.map(|word| (word, word.text()))) {
            ("popd", _) => {
                let popped = self.shell_mut().stack.pop();
                (popped.unwrap_or_default(), false)
            }
            ("cd", None) => {
                let home = self.variable_or_environment("HOME");
                (home.text().map(Directory::known).unwrap_or_default(), true)
            }
            ("cd", Some((_, Some("-")))) => match self.variable("OLDPWD").map(|found| found.value.text()) {
                Some(Some(path)) => self.directory(path),
                Some(None) => (Directory::default(), false),
                None => (self.shell.previous.clone(), false),
            },
            (_, Some((_, Some(path)))) => self.directory(path),
            _ => (Directory::default(), false),
        };
        let shell = self.shell_mut();
        let left = std::mem::replace(&mut shell.directory, target);
        if name == "pushd" {
            shell.stack.push(left.clone());
        }
        shell.previous = left;
        let failure = if certain { None } else { Some(before) };
        Outcome { success: Some(Rc::clone(&self.shell)), failure }
    }

    /// The directory that `cd path` leads to, and whether it is sure to exist.
    fn directory(&self, path: &str) -> (Directory, bool) {
        if let Some(found) = self.variable("CDPATH")
            && !path.starts_with(['/', '.'])
        {
            let Some(places) = found.value.text() else { return (Directory::default(), false) };
            let here = self.shell.directory.only();
            let reached = places.split(':').filter(|place| !place.is_empty()).chain(["."]);
            let reached = reached.filter_map(|place| join(&format!("{place}/{path}"), here));
            return (Directory(reached.take(4).map(|path| Rc::from(normal(&path))).collect()), false);
        }
        let reached: Vec<Rc<str>> = if path.starts_with('/') {
            vec![Rc::from(normal(path))]
        } else {
            let directories = self.shell.directory.0.iter();
            directories
                .filter_map(|directory| join(path, Some(directory)))
                .map(|path| Rc::from(normal(&path)))
                .collect()
        };
        let exists = |path: &Rc<str>| {
            let start = normal(self.env.cwd);
            let inside = start.strip_prefix(path.trim_end_matches('/'));
            path.as_ref() == "/"
                || path.as_ref() == self.env.home
                || path.as_ref() == "/tmp"
                || inside.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let certain = !reached.is_empty() && reached.iter().all(exists);
        (Directory(reached), certain)
    }

    fn eval(&mut self, call: &Call) -> Outcome {
        let arguments = match call.arguments() {
            [first, rest @ ..] if first.text() == Some("--") => rest,
            all => all,
        };
        let mut text = Word::default();
        for (index, word) in arguments.iter().enumerate() {
            if index > 0 {
                text.push(crate::Part::Text(" ".to_owned()));
            }
            for part in word.parts() {
                text.push(part.clone());
            }
        }
        let index = self.plain(call);
        self.in_place(index, &text, "eval", call)
    }

    /// Runs code in this very shell.
    fn in_place(&mut self, index: usize, text: &Word, via: &str, call: &Call) -> Outcome {
        if let Some(path) = origin::file_of(text).map(str::to_owned) {
            return match self.script_text(index, &Word::literal(path), call) {
                Some((Stream::Text(text), _)) => self.in_place(index, &text, via, call),
                _ => self.unknown_code(),
            };
        }
        if text.unknown_reason() == Some(origin::SETTINGS) && text.parts().len() == 1 {
            return self.unknown_code();
        }
        if text.text().is_none() {
            let why = origin::reason(text).to_owned();
            let code = if origin::is_marked(&why) || why.starts_with("the output of ") {
                CodeSource::Piped { interpreter: via.to_owned(), origin: why.clone() }
            } else {
                CodeSource::Unknown { why: why.clone() }
            };
            self.add_effect(index, Effect::Runs { code });
            self.add_doubt(index, format!("code that is not known: {why}"));
            self.run_suspects(text, via, call.span);
        }
        let outer = std::mem::replace(&mut self.input, call.input.clone());
        self.with_output(&call.output, |walker| walker.run_code(text, via, call.span));
        self.input = outer;
        if text.text().is_none() { self.unknown_code() } else { self.here() }
    }

    /// After code that is not known nothing of the shell is.
    fn unknown_code(&mut self) -> Outcome {
        let shell = self.shell_mut();
        for variable in shell.variables.values_mut() {
            let exported = variable.attributes.exported;
            let mut unknown = Variable::scalar(Word::unknown("set by code that is not known"));
            unknown.attributes.exported = exported;
            *variable = Rc::new(unknown);
        }
        shell.directory = Directory::default();
        shell.positional = None;
        for function in shell.functions.values_mut() {
            function.certain = false;
        }
        self.here()
    }

    fn source(&mut self, call: &Call) -> Outcome {
        let index = self.plain(call);
        let operands = match call.arguments() {
            [first, rest @ ..] if first.text() == Some("--") => rest,
            all => all,
        };
        let Some(path) = operands.first() else { return self.here() };
        let positional = self.shell.positional.clone();
        if operands.len() > 1 {
            self.shell_mut().positional = Some(operands.to_vec());
        }
        let outcome = match self.script_text(index, path, call) {
            Some((Stream::Text(text), _)) => self.in_place(index, &text, "source", call),
            // The project's own scripts set variables and little else; what they set is not known.
            _ => self.here(),
        };
        if operands.len() > 1 {
            self.shell_mut().positional = positional;
        }
        outcome
    }

    fn exec(&mut self, call: &Call) -> Outcome {
        let mut words = 1;
        while let Some(text) = call.words.get(words).and_then(Word::text).filter(|text| text.starts_with('-'))
        {
            words += match text {
                "--" => {
                    words += 1;
                    break;
                }
                text if text.ends_with('a') => 2,
                _ => 1,
            };
        }
        self.plain(call);
        if call.words.len() > words {
            self.prefix(call, words, "exec");
            return Outcome::ends();
        }
        let shell = self.shell_mut();
        for (number, data) in &call.opened {
            shell.descriptors.insert(*number, data.clone());
        }
        self.input = call.input.clone();
        self.here()
    }

    /// `command NAME` and `command -v NAME`.
    fn command_prefix(&mut self, call: &Call) -> Outcome {
        let mut words = 1;
        while let Some(text) = call.words.get(words).and_then(Word::text) {
            match text {
                "--" => {
                    words += 1;
                    break;
                }
                "-p" => words += 1,
                // It only asks what a name means.
                text if text.starts_with('-') => {
                    let printed =
                        fold::output("command", call.arguments(), &call.input, |_| Stream::Inherited);
                    self.emit_call(call, call.effects.clone());
                    self.deliver(printed, &call.output);
                    return self.here();
                }
                _ => break,
            }
        }
        self.plain(call);
        if call.words.len() <= words {
            return self.here();
        }
        self.prefix(call, words, "command")
    }

    fn prefix(&mut self, call: &Call, words: usize, via: &str) -> Outcome {
        self.via.push(via.to_owned());
        let outcome = self.call(call.without(words, Lookup::BuiltinsAndPrograms));
        self.via.pop();
        outcome
    }

    fn trap(&mut self, call: &Call) -> Outcome {
        let index = self.plain(call);
        let operands: Vec<Word> =
            call.arguments().iter().filter(|word| word.text() != Some("--")).cloned().collect();
        let Some(code) = operands.first().filter(|_| operands.len() > 1) else { return self.here() };
        if code.text().is_some_and(|text| matches!(text, "" | "-") || text.starts_with("-l") || text == "-p")
        {
            return self.here();
        }
        let before: Rc<Shell> = Rc::clone(&self.shell);
        self.branch(|walker| walker.in_place(index, code, "trap", call));
        self.rejoin(&before);
        if self.traps.len() < 16 {
            self.traps.push(code.clone());
        }
        self.here()
    }

    /// Builtins that give names a meaning.
    fn names(&mut self, name: &str, call: &Call) -> Outcome {
        let index = self.plain(call);
        match name {
            "alias" => self.define_aliases(call),
            "unalias" => {
                for text in call.arguments().iter().filter_map(Word::text) {
                    self.shell_mut().aliases.remove(text);
                }
            }
            "hash" => {
                if let [flag, path, rest @ ..] = call.arguments()
                    && flag.text() == Some("-p")
                {
                    for name in rest.iter().filter_map(Word::text) {
                        let path = path.text().unwrap_or("").to_owned();
                        self.shell_mut().hashed.insert(name.to_owned(), path);
                    }
                }
            }
            "enable" => {
                if let Some(at) = call.arguments().iter().position(|word| word.text() == Some("-f")) {
                    let path = call.arguments().get(at + 1).cloned().unwrap_or_default();
                    for path in self.path_texts(&path) {
                        self.add_effect(index, Effect::Runs { code: CodeSource::File { path } });
                    }
                }
            }
            _ => self.completions(index, call),
        }
        self.here()
    }

    fn define_aliases(&mut self, call: &Call) {
        for word in call.arguments() {
            match word.text().and_then(|text| text.split_once('=')) {
                Some((name, text)) => {
                    let (name, text) = (name.to_owned(), text.to_owned());
                    self.shell_mut().aliases.insert(name, text);
                }
                None if word.text().is_none() => self.note("an alias for something that is not known"),
                None => {}
            }
        }
        if !self.notes.is_empty() {
            self.emit_bare(Vec::new(), call.span);
        }
    }

    /// `bind -x`, `complete -C`, `compgen -W`: code in arguments.
    fn completions(&mut self, index: usize, call: &Call) {
        let mut arguments = call.arguments().iter();
        while let Some(flag) = arguments.next() {
            let Some(value) = arguments.clone().next() else { break };
            match flag.text() {
                Some("-C" | "-F") => self.run_code(value, "complete", call.span),
                Some("-W") => self.hidden_code(value.text().unwrap_or(""), "a list of completions"),
                Some("-x") => {
                    self.add_doubt(index, "a key is bound to a command".to_owned());
                    if let Some((_, code)) = value.text().and_then(|text| text.split_once(':')) {
                        let code = Word::literal(code.trim().trim_matches(['"', '\'']));
                        self.run_code(&code, "bind", call.span);
                    }
                }
                _ => {}
            }
        }
    }
}
