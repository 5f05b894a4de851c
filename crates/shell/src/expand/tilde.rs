//! Tildes: at the front of a word, and behind `=` and `:` where a word is or looks like an assignment.

use super::fields::{Fields, Mode};
use super::is_name;
use crate::walk::Walker;
use crate::word::Word;

/// Why a value is not known whose tilde bash reads in a way that is not followed.
const ODD: &str = "what bash takes for a home directory";

/// Where a run of text stands in its word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) first: bool,
    pub(super) last: bool,
}

impl Walker<'_> {
    /// Unquoted text of the word itself.
    pub(super) fn literal(&mut self, text: &str, place: Place, fields: &mut Fields<'_>) {
        if !text.contains('~') {
            return fields.literal(text);
        }
        let assigned = fields.mode() == Mode::Assigned;
        if place.first && !assigned {
            // `name=~/x` is expanded in arguments as well.
            let name = text.split_once('=').map_or("", |(name, _)| name);
            if is_name(name) && matches!(fields.mode(), Mode::Split | Mode::Whole) {
                fields.begin_assignment();
                fields.literal(text.get(..=name.len()).unwrap_or(""));
                return self.tildes(text.get(name.len() + 1..).unwrap_or(""), place, fields);
            }
            return self.tilde(text, place, fields);
        }
        if fields.assigns() && (text.contains(":~") || text.contains("=~")) {
            return fields.unknown(ODD);
        }
        match (assigned, place.first) {
            (true, true) => self.tildes(text, place, fields),
            (true, false) => self.tildes_after_colon(text, place, fields),
            (false, _) => fields.literal(text),
        }
    }

    fn tildes(&mut self, text: &str, place: Place, fields: &mut Fields<'_>) {
        let mut parts = text.split(':').peekable();
        let mut begun = false;
        while let Some(part) = parts.next() {
            if begun {
                fields.literal(":");
            }
            begun = true;
            self.tilde(part, Place { last: place.last || parts.peek().is_some(), ..place }, fields);
        }
    }

    fn tildes_after_colon(&mut self, text: &str, place: Place, fields: &mut Fields<'_>) {
        match text.split_once(':') {
            Some((before, after)) => {
                fields.literal(before);
                fields.literal(":");
                self.tildes(after, place, fields);
            }
            None => fields.literal(text),
        }
    }

    /// A tilde prefix at the front of `text`.
    pub(super) fn tilde(&mut self, text: &str, place: Place, fields: &mut Fields<'_>) {
        let Some(after) = text.strip_prefix('~') else { return fields.literal(text) };
        let (user, rest) = match after.find(['/', ':']) {
            Some(at) => (after.get(..at).unwrap_or(""), after.get(at..).unwrap_or("")),
            None if place.last => (after, ""),
            None => return fields.literal(text),
        };
        // What follows the colon may be quoted, which bash minds.
        let home = if rest.starts_with(':') && !place.last && !rest.contains('/') {
            Word::unknown(ODD)
        } else {
            match user {
                "" => self.variable_or_environment("HOME"),
                "+" => self.variable_or_environment("PWD"),
                "-" => self.variable_or_environment("OLDPWD"),
                "root" => Word::literal("/root"),
                name if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) => {
                    Word::unknown(format!("the home directory of {name}"))
                }
                name if name.contains(['=', '~']) => Word::unknown(ODD),
                _ => return fields.literal(text),
            }
        };
        fields.known(&home);
        fields.literal(rest);
    }
}
