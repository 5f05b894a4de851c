//! What `${…}` does with a value: defaults, parts, trimming, replacing, letters.

use super::fields::Fields;
use super::parameter::{Found, List, from_environment};
use super::pattern::Pattern;
use super::tilde::Place as WordPlace;
use super::{Documents, Quotes};
use crate::limits::PATTERN_BYTES;
use crate::syntax::{Length, Operation, Parameter, Piece, Place, Reach, TrimEnd};
use crate::walk::{Walker, environment, origin};
use crate::word::{Part, Word};

impl Walker<'_> {
    /// The value after the operation; nothing if the operand went into `fields` in its place.
    pub(super) fn operate(
        &mut self,
        parameter: &Parameter<'_>,
        found: Found,
        quotes: Quotes,
        documents: Documents<'_>,
        fields: &mut Fields<'_>,
    ) -> Option<Found> {
        let each = match &parameter.operation {
            Operation::Bare | Operation::Plain | Operation::Names => return Some(found),
            Operation::Length => return Some(Found::One(length(&found))),
            Operation::Default { operator, colon, word } => {
                let operand = Operand { operator: *operator, colon: *colon, pieces: word };
                return self.default(parameter, found, &operand, quotes, documents, fields);
            }
            Operation::Substring { offset, length } => {
                let offset = self.arithmetic(offset, documents);
                let length = length.as_ref().map(|length| self.arithmetic(length, documents));
                if let Found::List { items, kind } = found {
                    return Some(self.sublist(parameter, items, kind, &offset, length.as_ref()));
                }
                Each::Substring { offset, length }
            }
            Operation::Trim { end, length, pattern } => {
                Each::Trim { end: *end, length: *length, pattern: self.pattern(pattern, documents) }
            }
            Operation::Replace { place, pattern, replacement } => Each::Replace {
                place: *place,
                pattern: self.pattern(pattern, documents),
                replacement: self.value(replacement, documents),
            },
            Operation::Case { operator, reach, pattern } => {
                let any = pattern.is_empty();
                self.pattern(pattern, documents);
                Each::Case { operator: *operator, reach: *reach, any }
            }
            Operation::Transform(letter) => Each::Transform(*letter),
        };
        Some(match found {
            Found::Unset => Found::Unset,
            Found::One(word) => Found::One(self.each(&word, &each)),
            Found::List { items, kind } => {
                Found::List { items: items.iter().map(|word| self.each(word, &each)).collect(), kind }
            }
        })
    }

    fn each(&mut self, word: &Word, operation: &Each) -> Word {
        let Some(text) = word.text().filter(|text| text.len() <= PATTERN_BYTES) else {
            if matches!(operation, Each::Transform(b'P')) {
                self.note("a value that is not known is expanded as a prompt");
            }
            return match word.unknown_reason() {
                None if word.text().is_none() => {
                    beside(word, operation).unwrap_or_else(|| Word::unknown("a part of a pattern"))
                }
                Some(why) => Word::unknown(why),
                None => Word::unknown("a value too long to be followed"),
            };
        };
        let unclear = || Word::unknown("a part of a value");
        match operation {
            Each::Substring { offset, length } => {
                substring(text, offset, length.as_ref()).unwrap_or_else(unclear)
            }
            Each::Trim { end, length, pattern } => match Pattern::new(pattern) {
                Some(pattern) => trim(text, *end, *length, &pattern),
                None => unclear(),
            },
            Each::Replace { place, pattern, replacement } => {
                match (Pattern::new(pattern), replacement.text()) {
                    // An unquoted `&` in the replacement stands for what matched in some shells.
                    (Some(compiled), Some(with)) if !with.contains('&') => {
                        replace(text, *place, &compiled, pattern.text(), with).unwrap_or_else(unclear)
                    }
                    _ => unclear(),
                }
            }
            Each::Case { operator, reach, any } if *any => {
                letters(text, *operator, *reach).unwrap_or_else(unclear)
            }
            Each::Case { .. } => unclear(),
            Each::Transform(b'U') => Word::literal(text.to_uppercase()),
            Each::Transform(b'L') => Word::literal(text.to_lowercase()),
            Each::Transform(b'u') => letters(text, b'^', Reach::First).unwrap_or_else(unclear),
            Each::Transform(b'P') => {
                self.hidden_code(text, "a prompt expansion");
                unclear()
            }
            Each::Transform(b'E') => super::ansi::decode(text).map_or_else(unclear, Word::literal),
            Each::Transform(b'Q') => Word::literal(format!("'{}'", text.replace('\'', "'\\''"))),
            Each::Transform(_) => unclear(),
        }
    }

    fn sublist(
        &mut self,
        parameter: &Parameter<'_>,
        items: Vec<Word>,
        kind: List,
        offset: &Word,
        length: Option<&Word>,
    ) -> Found {
        let number = |word: &Word| word.text().and_then(|text| text.parse::<i64>().ok());
        let mut items = items;
        if parameter.subscript.is_none()
            && let Some(name) = self.shell.positional.as_ref().and_then(|all| all.first())
        {
            items.insert(0, name.clone());
        }
        let length = match length {
            None => Some(i64::MAX),
            Some(word) => number(word),
        };
        let (Some(offset), Some(length)) = (number(offset), length) else {
            return Found::One(Word::unknown("a part of a list"));
        };
        let size = i64::try_from(items.len()).unwrap_or(i64::MAX);
        let start = if offset < 0 { offset.saturating_add(size) } else { offset };
        if start < 0 || length < 0 {
            return Found::List { items: Vec::new(), kind };
        }
        let skip = usize::try_from(start).unwrap_or(usize::MAX);
        let take = usize::try_from(length).unwrap_or(usize::MAX);
        Found::List { items: items.into_iter().skip(skip).take(take).collect(), kind }
    }

    fn default(
        &mut self,
        parameter: &Parameter<'_>,
        found: Found,
        operand: &Operand<'_>,
        quotes: Quotes,
        documents: Documents<'_>,
        fields: &mut Fields<'_>,
    ) -> Option<Found> {
        let empty = if operand.colon { Presence::Unset } else { Presence::Set };
        let state = self.presence(&parameter.name, &found, empty);
        let uses = match operand.operator {
            b'+' => state == Presence::Set,
            _ => state == Presence::Unset,
        };
        if state == Presence::Unknown {
            // It may be used: what runs in it runs.
            let word = self.value(operand.pieces, documents);
            if operand.operator == b'=' {
                self.assign_default(parameter, Word::unknown(crate::walk::state::BRANCHED));
            }
            let why =
                found_reason(&found).or(word.unknown_reason()).unwrap_or("a value that may be a default");
            return Some(Found::One(Word::unknown(why)));
        }
        if !uses {
            // Bash leaves the operand alone; reading it costs little and hides nothing.
            self.value(operand.pieces, documents);
            return if operand.operator == b'+' { Some(Found::Unset) } else { Some(found) };
        }
        if operand.operator == b'?' {
            self.value(operand.pieces, documents);
            return Some(Found::Unset);
        }
        if operand.operator == b'=' {
            let word = self.value(operand.pieces, documents);
            self.assign_default(parameter, word.clone());
            return Some(Found::One(word));
        }
        let inner = if quotes == Quotes::No { Quotes::Operand } else { quotes };
        for (index, piece) in operand.pieces.iter().enumerate() {
            match piece {
                Piece::Literal(text) if index == 0 && text.starts_with('~') && quotes != Quotes::Double => {
                    let place = WordPlace { first: true, last: operand.pieces.len() == 1 };
                    self.tilde(text, place, fields);
                }
                piece => self.piece(piece, inner, documents, fields),
            }
        }
        None
    }

    fn assign_default(&mut self, parameter: &Parameter<'_>, word: Word) {
        if parameter.subscript.is_none() && super::is_name(&parameter.name) {
            self.bind(&parameter.name, word);
        }
    }

    fn presence(&self, name: &str, found: &Found, empty: Presence) -> Presence {
        let word = match found {
            Found::Unset => return Presence::Unset,
            Found::List { items, .. } => {
                return if items.is_empty() { Presence::Unset } else { Presence::Set };
            }
            Found::One(word) => word,
        };
        // Sessions start with a known, small environment: a name that is not of it is not set.
        if name == "PATH" && empty == Presence::Unset && word.parts().len() == 1 {
            return Presence::Set;
        }
        if from_environment(word) {
            return if environment::may_be_inherited(name) { Presence::Unknown } else { Presence::Unset };
        }
        match word.text() {
            Some("") => empty,
            Some(_) => Presence::Set,
            None if !word.prefix().is_empty() || empty == Presence::Set => Presence::Set,
            None if word.unknown_reason() == Some(origin::NUMBER) => Presence::Set,
            None => Presence::Unknown,
        }
    }
}

