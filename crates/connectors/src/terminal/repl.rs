//! `leashd start -f`: a conversation on the terminal, with line editing and history.

use crate::terminal::follow::{Ending, Follower, How, Output};
use crate::terminal::screen::{Screen, Tone};
use crate::terminal::{Colour, Keys};
use crate::{Desk, Person, Query};
use leashd_types::{Command, Form, SessionId, visible};
use reedline::{DefaultPrompt, DefaultPromptSegment, FileBackedHistory, Reedline, Signal};
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::PathBuf;
use tokio::sync::oneshot;

/// Lines of history kept.
const HISTORY_LINES: usize = 1000;

const HELP: &str = "Type what the agent should do. /status shows the session, /help this text, /quit or Ctrl-D ends. \
Ctrl-C interrupts a running turn.";

#[derive(Debug)]
pub struct ReplOptions {
    pub session: SessionId,
    pub person: Person,
    /// File the history is kept in.
    pub history: PathBuf,
    pub keys: Keys,
    pub colour: Colour,
}

/// A line of the person.
enum Line {
    Text(String),
    /// Ctrl-C on an empty prompt: nothing happens.
    Cancelled,
    End,
}

/// Talks until the person ends it; the last turn's ending is the result.
///
/// # Errors
/// When the terminal cannot be written or read.
pub async fn repl(mut desk: Desk, options: ReplOptions) -> io::Result<Ending> {
    let mut follower = Follower {
        session: options.session.clone(),
        person: options.person.clone(),
        output: Output::Text,
        keys: options.keys,
        screen: Screen::new(options.colour),
        last_denial: None,
        gated: BTreeMap::new(),
    };
    follower.screen.note(Tone::Dim, HELP)?;
    let mut reader = Reader::new(&options);
    loop {
        let (line, back) = tokio::task::spawn_blocking(move || {
            let mut reader = reader;
            (reader.line(), reader)
        })
        .await
        .map_err(io::Error::other)?;
        reader = back;
        let text = match line? {
            Line::End => break,
            Line::Cancelled => continue,
            Line::Text(text) => text,
        };
        match text.trim() {
            "" => continue,
            "/quit" | "/exit" => break,
            "/help" => follower.screen.note(Tone::Dim, HELP)?,
            "/status" => status(&desk, &mut follower.screen, &options.session).await?,
            command if command.starts_with('/') => {
                follower.screen.note(Tone::Warn, &format!("unknown command {command}; /help lists them"))?;
            }
            _ => {
                let session = options.session.clone();
                let say = Command::Say { session, text, attachments: Vec::new(), key: None };
                let receipt = desk.send(&options.person, Form::Text, say).await;
                if follower.refused(receipt).await?.is_some() {
                    continue;
                }
                let ending = follower.turn(&mut desk).await?;
                if ending.how == How::Interrupted {
                    break;
                }
            }
        }
    }
    drop(desk.send(&options.person, Form::Command, Command::Close { session: options.session }).await);
    follower.until_ended(&mut desk).await?;
    Ok(Ending {
        how: How::Turn { outcome: leashd_types::TurnOutcome::Completed, last_denial: None },
        session_ended: true,
    })
}

async fn status(desk: &Desk, screen: &mut Screen, session: &SessionId) -> io::Result<()> {
    let (reply, answer) = oneshot::channel();
    let query = Query::Session { session: session.clone(), reply };
    let view = match desk.queries.send(query).await {
        Ok(()) => answer.await.ok().flatten(),
        Err(_) => None,
    };
    let Some(view) = view else { return screen.note(Tone::Warn, "no session is open") };
    screen.note(
        Tone::Plain,
        &format!(
            "session {} · mode {:?} · {} · {} turns · {}",
            view.session,
            view.mode,
            visible(&view.directory.display().to_string()),
            view.turns,
            view.total_cost
        ),
    )
}

/// Reads lines: with an editor on a terminal, plainly from a pipe.
enum Reader {
    Editor(Box<Reedline>),
    Pipe,
}

impl Reader {
    fn new(options: &ReplOptions) -> Self {
        if options.keys == Keys::None {
            return Reader::Pipe;
        }
        let editor = Reedline::create();
        Reader::Editor(Box::new(match FileBackedHistory::with_file(HISTORY_LINES, options.history.clone()) {
            Ok(history) => editor.with_history(Box::new(history)),
            // A conversation without history beats none.
            Err(_) => editor,
        }))
    }

    fn line(&mut self) -> io::Result<Line> {
        match self {
            Reader::Editor(editor) => {
                let prompt = DefaultPrompt::new(
                    DefaultPromptSegment::Basic("leashd".to_owned()),
                    DefaultPromptSegment::Empty,
                );
                Ok(match editor.read_line(&prompt)? {
                    Signal::Success(text) => Line::Text(text),
                    Signal::CtrlD => Line::End,
                    _ => Line::Cancelled,
                })
            }
            Reader::Pipe => {
                let mut text = String::new();
                let read = io::stdin().lock().read_line(&mut text)?;
                Ok(if read == 0 { Line::End } else { Line::Text(text) })
            }
        }
    }
}
