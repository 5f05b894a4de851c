//! Telegram as one end of the daemon: begun with it, begun anew when the settings say otherwise, and how it goes, for
//! people. Whatever ends it but the daemon is tried again: a phone that hears nothing is worse than one that hears late.

use super::heart::Desks;
use crate::clock;
use crate::failure::Failure;
use crate::settings::{Privacy, Settings, Telegram as Wanted};
use leashd_connectors::EVENTS_MAX;
use leashd_connectors::telegram::{self, Health, Options, PollState, Redact, Streaming, Token};
use leashd_gate::Secrets;
use leashd_sandbox::PrivateDir;
use leashd_types::visible;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// Below leashd's home: what buttons mean, and the lock of the one who listens.
const STATE: &str = "telegram";
/// Before it is begun again after it ended.
const AGAIN: Duration = Duration::from_secs(60);
/// For the last words and what is not stored yet.
const WIND_DOWN: Duration = Duration::from_secs(6);

/// What is taken out of every text; other ones from one reload to the next.
type Known = Arc<Mutex<Secrets>>;

pub(super) struct Telegram {
    /// The settings it runs under.
    terms: watch::Sender<Option<Wanted>>,
    secrets: Known,
    health: watch::Receiver<Health>,
    ended: Arc<Mutex<Option<String>>>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Telegram {
    /// Without a token it waits for one.
    pub(super) fn start(settings: &Settings, secrets: Secrets, desks: Desks) -> Result<Self, Failure> {
        let (state, secrets) = (state(settings)?, Known::new(Mutex::new(secrets)));
        let (terms, told) = watch::channel(Some(settings.telegram.clone()));
        let (saying, health) = watch::channel(Health::default());
        let ended = Arc::default();
        let redact = redact(&secrets);
        let running = keep_running((state, redact), desks, told, saying, Arc::clone(&ended));
        let running = Mutex::new(Some(tokio::spawn(running)));
        Ok(Self { terms, secrets, health, ended, running })
    }

    /// Other settings take effect at once; what is on its way is sent first.
    pub(super) fn renew(&self, settings: &Settings, secrets: Secrets) {
        *held(&self.secrets) = secrets;
        let wanted = Some(settings.telegram.clone());
        self.terms.send_if_modified(|terms| {
            let other = *terms != wanted;
            *terms = wanted;
            other
        });
    }

    /// One line about it; nothing without a token.
    pub(super) fn says(&self) -> Option<String> {
        self.terms.borrow().as_ref()?.token.as_ref()?;
        let health = self.health.borrow().clone();
        let ended = held(&self.ended).clone();
        Some(describe(&health, ended.as_deref()))
    }

    pub(super) async fn stop(&self) {
        self.terms.send_replace(None);
        let running = held(&self.running).take();
        if let Some(mut running) = running
            && tokio::time::timeout(WIND_DOWN, &mut running).await.is_err()
        {
            running.abort();
        }
    }
}

fn describe(health: &Health, ended: Option<&str>) -> String {
    let state = match (ended, health.state) {
        (Some(why), _) => return format!("Telegram: NOT listening: {}", visible(why)),
        (None, PollState::Starting) => "starting",
        (None, PollState::Listening) => "listening",
        (None, PollState::Unreachable) => "cannot be reached, tried again",
        (None, PollState::Rival) => "another program listens to the bot, tried again",
        (None, PollState::Throttled) => "told to wait",
        (None, PollState::Unauthorized) => "the token is not taken, tried again",
        (None, PollState::Ended) => "ended",
    };
    let last = match health.last_update {
        Some(at) => format!("last update {at}"),
        None => "no update yet".to_owned(),
    };
    let poll = health.last_poll.map(|at| format!(", last answer {at}")).unwrap_or_default();
    let error = match (&health.last_error, health.state) {
        (None, _) | (Some(_), PollState::Listening) => String::new(),
        (Some(error), _) => format!(": {}", visible(error)),
    };
    format!("Telegram: {state}, {last}{poll}{error}")
}

async fn keep_running(
    (state, redact): (PathBuf, Redact),
    desks: Desks,
    mut told: watch::Receiver<Option<Wanted>>,
    health: watch::Sender<Health>,
    ended: Arc<Mutex<Option<String>>>,
) {
    loop {
        let Some(wanted) = told.borrow_and_update().clone() else { return };
        let Some(token) = wanted.token.as_ref().map(|token| Token::new(token.reveal())) else {
            if told.changed().await.is_err() {
                return;
            }
            continue;
        };
        *held(&ended) = None;
        let options = options(&wanted, token, state.clone(), redact.clone());
        let mut other = told.clone();
        let shutdown = async move { drop(other.changed().await) };
        // Of its own, so that a panic in it is an end like others; dropped with this one.
        let mut talking = JoinSet::new();
        talking.spawn(telegram::run(desks.desk(EVENTS_MAX), options, health.clone(), shutdown));
        let result = talking.join_next().await;
        if told.has_changed().unwrap_or(true) {
            continue;
        }
        let why = match result {
            None | Some(Ok(Ok(()))) => "the daemon ends".to_owned(),
            Some(Ok(Err(error))) => error.to_string(),
            Some(Err(error)) => error.to_string(),
        };
        tracing::error!(reason = %why, "telegram_ended");
        *held(&ended) = Some(format!("{why} (since {})", clock::now()));
        // Whichever comes first: time, or settings that may mend it.
        drop(tokio::time::timeout(AGAIN, told.changed()).await);
        told.mark_changed();
    }
}

/// Where whoever listens to the bot keeps its state, and is alone.
pub(crate) fn state(settings: &Settings) -> Result<PathBuf, Failure> {
    let home = PrivateDir::create(&settings.home).map_err(Failure::failed)?;
    Ok(home.subdirectory(STATE).map_err(Failure::failed)?.path().to_owned())
}

fn options(wanted: &Wanted, token: Token, state: PathBuf, redact: Redact) -> Options {
    let mut options = Options::new(token, state);
    options.base_url = wanted.api_url.trim_end_matches('/').to_owned();
    options.streaming = if wanted.streaming.is_some() { Streaming::On } else { Streaming::Off };
    options.throttle = wanted.streaming.unwrap_or(options.throttle);
    options.privacy = match wanted.privacy {
        Privacy::Full => telegram::Privacy::Full,
        Privacy::Summary => telegram::Privacy::Summary,
        Privacy::Private => telegram::Privacy::Private,
    };
    options.redact = redact;
    options
}

fn held<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer or a file is cut by nobody but who sends it.
fn redact(secrets: &Known) -> Redact {
    let secrets = Arc::clone(secrets);
    Redact::with(move |text| held(&secrets).clean_text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_is_whole_but_for_secrets() {
        let known = |secret: &str| Secrets::new([secret.to_owned()]).expect("few and short");
        let secrets = Known::new(Mutex::new(known("hunter2hunter2")));
        let redact = redact(&secrets);
        let long = "line of a file\n".repeat(10_000);
        let cleaned = redact.text(&format!("{long}hunter2hunter2\n{long}"));
        assert_eq!(cleaned, format!("{long}[redacted]\n{long}"));
        *held(&secrets) = known("another-secret");
        assert_eq!(redact.text("it is another-secret"), "it is [redacted]");
    }

    #[test]
    fn says_how_listening_goes() {
        let at = clock::now();
        let health = Health { state: PollState::Listening, last_update: Some(at), ..Health::default() };
        assert_eq!(describe(&health, None), format!("Telegram: listening, last update {at}"));
        let health = Health {
            state: PollState::Unreachable,
            // Said by whoever answers there.
            last_error: Some("no route\u{1b}[2J".to_owned()),
            ..Health::default()
        };
        assert_eq!(
            describe(&health, None),
            "Telegram: cannot be reached, tried again, no update yet: no route\\u{1b}[2J"
        );
        assert_eq!(
            describe(&health, Some("the token is wrong")),
            "Telegram: NOT listening: the token is wrong"
        );
    }
}
