//! What the daemon lets others see, as the settings have it: log, webhooks, and what must never stand in either.

use crate::boot;
use crate::clock;
use crate::failure::Failure;
use crate::observe::{Hook, Level, Observe, ObserveOptions};
use crate::settings::Settings;
use leashd_gate::Secrets;
use std::ffi::OsString;

/// Webhooks keep going where the last daemon's events ended.
pub(super) fn options(
    settings: &Settings,
    secrets: Secrets,
    last_event: u64,
) -> Result<ObserveOptions, Failure> {
    let mut options = ObserveOptions::at(&settings.home, secrets, clock::now);
    options.log.directory.clone_from(&settings.log.directory);
    options.log.level = level(settings);
    options.log.max_bytes = settings.log.max_bytes;
    options.log.backups = settings.log.backups;
    options.last_event = last_event;
    options.hooks = settings
        .daemon
        .webhooks
        .iter()
        .map(|hook| Hook::parse(&hook.url, hook.secret.reveal(), &hook.events))
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::usage(format!("LEASHD_WEBHOOKS: {error}")))?;
    Ok(options)
}

/// What may be other from now on. Where it is written stays until the next start.
pub(super) fn adjust(observe: &Observe, settings: &Settings) {
    observe.set_level(level(settings));
    if let Ok(secrets) = secrets(settings) {
        observe.set_secrets(secrets);
    }
}

/// Values that must never reach the log, the audit or a webhook.
pub(super) fn secrets(settings: &Settings) -> Result<Secrets, Failure> {
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let mut values = boot::secret_values(&environment);
    values.extend(settings.telegram.token.iter().map(|token| token.reveal().to_owned()));
    values.extend(settings.daemon.webhooks.iter().map(|hook| hook.secret.reveal().to_owned()));
    Secrets::new(values).map_err(Failure::failed)
}

fn level(settings: &Settings) -> Level {
    use crate::settings::LogLevel;
    match settings.log.level {
        LogLevel::Debug => Level::Debug,
        LogLevel::Info => Level::Info,
        LogLevel::Warning => Level::Warning,
        LogLevel::Error => Level::Error,
    }
}
