//! Brace expansion, on words as written: `{a,b}`, `{1..5}`, nested, with quoted pieces as opaque units.

use crate::syntax::Piece;

#[derive(Clone, Copy, Debug)]
pub(super) enum Unit<'p> {
    /// A character of unquoted text.
    Char(char),
    Piece(&'p Piece<'p>),
}

#[derive(Debug)]
pub(super) enum Expanded<'p> {
    /// There is nothing to expand.
    Same,
    Words(Vec<Vec<Unit<'p>>>),
    TooMany,
}

struct TooMany;

/// How much may still be made.
struct Room {
    words: usize,
    units: usize,
    steps: usize,
}

/// Expands the braces of a word into at most `most` words.
pub(super) fn expand<'p>(pieces: &'p [Piece<'p>], most: usize) -> Expanded<'p> {
    let mut units = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Literal(text) => units.extend(text.chars().map(Unit::Char)),
            piece => units.push(Unit::Piece(piece)),
        }
    }
    let mut room = Room { words: most, units: most * 64, steps: most * 64 + units.len() * 8 };
    match alternatives(&units, &mut room, 0) {
        Ok(words) if words.len() == 1 => Expanded::Same,
        Ok(words) => Expanded::Words(words),
        Err(TooMany) => Expanded::TooMany,
    }
}

/// A brace expression: where it begins and ends, and what it stands for.
struct Found {
    open: usize,
    close: usize,
    commas: Vec<usize>,
}

fn alternatives<'p>(units: &[Unit<'p>], room: &mut Room, depth: u32) -> Result<Vec<Vec<Unit<'p>>>, TooMany> {
    if depth > crate::limits::NESTING {
        return Err(TooMany);
    }
    let mut words: Vec<Vec<Unit<'p>>> = vec![Vec::new()];
    let mut at = 0;
    loop {
        let found = find(units, at, room)?;
        let open = found.as_ref().map_or(units.len(), |found| found.open);
        let plain = units.get(at..open).unwrap_or(&[]);
        for word in &mut words {
            word.extend_from_slice(plain);
        }
        let Some(found) = found else { return Ok(words) };
        let choices = choices(units, &found, room, depth)?;
        words = product(&words, &choices, room)?;
        at = found.close + 1;
    }
}

fn product<'p>(
    left: &[Vec<Unit<'p>>],
    right: &[Vec<Unit<'p>>],
    room: &mut Room,
) -> Result<Vec<Vec<Unit<'p>>>, TooMany> {
    if left.len() * right.len() > room.words {
        return Err(TooMany);
    }
    let mut words = Vec::with_capacity(left.len() * right.len());
    for before in left {
        for after in right {
            let length = before.len() + after.len();
            room.units = room.units.checked_sub(length).ok_or(TooMany)?;
            let mut word = Vec::with_capacity(length);
            word.extend_from_slice(before);
            word.extend_from_slice(after);
            words.push(word);
        }
    }
    Ok(words)
}

fn is(unit: &Unit<'_>, wanted: char) -> bool {
    matches!(unit, Unit::Char(char) if *char == wanted)
}

