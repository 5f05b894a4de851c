//! Everything between us and the Bot API: requests, updates, the pace of what is sent, the form of texts. Knows nothing of
//! sessions, asks and desks.

mod client;
mod failure;
mod model;
mod outbox;
mod poll;
mod secret;
mod stream;
pub mod text;

#[cfg(test)]
mod fixture;

pub use client::{Access, Client, FetchedFile};
pub use failure::Failure;
pub use model::{
    BotUser, Button, ChatId, ChatKind, ChatRef, Content, Document, Forwarding, Keyboard, Membership,
    MenuCommand, Message, MessageId, PersonId, Photo, Standing, Style, Tap, TapMessage, Unsupported, Update,
    User,
};
pub use outbox::{
    Allowance, Change, Edit, File, Limits, Notice, Outbox, Post, Priority, Sending, Shown, Sound,
};
pub use poll::{Health, Incoming, PollOptions, PollState, Poller, Stored};
pub use secret::Token;
pub use stream::{Closing, Growth, Stream, StreamOptions};
pub use text::Text;
