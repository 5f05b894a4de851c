//! Expansion: from words as written to values. Braces, tildes, parameters, substitutions, arithmetic, splitting;
//! globs stay in the result as such. Runs substitutions through the walk, so their commands are found on the way.

pub(crate) mod ansi;
mod arithmetic;
mod brace;
mod fields;
mod operations;
mod parameter;
pub(crate) mod pattern;
mod tilde;

use crate::limits::{TOO_MANY_WORDS, WORDS};
use crate::syntax::{Document, Operation, Parameter, Piece, SourceWord};
use crate::walk::state::Stream;
use crate::walk::{Walker, origin};
use crate::word::{Part, Word};
use brace::Unit;
use fields::{Fields, Mode};
use tilde::Place;

/// The here-documents of the text a word comes from.
pub(crate) type Documents<'d> = &'d [Document<'d>];

/// Stands for a part that is not known when text with such parts is read as code. Not a character anybody types.
pub(crate) const HOLE: char = '\u{f8ff}';

/// Why a value that came through a hole is not known.
const HIDDEN: &str = "a part that is only known when it runs";

/// Stands for an array among the arguments of a command.
pub(crate) const ARRAY: &str = "an array";

/// Builtins whose arguments are assignments.
const DECLARING: [&str; 6] = ["alias", "declare", "typeset", "export", "readonly", "local"];

/// Whether a piece stands between double quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    Double,
    No,
    /// The operand of `${x:-…}` outside quotes: plain text in it is split as well.
    Operand,
}

