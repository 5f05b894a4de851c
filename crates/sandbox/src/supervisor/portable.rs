//! The supervisor where there is no subreaper and no parent-death signal: it ends the agent's process group. What left
//! the group with `setsid` stays; so does the agent, if the supervisor itself is killed with SIGKILL.

use super::{FAILED, REQUEST, grace_of, refuse_spawn};
use rustix::process::{Pid, Signal, kill_process_group};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Runs `command` as the agent and returns the exit code for both.
pub(super) fn run(lifeline: OwnedFd, mut command: Command) -> i32 {
    command.stdin(Stdio::inherit()).process_group(0);
    let mut agent = match command.spawn() {
        Ok(agent) => agent,
        Err(error) => return refuse_spawn(&command, &error),
    };
    let group = Pid::from_child(&agent);
    let over = Arc::new(AtomicBool::new(false));
    if let Ok(null) = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null") {
        let _input = rustix::stdio::dup2_stdin(&null);
        let _output = rustix::stdio::dup2_stdout(&null);
        let _errors = rustix::stdio::dup2_stderr(&null);
    }
    let seen = Arc::clone(&over);
    let watching = thread::Builder::new().spawn(move || watch(&lifeline, group, &seen));
    if watching.is_err() {
        let _gone = kill_process_group(group, Signal::KILL);
    }
    let status = agent.wait();
    over.store(true, Ordering::SeqCst);
    // INVARIANT: a group keeps its number while a member lives, and the leader's number is not reused before.
    let _gone = kill_process_group(group, Signal::KILL);
    status.map_or(FAILED, |status| {
        status.code().or(status.signal().map(|signal| 128 + signal)).unwrap_or(FAILED)
    })
}

fn watch(lifeline: &OwnedFd, group: Pid, over: &AtomicBool) {
    let mut buffer = [0_u8; REQUEST];
    let length = rustix::io::retry_on_intr(|| rustix::io::read(lifeline, &mut buffer)).unwrap_or(0);
    if let Some(grace) = buffer.get(..length).and_then(grace_of) {
        for signal in [Signal::INT, Signal::TERM] {
            if over.load(Ordering::SeqCst) {
                return;
            }
            let _gone = kill_process_group(group, signal);
            thread::sleep(grace / 2);
        }
    }
    if !over.load(Ordering::SeqCst) {
        let _gone = kill_process_group(group, Signal::KILL);
    }
}
