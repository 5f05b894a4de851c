//! The form of a line and how one is bound to the next.
//!
//! A line is one JSON object and a newline. It begins with `{"seq":N,` and ends with
//! `,"prev":"<64 hex>","hash":"<64 hex>"}`. `hash` is SHA-256 over the 64 hexadecimal digits of the previous line's
//! hash (64 zeroes before the first) followed by this line's own bytes without `,"hash":"…"`. It is taken over
//! bytes, not over a reading of them, so that no byte can change unseen. To recompute the hash of line `n`:
//!
//! ```sh
//! prev=$(sed -n "$((n - 1))p" audit.jsonl | jq -r .hash)   # 64 zeroes for n=1
//! printf '%s%s' "$prev" "$(sed -n "${n}p" audit.jsonl | sed 's/,"hash":"[0-9a-f]*"}$/}/')" | sha256sum
//! ```
//!
//! Knows no file.

use super::Head;
use leashd_types::Digest;

/// Bytes of the longest line, newline included. A longer one was not written by us.
pub(super) const LINE_LIMIT: usize = 256 * 1024;

const START: &str = "{\"seq\":";
const PREV: &str = ",\"prev\":\"";
const HASH: &str = "\",\"hash\":\"";
const END: &str = "\"}";
const HEX: usize = 64;

/// A line that is whole: its bytes are those that were hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sealed {
    pub(super) head: Head,
    pub(super) prev: Digest,
}

/// Puts `members` (`"timestamp":…,"event":…`, without braces) behind `after`. Returns the line and the new head.
pub(super) fn seal(after: Head, members: &str) -> (String, Head) {
    let seq = after.seq.saturating_add(1);
    let prev = after.hash.to_string();
    let mut line = String::with_capacity(members.len() + 256);
    line.push_str(START);
    line.push_str(&seq.to_string());
    line.push(',');
    line.push_str(members);
    line.push_str(PREV);
    line.push_str(&prev);
    let hash = Digest::plain(&[prev.as_bytes(), line.as_bytes(), END.as_bytes()]);
    line.push_str(HASH);
    line.push_str(&hash.to_string());
    line.push_str(END);
    line.push('\n');
    (line, Head { seq, hash })
}

/// Reads a line (without its newline). `None` if a single byte is not as it was written.
pub(super) fn open(line: &[u8]) -> Option<Sealed> {
    let rest = line.strip_suffix(END.as_bytes())?;
    let (rest, hash) = split_hex(rest)?;
    let body = rest.strip_suffix(HASH.as_bytes())?;
    let (before, prev) = split_hex(body)?;
    before.strip_suffix(PREV.as_bytes())?;
    let seq = claimed_seq(line)?;
    let actual = Digest::plain(&[prev.to_string().as_bytes(), body, END.as_bytes()]);
    (actual == hash).then_some(Sealed { head: Head { seq, hash }, prev })
}

/// The number an entry gives itself, whatever the rest of the line is worth.
fn claimed_seq(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(START.as_bytes())?;
    let digits = rest.split(|byte| *byte == b',').next()?;
    let seq: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    // One spelling only: no sign, no leading zero.
    (seq.to_string().as_bytes() == digits).then_some(seq)
}

fn split_hex(bytes: &[u8]) -> Option<(&[u8], Digest)> {
    let (rest, digits) = bytes.split_at_checked(bytes.len().checked_sub(HEX)?)?;
    Some((rest, Digest::parse(std::str::from_utf8(digits).ok()?)?))
}

/// Whether the bytes behind the last newline are what a crash leaves of one entry: a beginning of it, possibly with
/// the zero bytes of a block that was never filled. Anything else behind the last newline was put there.
pub(super) fn is_torn(fragment: &[u8]) -> bool {
    let zeroes = fragment.iter().rev().take_while(|byte| **byte == 0).count();
    let written = fragment.get(..fragment.len() - zeroes).unwrap_or_default();
    if written.len() >= LINE_LIMIT {
        return false;
    }
    if open(written).is_some() {
        return zeroes == 0;
    }
    let start = START.as_bytes();
    let common = written.len().min(start.len());
    if written.get(..common) != start.get(..common) {
        return false;
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(written) {
        Ok(_) => false,
        Err(error) => error.is_eof(),
    }
}

#[cfg(test)]
mod tests {
    use super::{is_torn, open, seal};
    use crate::audit::Head;
    use leashd_types::Digest;

    fn line() -> (Vec<u8>, Head) {
        let after = Head { seq: 41, hash: Digest::plain(&[b"before"]) };
        let (line, head) = seal(after, r#""event":"x","reason":"naïve \"quoted\" {]""#);
        (line.trim_end().as_bytes().to_vec(), head)
    }

    #[test]
    fn a_sealed_line_opens() {
        let (line, head) = line();
        let sealed = open(&line).unwrap();
        assert_eq!((sealed.head, sealed.prev), (head, Digest::plain(&[b"before"])));
        assert_eq!(head.seq, 42);
        serde_json::from_slice::<serde_json::Value>(&line).unwrap();
    }

    #[test]
    fn every_beginning_of_a_line_is_torn_and_nothing_else_is() {
        let (line, _) = line();
        for end in 1..=line.len() {
            assert!(is_torn(&line[..end]), "first {end} bytes");
        }
        for byte in 0..=255_u8 {
            let mut longer = line.clone();
            longer.push(byte);
            assert!(!is_torn(&longer), "one more byte: {byte}");
        }
        assert!(is_torn(b"\0\0\0\0"));
        assert!(is_torn(b"{\"seq\":4\0\0\0\0"));
        assert!(!is_torn(b"hello"));
        assert!(!is_torn(b"{\"sex\":"));
    }
}
