//! One row on its way in: which table, which cells. Made by the caller, so that the writer only writes. Knows no connection.

use crate::StoreError;
use leashd_types::{
    AskKind, AskRow, Chat, EventRow, GrantRow, Kept, MessageRow, Money, RunRow, SessionId, SessionRow,
    Timestamp,
};
use serde::Serialize;
use serde_json::Value;
use std::sync::Arc;

/// In the order of writing: what others refer to comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Sessions,
    Messages,
    Asks,
    Grants,
    Runs,
    Events,
}

impl Table {
    pub(crate) const ALL: [Table; 6] =
        [Table::Sessions, Table::Messages, Table::Asks, Table::Grants, Table::Runs, Table::Events];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Table::Sessions => "sessions",
            Table::Messages => "messages",
            Table::Asks => "asks",
            Table::Grants => "grants",
            Table::Runs => "runs",
            Table::Events => "events",
        }
    }

    /// What one row is called.
    fn one(self) -> &'static str {
        match self {
            Table::Sessions => "session",
            Table::Messages => "message",
            Table::Asks => "ask",
            Table::Grants => "grant",
            Table::Runs => "run",
            Table::Events => "event",
        }
    }

    /// The first one names the row. Writing and reading keep this order.
    pub(crate) fn columns(self) -> &'static [&'static str] {
        match self {
            Table::Sessions => &[
                "id",
                "connector",
                "chat",
                "user",
                "agent",
                "directory",
                "workspace",
                "mode",
                "model",
                "policy",
                "agent_session",
                "state",
                "is_current",
                "created",
                "last_used",
                "turns",
                "messages",
                "total_cost",
                "attended",
            ],
            Table::Messages => &[
                "id",
                "session",
                "connector",
                "chat",
                "turn",
                "role",
                "sender",
                "chat_key",
                "text",
                "attachments",
                "state",
                "cost",
                "duration_ms",
                "at",
            ],
            Table::Asks => &[
                "id",
                "session",
                "connector",
                "chat",
                "call",
                "kind",
                "state",
                "created",
                "expires",
                "body",
                "steps",
            ],
            Table::Grants => &["id", "session", "rule", "given_by", "given", "revoked", "body"],
            Table::Runs => &["id", "session", "state", "created", "updated", "body"],
            Table::Events => &["seq", "at", "name", "session", "body"],
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Null,
    Int(i64),
    Text(Arc<str>),
}

/// What an error about a row names.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) what: &'static str,
    pub(crate) id: String,
    pub(crate) session: Option<SessionId>,
    /// Chat and key of a message.
    pub(crate) key: Option<(Chat, String)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) table: Table,
    pub(crate) cells: Vec<Cell>,
    pub(crate) label: Label,
}

impl Line {
    pub(crate) fn new(kept: Kept) -> Result<Self, StoreError> {
        match kept {
            Kept::Session(row) => session(row),
            Kept::Message(row) => message(row),
            Kept::Ask(row) => ask(row),
            Kept::Grant(row) => grant(row),
            Kept::Run(row) => run(row),
            Kept::Event(row) => event(row),
        }
    }

    /// Bytes of text, which is what makes a row large.
    pub(crate) fn bytes(&self) -> usize {
        let text = |cell: &Cell| match cell {
            Cell::Text(text) => text.len(),
            Cell::Null | Cell::Int(_) => 8,
        };
        self.cells.iter().map(text).sum()
    }
}

/// Collects cells; remembers whose they are, for errors.
struct Cells {
    cells: Vec<Cell>,
    label: Label,
}

impl Cells {
    fn of(table: Table, id: &str, session: Option<&SessionId>) -> Self {
        let label = Label { what: table.one(), id: id.to_owned(), session: session.cloned(), key: None };
        Self { cells: Vec::with_capacity(table.columns().len()), label }
    }

    fn text(mut self, text: impl Into<Box<str>>) -> Self {
        self.cells.push(Cell::Text(Arc::from(text.into())));
        self
    }

    fn maybe(mut self, text: Option<impl Into<Box<str>>>) -> Self {
        self.cells.push(text.map_or(Cell::Null, |text| Cell::Text(Arc::from(text.into()))));
        self
    }

    fn int(mut self, number: i64) -> Self {
        self.cells.push(Cell::Int(number));
        self
    }

    fn time(self, time: Timestamp) -> Self {
        self.int(time.as_micros())
    }

    fn money(self, money: Money) -> Self {
        self.int(money.as_nano_usd())
    }

    fn chat(self, chat: Chat) -> Self {
        self.text(chat.connector.as_str()).text(chat.id)
    }

    fn count(self, number: u64) -> Result<Self, StoreError> {
        match i64::try_from(number) {
            Ok(number) => Ok(self.int(number)),
            Err(_) => Err(self.unwritable(format!("{number} is more than a database counts to"))),
        }
    }

