//! One row on its way out. The counterpart of `line`: cells are read in the order in which they were written.

use crate::StoreError;
use crate::line::Table;
use leashd_types::{
    Ask, AskRow, CallId, Chat, Event, EventRow, GrantRow, MessageId, MessageRow, Money, RunId, RunRow,
    SessionId, SessionRow, Timestamp, TurnId, UserId,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Decode, Row, Type};
use std::path::PathBuf;

struct Cells<'r> {
    row: &'r SqliteRow,
    table: Table,
    next: usize,
}

impl<'r> Cells<'r> {
    fn of(row: &'r SqliteRow, table: Table) -> Self {
        Self { row, table, next: 0 }
    }

    fn get<T: Decode<'r, Sqlite> + Type<Sqlite>>(&mut self) -> Result<T, StoreError> {
        let index = self.next;
        self.next += 1;
        self.row.try_get(index).map_err(|error| self.unreadable(&error))
    }

    fn text(&mut self) -> Result<String, StoreError> {
        self.get()
    }

    fn maybe(&mut self) -> Result<Option<String>, StoreError> {
        self.get()
    }

    fn time(&mut self) -> Result<Timestamp, StoreError> {
        self.get().map(Timestamp::from_micros)
    }

    fn money(&mut self) -> Result<Money, StoreError> {
        self.get().map(Money::from_nano_usd)
    }

    fn count(&mut self) -> Result<u64, StoreError> {
        let number: i64 = self.get()?;
        u64::try_from(number).map_err(|error| self.unreadable(&error))
    }

    fn json<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let text: &str = self.get()?;
        serde_json::from_str(text).map_err(|error| self.unreadable(&error))
    }

    fn word<T: DeserializeOwned>(&mut self) -> Result<T, StoreError> {
        let word = Value::String(self.get()?);
        serde_json::from_value(word).map_err(|error| self.unreadable(&error))
    }

    fn chat(&mut self) -> Result<Chat, StoreError> {
        Ok(Chat { connector: self.word()?, id: self.text()? })
    }

    fn unreadable(&self, error: &dyn std::error::Error) -> StoreError {
        let column = self.table.columns().get(self.next.saturating_sub(1)).unwrap_or(&"?");
        let id = self.row.try_get_unchecked::<String, _>(0).unwrap_or_else(|_| "?".to_owned());
        StoreError::Unreadable { table: self.table.name(), why: format!("{column} of {id}: {error}") }
    }
}

pub(crate) fn session(row: &SqliteRow) -> Result<SessionRow, StoreError> {
    let mut cells = Cells::of(row, Table::Sessions);
    Ok(SessionRow {
        session: SessionId::new(cells.text()?),
        chat: cells.chat()?,
        user: UserId::new(cells.text()?),
        agent: cells.word()?,
        directory: PathBuf::from(cells.text()?),
        workspace: cells.maybe()?,
        mode: cells.word()?,
        model: cells.maybe()?,
        policy: cells.json()?,
        agent_session: cells.maybe()?,
        state: cells.word()?,
        current: cells.get()?,
        created: cells.time()?,
        last_used: cells.time()?,
        turns: cells.count()?,
        messages: cells.count()?,
        total_cost: cells.money()?,
        attended: cells.word()?,
    })
}

pub(crate) fn message(row: &SqliteRow) -> Result<MessageRow, StoreError> {
    let mut cells = Cells::of(row, Table::Messages);
    Ok(MessageRow {
        id: MessageId::new(cells.text()?),
        session: SessionId::new(cells.text()?),
        chat: cells.chat()?,
        turn: cells.maybe()?.map(TurnId::new),
        role: cells.word()?,
        from: cells.maybe()?.map(UserId::new),
        key: cells.maybe()?,
        text: cells.text()?,
        attachments: cells.json()?,
        state: cells.word()?,
        cost: cells.money()?,
        duration_ms: cells.count()?,
        at: cells.time()?,
    })
}

pub(crate) fn ask(row: &SqliteRow) -> Result<AskRow, StoreError> {
    let mut cells = Cells::of(row, Table::Asks);
    // Id and session stand in the body too.
    cells.next = 2;
    let chat = cells.chat()?;
    let call = CallId::new(cells.text()?);
    cells.next = 6;
    let state = cells.word()?;
    cells.next = 9;
    let ask: Ask = cells.json()?;
    Ok(AskRow { ask, call, chat, state, steps: cells.json()? })
}

pub(crate) fn grant(row: &SqliteRow) -> Result<GrantRow, StoreError> {
    let mut cells = Cells::of(row, Table::Grants);
    Ok(GrantRow {
        id: cells.text()?,
        session: SessionId::new(cells.text()?),
        rule: cells.text()?,
        by: UserId::new(cells.text()?),
        given: cells.time()?,
        revoked: cells.get::<Option<i64>>()?.map(Timestamp::from_micros),
        body: cells.json()?,
    })
}

pub(crate) fn run(row: &SqliteRow) -> Result<RunRow, StoreError> {
    let mut cells = Cells::of(row, Table::Runs);
    Ok(RunRow {
        run: RunId::new(cells.text()?),
        session: cells.maybe()?.map(SessionId::new),
        state: cells.text()?,
        created: cells.time()?,
        updated: cells.time()?,
        body: cells.json()?,
    })
}

pub(crate) fn event(row: &SqliteRow) -> Result<EventRow, StoreError> {
    let mut cells = Cells::of(row, Table::Events);
    let seq = cells.count()?;
    let at = cells.time()?;
    cells.next = 4;
    let event: Event = cells.json()?;
    Ok(EventRow { seq, at, event })
}
