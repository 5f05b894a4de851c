//! Reads shell text into `syntax`, in the grammar of bash. One pass, bounded depth; what bash would reject is an
//! error, and so is what this parser is not sure about. Knows nothing of values or of what programs do.

mod compound;
mod conditional;
mod cursor;
mod dollar;
mod heredoc;
mod list;
mod parameter;
mod simple;
mod word;

use crate::limits::{NESTING, TOO_DEEP};
use crate::syntax::{Document, Item, Piece, Script, Span};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What was read, as far as it could be.
#[derive(Debug)]
pub(crate) struct Parsed<'a> {
    /// Everything before the error, if there is one: bash runs the lines before the one it cannot read.
    pub(crate) script: Script<'a>,
    pub(crate) documents: Vec<Document<'a>>,
    pub(crate) notes: Vec<String>,
}

/// Why reading stopped.
#[derive(Debug)]
pub(crate) struct Reject {
    pub(crate) at: usize,
    pub(crate) what: &'static str,
}

pub(crate) type Result<T> = std::result::Result<T, Reject>;

/// A here-document whose body comes after the next newline.
#[derive(Debug)]
struct Pending {
    delimiter: String,
    index: usize,
    tabs: Tabs,
    expands: bool,
}

/// What happens to tabs at the front of lines: `<<` or `<<-`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tabs {
    Kept,
    Stripped,
}

/// What ends the list that is being read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Close {
    EndOfText,
    /// `)`
    Parenthesis,
    /// Any of these reserved words.
    Words(&'static [&'static str]),
    /// `;;`, `;&`, `;;&` or `esac`
    Arm,
}

#[derive(Debug)]
pub(crate) struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
    documents: Vec<Document<'a>>,
    pending: Vec<Pending>,
    /// Inside `$(…)`, where a delimiter may be followed by the closing parenthesis.
    in_substitution: u32,
    /// The last command was a compound one, so a reserved word may follow without a separator.
    after_compound: bool,
    /// `time` stands in front, where bash does not take an array for an assignment.
    after_time: bool,
    /// Where `((` turned out not to be arithmetic: each place is tried once.
    not_arithmetic: BTreeSet<usize>,
    /// Bytes read as arithmetic that was none.
    reread: usize,
    /// `shopt -s extglob` is somewhere in the text.
    extended_patterns: bool,
    notes: Vec<String>,
}

/// Reads a whole text.
pub(crate) fn parse(text: &str) -> Parsed<'_> {
    let mut parser = Parser::new(text);
    let mut script = Script::default();
    if let Err(reject) = parser.top_level(&mut script.items) {
        parser.notes.push(format!("syntax not understood at byte {}: {}", reject.at, reject.what));
    }
    Parsed { script, documents: parser.documents, notes: parser.notes }
}

/// Reads text as if it stood between double quotes: here-documents, prompts.
pub(crate) fn parse_quoted(text: &str) -> (Vec<Piece<'_>>, Vec<Document<'_>>, Option<Reject>) {
    let mut parser = Parser::new(text);
    match parser.quoted_text() {
        Ok(pieces) => (pieces, parser.documents, None),
        Err(reject) => (Vec::new(), parser.documents, Some(reject)),
    }
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            documents: Vec::new(),
            pending: Vec::new(),
            in_substitution: 0,
            after_compound: false,
            after_time: false,
            not_arithmetic: BTreeSet::new(),
            reread: 0,
            extended_patterns: text.contains("extglob"),
            notes: Vec::new(),
        }
    }

    fn top_level(&mut self, items: &mut Vec<Item<'a>>) -> Result<()> {
        loop {
            self.newlines()?;
            if self.at_end() {
                break;
            }
            let item = self.item(Close::EndOfText)?;
            items.push(item);
        }
        self.finish_documents()
    }

    fn reject<T>(&self, what: &'static str) -> Result<T> {
        Err(Reject { at: self.at, what })
    }

    /// Runs `inner` one level deeper.
    fn nested<T>(&mut self, inner: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        // A substitution inside a command counts twice: once for itself and once for the command in it.
        if self.depth >= 2 * NESTING {
            return self.reject(TOO_DEEP);
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    /// A slice of the text; empty if the bounds are not on characters, which they always are.
    fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.0..span.1).unwrap_or("")
    }

    /// A slice with line continuations taken out.
    fn joined(&self, span: Span) -> Cow<'a, str> {
        let raw = self.slice(span);
        if raw.contains("\\\n") { Cow::Owned(raw.replace("\\\n", "")) } else { Cow::Borrowed(raw) }
    }

    /// Inside `$(…)` and the like: here-documents opened before belong to the outer text.
    fn substitution(&mut self, close: Close) -> Result<Script<'a>> {
        self.nested(|parser| {
            let outer = std::mem::take(&mut parser.pending);
            parser.in_substitution += 1;
            let script = parser.list(close);
            parser.in_substitution -= 1;
            let unread = !parser.pending.is_empty();
            parser.pending = outer;
            let script = script?;
            if unread {
                return parser.reject("a here-document begins in a substitution and ends outside it");
            }
            Ok(script)
        })
    }
}
