//! Reads the event from standard input: all of it, but neither without limit nor for ever.

use crate::failure::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::stdio::stdin;
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// Bytes of one event. Tool inputs and results with images in them are megabytes.
const EVENT_LIMIT: u64 = 64 * 1024 * 1024;
/// Room for most events.
const USUAL: usize = 4096;
/// For the whole of it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything on standard input.
pub(super) fn read() -> Result<Vec<u8>, Failure> {
    let mut event = Vec::with_capacity(USUAL);
    let input = Waiting { until: Instant::now() + PATIENCE };
    input
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

/// Standard input, waited for until a moment. Without a buffer in between: what lay there could not be waited for.
struct Waiting {
    until: Instant,
}

impl Read for Waiting {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let input = stdin();
        let left = self.until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        if poll(&mut [PollFd::new(&input, PollFlags::IN)], Some(&left))? == 0 {
            return Err(io::Error::other(format!("no whole event within {} s", PATIENCE.as_secs())));
        }
        Ok(rustix::io::read(input, into)?)
    }
}
