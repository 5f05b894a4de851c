//! Lets a fuzzer play the agent: bytes in, events and answers out, through the reader and the interpreter of a real
//! session. Behind the feature `fuzzing`, which nothing that ships turns on. Knows no process and no time.

use crate::claude::interpreter::{Interpreter, Step};
use crate::claude::process::{Read, read_line};
use crate::{AfterDenial, Reply};
use futures_util::FutureExt;
use leashd_types::{AgentEvent, SessionId};
use serde_json::Value;
use tokio::io::BufReader;

/// What an agent's output led to.
#[derive(Debug, Default, PartialEq)]
pub struct Heard {
    pub events: Vec<AgentEvent>,
    /// What would be written to the agent.
    pub answers: Vec<Value>,
    /// Lines that were read, empty ones included; a line that is too long ends the reading and is not counted.
    pub lines: usize,
    /// Calls that were answered by a denial.
    pub denied: usize,
}

/// Reads `output` to its end in pieces of at most `piece` bytes, and no line longer than `limit` bytes. Of the calls that
/// are asked for, two of three are denied at once; the third waits until the agent is gone.
#[must_use]
pub fn hear(output: &[u8], piece: usize, limit: usize) -> Heard {
    let mut interpreter = Interpreter::new(SessionId::new("fuzz"), "0.0.0".to_owned());
    let mut reader = BufReader::with_capacity(piece.max(1), output);
    let mut heard = Heard::default();
    loop {
        let mut line = Vec::new();
        // Bytes in memory are always there: the future never waits.
        match read_line(&mut reader, limit, &mut line).now_or_never() {
            Some(Ok(Read::Line)) => {}
            Some(Ok(Read::End | Read::TooLong) | Err(_)) | None => break,
        }
        heard.lines += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let Step { events, answers } = interpreter.read(&line);
        heard.answers.extend(answers);
        for event in events {
            if let AgentEvent::ToolCall(call) = &event {
                deny(&mut interpreter, call, &mut heard);
            }
            heard.events.push(event);
        }
    }
    heard.events.extend(interpreter.left());
    heard
}

fn deny(interpreter: &mut Interpreter, call: &leashd_types::ToolCall, heard: &mut Heard) {
    let then = match heard.lines % 3 {
        0 => AfterDenial::Continue,
        1 => AfterDenial::EndTurn,
        _ => return,
    };
    let reply = Reply::Deny { message: "no".to_owned(), then };
    if let Some(answer) = interpreter.reply(&call.id, reply) {
        heard.answers.push(answer);
        heard.denied += 1;
    }
}