    fn json(self, value: &impl Serialize) -> Result<Self, StoreError> {
        match serde_json::to_string(value) {
            Ok(text) => Ok(self.text(text)),
            Err(error) => Err(self.unwritable(error.to_string())),
        }
    }

    /// A value of an enum without fields, by its name.
    fn word(self, value: &impl Serialize) -> Result<Self, StoreError> {
        match serde_json::to_value(value) {
            Ok(Value::String(word)) => Ok(self.text(word)),
            Ok(other) => Err(self.unwritable(format!("{other} is not a word"))),
            Err(error) => Err(self.unwritable(error.to_string())),
        }
    }

    fn unwritable(self, why: String) -> StoreError {
        StoreError::Unwritable { what: self.label.what, id: self.label.id, why }
    }

    fn done(self, table: Table) -> Line {
        Line { table, cells: self.cells, label: self.label }
    }
}

fn session(row: SessionRow) -> Result<Line, StoreError> {
    let cells = Cells::of(Table::Sessions, row.session.as_str(), None);
    let Some(directory) = row.directory.to_str() else {
        return Err(cells.unwritable(format!("the directory {} is not UTF-8", row.directory.display())));
    };
    let cells = cells
        .text(row.session.as_str())
        .chat(row.chat)
        .text(row.user.as_str())
        .word(&row.agent)?
        .text(directory)
        .maybe(row.workspace)
        .word(&row.mode)?
        .maybe(row.model)
        .json(&row.policy)?
        .maybe(row.agent_session)
        .word(&row.state)?
        .int(i64::from(row.current))
        .time(row.created)
        .time(row.last_used)
        .count(row.turns)?
        .count(row.messages)?
        .money(row.total_cost)
        .word(&row.attended)?;
    Ok(cells.done(Table::Sessions))
}

fn message(row: MessageRow) -> Result<Line, StoreError> {
    let mut cells = Cells::of(Table::Messages, row.id.as_str(), Some(&row.session));
    cells.label.key = row.key.clone().map(|key| (row.chat.clone(), key));
    let cells = cells
        .text(row.id.as_str())
        .text(row.session.as_str())
        .chat(row.chat)
        .maybe(row.turn.as_ref().map(|turn| turn.as_str()))
        .word(&row.role)?
        .maybe(row.from.as_ref().map(|user| user.as_str()))
        .maybe(row.key)
        .text(row.text)
        .json(&row.attachments)?
        .word(&row.state)?
        .money(row.cost)
        .count(row.duration_ms)?
        .time(row.at);
    Ok(cells.done(Table::Messages))
}

fn ask(row: AskRow) -> Result<Line, StoreError> {
    let kind = match row.ask.kind {
        AskKind::Approval { .. } => "approval",
        AskKind::PlanReview { .. } => "plan-review",
        AskKind::Question { .. } => "question",
        AskKind::Confirmation { .. } => "confirmation",
    };
    let cells = Cells::of(Table::Asks, row.ask.id.as_str(), Some(&row.ask.session))
        .text(row.ask.id.as_str())
        .text(row.ask.session.as_str())
        .chat(row.chat)
        .text(row.call.as_str())
        .text(kind)
        .word(&row.state)?
        .time(row.ask.created)
        .time(row.ask.expires)
        .json(&row.ask)?
        .json(&row.steps)?;
    Ok(cells.done(Table::Asks))
}

fn grant(row: GrantRow) -> Result<Line, StoreError> {
    let mut cells = Cells::of(Table::Grants, &row.id, Some(&row.session))
        .text(row.id)
        .text(row.session.as_str())
        .text(row.rule)
        .text(row.by.as_str())
        .time(row.given);
    cells.cells.push(row.revoked.map_or(Cell::Null, |time| Cell::Int(time.as_micros())));
    Ok(cells.json(&row.body)?.done(Table::Grants))
}

fn run(row: RunRow) -> Result<Line, StoreError> {
    let cells = Cells::of(Table::Runs, row.run.as_str(), row.session.as_ref())
        .text(row.run.as_str())
        .maybe(row.session.as_ref().map(|session| session.as_str()))
        .text(row.state)
        .time(row.created)
        .time(row.updated)
        .json(&row.body)?;
    Ok(cells.done(Table::Runs))
}

fn event(row: EventRow) -> Result<Line, StoreError> {
    let cells = Cells::of(Table::Events, &row.seq.to_string(), None);
    let body = match serde_json::to_value(&row.event) {
        Ok(body) => body,
        Err(error) => return Err(cells.unwritable(error.to_string())),
    };
    let word = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let name = word(body.get("event")).unwrap_or_default();
    let session = word(body.get("session")).or_else(|| word(body.pointer("/ask/session")));
    let cells = cells.count(row.seq)?.time(row.at).text(name).maybe(session).json(&body)?;
    Ok(cells.done(Table::Events))
}
