//! The forms a secret value takes on its way into a command or a file: raw, base64 at any offset, URL-encoded,
//! hexadecimal, JSON-escaped, and the single lines of a value of several lines.

use std::fmt::Write as _;

/// Shorter forms would blot out ordinary text.
const SHORTEST: usize = 6;
/// A line of a longer value counts on its own from here on; shorter ones are ordinary text too often.
const SHORTEST_LINE: usize = 16;
/// Only so many bytes of a value are looked for: enough to find it, little enough to search for quickly.
const LONGEST: usize = 512;

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Every form of `value` to look for. Empty for values that are too short.
pub(super) fn of(value: &str) -> Vec<String> {
    let value = value.trim();
    if value.len() < SHORTEST {
        return Vec::new();
    }
    let mut forms = Vec::new();
    for part in parts(value) {
        forms.push(part.to_owned());
        forms.push(percent(part, char::is_ascii_alphanumeric, Digits::Upper));
        forms.push(percent(part, unreserved, Digits::Upper));
        forms.push(percent(part, unreserved, Digits::Lower));
        forms.push(hex(part, Digits::Lower));
        forms.push(hex(part, Digits::Upper));
        if let Ok(quoted) = serde_json::to_string(part) {
            forms.push(quoted.trim_matches('"').to_owned());
        }
        for alphabet in [STANDARD, URL_SAFE] {
            forms.extend((0..3).map(|offset| base64_at(part.as_bytes(), offset, alphabet)));
        }
    }
    forms.retain(|form| form.len() >= SHORTEST);
    forms
}

#[derive(Clone, Copy)]
enum Digits {
    Lower,
    Upper,
}

/// The value in pieces of at most `LONGEST` bytes, and its longer lines.
fn parts(value: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = value;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(LONGEST));
        if piece.len() >= SHORTEST {
            found.push(piece);
        }
        rest = after;
    }
    if value.contains('\n') {
        found.extend(
            value.lines().map(str::trim).filter(|line| (SHORTEST_LINE..=LONGEST).contains(&line.len())),
        );
    }
    found
}

fn unreserved(character: &char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '~')
}

fn percent(text: &str, plain: fn(&char) -> bool, digits: Digits) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        let character = char::from(byte);
        if byte.is_ascii() && plain(&character) {
            encoded.push(character);
        } else {
            encoded.push('%');
            push_hex(&mut encoded, byte, digits);
        }
    }
    encoded
}

fn hex(text: &str, digits: Digits) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    text.bytes().for_each(|byte| push_hex(&mut encoded, byte, digits));
    encoded
}

fn push_hex(text: &mut String, byte: u8, digits: Digits) {
    // Writing to a string cannot fail.
    let _written = match digits {
        Digits::Lower => write!(text, "{byte:02x}"),
        Digits::Upper => write!(text, "{byte:02X}"),
    };
}

/// The base64 characters that depend on the value alone when it begins `offset` bytes into a group of three.
fn base64_at(value: &[u8], offset: usize, alphabet: &[u8; 64]) -> String {
    let mut padded = vec![0_u8; offset];
    padded.extend_from_slice(value);
    let encoded = base64(&padded, alphabet);
    let first = (offset * 4).div_ceil(3);
    let end = padded.len() * 4 / 3;
    encoded.get(first..end).unwrap_or_default().to_owned()
}

fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut encoded = String::with_capacity(bytes.len() * 4 / 3 + 4);
    for group in bytes.chunks(3) {
        let bits =
            group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for position in 0..=group.len() {
            let index = (bits >> (18 - 6 * position)) & 63;
            let character = alphabet.get(index as usize).copied().unwrap_or(b'?');
            encoded.push(char::from(character));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::{STANDARD, base64, base64_at, of};

    #[test]
    fn base64_as_published() {
        // RFC 4648, section 10, without padding.
        for (plain, encoded) in [("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes(), STANDARD), encoded);
        }
    }

    #[test]
    fn the_stable_part_is_found_at_every_offset() {
        let secret = b"correct horse battery";
        for before in 0..7 {
            for after in 0..4 {
                let mut whole = vec![b'x'; before];
                whole.extend_from_slice(secret);
                whole.extend(vec![b'y'; after]);
                let part = base64_at(secret, before % 3, STANDARD);
                assert!(base64(&whole, STANDARD).contains(&part), "{before} {after}");
                assert!(part.len() >= secret.len() * 4 / 3 - 2);
            }
        }
    }

    #[test]
    fn short_values_have_no_forms() {
        assert!(of("abc").is_empty());
        assert!(of("  ab  ").is_empty());
        assert!(!of("abcdef").is_empty());
    }
}
