//! Texts with holes: putting them together, within limits. Knows no language.

use crate::{Part, Word};

pub(super) fn hole() -> Word {
    Word::unknown("the code computes it")
}

/// Whether nothing at all is known.
pub(super) fn is_hole(word: &Word) -> bool {
    word.parts().iter().all(|part| matches!(part, Part::Unknown(_)))
}

/// Bytes and holes of one text; `x = x + x` doubles with every line.
const LONGEST: usize = 4 * 1024;
const MOST_HOLES: usize = 32;

fn is_long(word: &Word) -> bool {
    let bytes = |part: &Part| match part {
        Part::Text(text) | Part::Glob(text) => text.len(),
        Part::Unknown(_) => 0,
    };
    word.parts().len() > MOST_HOLES || word.parts().iter().map(bytes).sum::<usize>() > LONGEST
}

pub(super) fn append(word: &mut Word, more: &Word) {
    if !is_long(word) {
        more.parts().iter().for_each(|part| word.push(part.clone()));
    } else if word.unknown_reason().is_none() {
        append_hole(word);
    }
}

fn append_hole(word: &mut Word) {
    word.push(Part::Unknown("the code computes it".to_owned()));
}

/// `a/b`, unless `b` starts at the root.
pub(super) fn join_path(base: &Word, more: &Word) -> Word {
    if more.prefix().starts_with(['/', '~']) {
        return more.clone();
    }
    let mut joined = base.clone();
    let ends = matches!(base.parts().last(), Some(Part::Text(text)) if text.ends_with('/'));
    if !ends {
        joined.push(Part::Text("/".to_owned()));
    }
    append(&mut joined, more);
    joined
}

pub(super) fn push_text(word: &mut Word, text: &str) {
    if text.is_empty() {
    } else if is_long(word) {
        if word.unknown_reason().is_none() {
            append_hole(word);
        }
    } else {
        word.push(Part::Text(text.to_owned()));
    }
}
