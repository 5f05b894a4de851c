//! Questions to the store. Every list has a limit; what is over it is left out at the old end.

use crate::line::Table;
use crate::site::Site;
use crate::writer::Shared;
use crate::{Limits, StoreError, row};
use leashd_types::{
    AskId, AskRow, Chat, EventRow, GrantRow, MessageId, MessageRow, Money, Restored, RunRow, SessionId,
    SessionRow, SessionState, UserId,
};
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{AssertSqlSafe, Connection, Row};
use std::ops::{Deref, DerefMut};
use tokio::sync::{OwnedMappedMutexGuard, OwnedMutexGuard};

/// Whose messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    Everybody,
    Session(SessionId),
    Chat(Chat),
}

/// Which sessions. Everything that is set has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    pub state: Option<SessionState>,
    pub chat: Option<Chat>,
    pub user: Option<UserId>,
}

/// Which asks, by how far they got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// An answer would still be taken; oldest first.
    #[default]
    Open,
    /// Something will still happen to it; oldest first.
    Unfinished,
    /// All; newest first.
    Any,
}

/// Which asks. Everything that is set has to fit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskFilter {
    pub progress: Progress,
    pub session: Option<SessionId>,
    pub chat: Option<Chat>,
}

/// How much there is, for a status line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub open_sessions: u64,
    pub open_asks: u64,
    /// Messages the agent does not have yet.
    pub waiting_messages: u64,
    /// Grants of open sessions, not revoked.
    pub grants: u64,
    /// The number of the newest event.
    pub last_event: u64,
    /// Of the open sessions.
    pub open_cost: Money,
    /// The database without its log.
    pub bytes: u64,
}

/// Where questions go: connections of their own, or the writer's.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) pool: Option<SqlitePool>,
    pub(crate) shared: Shared,
    pub(crate) site: Site,
    pub(crate) limits: Limits,
}

enum Lease {
    Pooled(PoolConnection<Sqlite>),
    Shared(OwnedMappedMutexGuard<Option<SqliteConnection>, SqliteConnection>),
}

impl Deref for Lease {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Lease::Pooled(conn) => conn,
            Lease::Shared(conn) => conn,
        }
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Lease::Pooled(conn) => conn,
            Lease::Shared(conn) => conn,
        }
    }
}

/// The states of the index `asks_unfinished`, in its words: SQLite uses it only for the very same condition.
const UNFINISHED_ASKS: &str = "state IN ('created', 'delivered', 'seen', 'answered')";
const OPEN_ASKS: &str =
    "state IN ('created', 'delivered', 'seen', 'answered') AND state IN ('created', 'delivered', 'seen')";
/// The states of the index `messages_unfinished`.
const UNFINISHED_MESSAGES: &str = "state IN ('waiting', 'given')";
const GRANTS_IN_FORCE: &str = "revoked IS NULL AND session IN (SELECT id FROM sessions WHERE state = 'open')";

type Ask<'q> = Query<'q, Sqlite, SqliteArguments>;

impl Reader {
    async fn lease(&self) -> Result<Lease, StoreError> {
        if let Some(pool) = &self.pool {
            return pool.acquire().await.map(Lease::Pooled).map_err(|error| self.site.error(&error));
        }
        let wait = tokio::time::timeout(self.limits.wait, self.shared.clone().lock_owned());
        let guard = wait.await.map_err(|_| StoreError::Busy { waited: self.limits.wait })?;
        OwnedMutexGuard::try_map(guard, Option::as_mut).map(Lease::Shared).map_err(|_| StoreError::Closed)
    }

    async fn rows(&self, query: Ask<'_>) -> Result<Vec<SqliteRow>, StoreError> {
        let mut lease = self.lease().await?;
        query.fetch_all(&mut *lease).await.map_err(|error| self.site.error(&error))
    }

    fn limit(&self, limit: usize) -> i64 {
        i64::try_from(limit.min(self.limits.page)).unwrap_or(i64::MAX)
    }

    pub(crate) async fn restore(&self) -> Result<Restored, StoreError> {
        let mut lease = self.lease().await?;
        self.restore_from(&mut lease).await
    }

    /// One transaction, so that nothing is seen half.
    async fn restore_from(&self, conn: &mut SqliteConnection) -> Result<Restored, StoreError> {
        let wrong = |error: sqlx::Error| self.site.error(&error);
        let mut view = conn.begin().await.map_err(wrong)?;
        let mut rows = async |table: Table, tail: &str| {
            sqlx::query(AssertSqlSafe(select(table, tail))).fetch_all(&mut *view).await.map_err(wrong)
        };
        let sessions = rows(Table::Sessions, "WHERE state = 'open' ORDER BY created, id").await?;
        let tail = format!("WHERE {UNFINISHED_MESSAGES} ORDER BY number");
        let messages = rows(Table::Messages, &tail).await?;
        let asks = rows(Table::Asks, &format!("WHERE {UNFINISHED_ASKS} ORDER BY number")).await?;
        let grants = rows(Table::Grants, &format!("WHERE {GRANTS_IN_FORCE} ORDER BY given, id")).await?;
        let last: Option<i64> =
            sqlx::query_scalar("SELECT max(seq) FROM events").fetch_one(&mut *view).await.map_err(wrong)?;
        view.commit().await.map_err(wrong)?;
        Ok(Restored {
            sessions: all(&sessions, row::session)?,
            messages: all(&messages, row::message)?,
            asks: all(&asks, row::ask)?,
            grants: all(&grants, row::grant)?,
            last_event: unsigned(last.unwrap_or(0)),
        })
    }

