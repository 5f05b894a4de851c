//! `leashd exec`: one prompt, one turn.

use crate::terminal::follow::{Ending, Follower, Output};
use crate::terminal::screen::Screen;
use crate::terminal::{Colour, Keys};
use crate::{Desk, Person};
use leashd_types::{Command, Form, SessionId};
use std::collections::BTreeMap;
use std::io;

#[derive(Debug)]
pub struct ExecOptions {
    pub session: SessionId,
    pub person: Person,
    pub prompt: String,
    pub output: Output,
    pub keys: Keys,
    pub colour: Colour,
}

/// Says the prompt, shows the turn, closes the session, and tells how it ended.
///
/// # Errors
/// When the terminal cannot be written or read.
pub async fn exec(mut desk: Desk, options: ExecOptions) -> io::Result<Ending> {
    let mut follower = Follower {
        session: options.session.clone(),
        person: options.person.clone(),
        output: options.output,
        keys: options.keys,
        screen: Screen::new(options.colour),
        last_denial: None,
        gated: BTreeMap::new(),
    };
    let say = Command::Say {
        session: options.session.clone(),
        text: options.prompt,
        attachments: Vec::new(),
        key: None,
    };
    let receipt = desk.send(&options.person, Form::Text, say).await;
    let ending = match follower.refused(receipt).await? {
        Some(reason) => Ending { session_ended: false, ..Ending::refused(reason) },
        None => follower.turn(&mut desk).await?,
    };
    if !ending.session_ended {
        drop(desk.send(&options.person, Form::Command, Command::Close { session: options.session }).await);
        follower.until_ended(&mut desk).await?;
    }
    Ok(ending)
}
