//! `leashd telegram connect`: who is the owner? The one who sends the bot a code that only the terminal shows. Decides
//! nothing about anybody later; the number goes into the settings.

use super::Error;
use super::options::Options;
use super::wire::{Access, BotUser, ChatKind, Client, Content, Forwarding, PollOptions, Poller};
use super::wire::{Limits, Outbox, Post, Text};
use leashd_types::{Digest, UserId};
use std::time::Duration;
use tokio::sync::oneshot;

/// Wrong codes after which it ends: a code of six digits is not to be guessed.
const WRONG_MAX: u32 = 10;
/// The last word has this long to be sent.
const FAREWELL: Duration = Duration::from_secs(10);

/// The bot of a token.
///
/// # Errors
/// If Telegram does not know the token or cannot be reached.
pub async fn bot(options: &Options) -> Result<BotUser, Error> {
    Ok(client(options)?.me().await?)
}

/// Waits until somebody sends the code as a private message. For as long as it is waited for.
///
/// # Errors
/// If another process listens to the bot, after too many wrong codes, or if listening ends.
pub async fn run(options: &Options, code: &str) -> Result<UserId, Error> {
    let client = client(options)?;
    client.delete_webhook().await?;
    let polling = PollOptions { directory: options.state.clone(), seen: Vec::new() };
    let (poller, mut incoming, _health) = Poller::open(client.clone(), &polling)?;
    let (outbox, courier) = Outbox::open(client, Limits::default());
    let carrying = tokio::spawn(courier);
    let (stop, stopped) = oneshot::channel::<()>();
    let mut polling = tokio::spawn(poller.run(async move { drop(stopped.await) }));
    let mut wrong = 0_u32;
    let found = loop {
        let Some(next) = incoming.recv().await else { break Err(Error::Ended) };
        let update = next.update;
        // Whoever listens after this has no use for it.
        next.stored.send(()).ok();
        let Content::Message(message) = update.content else { continue };
        let Some(author) = message.from.filter(|author| !author.is_bot) else { continue };
        let private = message.chat.kind == ChatKind::Private && message.forwarding == Forwarding::Own;
        let Some(text) = message.text.filter(|_| private) else { continue };
        if is_same(text.trim().trim_start_matches("/start ").trim(), code) {
            let said =
                outbox.send(Post::new(message.chat.id, Text::plain("✓ Connected. leashd listens to you.")));
            // It is connected whether the person hears it or not.
            drop(tokio::time::timeout(FAREWELL, said).await);
            break Ok(UserId::new(author.id.to_string()));
        }
        wrong = wrong.saturating_add(1);
        if wrong >= WRONG_MAX {
            break Err(Error::TooManyCodes { count: WRONG_MAX });
        }
    };
    // Its last word tells Telegram what was taken: else the code came again, to an agent.
    drop(stop);
    if tokio::time::timeout(FAREWELL, &mut polling).await.is_err() {
        polling.abort();
    }
    carrying.abort();
    found
}

fn client(options: &Options) -> Result<Client, Error> {
    let access = Access {
        base_url: options.base_url.clone(),
        token: options.token.clone(),
        roots: options.roots.clone(),
    };
    Ok(Client::new(&access)?)
}

/// Compares digests, so that how long it takes tells nothing.
fn is_same(said: &str, code: &str) -> bool {
    !code.is_empty() && Digest::plain(&[said.as_bytes()]) == Digest::plain(&[code.as_bytes()])
}
