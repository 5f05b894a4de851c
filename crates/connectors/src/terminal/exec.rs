//! `leashd exec`: one prompt, one turn.

use crate::Desk;
use crate::terminal::follow::{Ending, Follower, Output};
use crate::terminal::screen::Screen;
use crate::terminal::{Colour, Keys};
use leashd_types::{Command, SessionId, UserId};
use std::collections::BTreeMap;
use std::io;

#[derive(Debug)]
pub struct ExecOptions {
    pub session: SessionId,
    pub user: UserId,
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
        user: options.user.clone(),
        output: options.output,
        keys: options.keys,
        screen: Screen::new(options.colour),
        last_denial: None,
        gated: BTreeMap::new(),
    };
    let say =
        Command::Say { session: options.session.clone(), text: options.prompt, from: options.user.clone() };
    if desk.commands.send(say).await.is_err() {
        return Ok(Ending::gone());
    }
    let ending = follower.turn(&mut desk).await?;
    if !ending.session_ended {
        let close = Command::Close { session: options.session, from: options.user };
        if desk.commands.send(close).await.is_ok() {
            follower.until_ended(&mut desk).await?;
        }
    }
    Ok(ending)
}
