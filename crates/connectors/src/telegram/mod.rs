//! Telegram: a conversation in a chat. What goes between us and the Bot API is in `wire`; everything else here is talk.
//! Who may say what, and what comes of it, the daemon decides at the other end of the desk.

mod cards;
mod commands;
mod files;
mod git;
mod hear;
mod line;
mod markup;
mod memory;
mod options;
pub mod pairing;
mod press;
mod show;
mod start;
mod state;
mod talk;
mod tap;
pub mod wire;
mod word;

pub use options::{API, Options, Privacy, Redact, Streaming};
pub use wire::{Health, PollState, Token};

use crate::Desk;
use leashd_types::Event;
use line::Lines;
use state::Book;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use talk::Talk;
use tokio::sync::{mpsc, watch};
use wire::{Access, Client, Failure, Incoming, Limits, MenuCommand, Outbox, PollOptions, Poller};
use word::WORDS;

/// What was said before the end has this long to be sent.
const FAREWELL: Duration = Duration::from_secs(5);
/// Between two tries to reach Telegram at the start.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_LONGEST: Duration = Duration::from_secs(60);

/// Why there is no conversation.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Telegram(#[from] Failure),
    #[error("cannot use the directory of the chat's state: {0}; look at its owner and rights")]
    State(#[from] io::Error),
    #[error("{count} wrong codes came; run `leashd telegram connect` again for a new one")]
    TooManyCodes { count: u32 },
    #[error("listening to Telegram ended; run it again")]
    Ended,
}

/// Talks until `shutdown` is over or the daemon is gone. How listening goes is told on the way.
///
/// # Errors
/// If the token or the address cannot be right, another process listens to the bot, or the state directory is unusable.
/// That Telegram cannot be reached is none: it is tried again.
pub async fn run(
    desk: Desk,
    options: Options,
    health: watch::Sender<Health>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let access = Access {
        base_url: options.base_url.clone(),
        token: options.token.clone(),
        roots: options.roots.clone(),
    };
    let client = Client::new(&access)?;
    let book = Arc::new(Book::open(&options.state, &options.token.name())?);
    let polling = PollOptions { directory: options.state.clone(), seen: book.seen() };
    let (poller, incoming, polled) = Poller::open(client.clone(), &polling)?;
    let (outbox, courier) = Outbox::open(client.clone(), Limits::default());
    let courier = tokio::spawn(courier);
    let told = tokio::spawn(tell_health(polled, health));
    let Desk { deliveries, queries, events } = desk;
    let talk = Talk::new((deliveries, queries), (client, outbox), (book, options));
    let ended = converse(&talk, events, (poller, incoming), shutdown).await;
    // What was said last has a moment to arrive.
    drop(tokio::time::timeout(FAREWELL, talk.outbox.settled()).await);
    talk.save().await;
    told.abort();
    courier.abort();
    ended
}

async fn converse(
    talk: &Arc<Talk>,
    mut events: mpsc::Receiver<Event>,
    (poller, mut incoming): (Poller, mpsc::Receiver<Incoming>),
    shutdown: impl Future<Output = ()> + Send,
) -> Result<(), Error> {
    let mut lines = Lines::default();
    let cards = talk.book.cards();
    // Events are taken also while Telegram cannot be reached: the daemon never waits for it.
    let beginning = async {
        talk.begin(cards).await;
        introduce(&talk.client).await
    };
    let (stop, stopped) = watch::channel(());
    let mut poller = Some((poller, stopped));
    let mut listening = None;
    tokio::pin!(shutdown, beginning);
    let ended = loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break Ok(()),
            event = events.recv() => match event {
                Some(event) => talk.event(event),
                None => break Ok(()),
            },
            name = &mut beginning, if poller.is_some() => match name {
                Ok(name) => {
                    talk.is_called(name);
                    if let Some((poller, stopped)) = poller.take() {
                        listening = Some(tokio::spawn(poller.run(until_dropped(stopped))));
                    }
                }
                Err(failure) => break Err(failure.into()),
            },
            next = incoming.recv(), if poller.is_none() => match next {
                Some(next) => lines.put(talk, next),
                None => break Err(Error::Ended),
            },
        }
    };
    drop(stop);
    if let Some(mut listening) = listening {
        // The lock is free only when the poller is gone.
        if tokio::time::timeout(FAREWELL, &mut listening).await.is_err() {
            listening.abort();
        }
    }
    ended
}

/// The bot's name, its menu, and no webhook. Telegram may be away for a while.
async fn introduce(client: &Client) -> Result<String, Failure> {
    let menu = WORDS
        .iter()
        .map(|(name, _, what)| MenuCommand { command: (*name).to_owned(), description: (*what).to_owned() });
    let menu: Vec<_> = menu.collect();
    let mut pause = AGAIN_FIRST;
    loop {
        let introduced = async {
            client.delete_webhook().await?;
            client.set_menu(&menu).await?;
            client.me().await
        };
        match introduced.await {
            Ok(me) => return Ok(me.username),
            Err(failure) if failure.is_passing() => {
                tracing::warn!(reason = %failure, "telegram_unreachable");
                tokio::time::sleep(pause).await;
                pause = pause.saturating_mul(2).min(AGAIN_LONGEST);
            }
            Err(failure) => return Err(failure),
        }
    }
}

async fn tell_health(mut polled: watch::Receiver<Health>, health: watch::Sender<Health>) {
    loop {
        let now = polled.borrow_and_update().clone();
        health.send_replace(now);
        if polled.changed().await.is_err() {
            return;
        }
    }
}

async fn until_dropped(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}
