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
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Below leashd's home: what buttons mean, and the lock of the one who listens.
const STATE: &str = "telegram";
/// Before it is begun again after it ended.
const AGAIN: Duration = Duration::from_secs(60);
/// For the last words and what is not stored yet.
const WIND_DOWN: Duration = Duration::from_secs(6);

/// The settings it runs under.
#[derive(Clone)]
struct Terms {
    wanted: Wanted,
    secrets: Secrets,
}

pub(super) struct Telegram {
    terms: watch::Sender<Option<Terms>>,
    health: watch::Receiver<Health>,
    ended: Arc<Mutex<Option<String>>>,
    running: Mutex<Option<JoinHandle<()>>>,
}

impl Telegram {
    /// Without a token it waits for one.
    pub(super) fn start(settings: &Settings, secrets: Secrets, desks: Desks) -> Result<Self, Failure> {
        let home = PrivateDir::create(&settings.home).map_err(Failure::failed)?;
        let state = home.subdirectory(STATE).map_err(Failure::failed)?.path().to_owned();
        let (terms, told) = watch::channel(Some(Terms { wanted: settings.telegram.clone(), secrets }));
        let (saying, health) = watch::channel(Health::default());
        let ended = Arc::default();
        let running = tokio::spawn(keep_running(state, desks, told, saying, Arc::clone(&ended)));
        Ok(Self { terms, health, ended, running: Mutex::new(Some(running)) })
    }

    /// Other settings take effect at once; what is on its way is sent first.
    pub(super) fn renew(&self, settings: &Settings, secrets: Secrets) {
        let wanted = settings.telegram.clone();
        self.terms.send_if_modified(|terms| {
            let same = terms.as_ref().is_some_and(|terms| terms.wanted == wanted);
            if !same {
                *terms = Some(Terms { wanted, secrets });
            }
            !same
        });
    }

    /// One line about it; nothing without a token.
    pub(super) fn says(&self) -> Option<String> {
        self.terms.borrow().as_ref()?.wanted.token.as_ref()?;
        let health = self.health.borrow().clone();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(describe(&health, ended.as_deref()))
    }

    pub(super) async fn stop(&self) {
        self.terms.send_replace(None);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut running) = running
            && tokio::time::timeout(WIND_DOWN, &mut running).await.is_err()
        {
            running.abort();
        }
    }
}

fn describe(health: &Health, ended: Option<&str>) -> String {
    let state = match (ended, health.state) {
        (Some(why), _) => return format!("Telegram: NOT listening: {why}"),
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
        (Some(error), _) => format!(": {error}"),
    };
    format!("Telegram: {state}, {last}{poll}{error}")
}

async fn keep_running(
    state: PathBuf,
    desks: Desks,
    mut told: watch::Receiver<Option<Terms>>,
    health: watch::Sender<Health>,
    ended: Arc<Mutex<Option<String>>>,
) {
    loop {
        let Some(terms) = told.borrow_and_update().clone() else { return };
        let Some(token) = terms.wanted.token.as_ref().map(|token| Token::new(token.reveal())) else {
            if told.changed().await.is_err() {
                return;
            }
            continue;
        };
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let options = options(&terms, token, state.clone());
        let mut other = told.clone();
        let shutdown = async move { drop(other.changed().await) };
        let result = telegram::run(desks.desk(EVENTS_MAX), options, health.clone(), shutdown).await;
        if told.has_changed().unwrap_or(true) {
            continue;
        }
        let why = match result {
            Ok(()) => "the daemon ends".to_owned(),
            Err(error) => error.to_string(),
        };
        tracing::error!(reason = %why, "telegram_ended");
        *ended.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(format!("{why} (since {})", clock::now()));
        // Whichever comes first: time, or settings that may mend it.
        drop(tokio::time::timeout(AGAIN, told.changed()).await);
        told.mark_changed();
    }
}

fn options(terms: &Terms, token: Token, state: PathBuf) -> Options {
    let wanted = &terms.wanted;
    let mut options = Options::new(token, state);
    options.base_url = wanted.api_url.trim_end_matches('/').to_owned();
    options.streaming = if wanted.streaming.is_some() { Streaming::On } else { Streaming::Off };
    options.throttle = wanted.streaming.unwrap_or(options.throttle);
    options.privacy = match wanted.privacy {
        Privacy::Full => telegram::Privacy::Full,
        Privacy::Summary => telegram::Privacy::Summary,
        Privacy::Private => telegram::Privacy::Private,
    };
    let secrets = terms.secrets.clone();
    options.redact = Redact::with(move |text| secrets.text(text));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_listening_goes() {
        let at = clock::now();
        let health = Health { state: PollState::Listening, last_update: Some(at), ..Health::default() };
        assert_eq!(describe(&health, None), format!("Telegram: listening, last update {at}"));
        let health = Health {
            state: PollState::Unreachable,
            last_error: Some("no route".to_owned()),
            ..Health::default()
        };
        assert_eq!(
            describe(&health, None),
            "Telegram: cannot be reached, tried again, no update yet: no route"
        );
        assert_eq!(
            describe(&health, Some("the token is wrong")),
            "Telegram: NOT listening: the token is wrong"
        );
    }
}
