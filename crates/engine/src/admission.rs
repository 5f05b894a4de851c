//! The door: every envelope passes it, whatever its form, before anything looks at what it says. Knows no session.

use crate::config::{Admission, Allowed, Rate};
use leashd_types::{Answer, Command, ConnectorKind, Envelope, Event, Refusal, Timestamp, UserId};
use std::collections::BTreeMap;
use std::time::Duration;

/// What one envelope costs, so that a microsecond at one envelope a minute earns one unit.
const ENVELOPE: u64 = 60_000_000;
/// Refusals of one person are told of once in this long.
const TELL_AGAIN: Duration = Duration::from_secs(60);
const SWEEP_AGAIN: Duration = Duration::from_secs(1);
/// People remembered at the same time.
const PEOPLE_MAX: usize = 10_000;

type Person = (ConnectorKind, UserId);

#[derive(Debug, Default)]
pub(crate) struct Door {
    buckets: BTreeMap<Person, Bucket>,
    told: BTreeMap<Person, Timestamp>,
    /// When those told long ago were last forgotten.
    swept: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    units: u64,
    at: Timestamp,
}

/// Why an envelope stays outside, and what others are told of it.
#[derive(Debug)]
pub(crate) struct Turned {
    pub(crate) refusal: Refusal,
    pub(crate) event: Option<Box<Event>>,
}

impl Door {
    pub(crate) fn admit(
        &mut self,
        envelope: &Envelope,
        admission: &Admission,
        now: Timestamp,
    ) -> Result<(), Turned> {
        let person = (envelope.chat.connector, envelope.from.clone());
        if !is_allowed(envelope, admission) {
            let (chat, from, form) = (envelope.chat.clone(), envelope.from.clone(), envelope.form);
            let event = self.tells(person, now).then(|| Box::new(Event::AuthRejected { chat, from, form }));
            return Err(Turned { refusal: Refusal::NotAllowed, event });
        }
        if is_never_limited(&envelope.command) {
            return Ok(());
        }
        match self.take(&person, admission.rate, now) {
            Ok(()) => Ok(()),
            Err(retry_after_ms) => {
                let (chat, from) = (envelope.chat.clone(), envelope.from.clone());
                let event = self
                    .tells(person, now)
                    .then(|| Box::new(Event::RateLimited { chat, from, retry_after_ms }));
                Err(Turned { refusal: Refusal::RateLimited { retry_after_ms }, event })
            }
        }
    }

    /// Takes one envelope's worth, or says after how many milliseconds there is enough.
    fn take(&mut self, person: &Person, rate: Rate, now: Timestamp) -> Result<(), u64> {
        if rate.per_minute == 0 {
            return Ok(());
        }
        let full = ENVELOPE.saturating_mul(u64::from(rate.burst.max(1)));
        let per_micro = u64::from(rate.per_minute);
        if self.buckets.len() >= PEOPLE_MAX && !self.buckets.contains_key(person) {
            // A full bucket is as good as none.
            self.buckets.retain(|_, bucket| bucket.filled(per_micro, now) < full);
            if self.buckets.len() >= PEOPLE_MAX {
                return Err(u64::try_from(TELL_AGAIN.as_millis()).unwrap_or(u64::MAX));
            }
        }
        let bucket = self.buckets.entry(person.clone()).or_insert(Bucket { units: full, at: now });
        bucket.units = bucket.filled(per_micro, now).min(full);
        bucket.at = bucket.at.max(now);
        match bucket.units.checked_sub(ENVELOPE) {
            Some(rest) => {
                bucket.units = rest;
                Ok(())
            }
            None => {
                let micros = ENVELOPE.saturating_sub(bucket.units).div_ceil(per_micro);
                Err(micros.div_ceil(1000))
            }
        }
    }

    fn tells(&mut self, person: Person, now: Timestamp) -> bool {
        if self.told.get(&person).is_some_and(|at| now.since(*at) < TELL_AGAIN) {
            return false;
        }
        if self.told.len() >= PEOPLE_MAX {
            // Many strangers must not cost a look at all of them each.
            if self.swept.is_some_and(|swept| now.since(swept) < SWEEP_AGAIN) {
                return false;
            }
            self.swept = Some(now);
            self.told.retain(|_, at| now.since(*at) < TELL_AGAIN);
            if self.told.len() >= PEOPLE_MAX {
                return false;
            }
        }
        self.told.insert(person, now);
        true
    }
}

impl Bucket {
    fn filled(self, per_micro: u64, now: Timestamp) -> u64 {
        let micros = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        self.units.saturating_add(micros.saturating_mul(per_micro))
    }
}

fn is_allowed(envelope: &Envelope, admission: &Admission) -> bool {
    let (chat, from) = (&envelope.chat, envelope.from.as_str());
    let known = match admission.of(chat.connector) {
        Allowed::Everyone => true,
        Allowed::Users(users) => users.contains(from),
        Allowed::Nobody => false,
    };
    // A private chat of Telegram has the number of its person.
    let in_a_group = chat.connector == ConnectorKind::Telegram && chat.id != from;
    known && (!in_a_group || admission.groups.contains(&chat.id))
}

/// What ends something has to get through always.
fn is_never_limited(command: &Command) -> bool {
    match command {
        Command::Stop { .. }
        | Command::Interrupt { .. }
        | Command::Shown { .. }
        | Command::Answer { answer: Answer::Deny | Answer::DenyWith { .. }, .. } => true,
        Command::Knock
        | Command::Open { .. }
        | Command::Switch { .. }
        | Command::Say { .. }
        | Command::Answer { .. }
        | Command::Clear { .. }
        | Command::SetMode { .. }
        | Command::SetDirectory { .. }
        | Command::Revoke { .. }
        | Command::Close { .. } => false,
    }
}