impl Walker<'_> {
    /// The words of a command: every expansion, in order.
    pub(crate) fn words(&mut self, source: &[SourceWord<'_>], documents: Documents<'_>) -> Vec<Word> {
        let mut words = Vec::with_capacity(source.len());
        for word in source {
            let before = words.len();
            self.word_fields(word, documents, &mut words);
            words.iter_mut().skip(before).for_each(address);
        }
        words
    }

    /// The words of a simple command: what a declaring builtin is given as `NAME=…` is one value, as in an assignment.
    pub(crate) fn command_words(&mut self, source: &[SourceWord<'_>], documents: Documents<'_>) -> Vec<Word> {
        let literal = |word: &SourceWord<'_>| match word.pieces.as_slice() {
            [Piece::Literal(text)] => DECLARING.contains(text),
            _ => false,
        };
        if !source.iter().take(2).any(literal) {
            return self.words(source, documents);
        }
        let mut words = Vec::with_capacity(source.len());
        for word in source {
            match word.pieces.as_slice() {
                [Piece::Literal(text), rest @ ..] if !rest.is_empty() && declared_name(text).is_some() => {
                    let (name, start) = declared_name(text).unwrap_or((text, ""));
                    words.push(self.declaration(name, start, rest, documents));
                }
                _ => words.append(&mut self.words(std::slice::from_ref(word), documents)),
            }
        }
        words
    }

    fn declaration(&mut self, name: &str, start: &str, rest: &[Piece<'_>], documents: Documents<'_>) -> Word {
        let mut words = Vec::new();
        let mut fields = Fields::new(&mut words, Mode::Assigned);
        fields.quoted(name);
        if !start.is_empty() {
            self.literal(start, Place { first: true, last: rest.is_empty() }, &mut fields);
        }
        self.pieces(rest, documents, &mut fields);
        fields.flush();
        words.pop().unwrap_or_default()
    }

    fn word_fields(&mut self, word: &SourceWord<'_>, documents: Documents<'_>, out: &mut Vec<Word>) {
        if !self.spend_words(1) || !self.spend_bytes(word.span.1.saturating_sub(word.span.0)) {
            return;
        }
        if let [Piece::Literal(text)] = word.pieces.as_slice()
            && !text.contains(['*', '?', '[', '{', '~', HOLE])
        {
            out.push(Word::literal(*text));
            return;
        }
        if word.pieces.len() > 1 && word.pieces.iter().all(|piece| matches!(piece, Piece::Literal(_))) {
            return self.continued(word, documents, out);
        }
        let braces =
            word.pieces.iter().any(|piece| matches!(piece, Piece::Literal(text) if text.contains('{')));
        let alternatives = if braces { brace::expand(&word.pieces, WORDS) } else { brace::Expanded::Same };
        match alternatives {
            brace::Expanded::Same => {
                let lone = word.pieces.iter().any(|piece| matches!(piece, Piece::Literal("$")));
                let mut fields = Fields::new(out, if lone { Mode::Whole } else { Mode::Split });
                self.pieces(&word.pieces, documents, &mut fields);
                fields.flush();
            }
            brace::Expanded::Words(alternatives) => {
                if !self.spend_words(alternatives.len()) {
                    return;
                }
                for units in alternatives {
                    let mut fields = Fields::new(out, Mode::Braced);
                    self.units(&units, documents, &mut fields);
                    fields.flush();
                }
            }
            brace::Expanded::TooMany => {
                self.note(TOO_MANY_WORDS);
                out.push(Word::unknown(TOO_MANY_WORDS));
            }
        }
    }

    /// Plain text over several lines: one piece for bash.
    fn continued(&mut self, word: &SourceWord<'_>, documents: Documents<'_>, out: &mut Vec<Word>) {
        let text: String = word
            .pieces
            .iter()
            .map(|piece| if let Piece::Literal(text) = piece { *text } else { "" })
            .collect();
        let joined = SourceWord { pieces: vec![Piece::Literal(&text)], span: word.span };
        self.word_fields(&joined, documents, out);
    }

    /// One value, without splitting or globs: assignments, here-strings, the subject of `case`.
    pub(crate) fn value(&mut self, pieces: &[Piece<'_>], documents: Documents<'_>) -> Word {
        self.collect(pieces, documents, Mode::Joined)
    }

    /// One value in which unquoted globs are kept.
    pub(crate) fn pattern(&mut self, pieces: &[Piece<'_>], documents: Documents<'_>) -> Word {
        self.collect(pieces, documents, Mode::Pattern)
    }

    /// The value of an assignment, where a tilde may also follow a colon.
    pub(crate) fn assigned(&mut self, pieces: &[Piece<'_>], documents: Documents<'_>) -> Word {
        self.collect(pieces, documents, Mode::Assigned)
    }

    fn collect(&mut self, pieces: &[Piece<'_>], documents: Documents<'_>, mode: Mode) -> Word {
        let mut words = Vec::new();
        let mut fields = Fields::new(&mut words, mode);
        self.pieces(pieces, documents, &mut fields);
        fields.flush();
        words.pop().unwrap_or_default()
    }

    fn pieces(&mut self, pieces: &[Piece<'_>], documents: Documents<'_>, fields: &mut Fields<'_>) {
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Literal("$")
                    if pieces.get(index + 1).is_some_and(|next| !matches!(next, Piece::Literal(_))) =>
                {
                    fields.unknown("a dollar sign in front of something quoted");
                }
                Piece::Literal(text) => {
                    let place = Place { first: index == 0, last: index + 1 == pieces.len() };
                    self.literal(text, place, fields);
                }
                _ => self.piece(piece, Quotes::No, documents, fields),
            }
        }
    }

    /// A word that braces made: bash reads it again, so `$x{y,z}` are the variables `xy` and `xz`.
    fn units(&mut self, units: &[Unit<'_>], documents: Documents<'_>, fields: &mut Fields<'_>) {
        let mut run = String::new();
        let mut first = true;
        let mut units = units.iter().peekable();
        while let Some(unit) = units.next() {
            match unit {
                Unit::Char(char) => run.push(*char),
                Unit::Piece(piece) => {
                    let name = match piece {
                        Piece::Parameter(parameter) => bare_name(parameter),
                        _ => None,
                    };
                    if !run.is_empty() {
                        self.unit_run(&std::mem::take(&mut run), Place { first, last: false }, fields);
                    }
                    first = false;
                    let Some(name) = name else {
                        self.piece(piece, Quotes::No, documents, fields);
                        continue;
                    };
                    let mut name = name.to_owned();
                    while let Some(Unit::Char(char)) = units.peek()
                        && (char.is_ascii_alphanumeric() || *char == '_')
                    {
                        name.push(*char);
                        units.next();
                    }
                    let word = self.variable_or_environment(&name);
                    self.result(&word, Quotes::No, fields);
                }
            }
        }
        if !run.is_empty() {
            self.unit_run(&run, Place { first, last: true }, fields);
        }
    }

    fn unit_run(&mut self, run: &str, place: Place, fields: &mut Fields<'_>) {
        if run.contains('$') {
            self.note("a dollar sign that braces move in front of something else");
            return fields.unknown("what follows a dollar sign");
        }
        self.literal(run, place, fields);
    }

    fn piece(
        &mut self,
        piece: &Piece<'_>,
        quotes: Quotes,
        documents: Documents<'_>,
        fields: &mut Fields<'_>,
    ) {
        match piece {
            Piece::Literal(text) if quotes == Quotes::Operand => {
                let separators = self.separators();
                fields.split(&Word::literal(*text), separators.as_deref());
            }
            Piece::Literal(text) => fields.literal(text),
            Piece::Quoted(text) => fields.quoted(text),
            Piece::AnsiC(raw) => match ansi::decode(raw) {
                Some(text) => fields.quoted(&text),
                None => fields.unknown("bytes that are not text"),
            },
            Piece::Double(inner) => {
                fields.open_unless_list(inner);
                for piece in inner {
                    self.piece(piece, Quotes::Double, documents, fields);
                }
            }
            Piece::Parameter(parameter) => self.parameter(parameter, quotes, documents, fields),
            Piece::Command(script) => {
                let word = self.substituted(|walker| walker.script(script, documents), "$(…)");
                self.result(&word, quotes, fields);
            }
            Piece::Backquote(text) => {
                let run = |walker: &mut Self| walker.elsewhere(|walker| walker.text(text));
                let word = self.substituted(run, "`…`");
                self.result(&word, quotes, fields);
            }
            Piece::Arithmetic(pieces) => {
                let word = self.arithmetic(pieces, documents);
                self.result(&word, quotes, fields);
            }
            Piece::Process { script, flow } => {
                let path = self.process(script, *flow, documents);
                fields.known(&Word::literal(path));
            }
            Piece::Array(elements) => {
                self.array_argument(elements, documents);
                fields.unknown(ARRAY);
            }
            Piece::Pattern(text) => fields.glob(text),
            Piece::Bad => {
                self.note("a substitution that bash refuses");
                fields.unknown("a substitution that bash refuses");
            }
        }
    }

    /// The value of an expansion: split, unless it is quoted.
    fn result(&mut self, word: &Word, quotes: Quotes, fields: &mut Fields<'_>) {
        if quotes == Quotes::Double {
            fields.known(word);
        } else {
            let separators = self.separators();
            fields.split(word, separators.as_deref());
        }
    }

    /// `$IFS`; nothing if it is not known.
    pub(crate) fn separators(&self) -> Option<String> {
        match self.shell.variables.get("IFS") {
            None => Some(" \t\n".to_owned()),
            Some(variable) if variable.unset => Some(" \t\n".to_owned()),
            Some(variable) => variable.value.text().map(str::to_owned),
        }
    }

    /// The output of a substitution, as a value: newlines at its end are gone.
    fn substituted<T>(&mut self, run: impl FnOnce(&mut Self) -> T, via: &str) -> Word {
        let data = self.captured(via, run);
        let word = match data {
            Stream::Inherited => Word::default(),
            Stream::Text(word) => trimmed(&word),
            Stream::File(path) => match self.written(&path) {
                Some(Stream::Text(word)) => trimmed(&word),
                _ => Word::unknown(origin::contents(&path)),
            },
        };
        if !self.spend_text(&word) {
            return Word::unknown(crate::limits::TOO_MUCH_TEXT);
        }
        word
    }
}

/// `NAME=` or `NAME+=`, and what follows it.
fn declared_name(text: &str) -> Option<(&str, &str)> {
    let at = text.find('=')? + 1;
    let (name, rest) = (text.get(..at)?, text.get(at..)?);
    let bare = name.trim_end_matches('=');
    is_name(bare.strip_suffix('+').unwrap_or(bare)).then_some((name, rest))
}

/// `http://[::1]:3000/`: the brackets hold an address, no file is called like this.
fn address(word: &mut Word) {
    let [Part::Text(scheme), Part::Glob(host), rest @ ..] = word.parts() else { return };
    let is_host = host.starts_with('[') && host.chars().all(|c| c.is_ascii_hexdigit() || "[]:.".contains(c));
    if !scheme.ends_with("://") || !is_host {
        return;
    }
    let mut plain = Word::literal(format!("{scheme}{host}"));
    for part in rest {
        plain.push(part.clone());
    }
    *word = plain;
}

/// The name in `$name`, where more of a name may follow.
fn bare_name<'p>(parameter: &'p Parameter<'_>) -> Option<&'p str> {
    let bare = matches!(parameter.operation, Operation::Bare) && is_name(&parameter.name);
    bare.then_some(parameter.name.as_ref())
}

/// Without the newlines at its end.
fn trimmed(word: &Word) -> Word {
    match word.parts() {
        [Part::Text(text)] => Word::literal(text.trim_end_matches('\n').replace('\0', "")),
        [rest @ .., Part::Text(text)] => {
            let mut trimmed = Word::default();
            for part in rest {
                trimmed.push(part.clone());
            }
            let text = text.trim_end_matches('\n');
            if !text.is_empty() {
                trimmed.push(Part::Text(text.to_owned()));
            }
            trimmed
        }
        _ => word.clone(),
    }
}

pub(crate) fn is_name(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
