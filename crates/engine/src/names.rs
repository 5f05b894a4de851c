//! Ids made of what they name. Two runs of leashd never make the same one, because the time is part of it.

use leashd_types::{AskId, CallId, Chat, Digest, MessageId, SessionId, Timestamp};
use std::time::Duration;

/// Lower-case base32 without letters that look like digits.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// 40 bits: short enough to type, and a beginning is enough where only one ask begins so.
const ASK_DIGITS: usize = 8;
const MESSAGE_DIGITS: usize = 26;
/// Bytes of a session's name; a UUID has 36.
const SESSION_MAX: usize = 64;

pub(crate) fn ask(session: &SessionId, call: &CallId, now: Timestamp, try_number: u32) -> AskId {
    let digest = Digest::of_parts(&[
        b"ask",
        session.as_str().as_bytes(),
        call.as_str().as_bytes(),
        &now.as_micros().to_be_bytes(),
        &try_number.to_be_bytes(),
    ]);
    AskId::new(base32(&digest, ASK_DIGITS))
}

pub(crate) fn message(session: &SessionId, now: Timestamp, number: u64) -> MessageId {
    let digest = Digest::of_parts(&[
        b"message",
        session.as_str().as_bytes(),
        &now.as_micros().to_be_bytes(),
        &number.to_be_bytes(),
    ]);
    MessageId::new(base32(&digest, MESSAGE_DIGITS))
}

pub(crate) fn session(chat: &Chat, now: Timestamp, number: u64) -> SessionId {
    let digest = Digest::of_parts(&[
        b"session",
        chat.to_string().as_bytes(),
        &now.as_micros().to_be_bytes(),
        &number.to_be_bytes(),
    ]);
    SessionId::new(uuid(&digest))
}

/// Whether people may name a session so: it becomes the name of a directory and an argument of the agent's.
pub(crate) fn is_plain(id: &SessionId) -> bool {
    let id = id.as_str();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=SESSION_MAX).contains(&id.len()) && !id.starts_with('-') && id.bytes().all(plain)
}

/// The agent's id of a conversation that is not the first of its session.
pub(crate) fn conversation(session: &SessionId, now: Timestamp, number: u64) -> String {
    uuid(&Digest::of_parts(&[
        b"conversation",
        session.as_str().as_bytes(),
        &now.as_micros().to_be_bytes(),
        &number.to_be_bytes(),
    ]))
}

/// Between four and six fifths of `wait`: those who failed together do not come back together.
pub(crate) fn jittered(wait: Duration, seed: u64, session: &SessionId, attempt: u64) -> Duration {
    let digest = Digest::of_parts(&[
        b"retry",
        &seed.to_be_bytes(),
        session.as_str().as_bytes(),
        &attempt.to_be_bytes(),
    ]);
    let byte = digest.as_bytes().first().copied().unwrap_or_default();
    let per_mille = 800_u32.saturating_add(u32::from(byte).saturating_mul(400) / 255);
    wait.saturating_mul(per_mille) / 1000
}

fn base32(digest: &Digest, digits: usize) -> String {
    let (mut bits, mut have) = (0_u32, 0_u32);
    let mut text = String::with_capacity(digits);
    let mut bytes = digest.as_bytes().iter();
    while text.len() < digits {
        if have < 5 {
            let Some(byte) = bytes.next() else { break };
            bits = (bits << 8 | u32::from(*byte)) & 0xfff;
            have = have.saturating_add(8);
        }
        have = have.saturating_sub(5);
        let index = usize::try_from(bits >> have & 31).unwrap_or_default();
        text.push(char::from(DIGITS.get(index).copied().unwrap_or(b'0')));
    }
    text
}

/// A UUID of version 8: one whose bits are the maker's business.
fn uuid(digest: &Digest) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in digest.as_bytes().iter().take(16).enumerate() {
        let byte = match index {
            6 => byte & 0x0f | 0x80,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}
