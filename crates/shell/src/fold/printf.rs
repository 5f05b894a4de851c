//! `printf`, and the escapes of `echo -e`.

use crate::expand::ansi::{Dialect, escape};
use crate::limits::TEXT_BYTES;
use crate::word::{Part, Word};

/// What `printf` prints: the format again and again until the arguments are used up.
pub(crate) fn printf(arguments: &[Word]) -> Word {
    let mut arguments = arguments;
    if let Some((first, rest)) = arguments.split_first()
        && first.text() == Some("--")
    {
        arguments = rest;
    }
    let Some((format, rest)) = arguments.split_first() else { return Word::default() };
    let Some(text) = format.text() else {
        return Word::unknown(format.unknown_reason().unwrap_or("a format that is not known"));
    };
    let mut out = Output::default();
    let mut left = rest;
    loop {
        let before = left.len();
        let ended = once(text, &mut left, &mut out);
        if ended || left.is_empty() || left.len() == before || out.size > TEXT_BYTES {
            break;
        }
    }
    out.finish()
}

/// Text as bytes, since escapes may spell one character in several pieces.
#[derive(Default)]
struct Output {
    word: Word,
    bytes: Vec<u8>,
    size: usize,
}

impl Output {
    fn text(&mut self, text: &[u8]) {
        self.size += text.len();
        self.bytes.extend_from_slice(text);
    }

    fn word(&mut self, word: &Word) {
        for part in word.parts() {
            match part {
                Part::Text(text) => self.text(text.as_bytes()),
                part => {
                    self.flush();
                    self.size += 1;
                    self.word.push(part.clone());
                }
            }
        }
    }

    fn unknown(&mut self, why: &str) {
        self.flush();
        self.size += 1;
        self.word.push(Part::Unknown(why.to_owned()));
    }

    fn flush(&mut self) {
        if self.bytes.is_empty() {
            return;
        }
        let part = match String::from_utf8(std::mem::take(&mut self.bytes)) {
            Ok(text) => Part::Text(text),
            Err(_) => Part::Unknown("bytes that are not text".to_owned()),
        };
        self.word.push(part);
    }

    fn finish(mut self) -> Word {
        self.flush();
        self.word
    }
}

/// The format once; true if a `\c` ends it all.
fn once(format: &str, arguments: &mut &[Word], out: &mut Output) -> bool {
    let mut rest = format.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'\\' => match rest.split_first() {
                None => out.text(b"\\"),
                Some((b'c', _)) => return true,
                Some((&letter, after)) => {
                    let mut bytes = Vec::new();
                    rest = escape(letter, after, &mut bytes, Dialect::Quotes);
                    out.text(&bytes);
                }
            },
            b'%' => rest = conversion(rest, arguments, out),
            byte => out.text(&[byte]),
        }
    }
    false
}

/// Behind a `%`; returns what is left of the format.
fn conversion<'f>(format: &'f [u8], arguments: &mut &[Word], out: &mut Output) -> &'f [u8] {
    let length =
        format.iter().take_while(|byte| b"-+ #0123456789.*'hlLqjzt".contains(byte) && **byte != b'q').count();
    let flags = format.get(..length).unwrap_or(&[]);
    let Some(letter) = format.get(length) else {
        out.text(b"%");
        return &[];
    };
    let after = format.get(length + 1..).unwrap_or(&[]);
    if *letter == b'%' {
        out.text(b"%");
        return after;
    }
    let argument = match arguments.split_first() {
        Some((first, rest)) => {
            *arguments = rest;
            Some(first)
        }
        None => None,
    };
    let text = argument.map(Word::text);
    match (letter, flags.is_empty(), text) {
        (b's' | b'b', true, None) => {}
        (b's', true, _) => {
            if let Some(word) = argument {
                out.word(word);
            }
        }
        (b's', false, Some(Some(text))) => match padded(flags, text) {
            Some(text) => out.text(text.as_bytes()),
            None => out.unknown("a printed value"),
        },
        (b'b', true, Some(Some(text))) => out.text(&escaped_bytes(text, Dialect::Argument)),
        (b'q', true, Some(Some(text))) => out.text(quoted(text).as_bytes()),
        (b'c', true, Some(Some(text))) => {
            out.text(&text.as_bytes().iter().take(1).copied().collect::<Vec<_>>())
        }
        (b'd' | b'i' | b'u', true, None) => out.text(b"0"),
        (b'd' | b'i' | b'u', true, Some(Some(text))) => match text.parse::<i64>() {
            Ok(number) if !text.starts_with('0') || number == 0 => out.text(number.to_string().as_bytes()),
            _ => out.unknown("a printed number"),
        },
        (b'x', true, Some(Some(text))) => match text.parse::<u64>() {
            Ok(number) => out.text(format!("{number:x}").as_bytes()),
            Err(_) => out.unknown("a printed number"),
        },
        (b'o', _, Some(Some(text))) => match text.parse::<u64>() {
            Ok(number) if flags.is_empty() => out.text(format!("{number:o}").as_bytes()),
            Ok(number) if flags == b"03" => out.text(format!("{number:03o}").as_bytes()),
            _ => out.unknown("a printed number"),
        },
        _ => out.unknown("a printed value"),
    }
    after
}

/// A text as the shell would read it again.
fn quoted(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./+:,@%=".contains(&byte);
    if !text.is_empty() && text.bytes().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// `%10s`, `%-10s`, `%.3s`.
fn padded(flags: &[u8], text: &str) -> Option<String> {
    let flags = std::str::from_utf8(flags).ok()?;
    let (left, flags) = match flags.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, flags),
    };
    let (width, precision) = match flags.split_once('.') {
        Some((width, precision)) => (width, Some(precision.parse::<usize>().ok()?)),
        None => (flags, None),
    };
    let width =
        if width.is_empty() { 0 } else { width.parse::<usize>().ok().filter(|width| *width < 4096)? };
    let cut: String = text.chars().take(precision.unwrap_or(usize::MAX)).collect();
    Some(if left { format!("{cut:<width$}") } else { format!("{cut:>width$}") })
}

/// Text with the escapes of `echo -e` decoded; nothing if the bytes are not text.
pub(super) fn escaped(text: &str) -> Option<String> {
    String::from_utf8(escaped_bytes(text, Dialect::Echo)).ok()
}

fn escaped_bytes(text: &str, dialect: Dialect) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, rest.split_first()) {
            (b'\\', Some((b'c', _))) => break,
            (b'\\', Some((&letter, after))) => rest = escape(letter, after, &mut bytes, dialect),
            _ => bytes.push(byte),
        }
    }
    bytes
}
