//! What the settings say about the log, the events and the webhooks, as the options of [`crate::observe`].

use crate::clock;
use crate::failure::Failure;
use crate::observe::{HOOKS_MAX, Hook, Level, LogOptions, ObserveOptions};
use crate::settings::{LogLevel, Settings, Webhook};
use leashd_gate::Secrets;

/// Wrong webhooks are found here; the daemon reads them again on a reload.
pub(crate) fn options(settings: &Settings, secrets: Secrets) -> Result<ObserveOptions, Failure> {
    let mut options = ObserveOptions::at(&settings.home, secrets, clock::now);
    options.log = LogOptions {
        directory: settings.log.directory.clone(),
        level: level(settings),
        max_bytes: settings.log.max_bytes,
        backups: settings.log.backups,
        ..options.log
    };
    options.hooks = hooks(settings)?;
    Ok(options)
}

/// How much is logged.
pub(crate) fn level(settings: &Settings) -> Level {
    match settings.log.level {
        LogLevel::Debug => Level::Debug,
        LogLevel::Info => Level::Info,
        LogLevel::Warning => Level::Warning,
        LogLevel::Error => Level::Error,
    }
}

/// Values of the settings that are never written.
pub(crate) fn secrets(settings: &Settings) -> impl Iterator<Item = String> {
    let webhooks = settings.daemon.webhooks.iter();
    let webhooks = webhooks.flat_map(|hook| [hook.secret.reveal().to_owned(), hook.url.clone()]);
    let token = settings.telegram.token.as_ref().map(|token| token.reveal().to_owned());
    webhooks.chain(token)
}

fn hooks(settings: &Settings) -> Result<Vec<Hook>, Failure> {
    let hooks = &settings.daemon.webhooks;
    if hooks.len() > HOOKS_MAX {
        let message = format!("LEASHD_WEBHOOKS has {} entries, the limit is {HOOKS_MAX}", hooks.len());
        return Err(Failure::usage(message).hint("let one server pass events on to the others"));
    }
    let hook = |(index, hook): (usize, &Webhook)| {
        Hook::parse(&hook.url, hook.secret.reveal(), &hook.events).map_err(|error| {
            Failure::usage(format!("LEASHD_WEBHOOKS is wrong in its entry {}: {error}", index + 1))
        })
    };
    hooks.iter().enumerate().map(hook).collect()
}
