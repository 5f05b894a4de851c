//! Reads the event from standard input: all of it, but neither without limit nor for ever.

use crate::failure::Failure;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::Read;
use std::time::{Duration, Instant};

/// Bytes of one event. Tool inputs and results with images in them are megabytes.
const EVENT_LIMIT: usize = 64 * 1024 * 1024;
/// For the whole of it.
const PATIENCE: Duration = Duration::from_secs(5);
const BLOCK: usize = 64 * 1024;

/// Everything on standard input.
pub(super) fn read() -> Result<Vec<u8>, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("cannot read the event: {error}"));
    let mut input = std::io::stdin().lock();
    let until = Instant::now() + PATIENCE;
    let mut event = Vec::new();
    let mut block = vec![0; BLOCK];
    loop {
        wait(&input, until)?;
        let count = input.read(&mut block).map_err(failed)?;
        if count == 0 {
            break;
        }
        event.extend_from_slice(block.get(..count).unwrap_or_default());
        if event.len() > EVENT_LIMIT {
            return Err(Failure::failed(format!("the event has more than {} MiB", EVENT_LIMIT >> 20)));
        }
    }
    if event.iter().all(u8::is_ascii_whitespace) {
        return Err(Failure::failed("there is no event on standard input")
            .hint("it is meant to be run by Claude Code, as a hook"));
    }
    Ok(event)
}

/// Until there is something to read, or the end of it.
fn wait(input: &impl std::os::fd::AsFd, until: Instant) -> Result<(), Failure> {
    let left = until.saturating_duration_since(Instant::now());
    let left = Timespec::try_from(left).map_err(Failure::failed)?;
    match poll(&mut [PollFd::new(input, PollFlags::IN)], Some(&left)) {
        Ok(0) => Err(Failure::failed(format!("no whole event within {} s", PATIENCE.as_secs()))),
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(Failure::failed(format!("cannot read the event: {error}"))),
    }
}
