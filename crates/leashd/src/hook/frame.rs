//! The bytes between a hook and the leashd that judges for it. One request, one reply, then the connection ends.
//!
//! Request: `LSHQ`, version, length of the project's path, length of the event (32 bits each, big end first), then both.
//! Reply: `LSHR`, version, 0 for an answer or 1 for a block, length, text.

use super::reply::Reply;
use std::io::{self, ErrorKind, Read, Write};

const REQUEST: [u8; 4] = *b"LSHQ";
const REPLY: [u8; 4] = *b"LSHR";
/// Another version of leashd is not asked: the hook judges itself.
const VERSION: u8 = 1;
/// Bytes of one event that are carried. A hook with a longer one judges itself.
pub(super) const EVENT_LIMIT: usize = 8 * 1024 * 1024;
/// `PATH_MAX`.
const PROJECT_LIMIT: usize = 4096;
/// An answer repeats the input, escaped.
const REPLY_LIMIT: usize = 4 * EVENT_LIMIT;

const ANSWER: u8 = 0;
const BLOCK: u8 = 1;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) project: Vec<u8>,
    pub(super) event: Vec<u8>,
}

/// `None` if it is too long to be carried.
pub(super) fn request(project: &[u8], event: &[u8]) -> Option<Vec<u8>> {
    if event.len() > EVENT_LIMIT || project.len() > PROJECT_LIMIT {
        return None;
    }
    let mut bytes = Vec::with_capacity(13 + project.len() + event.len());
    bytes.extend_from_slice(&REQUEST);
    bytes.push(VERSION);
    bytes.extend_from_slice(&u32::try_from(project.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(event.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(project);
    bytes.extend_from_slice(event);
    Some(bytes)
}

pub(super) fn read_request(from: &mut impl Read) -> io::Result<Request> {
    start(from, REQUEST)?;
    let project_length = length(from, PROJECT_LIMIT)?;
    let event_length = length(from, EVENT_LIMIT)?;
    Ok(Request { project: exactly(from, project_length)?, event: exactly(from, event_length)? })
}

pub(super) fn write_reply(to: &mut impl Write, reply: &Reply) -> io::Result<()> {
    let (kind, text) = match reply {
        Reply::Answer(text) => (ANSWER, text),
        Reply::Block(text) => (BLOCK, text),
    };
    if text.len() > REPLY_LIMIT {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut bytes = Vec::with_capacity(10 + text.len());
    bytes.extend_from_slice(&REPLY);
    bytes.extend_from_slice(&[VERSION, kind]);
    bytes.extend_from_slice(&u32::try_from(text.len()).map_err(io::Error::other)?.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    to.write_all(&bytes)
}

/// Reads a reply to its end. Anything more, less or other is an error.
pub(super) fn read_reply(from: &mut impl Read) -> io::Result<Reply> {
    start(from, REPLY)?;
    let [kind] = array(from)?;
    let size = length(from, REPLY_LIMIT)?;
    let text = String::from_utf8(exactly(from, size)?).map_err(|_| ErrorKind::InvalidData)?;
    if from.read(&mut [0])? != 0 {
        return Err(ErrorKind::InvalidData.into());
    }
    match kind {
        ANSWER => Ok(Reply::Answer(text)),
        BLOCK => Ok(Reply::Block(text)),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

fn start(from: &mut impl Read, magic: [u8; 4]) -> io::Result<()> {
    if array(from)? == magic && array(from)? == [VERSION] {
        return Ok(());
    }
    Err(ErrorKind::InvalidData.into())
}

fn length(from: &mut impl Read, limit: usize) -> io::Result<usize> {
    let length = usize::try_from(u32::from_be_bytes(array(from)?)).map_err(io::Error::other)?;
    if length > limit { Err(ErrorKind::InvalidData.into()) } else { Ok(length) }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Memory grows with what arrives, not with what was announced.
fn exactly(from: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(length.min(64 * 1024));
    from.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() == length { Ok(bytes) } else { Err(ErrorKind::UnexpectedEof.into()) }
}