struct Operand<'p> {
    operator: u8,
    colon: bool,
    pieces: &'p [Piece<'p>],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Set,
    Unset,
    Unknown,
}

/// An operation on one value, its operands expanded.
enum Each {
    Substring { offset: Word, length: Option<Word> },
    Trim { end: TrimEnd, length: Length, pattern: Word },
    Replace { place: Place, pattern: Word, replacement: Word },
    Case { operator: u8, reach: Reach, any: bool },
    Transform(u8),
}

fn found_reason(found: &Found) -> Option<&str> {
    match found {
        Found::One(word) => word.unknown_reason(),
        Found::Unset | Found::List { .. } => None,
    }
}

fn length(found: &Found) -> Word {
    match found {
        Found::Unset => Word::literal("0"),
        Found::One(word) => match word.text() {
            Some(text) => Word::literal(text.chars().count().to_string()),
            None => Word::unknown(origin::NUMBER),
        },
        Found::List { items, .. } => Word::literal(items.len().to_string()),
    }
}

fn substring(text: &str, offset: &Word, length: Option<&Word>) -> Option<Word> {
    let chars: Vec<char> = text.chars().collect();
    let size = i64::try_from(chars.len()).ok()?;
    let offset: i64 = offset.text()?.parse().ok()?;
    let start = if offset < 0 { size.checked_add(offset)? } else { offset };
    if start < 0 || start > size {
        return Some(Word::literal(""));
    }
    let end = match length {
        None => size,
        Some(length) => {
            let length: i64 = length.text()?.parse().ok()?;
            if length < 0 { size.checked_add(length)? } else { start.checked_add(length)?.min(size) }
        }
    };
    let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
    Some(Word::literal(chars.get(start..end)?.iter().collect::<String>()))
}