/// The first brace expression at or after `from`.
fn find(units: &[Unit<'_>], from: usize, room: &mut Room) -> Result<Option<Found>, TooMany> {
    for (open, unit) in units.iter().enumerate().skip(from) {
        if is(unit, '{')
            && let Some(found) = matched(units, open, room)?
        {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

fn matched(units: &[Unit<'_>], open: usize, room: &mut Room) -> Result<Option<Found>, TooMany> {
    let mut depth = 0_u32;
    let mut commas = Vec::new();
    for (at, unit) in units.iter().enumerate().skip(open) {
        room.steps = room.steps.checked_sub(1).ok_or(TooMany)?;
        if is(unit, '{') {
            depth += 1;
        } else if is(unit, ',') && depth == 1 {
            commas.push(at);
        } else if is(unit, '}') {
            depth -= 1;
            if depth == 0 {
                let inside = units.get(open + 1..at).unwrap_or(&[]);
                let valid = !commas.is_empty() || sequence_bounds(inside).is_some();
                return Ok(valid.then_some(Found { open, close: at, commas }));
            }
        }
    }
    Ok(None)
}

fn choices<'p>(
    units: &[Unit<'p>],
    found: &Found,
    room: &mut Room,
    depth: u32,
) -> Result<Vec<Vec<Unit<'p>>>, TooMany> {
    if found.commas.is_empty() {
        let inside = units.get(found.open + 1..found.close).unwrap_or(&[]);
        return sequence(inside, room);
    }
    let mut words = Vec::new();
    let mut start = found.open + 1;
    for end in found.commas.iter().copied().chain([found.close]) {
        words.extend(alternatives(units.get(start..end).unwrap_or(&[]), room, depth + 1)?);
        if words.len() > room.words {
            return Err(TooMany);
        }
        start = end + 1;
    }
    Ok(words)
}

enum Bounds {
    Numbers { first: i64, last: i64, step: i64, width: usize },
    Letters { first: u8, last: u8, step: i64 },
}

/// `a..b` or `a..b..step`.
fn sequence_bounds(inside: &[Unit<'_>]) -> Option<Bounds> {
    if inside.len() > 64 {
        return None;
    }
    let mut text = String::new();
    for unit in inside {
        match unit {
            Unit::Char(char) => text.push(*char),
            Unit::Piece(_) => return None,
        }
    }
    let mut parts = text.split("..");
    let (first, last, step) = (parts.next()?, parts.next()?, parts.next());
    if parts.next().is_some() {
        return None;
    }
    let step = match step {
        None => 0,
        Some(step) => step.parse::<i64>().ok()?,
    };
    if let (Ok(low), Ok(high)) = (first.parse::<i64>(), last.parse::<i64>()) {
        let padded = |text: &str| {
            let digits = text.trim_start_matches(['-', '+']);
            digits.len() > 1 && digits.starts_with('0')
        };
        let width = if padded(first) || padded(last) { first.len().max(last.len()) } else { 0 };
        return Some(Bounds::Numbers { first: low, last: high, step, width });
    }
    match (first.as_bytes(), last.as_bytes()) {
        ([low], [high]) if low.is_ascii_alphabetic() && high.is_ascii_alphabetic() => {
            Some(Bounds::Letters { first: *low, last: *high, step })
        }
        _ => None,
    }
}

fn sequence<'p>(inside: &[Unit<'p>], room: &mut Room) -> Result<Vec<Vec<Unit<'p>>>, TooMany> {
    let Some(bounds) = sequence_bounds(inside) else { return Ok(Vec::new()) };
    let (first, last, step) = match &bounds {
        Bounds::Numbers { first, last, step, .. } => (*first, *last, *step),
        Bounds::Letters { first, last, step } => (i64::from(*first), i64::from(*last), *step),
    };
    let size = step.unsigned_abs().max(1);
    let count = first.abs_diff(last) / size + 1;
    if count > room.words as u64 {
        return Err(TooMany);
    }
    room.units = room.units.checked_sub(usize::try_from(count).unwrap_or(usize::MAX)).ok_or(TooMany)?;
    let mut words = Vec::new();
    for index in 0..count {
        let distance = i64::try_from(index * size).map_err(|_| TooMany)?;
        let value = if last >= first { first.checked_add(distance) } else { first.checked_sub(distance) };
        let value = value.ok_or(TooMany)?;
        let text = match &bounds {
            Bounds::Numbers { width, .. } => format!("{value:0width$}"),
            Bounds::Letters { .. } => {
                let letter = u8::try_from(value).unwrap_or(b'?');
                char::from(letter).to_string()
            }
        };
        words.push(text.chars().map(Unit::Char).collect());
    }
    Ok(words)
}
