//! What has to hold whenever the daemon is gone: the store against what was acknowledged, the audit log against what the
//! tools left. Looks at copies: what a kill left is for the next start.

use crate::ledger::{Known, Ledger};
use crate::life::Day;
use crate::support::shown;
use crate::witness;
use leashd_store::{AskFilter, Of, Options, Progress, Store};
use leashd_types::{
    Answer, Approver, AskKind, AskRow, AskState, Decision, MessageRow, MessageState, Role, Timestamp,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// More than a day has.
const ROWS: usize = 1_000_000;

/// How much there was to look at.
#[derive(Debug)]
pub(crate) struct Seen {
    /// Messages that people said, whatever became of them.
    pub(crate) said: usize,
    pub(crate) messages: u64,
    pub(crate) refused: usize,
    /// Nobody ever told what became of them.
    pub(crate) doubtful: usize,
    /// Rows of people's messages in the store.
    pub(crate) rows: usize,
    pub(crate) answers: u64,
    pub(crate) asks: usize,
    pub(crate) ran: usize,
    pub(crate) entries: usize,
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { said, messages, refused, doubtful, rows, answers, asks, ran, entries } = self;
        write!(
            formatter,
            "{said} messages said: {messages} acknowledged, {refused} refused, {doubtful} in doubt; {rows} kept. \
             {asks} asks, {answers} answers acknowledged. {ran} tools ran, {entries} audit entries"
        )
    }
}

struct Kept {
    messages: Vec<MessageRow>,
    asks: Vec<AskRow>,
}

pub(crate) fn all(day: &Day, when: &str) -> Seen {
    // Killed early, the first life may not have made any of it.
    let kept = kept(day).unwrap_or_else(|| Kept { messages: Vec::new(), asks: Vec::new() });
    let ledger = day.ledger();
    messages(&ledger, &kept, when);
    answers(&ledger, &kept, when);
    let entries = match day.bench.log().exists() {
        true => audit(day, when),
        false => Vec::new(),
    };
    one_answer_each(&entries, when);
    let ran = permits(day, &entries, &kept, when);
    let known = |known| ledger.said.values().filter(|said| said.known == known).count();
    Seen {
        said: ledger.said.len(),
        messages: known(Known::Acknowledged) as u64,
        refused: known(Known::Refused),
        doubtful: known(Known::Doubtful),
        rows: kept.messages.iter().filter(|row| row.role == Role::User).count(),
        answers: ledger.answers.len() as u64,
        asks: kept.asks.len(),
        ran,
        entries: entries.len(),
    }
}

/// After the last life nothing waits any more.
pub(crate) fn is_settled(day: &Day) {
    let kept = kept(day).unwrap();
    for row in &kept.messages {
        assert!(matches!(row.state, MessageState::Done | MessageState::Dropped), "{row:?}");
    }
    for row in &kept.asks {
        assert!(row.state.is_over(), "{row:?}");
    }
}

/// The store as it was left, through a copy.
fn kept(day: &Day) -> Option<Kept> {
    let home = day.bench.rig.home().join(".leashd");
    if !home.join("messages.db").exists() {
        return None;
    }
    let private = fs::Permissions::from_mode(0o700);
    let directory = tempfile::Builder::new().prefix("leashd-days-").permissions(private).tempdir().unwrap();
    for name in ["messages.db", "messages.db-wal"] {
        if home.join(name).exists() {
            fs::copy(home.join(name), directory.path().join(name)).unwrap();
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut options = Options::sqlite(directory.path().join("messages.db"));
        options.limits.page = ROWS;
        let store = Store::open(&options).await.unwrap();
        let messages = store.messages(&Of::Everybody, None, ROWS).await.unwrap();
        let filter = AskFilter { progress: Progress::Any, ..AskFilter::default() };
        let asks = store.asks(&filter, ROWS).await.unwrap();
        store.close().await.unwrap();
        Some(Kept { messages, asks })
    })
}

/// What was acknowledged is there as it was said, and nothing is there twice.
fn messages(ledger: &Ledger, kept: &Kept, when: &str) {
    let mut rows: BTreeMap<&str, Vec<&MessageRow>> = BTreeMap::new();
    for row in kept.messages.iter().filter(|row| row.role == Role::User) {
        rows.entry(row.key.as_deref().unwrap_or_default()).or_default().push(row);
    }
    for (key, said) in &ledger.said {
        let found = rows.remove(key.as_str()).unwrap_or_default();
        match said.known {
            Known::Acknowledged => assert_eq!(found.len(), 1, "{when}: {key} was acknowledged: {said:?}"),
            Known::Nothing | Known::Doubtful => assert!(found.len() <= 1, "{when}: {key} is there twice"),
            Known::Refused => assert!(found.is_empty(), "{when}: {key} was refused: {found:?}"),
        }
        for row in found {
            assert_eq!((&row.text, &row.session), (&said.text, &said.session), "{when}: {key}");
        }
    }
    assert!(rows.is_empty(), "{when}: nobody said that: {rows:?}");
}

