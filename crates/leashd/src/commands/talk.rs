//! What the commands that speak to the daemon have in common: finding it, one conversation with it, printing rows.

use crate::daemon::client::Client;
use crate::failure::{Exit, Failure};
use leashd_types::{Timestamp, visible};
use serde::Serialize;
use serde_json::{Value, json};
use std::future::Future;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::time::Duration;

/// leashd's home, without any other setting: a broken configuration must not keep anybody from stopping the daemon.
pub(crate) fn home() -> Result<PathBuf, Failure> {
    crate::settings::home()
}

/// One conversation with the daemon, which has to run.
pub(super) fn with_daemon<T, F>(talk: impl FnOnce(Client) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let client = Client::require(&home()?)?;
    with_client(client, talk)
}

/// The same with a daemon that was found.
pub(super) fn with_client<T, F>(client: Client, talk: impl FnOnce(Client) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(talk(client))
}

/// A line of data. Whoever closes the pipe has seen enough.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(Exit::Done as i32),
        other => other.map_err(Failure::from),
    }
}

/// A row as one JSON object with its version.
pub(super) fn print_json(row: &impl Serialize) -> Result<(), Failure> {
    let mut value = serde_json::to_value(row).map_err(Failure::failed)?;
    if let Value::Object(fields) = &mut value {
        fields.insert("v".to_owned(), json!(1));
    }
    print(&value.to_string())
}

/// The beginning of an id that is long enough to be typed.
pub(super) fn short(id: &str) -> &str {
    id.split('-').next().unwrap_or(id)
}

/// One line, with nothing hidden in it.
pub(super) fn one_line(text: &str) -> String {
    visible(text).replace(['\n', '\t'], " ")
}

/// `45 s`, `12 min`, `3 h 20 min`, `5 d 2 h`.
pub(super) fn lasted(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        (_, _, _) => format!("{days} d {} h", hours % 24),
    }
}

pub(super) fn ago(moment: Timestamp, now: Timestamp) -> String {
    lasted(now.since(moment))
}

/// The one thing whose id begins with `given`. Ids are compared as a person types them.
pub(super) fn only<'a, T>(
    what: &str,
    given: &str,
    all: &'a [T],
    id: impl Fn(&T) -> &str,
) -> Result<Option<&'a T>, Failure> {
    let wanted = given.to_ascii_lowercase();
    if let Some(exact) = all.iter().find(|it| id(it) == given) {
        return Ok(Some(exact));
    }
    let begins = |it: &&T| !wanted.is_empty() && id(it).to_ascii_lowercase().starts_with(&wanted);
    let found: Vec<&T> = all.iter().filter(begins).collect();
    match found.as_slice() {
        [] => Ok(None),
        [only] => Ok(Some(only)),
        several => {
            let ids: Vec<&str> = several.iter().take(8).map(|it| id(it)).collect();
            Err(Failure::usage(format!(
                "{given:?} is the beginning of {} {what}s: {}",
                several.len(),
                ids.join(", ")
            ))
            .hint("type more of it"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{lasted, only};
    use std::time::Duration;

    #[test]
    fn an_id_may_be_cut_short_while_it_is_clear_which_is_meant() {
        let all = ["AB2", "AB3", "CD", "CDE"];
        let check = |given: &str| only("ask", given, &all, |it| it).map(|found| found.copied());
        assert_eq!(check("ab2").unwrap(), Some("AB2"));
        assert_eq!(check("CD").unwrap(), Some("CD"));
        assert_eq!(check("cde").unwrap(), Some("CDE"));
        assert_eq!(check("x").unwrap(), None);
        assert_eq!(check("").unwrap(), None);
        assert!(check("A").unwrap_err().message.contains("AB2, AB3"));
    }

    #[test]
    fn times_are_short() {
        for (seconds, said) in
            [(0, "0 s"), (59, "59 s"), (61, "1 min"), (3 * 3600 + 60, "3 h 1 min"), (90_000, "1 d 1 h")]
        {
            assert_eq!(lasted(Duration::from_secs(seconds)), said);
        }
    }
}
