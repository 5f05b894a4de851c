//! What the daemon lets others see from the start, and what a reload may change of it.

use crate::boot;
use crate::failure::Failure;
use crate::observe::{Observe, ObserveOptions};
use crate::settings::Settings;
use crate::watch;
use leashd_gate::Secrets;
use std::ffi::OsString;

/// Events are numbered on from `last_event`.
pub(super) fn options(
    settings: &Settings,
    secrets: Secrets,
    last_event: u64,
) -> Result<ObserveOptions, Failure> {
    Ok(ObserveOptions { last_event, ..watch::options(settings, secrets)? })
}

/// What may be other from now on. Where it is written stays until the next start.
pub(super) fn adjust(observe: &Observe, settings: &Settings) {
    observe.set_level(watch::level(settings));
    if let Ok(secrets) = secrets(settings) {
        observe.set_secrets(secrets);
    }
}

/// Values that must never reach the log, the audit or a webhook.
pub(super) fn secrets(settings: &Settings) -> Result<Secrets, Failure> {
    let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    let values = boot::secret_values(&environment).into_iter().chain(watch::secrets(settings));
    Secrets::new(values).map_err(Failure::failed)
}
