//! Builtins that put text into variables: `read`, `mapfile`, `printf -v`, `set`, `unset`, `shift`, `let`.

use super::simple::Call;
use super::state::{Key, Stream, Variable};
use super::{Outcome, Walker, origin};
use crate::fold;
use crate::word::Word;
use std::collections::BTreeMap;

/// What `read` or `mapfile` is asked for.
struct Request {
    names: Vec<Word>,
    arrays: Vec<Word>,
    input: Stream,
    /// Lines end where lines end, and nothing is cut off.
    plain: bool,
    /// `read -d ''`: everything is one line.
    whole: bool,
    lines: Lines,
}

/// What becomes an element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    /// The words of the first line.
    Fields,
    Whole,
    /// Lines without their newline.
    Stripped,
}

impl Request {
    fn elements(&self, text: &str) -> BTreeMap<Key, Word> {
        let words: Vec<&str> = match self.lines {
            Lines::Fields => text.lines().next().unwrap_or("").split_whitespace().collect(),
            Lines::Stripped => text.lines().collect(),
            Lines::Whole => text.split_inclusive('\n').collect(),
        };
        (0..).map(Key::Index).zip(words.into_iter().map(Word::literal)).collect()
    }
}

impl Walker<'_> {
    pub(super) fn read_input(&mut self, builtin: &str, call: &Call) -> Outcome {
        let mut request = self.request(builtin, call);
        if builtin != "read" {
            request.arrays.append(&mut request.names);
        } else if request.names.is_empty() && request.arrays.is_empty() {
            request.names.push(Word::literal("REPLY"));
        }
        let followed = request.plain && (self.exits.is_empty() || self.unrolled);
        let known = request.input.known().filter(|text| followed && !text.contains('\\')).map(str::to_owned);
        if request.whole && request.input == self.input {
            self.input = Stream::text("");
        } else if builtin == "read" && known.is_some() && request.input == self.input {
            self.consume_line();
        }
        let why = match &request.input {
            Stream::Inherited => "what is read from the input".to_owned(),
            data => origin::reason(&data.word()).to_owned(),
        };
        let values = match (known.as_deref(), self.separators()) {
            (Some(text), Some(separators)) if request.whole && request.names.len() == 1 => {
                let blank = |char: char| char.is_ascii_whitespace() && separators.contains(char);
                Some(vec![text.trim_matches(blank).to_owned()])
            }
            (Some(_), Some(_)) if request.whole => None,
            (Some(text), Some(separators)) => Some(fields_of(text, request.names.len(), &separators)),
            _ => None,
        };
        for (index, name) in request.names.iter().enumerate() {
            let value = values.as_ref().map(|values| values.get(index).cloned().unwrap_or_default());
            self.set_read(name, value.map_or_else(|| Word::unknown(why.as_str()), Word::literal));
        }
        for name in &request.arrays {
            let variable = match known.as_deref() {
                Some(text) => Variable::array(request.elements(text)),
                None => Variable::scalar(Word::unknown(why.as_str())),
            };
            self.subscript_code(name);
            if let Some(name) = name.text() {
                self.bind_variable(name, variable);
            }
        }
        self.plain(call);
        self.here()
    }

    /// Reads the options of `read` and `mapfile`.
    fn request(&mut self, builtin: &str, call: &Call) -> Request {
        let lines = if builtin == "read" { Lines::Fields } else { Lines::Whole };
        let mut request = Request {
            names: Vec::new(),
            arrays: Vec::new(),
            input: call.input.clone(),
            plain: true,
            whole: false,
            lines,
        };
        let mut arguments = call.arguments().iter();
        while let Some(word) = arguments.next() {
            let Some(text) = word.text().filter(|text| text.starts_with('-') && text.len() > 1) else {
                request.names.push(word.clone());
                continue;
            };
            let last = text.chars().next_back().unwrap_or('-');
            let attached = text.len() > 2 && "ucd".contains(text.chars().nth(1).unwrap_or('-'));
            match last {
                _ if builtin == "read" && text.starts_with("-u") => {
                    let attached = attached.then(|| Word::literal(text.trim_start_matches("-u")));
                    let number = attached.or_else(|| arguments.next().cloned()).unwrap_or_default();
                    request.input = self.descriptor_input(&number);
                }
                'a' if builtin == "read" => request.arrays.extend(arguments.next().cloned()),
                't' if builtin != "read" => request.lines = Lines::Stripped,
                'd' if builtin == "read"
                    && !attached
                    && arguments.clone().next().and_then(Word::text) == Some("") =>
                {
                    request.whole = true;
                    arguments.next();
                }
                'd' | 'n' | 'N' | 'p' | 't' | 'i' | 'u' | 'O' | 'c' if !attached => {
                    request.plain &= matches!(last, 'p' | 't');
                    arguments.next();
                }
                'C' => {
                    if let Some(code) = arguments.next().cloned() {
                        self.run_code(&code, builtin, call.span);
                    }
                }
                _ => {}
            }
        }
        request
    }

    /// `read` takes the first line: what reads next begins behind it.
    fn consume_line(&mut self) {
        if let Some((_, rest)) = self.input.known().and_then(|text| text.split_once('\n')) {
            self.input = Stream::text(rest);
        } else {
            self.input = Stream::text("");
        }
    }

    fn descriptor_input(&self, number: &Word) -> Stream {
        let number = number.text().and_then(|text| text.parse::<u32>().ok());
        let data = number.and_then(|number| self.shell.descriptors.get(&number).cloned());
        data.unwrap_or_else(|| Stream::unknown("a descriptor that is not known"))
    }

    fn set_read(&mut self, name: &Word, value: Word) {
        self.subscript_code(name);
        match name.text() {
            Some(name) if crate::expand::is_name(name) => {
                self.bind(name, value);
            }
            Some(name) => {
                let base = name.split('[').next().unwrap_or("").to_owned();
                self.set_variable(&base, Variable::scalar(Word::unknown("an array with unknown keys")));
            }
            None => self.note("a variable is set whose name is not known"),
        }
    }

    /// Bash evaluates the subscript of a name it is given: code in it runs.
    pub(super) fn subscript_code(&mut self, word: &Word) {
        match word.text() {
            Some(text) => {
                let text = text.to_owned();
                self.evaluated_name(&text);
            }
            None => {
                if word.unknown_reason().is_some_and(|why| {
                    why != origin::NUMBER && why != origin::JOB && !origin::is_environment(why)
                }) {
                    self.note("a name that is not known, which bash would evaluate");
                }
            }
        }
    }

    pub(super) fn test_subscripts(&mut self, call: &Call) {
        let arguments = call.arguments().to_vec();
        for pair in arguments.windows(2) {
            if let [flag, operand] = pair
                && matches!(flag.text(), Some("-v" | "-R" | "-p"))
            {
                self.subscript_code(operand);
            }
        }
        for triple in arguments.windows(3) {
            if let [left, operator, right] = triple
                && matches!(operator.text(), Some("-eq" | "-ne" | "-lt" | "-le" | "-gt" | "-ge"))
            {
                for word in [left, right] {
                    if word.text().is_some_and(|text| text.contains('[')) {
                        self.subscript_code(word);
                    }
                }
            }
        }
    }

    /// `printf -v NAME`; nothing for a `printf` that prints.
    pub(super) fn printf_variable(&mut self, call: &Call) -> Option<Outcome> {
        let (flag, rest) = call.arguments().split_first()?;
        let text = flag.text()?;
        let (name, rest) = match text.strip_prefix("-v")? {
            "" => rest.split_first().map(|(name, rest)| (name.clone(), rest))?,
            name => (Word::literal(name), rest),
        };
        let value = fold::printf(rest);
        self.set_read(&name, value);
        self.plain(call);
        Some(Outcome::succeeds(&self.shell))
    }

    /// `unset`, `set`, `shift`, `shopt`, `let`, `getopts`.
    pub(super) fn variables(&mut self, builtin: &str, call: &Call) -> Outcome {
        match builtin {
            "unset" => self.unset(call),
            "set" if call.arguments().is_empty() => {
                let mut effects = call.effects.clone();
                effects.push(super::declare::printed_environment());
                self.deliver(Stream::unknown("the environment"), &call.output);
                self.emit_call(call, effects);
                return self.here();
            }
            "set" => self.set(call),
            "shift" => self.shift(call),
            "let" => {
                for word in call.arguments() {
                    self.evaluate(word, 0);
                }
            }
            "getopts" => {
                for name in ["OPTARG", call.words.get(2).and_then(Word::text).unwrap_or("OPTARG")] {
                    self.bind(name, Word::unknown("an argument of a script"));
                }
            }
            _ => {}
        }
        self.plain(call);
        self.here()
    }

    fn unset(&mut self, call: &Call) {
        let mut functions = false;
        for word in call.arguments() {
            self.subscript_code(word);
            match word.text() {
                Some("-f") => functions = true,
                Some(text) if text.starts_with('-') => {}
                Some(name) if functions => {
                    self.shell_mut().functions.remove(name);
                }
                Some(name) if name.contains('[') => {
                    let base = name.split('[').next().unwrap_or("").to_owned();
                    self.set_variable(
                        &base,
                        Variable::scalar(Word::unknown("an array with a part taken out")),
                    );
                }
                Some(name) => {
                    if !self.shell.variables.contains_key(name) && self.shell.functions.contains_key(name) {
                        self.shell_mut().functions.remove(name);
                    }
                    self.set_variable(name, Variable { unset: true, ..Variable::default() });
                }
                None => self.note("a variable is unset whose name is not known"),
            }
        }
    }

    fn set(&mut self, call: &Call) {
        let mut arguments = call.arguments().iter().enumerate();
        let name = self.shell.positional.as_ref().and_then(|all| all.first().cloned()).unwrap_or_default();
        let positional =
            |rest: &[Word]| Some(std::iter::once(name.clone()).chain(rest.iter().cloned()).collect());
        while let Some((index, word)) = arguments.next() {
            let rest = call.arguments().get(index + 1..).unwrap_or(&[]);
            match word.text() {
                Some("--" | "-") => {
                    self.shell_mut().positional = positional(rest);
                    return;
                }
                Some(text) if text.starts_with(['-', '+']) && text.len() > 1 => {
                    let on = text.starts_with('-');
                    let named = text.ends_with('o').then(|| arguments.next()).flatten();
                    let option = named.and_then(|(_, word)| word.text());
                    let shell = self.shell_mut();
                    if text.contains('e') || option == Some("errexit") {
                        shell.exits_on_error = on;
                    }
                    if text.contains('a') || option == Some("allexport") {
                        shell.exports_all = on;
                    }
                }
                _ => {
                    let rest = call.arguments().get(index..).unwrap_or(&[]);
                    self.shell_mut().positional = positional(rest);
                    return;
                }
            }
        }
    }

    fn shift(&mut self, call: &Call) {
        let count = match call.arguments().first() {
            None => Some(1),
            Some(word) => word.text().and_then(|text| text.parse::<usize>().ok()),
        };
        let shell = self.shell_mut();
        match (count, &mut shell.positional) {
            (Some(count), Some(all)) => {
                // With too few arguments bash leaves them alone.
                if count < all.len() {
                    all.drain(1..=count);
                }
            }
            (_, positional) => *positional = None,
        }
    }
}

/// The first line of a text, split for so many variables: the last takes the rest.
fn fields_of(text: &str, count: usize, separators: &str) -> Vec<String> {
    let blank = |char: char| matches!(char, ' ' | '\t') && separators.contains(char);
    let mut rest = text.lines().next().unwrap_or("").trim_matches(blank);
    let mut fields = Vec::new();
    while fields.len() + 1 < count && !rest.is_empty() {
        let at = rest.find(|char| separators.contains(char)).unwrap_or(rest.len());
        let (field, after) = rest.split_at(at);
        fields.push(field.to_owned());
        // One separator that shows, with the blanks around it, ends a field.
        let after = after.trim_start_matches(blank);
        let visible = after.strip_prefix(|char| separators.contains(char) && !blank(char));
        rest = visible.unwrap_or(after).trim_start_matches(blank);
    }
    fields.push(rest.to_owned());
    fields
}