    pub(crate) async fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        let sql = AssertSqlSafe(select(Table::Sessions, "WHERE id = ?"));
        let rows = self.rows(sqlx::query(sql).bind(id.as_str().to_owned())).await?;
        rows.first().map(row::session).transpose()
    }

    pub(crate) async fn sessions(
        &self,
        filter: &SessionFilter,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let mut terms = Terms::default();
        match filter.state {
            Some(SessionState::Open) => terms.add("state = 'open'"),
            Some(SessionState::Closed) => terms.add("state = 'closed'"),
            None => {}
        }
        terms.chat(filter.chat.as_ref());
        terms.equal("user = ?", filter.user.as_ref().map(UserId::as_str));
        let sql = select(Table::Sessions, &terms.tail("ORDER BY last_used DESC, id LIMIT ?"));
        let rows = self.rows(terms.bind(sqlx::query(AssertSqlSafe(sql))).bind(self.limit(limit))).await?;
        all(&rows, row::session)
    }

    pub(crate) async fn messages(
        &self,
        of: &Of,
        before: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let mut terms = Terms::default();
        terms.of(of);
        let mut number = None;
        if let Some(before) = before {
            let find =
                sqlx::query("SELECT number FROM messages WHERE id = ?").bind(before.as_str().to_owned());
            let rows = self.rows(find).await?;
            let Some(found) = rows.first() else {
                return Err(StoreError::Unknown { what: "message", id: before.to_string() });
            };
            number = Some(found.try_get::<i64, _>(0).map_err(|error| self.site.error(&error))?);
            terms.add("number < ?");
        }
        let sql = select(Table::Messages, &terms.tail("ORDER BY number DESC LIMIT ?"));
        let mut query = terms.bind(sqlx::query(AssertSqlSafe(sql)));
        if let Some(number) = number {
            query = query.bind(number);
        }
        let mut messages = all(&self.rows(query.bind(self.limit(limit))).await?, row::message)?;
        messages.reverse();
        Ok(messages)
    }

    pub(crate) async fn search(
        &self,
        text: &str,
        of: &Of,
        limit: usize,
    ) -> Result<Vec<MessageRow>, StoreError> {
        let Some(pattern) = pattern(text) else { return Ok(Vec::new()) };
        let mut terms = Terms::default();
        terms
            .equal("number IN (SELECT rowid FROM messages_text WHERE messages_text MATCH ?)", Some(&pattern));
        terms.of(of);
        let sql = select(Table::Messages, &terms.tail("ORDER BY number DESC LIMIT ?"));
        let rows = self.rows(terms.bind(sqlx::query(AssertSqlSafe(sql))).bind(self.limit(limit))).await?;
        all(&rows, row::message)
    }

    pub(crate) async fn ask(&self, id: &AskId) -> Result<Option<AskRow>, StoreError> {
        let sql = AssertSqlSafe(select(Table::Asks, "WHERE id = ?"));
        let rows = self.rows(sqlx::query(sql).bind(id.as_str().to_owned())).await?;
        rows.first().map(row::ask).transpose()
    }

    pub(crate) async fn asks(&self, filter: &AskFilter, limit: usize) -> Result<Vec<AskRow>, StoreError> {
        let mut terms = Terms::default();
        let order = match filter.progress {
            Progress::Open => {
                terms.add(OPEN_ASKS);
                "ORDER BY number LIMIT ?"
            }
            Progress::Unfinished => {
                terms.add(UNFINISHED_ASKS);
                "ORDER BY number LIMIT ?"
            }
            Progress::Any => "ORDER BY number DESC LIMIT ?",
        };
        terms.equal("session = ?", filter.session.as_ref().map(SessionId::as_str));
        terms.chat(filter.chat.as_ref());
        let sql = select(Table::Asks, &terms.tail(order));
        let rows = self.rows(terms.bind(sqlx::query(AssertSqlSafe(sql))).bind(self.limit(limit))).await?;
        all(&rows, row::ask)
    }

    pub(crate) async fn grants(&self, session: &SessionId) -> Result<Vec<GrantRow>, StoreError> {
        let sql = select(Table::Grants, "WHERE session = ? ORDER BY given, id LIMIT ?");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(session.as_str().to_owned());
        all(&self.rows(query.bind(self.limit(usize::MAX))).await?, row::grant)
    }

    pub(crate) async fn events(
        &self,
        since: u64,
        limit: usize,
        names: &[&str],
    ) -> Result<Vec<EventRow>, StoreError> {
        let mut terms = Terms::default();
        let names = (!names.is_empty()).then(|| serde_json::Value::from(names).to_string());
        terms.equal("name IN (SELECT value FROM json_each(?))", names.as_deref());
        terms.add("seq > ?");
        let sql = select(Table::Events, &terms.tail("ORDER BY seq LIMIT ?"));
        let query =
            terms.bind(sqlx::query(AssertSqlSafe(sql))).bind(i64::try_from(since).unwrap_or(i64::MAX));
        all(&self.rows(query.bind(self.limit(limit))).await?, row::event)
    }

    pub(crate) async fn runs(&self, state: Option<&str>, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        let mut terms = Terms::default();
        terms.equal("state = ?", state);
        let sql = select(Table::Runs, &terms.tail("ORDER BY updated DESC, id LIMIT ?"));
        let rows = self.rows(terms.bind(sqlx::query(AssertSqlSafe(sql))).bind(self.limit(limit))).await?;
        all(&rows, row::run)
    }

    pub(crate) async fn counts(&self) -> Result<Counts, StoreError> {
        let sql = format!(
            "SELECT (SELECT count(*) FROM sessions WHERE state = 'open'), \
             (SELECT count(*) FROM asks WHERE {OPEN_ASKS}), \
             (SELECT count(*) FROM messages WHERE {UNFINISHED_MESSAGES} AND state = 'waiting'), \
             (SELECT count(*) FROM grants WHERE {GRANTS_IN_FORCE}), \
             (SELECT coalesce(max(seq), 0) FROM events), \
             (SELECT coalesce(sum(total_cost), 0) FROM sessions WHERE state = 'open'), \
             (SELECT page_count * page_size FROM pragma_page_count, pragma_page_size)"
        );
        let mut lease = self.lease().await?;
        let (open_sessions, open_asks, waiting, grants, last_event, cost, bytes): (
            i64,
            i64,
            i64,
            i64,
            i64,
            i64,
            i64,
        ) = sqlx::query_as(AssertSqlSafe(sql))
            .fetch_one(&mut *lease)
            .await
            .map_err(|error| self.site.error(&error))?;
        Ok(Counts {
            open_sessions: unsigned(open_sessions),
            open_asks: unsigned(open_asks),
            waiting_messages: unsigned(waiting),
            grants: unsigned(grants),
            last_event: unsigned(last_event),
            open_cost: Money::from_nano_usd(cost),
            bytes: unsigned(bytes),
        })
    }

    pub(crate) async fn seen(&self, chat: &Chat, key: &str) -> Result<bool, StoreError> {
        let mut terms = Terms::default();
        terms.chat(Some(chat));
        terms.equal("chat_key = ?", Some(key));
        let sql = format!("SELECT 1 FROM messages {}", terms.tail("LIMIT 1"));
        let rows = self.rows(terms.bind(sqlx::query(AssertSqlSafe(sql)))).await?;
        Ok(!rows.is_empty())
    }
}