fn trim(text: &str, end: TrimEnd, length: Length, pattern: &Pattern) -> Word {
    let chars: Vec<char> = text.chars().collect();
    let size = chars.len();
    let candidates: Box<dyn Iterator<Item = usize>> =
        if length == Length::Longest { Box::new((0..=size).rev()) } else { Box::new(0..=size) };
    for length in candidates {
        let (part, rest) = match end {
            TrimEnd::Front => (chars.get(..length), chars.get(length..)),
            TrimEnd::Back => (chars.get(size - length..), chars.get(..size - length)),
        };
        if pattern.matches(part.unwrap_or(&[])) {
            return Word::literal(rest.unwrap_or(&[]).iter().collect::<String>());
        }
    }
    Word::literal(text)
}

/// Longest text in which a pattern with globs is replaced, in characters: it is tried at every place.
const REPLACED_CHARS: usize = 256;

fn replace(text: &str, place: Place, pattern: &Pattern, plain: Option<&str>, with: &str) -> Option<Word> {
    if let Some(plain) = plain {
        if plain.is_empty() {
            return Some(Word::literal(match place {
                Place::Front => format!("{with}{text}"),
                Place::Back => format!("{text}{with}"),
                Place::First | Place::All => text.to_owned(),
            }));
        }
        let replaced = match place {
            Place::First => text.replacen(plain, with, 1),
            Place::All => text.replace(plain, with),
            Place::Front => text.strip_prefix(plain).map_or(text.to_owned(), |rest| format!("{with}{rest}")),
            Place::Back => text.strip_suffix(plain).map_or(text.to_owned(), |rest| format!("{rest}{with}")),
        };
        return Some(Word::literal(replaced));
    }
    let chars: Vec<char> = text.chars().collect();
    if chars.len() > REPLACED_CHARS {
        return None;
    }
    let mut out = String::new();
    let mut at = 0;
    let mut done = false;
    while at < chars.len() {
        let ends = (at + 1..=chars.len()).rev().filter(|&end| place != Place::Back || end == chars.len());
        let tried = !done && (place != Place::Front || at == 0);
        let found = ends.into_iter().find(|&end| tried && pattern.matches(chars.get(at..end).unwrap_or(&[])));
        match found {
            Some(end) => {
                out.push_str(with);
                at = end;
                done = place != Place::All;
            }
            None => {
                out.extend(chars.get(at));
                at += 1;
            }
        }
    }
    Some(Word::literal(out))
}

