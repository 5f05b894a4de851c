//! Ends the hook before Claude Code gives up on it: a hook that runs out of time counts as one that has no objection.

use super::reply::BLOCK;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Far more than a judgement takes. With the time for reading and for asking a leashd that serves, it is less than the
/// installed hook is given ([`crate::commands::hook`]).
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// From now on this process has [`PATIENCE`]. What comes before has limits of its own; a thread costs a tenth of what a
/// served answer may.
pub(super) fn start() {
    static STARTED: AtomicBool = AtomicBool::new(false);
    if STARTED.swap(true, Ordering::Relaxed) {
        return;
    }
    let bark = || {
        std::thread::sleep(PATIENCE);
        let text = format!("leashd hook: no judgement within {} s, so it is blocked\n", PATIENCE.as_secs());
        // Nobody may be listening; the exit status says it all.
        drop(std::io::stderr().write_all(text.as_bytes()));
        std::process::exit(i32::from(BLOCK));
    };
    let started = std::thread::Builder::new().name("watchdog".to_owned()).stack_size(64 * 1024).spawn(bark);
    if started.is_err() {
        // A machine without room for a thread is one to stop on.
        std::process::exit(i32::from(BLOCK));
    }
}
