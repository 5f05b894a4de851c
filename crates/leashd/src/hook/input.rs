//! Reads the event from standard input: all of it, but not without limit.

use crate::failure::Failure;
use std::io::Read;

/// Bytes of one event. Tool inputs and results with images in them are megabytes.
pub(super) const EVENT_LIMIT: u64 = 64 * 1024 * 1024;

/// Everything on standard input.
pub(super) fn read() -> Result<Vec<u8>, Failure> {
    let mut event = Vec::with_capacity(4096);
    std::io::stdin()
        .lock()
        .take(EVENT_LIMIT + 1)
        .read_to_end(&mut event)
        .map_err(|error| Failure::failed(format!("cannot read the event: {error}")))?;
    if event.len() as u64 > EVENT_LIMIT {
        return Err(Failure::failed(format!("the event has more than {} MiB", EVENT_LIMIT >> 20)));
    }
    if event.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::failed("there is no event on standard input")
            .hint("it is meant to be run by Claude Code, as a hook"));
    }
    Ok(event)
}