fn letters(text: &str, operator: u8, reach: Reach) -> Option<Word> {
    let change = |char: char| match operator {
        b'^' => char.to_uppercase().to_string(),
        b',' => char.to_lowercase().to_string(),
        _ if char.is_uppercase() => char.to_lowercase().to_string(),
        _ => char.to_uppercase().to_string(),
    };
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return Some(Word::literal("")) };
    let mut out = change(first);
    if reach == Reach::All {
        chars.for_each(|char| out.push_str(&change(char)));
    } else {
        out.push_str(chars.as_str());
    }
    Some(Word::literal(out))
}

/// A name found by a pattern, with something cut off or replaced: what comes out lies in the same directory, if no slash
/// is touched.
fn beside(word: &Word, operation: &Each) -> Option<Word> {
    let mut directory = String::new();
    let mut inside = false;
    for part in word.parts() {
        match part {
            Part::Text(text) if !inside => directory.push_str(text),
            Part::Text(text) if text.contains('/') => return None,
            Part::Text(_) => {}
            Part::Glob(_) => inside = true,
            Part::Unknown(_) => return None,
        }
    }
    let directory = directory.rfind('/').and_then(|slash| directory.get(..=slash)).unwrap_or("");
    let plain =
        |word: &Word| word.text().is_some_and(|text| !text.contains('/') && !directory.contains(text));
    let stays = match operation {
        Each::Trim { end: TrimEnd::Back, pattern, .. } => {
            pattern.text().is_some_and(|text| !text.contains('/'))
        }
        Each::Trim { end: TrimEnd::Front, pattern, length: Length::Longest } if matches!(pattern.parts(), [Part::Glob(star), Part::Text(slash)] if star == "*" && slash == "/") =>
        {
            return Some(only_glob(""));
        }
        Each::Trim { end: TrimEnd::Front, pattern, .. } => directory.is_empty() && plain(pattern),
        Each::Replace { place, pattern, replacement } => {
            *place != Place::Front
                && plain(pattern)
                && pattern.text().is_some_and(|text| !text.is_empty())
                && replacement.text().is_some_and(|text| !text.contains('/'))
        }
        Each::Case { .. } => directory.is_empty(),
        Each::Substring { .. } | Each::Transform(_) => false,
    };
    stays.then(|| only_glob(directory))
}

fn only_glob(directory: &str) -> Word {
    let mut word = Word::default();
    if !directory.is_empty() {
        word.push(Part::Text(directory.to_owned()));
    }
    word.push(Part::Glob("*".to_owned()));
    word
}