/// Conditions of ours and values of others, which only ever enter as parameters.
#[derive(Default)]
struct Terms {
    terms: Vec<&'static str>,
    values: Vec<String>,
}

impl Terms {
    fn add(&mut self, term: &'static str) {
        self.terms.push(term);
    }

    fn equal(&mut self, term: &'static str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(term);
            self.values.push(value.to_owned());
        }
    }

    fn chat(&mut self, chat: Option<&Chat>) {
        self.equal("connector = ?", chat.map(|chat| chat.connector.as_str()));
        self.equal("chat = ?", chat.map(|chat| chat.id.as_str()));
    }

    fn of(&mut self, of: &Of) {
        match of {
            Of::Everybody => {}
            Of::Session(session) => self.equal("session = ?", Some(session.as_str())),
            Of::Chat(chat) => self.chat(Some(chat)),
        }
    }

    fn tail(&self, order: &str) -> String {
        match self.terms.join(" AND ") {
            none if none.is_empty() => order.to_owned(),
            terms => format!("WHERE {terms} {order}"),
        }
    }

    fn bind<'q>(self, query: Ask<'q>) -> Ask<'q> {
        self.values.into_iter().fold(query, Query::bind)
    }
}

/// Every word has to begin a word of the message. Quoted, so that nothing in it is syntax; `None`: there is no word.
fn pattern(text: &str) -> Option<String> {
    let words = text.split_whitespace().map(|word| word.replace(['"', '\0'], " "));
    let words = words.filter(|word| word.chars().any(char::is_alphanumeric));
    let quoted: Vec<String> = words.map(|word| format!("\"{word}\"*")).collect();
    (!quoted.is_empty()).then(|| quoted.join(" "))
}

fn select(table: Table, tail: &str) -> String {
    format!("SELECT {} FROM {} {tail}", table.columns().join(","), table.name())
}

fn all<T>(
    rows: &[SqliteRow],
    read: impl Fn(&SqliteRow) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(read).collect()
}

/// What SQLite counts is never below zero.
fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