/// An acknowledged answer is there, and it is the only one.
fn answers(ledger: &Ledger, kept: &Kept, when: &str) {
    for row in &kept.asks {
        let by_people: Vec<&Answer> = row
            .steps
            .iter()
            .filter(|step| matches!(step.by, Some(Approver::Human { .. })))
            .filter_map(|step| step.answer.as_ref())
            .collect();
        assert!(by_people.len() <= 1, "{when}: answered twice: {row:?}");
        match ledger.answers.get(&row.ask.id).map(Vec::as_slice) {
            None => {}
            Some([answer]) => assert_eq!(by_people, [answer], "{when}: {row:?}"),
            Some(several) => panic!("{when}: {several:?} were all accepted for {row:?}"),
        }
    }
    for ask in ledger.answers.keys() {
        assert!(kept.asks.iter().any(|row| row.ask.id == *ask), "{when}: {ask} was answered and is gone");
    }
}

/// The entries of the log, whose chain is whole.
fn audit(day: &Day, when: &str) -> Vec<Value> {
    let verified = day.bench.verify();
    assert!(verified.status.success(), "{when}: {}", shown(&verified));
    let text = fs::read(day.bench.log()).unwrap();
    // What was being written when the daemon was killed is no entry.
    let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let lines = text[..whole].split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn text<'a>(entry: &'a Value, name: &str) -> &'a str {
    entry[name].as_str().unwrap_or_default()
}

/// Session and call of an entry.
fn call(entry: &Value) -> (String, String) {
    (text(entry, "session_id").to_owned(), text(entry, "call_id").to_owned())
}

fn one_answer_each(entries: &[Value], when: &str) {
    let mut answered: BTreeMap<(String, String, String), &Value> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| text(entry, "event") == "approval") {
        let (session, id) = call(entry);
        // A conversation that was begun anew may number its calls as before; what was asked is then another thing.
        let key = (session, id, text(entry, "asked_digest").to_owned());
        if let Some(before) = answered.insert(key, entry) {
            panic!("{when}: answered twice: {before} {entry}");
        }
    }
}

/// Each thing a tool left has a permit that was written before. How many there are.
fn permits(day: &Day, entries: &[Value], kept: &Kept, when: &str) -> usize {
    let mut permitted: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    let mut inputs: BTreeMap<(String, String), String> = BTreeMap::new();
    for entry in entries {
        let input = match text(entry, "event") {
            "tool_attempt" => {
                let input = written(&entry["tool_input"]);
                inputs.insert(call(entry), input.clone());
                input
            }
            "approval" => inputs.get(&call(entry)).cloned().unwrap_or_default(),
            _ => continue,
        };
        if text(entry, "decision") == "allow" {
            let at = Timestamp::parse(text(entry, "timestamp")).unwrap().as_micros();
            permitted.entry(input).or_default().push(at);
        }
    }
    let denied = denied(kept);
    let found = witness::moments(&day.bench.rig.project());
    for (file, moments) in &found {
        let Some(before) = permitted.get(file) else { panic!("{when}: {file} was written without a permit") };
        assert!(
            moments.len() <= before.len(),
            "{when}: {file} was written {moments:?}, permitted {before:?}"
        );
        for moment in moments {
            assert!(before.iter().any(|at| at <= moment), "{when}: {file}: {moments:?} before {before:?}");
        }
        assert!(!file.starts_with("never-"), "{when}: {file}");
        assert!(!denied.contains(file), "{when}: {file} was denied and is there");
    }
    found.values().map(Vec::len).sum()
}

/// The file a call of the day's scripts leaves; empty for any other call.
fn written(input: &Value) -> String {
    let of_line = input["command"].as_str().and_then(|line| line.split_once("tee -a ")).map(|(_, file)| file);
    let of_path = input["file_path"].as_str().and_then(|path| path.rsplit('/').next());
    of_line.or(of_path).unwrap_or_default().to_owned()
}

/// Files of asks that ended with a denial the agent was told.
fn denied(kept: &Kept) -> Vec<String> {
    let ends_denied = |row: &&AskRow| {
        row.state == AskState::Landed
            && row.steps.last().is_some_and(|step| step.decision == Some(Decision::Deny))
    };
    let of = |row: &AskRow| match &row.ask.kind {
        AskKind::Approval { call, .. } => Some(written(&call.input)),
        AskKind::PlanReview { .. } | AskKind::Question { .. } | AskKind::Confirmation { .. } => None,
    };
    kept.asks.iter().filter(ends_denied).filter_map(of).collect()
}
