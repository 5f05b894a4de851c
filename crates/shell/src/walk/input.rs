//! Builtins that put text into variables: `read`, `mapfile`, `printf -v`, `set`, `unset`, `shift`, `let`.

use super::simple::Call;
use super::state::{Data, Key, Variable};
use super::{Outcome, Walker, origin};
use crate::fold;
use crate::syntax::Writing;
use crate::word::Word;
use std::collections::BTreeMap;

/// What becomes an element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    /// `read -a`
    WordsOfFirst,
    /// `mapfile -t`
    Trimmed,
    Whole,
}

impl Lines {
    fn of(builtin: &str, call: &Call) -> Self {
        let trims = call.arguments().iter().any(|word| word.text() == Some("-t"));
        match (builtin, trims) {
            ("read", _) => Self::WordsOfFirst,
            (_, true) => Self::Trimmed,
            _ => Self::Whole,
        }
    }
}

impl Walker<'_> {
    pub(super) fn read_input(&mut self, builtin: &str, call: &Call) -> Outcome {
        let mut names = Vec::new();
        let mut arrays = Vec::new();
        let mut plain = true;
        let mut input = call.input.clone();
        let mut arguments = call.arguments().iter();
        while let Some(word) = arguments.next() {
            match word.text() {
                Some(text) if text.starts_with('-') && text.len() > 1 => {
                    let last = text.chars().next_back().unwrap_or('-');
                    let attached = text.len() > 2 && "ucd".contains(text.chars().nth(1).unwrap_or('-'));
                    if builtin == "read" && text.starts_with("-u") {
                        let number = if attached {
                            Word::literal(text.trim_start_matches("-u"))
                        } else {
                            arguments.next().cloned().unwrap_or_default()
                        };
                        input = self.descriptor_input(&number);
                    } else if last == 'a' && builtin == "read" {
                        arrays.extend(arguments.next().cloned());
                    } else if matches!(last, 'd' | 'n' | 'N' | 'p' | 't' | 'i' | 'u' | 's' | 'O')
                        && !attached
                        && last != 's'
                        && (builtin == "read" || last != 't')
                    {
                        plain &= last == 'p' || last == 't';
                        arguments.next();
                    } else if last == 'C' {
                        if let Some(code) = arguments.next().cloned() {
                            self.run_code(&code, builtin, call.span);
                        }
                    } else if last == 'c' {
                        arguments.next();
                    }
                }
                _ => names.push(word.clone()),
            }
        }
        if builtin != "read" {
            arrays.append(&mut names);
        } else if names.is_empty() && arrays.is_empty() {
            names.push(Word::literal("REPLY"));
        }
        let splits_plainly = !self.shell.variables.contains_key("IFS");
        let known = input
            .known()
            .filter(|text| {
                plain
                    && splits_plainly
                    && (self.exits.is_empty() || self.followed == Some(self.exits.len()))
                    && !text.contains('\\')
            })
            .map(str::to_owned);
        let why = match &input {
            Data::Inherited => "what is read from the input".to_owned(),
            data => origin::reason(&data.word()).to_owned(),
        };
        let values = known.as_deref().map(|text| fields_of(text, names.len()));
        for (index, name) in names.iter().enumerate() {
            let value = values.as_ref().map(|values| values.get(index).cloned().unwrap_or_default());
            self.set_read(name, value.map_or_else(|| Word::unknown(why.as_str()), Word::literal));
        }
        let lines = Lines::of(builtin, call);
        for name in arrays {
            self.set_list(&name, known.as_deref(), lines, &why);
        }
        self.plain(call);
        self.here()
    }

    fn set_list(&mut self, name: &Word, text: Option<&str>, lines: Lines, why: &str) {
        let elements = text.map(|text| {
            let words: Vec<&str> = match lines {
                Lines::WordsOfFirst => text.lines().next().unwrap_or("").split_whitespace().collect(),
                Lines::Trimmed => text.lines().collect(),
                Lines::Whole => text.split_inclusive('\n').collect(),
            };
            let words = words.into_iter().map(Word::literal);
            (0..).map(Key::Index).zip(words).collect::<BTreeMap<_, _>>()
        });
        let variable = elements.map_or_else(|| Variable::scalar(Word::unknown(why)), Variable::array);
        self.subscript_code(name);
        if let Some(name) = name.text() {
            self.set_variable(name, variable);
        }
    }

    fn descriptor_input(&self, number: &Word) -> Data {
        let number = number.text().and_then(|text| text.parse::<u32>().ok());
        let data = number.and_then(|number| self.shell.descriptors.get(&number).cloned());
        data.unwrap_or_else(|| Data::unknown("a descriptor that is not known"))
    }

    fn set_read(&mut self, name: &Word, value: Word) {
        self.subscript_code(name);
        match name.text() {
            Some(name) if crate::expand::is_name(name) => {
                let name = self.referred(name).to_owned();
                self.assign(&name, value, Writing::Replace);
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
            Some(text) if text.contains('[') => {
                let text = text.to_owned();
                self.hidden_code(&text, "a subscript");
            }
            Some(_) => {}
            None => {
                if word
                    .unknown_reason()
                    .is_some_and(|why| why != origin::NUMBER && !origin::is_environment(why))
                {
                    self.note("a name that is not known, which bash would evaluate");
                }
            }
        }
    }

    pub(super) fn test_subscripts(&mut self, call: &Call) {
        let arguments = call.arguments().to_vec();
        for pair in arguments.windows(2) {
            if let [flag, operand] = pair
                && matches!(flag.text(), Some("-v" | "-R"))
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
                self.deliver(Data::unknown("the environment"), &call.output);
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
                    self.set_variable(name, Variable::scalar(Word::unknown("an argument of a script")));
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
fn fields_of(text: &str, count: usize) -> Vec<String> {
    let mut rest = text.lines().next().unwrap_or("").trim_matches([' ', '\t']);
    let mut fields = Vec::new();
    while fields.len() + 1 < count && !rest.is_empty() {
        let at = rest.find([' ', '\t']).unwrap_or(rest.len());
        let (field, after) = rest.split_at(at);
        fields.push(field.to_owned());
        rest = after.trim_start_matches([' ', '\t']);
    }
    fields.push(rest.to_owned());
    fields
}
