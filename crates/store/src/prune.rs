//! Forgetting what is old, a window of rows at a time, so that keeping never waits long behind it.

use crate::StoreError;
use crate::site::Site;
use leashd_types::Timestamp;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, raw_sql};

/// Rows looked at in one transaction.
const ROWS: i64 = 1_000;
/// Free pages given back to the file system in one transaction.
const PAGES: i64 = 256;

/// What has a history that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum History {
    Events,
    Messages,
    Asks,
}

impl History {
    /// Table, its running number, and its time.
    fn columns(self) -> (&'static str, &'static str, &'static str) {
        match self {
            History::Events => ("events", "seq", "at"),
            History::Messages => ("messages", "number", "at"),
            History::Asks => ("asks", "number", "created"),
        }
    }

    /// What may go once it is old.
    fn over(self) -> &'static str {
        match self {
            // The last one stays: numbers only grow.
            History::Events => {
                "seq < (SELECT max(seq) FROM events) \
                 AND (session IS NULL OR session NOT IN (SELECT id FROM sessions WHERE state = 'open'))"
            }
            History::Messages => {
                "state IN ('done', 'dropped') AND session IN (SELECT id FROM sessions WHERE state = 'closed')"
            }
            History::Asks => {
                "state IN ('landed', 'expired', 'withdrawn') \
                 AND session IN (SELECT id FROM sessions WHERE state = 'closed')"
            }
        }
    }
}

/// How far forgetting came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) history: History,
    pub(crate) before: Timestamp,
    /// The last row looked at; `None` at the end.
    pub(crate) after: Option<i64>,
    pub(crate) removed: u64,
}

/// Looks at the next rows and removes those that may go.
pub(crate) async fn step(
    conn: &mut SqliteConnection,
    window: Window,
    site: &Site,
) -> Result<Window, StoreError> {
    try_step(conn, window).await.map_err(|error| site.error(&error))
}

async fn try_step(conn: &mut SqliteConnection, window: Window) -> Result<Window, sqlx::Error> {
    let Some(after) = window.after else { return Ok(window) };
    let (table, number, time) = window.history.columns();
    let look = format!(
        "SELECT max(n), min(t) FROM \
         (SELECT {number} AS n, {time} AS t FROM {table} WHERE {number} > ? ORDER BY {number} LIMIT {ROWS})"
    );
    let found: (Option<i64>, Option<i64>) =
        sqlx::query_as(AssertSqlSafe(look)).bind(after).fetch_one(&mut *conn).await?;
    let before = window.before.as_micros();
    let (Some(last), Some(oldest)) = found else { return Ok(Window { after: None, ..window }) };
    if oldest >= before {
        // Rows stand in the order in which they came: what follows is younger.
        return Ok(Window { after: None, ..window });
    }
    let remove = format!(
        "DELETE FROM {table} WHERE {number} > ? AND {number} <= ? AND {time} < ? AND {}",
        window.history.over()
    );
    let gone = sqlx::query(AssertSqlSafe(remove))
        .bind(after)
        .bind(last)
        .bind(before)
        .execute(&mut *conn)
        .await?
        .rows_affected();
    if gone > 0 {
        raw_sql(AssertSqlSafe(format!("PRAGMA incremental_vacuum({PAGES})"))).execute(&mut *conn).await?;
    }
    Ok(Window { after: Some(last), removed: window.removed.saturating_add(gone), ..window })
}
