//! The one writer: takes what waits in its queue, puts it into one transaction, and answers when that is on the disk.
//! Knows nothing of what the rows mean.

use crate::error::{Broken, broken};
use crate::line::{Cell, Line, Table};
use crate::prune::{self, Window};
use crate::site::Site;
use crate::{Limits, StoreError};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, Connection, query_with, raw_sql};
use std::sync::{Arc, LazyLock};
use tokio::sync::{Mutex, mpsc, oneshot};

/// Rows in one statement, where there are that many.
const ROWS: usize = 16;

pub(crate) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

pub(crate) enum Job {
    Keep(Keep),
    Prune { window: Window, done: Answer<Window> },
    Close { done: Answer<()> },
}

pub(crate) struct Keep {
    pub(crate) lines: Vec<Line>,
    pub(crate) done: Answer<()>,
}

/// `None` once closed.
pub(crate) type Shared = Arc<Mutex<Option<SqliteConnection>>>;

/// Works until the queue closes.
pub(crate) async fn run(mut queue: mpsc::Receiver<Job>, conn: Shared, site: Site, limits: Limits) {
    let mut next = None;
    loop {
        let job = match next.take() {
            Some(job) => job,
            None => match queue.recv().await {
                Some(job) => job,
                None => break,
            },
        };
        match job {
            Job::Keep(first) => {
                let (batch, other) = gather(first, &mut queue, &limits);
                next = other;
                keep(&conn, batch, &site).await;
            }
            Job::Prune { window, done } => {
                let result = match conn.lock().await.as_mut() {
                    Some(conn) => prune::step(conn, window, &site).await,
                    None => Err(StoreError::Closed),
                };
                // Whoever asked may have gone.
                done.send(result).ok();
            }
            Job::Close { done } => {
                queue.close();
                done.send(close(&conn, &site).await).ok();
            }
        }
    }
    // All handles are gone; nobody is left to be told.
    close(&conn, &site).await.ok();
}

async fn close(conn: &Shared, site: &Site) -> Result<(), StoreError> {
    match conn.lock().await.take() {
        Some(conn) => conn.close().await.map_err(|error| site.error(&error)),
        None => Ok(()),
    }
}

/// Everything that waits, up to a transaction's size; the first job of another kind ends it.
fn gather(first: Keep, queue: &mut mpsc::Receiver<Job>, limits: &Limits) -> (Vec<Keep>, Option<Job>) {
    let size = |keep: &Keep| keep.lines.iter().map(Line::bytes).sum::<usize>();
    let (mut rows, mut bytes) = (first.lines.len(), size(&first));
    let mut batch = vec![first];
    while rows < limits.batch_rows && bytes < limits.batch_bytes {
        match queue.try_recv() {
            Ok(Job::Keep(keep)) => {
                rows += keep.lines.len();
                bytes += size(&keep);
                batch.push(keep);
            }
            Ok(other) => return (batch, Some(other)),
            Err(_) => break,
        }
    }
    (batch, None)
}

async fn keep(conn: &Shared, batch: Vec<Keep>, site: &Site) {
    let mut guard = conn.lock().await;
    let results = match guard.as_mut() {
        Some(conn) => write(conn, &batch, site).await,
        None => Ok(vec![Err(StoreError::Closed); batch.len()]),
    };
    let results = results.unwrap_or_else(|stuck| {
        // A transaction that cannot be ended: nothing more may be written into it.
        *guard = None;
        vec![Err(stuck); batch.len()]
    });
    drop(guard);
    for (keep, result) in batch.into_iter().zip(results) {
        keep.done.send(result).ok();
    }
}

/// One answer for each. The outer error: the connection is of no more use.
async fn write(
    conn: &mut SqliteConnection,
    batch: &[Keep],
    site: &Site,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    let Err(error) = together(conn, batch).await else { return Ok(vec![Ok(()); batch.len()]) };
    roll_back(conn, site).await?;
    if broken(&error).is_some() {
        return each(conn, batch, site).await;
    }
    let error = site.error(&error);
    if batch.len() > 1 && matches!(error, StoreError::Full { .. }) {
        // What is too much together may fit one by one; a large call must not refuse a small one.
        let mut results = Vec::with_capacity(batch.len());
        for keep in batch {
            let result = together(conn, std::slice::from_ref(keep)).await;
            if result.is_err() {
                roll_back(conn, site).await?;
            }
            results.push(result.map_err(|error| site.error(&error)));
        }
        return Ok(results);
    }
    Ok(vec![Err(error); batch.len()])
}

/// All of the batch in one transaction, many rows in one statement.
async fn together(conn: &mut SqliteConnection, batch: &[Keep]) -> Result<(), sqlx::Error> {
    let mut lines: Vec<&Line> = batch.iter().flat_map(|keep| &keep.lines).collect();
    lines.sort_by_key(|line| line.table);
    begin(conn).await?;
    for same in lines.chunk_by(|one, other| one.table == other.table) {
        let (many, rest) = same.as_chunks::<ROWS>();
        for rows in many {
            insert(conn, rows, Rows::Many).await?;
        }
        for row in rest {
            insert(conn, std::slice::from_ref(row), Rows::One).await?;
        }
    }
    commit(conn).await
}

/// All of the batch in one transaction, where a call that breaks a rule is left out and told which.
async fn each(
    conn: &mut SqliteConnection,
    batch: &[Keep],
    site: &Site,
) -> Result<Vec<Result<(), StoreError>>, StoreError> {
    match each_apart(conn, batch, site).await {
        Ok(results) => Ok(results),
        Err(error) => {
            roll_back(conn, site).await?;
            Ok(vec![Err(site.error(&error)); batch.len()])
        }
    }
}

async fn each_apart(
    conn: &mut SqliteConnection,
    batch: &[Keep],
    site: &Site,
) -> Result<Vec<Result<(), StoreError>>, sqlx::Error> {
    let mut results = Vec::with_capacity(batch.len());
    begin(conn).await?;
    for keep in batch {
        raw_sql("SAVEPOINT one").execute(&mut *conn).await?;
        let mut lines: Vec<&Line> = keep.lines.iter().collect();
        lines.sort_by_key(|line| line.table);
        let mut result = Ok(());
        for line in lines {
            if let Err(error) = insert(conn, &[line], Rows::One).await {
                let Some(rule) = broken(&error) else { return Err(error) };
                raw_sql("ROLLBACK TO one").execute(&mut *conn).await?;
                result = Err(refusal(line, rule, &error, site));
                break;
            }
        }
        raw_sql("RELEASE one").execute(&mut *conn).await?;
        results.push(result);
    }
    commit(conn).await?;
    Ok(results)
}

fn refusal(line: &Line, rule: Broken, error: &sqlx::Error, site: &Site) -> StoreError {
    let label = line.label.clone();
    match (rule, line.table, label.key, label.session) {
        (Broken::Unique, Table::Messages, Some((chat, key)), _) => {
            StoreError::Duplicate { chat: chat.to_string(), key }
        }
        (Broken::NotNull, Table::Events, _, _) => {
            StoreError::Rewritten { seq: label.id.parse().unwrap_or_default() }
        }
        (Broken::Reference, _, _, Some(session)) => {
            StoreError::NoSession { what: label.what, id: label.id, session }
        }
        (Broken::Reference | Broken::NotNull | Broken::Unique | Broken::Other, _, _, _) => site.error(error),
    }
}

async fn begin(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    raw_sql("BEGIN IMMEDIATE").execute(conn).await.map(drop)
}

async fn commit(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    raw_sql("COMMIT").execute(conn).await.map(drop)
}

async fn roll_back(conn: &mut SqliteConnection, site: &Site) -> Result<(), StoreError> {
    match raw_sql("ROLLBACK").execute(conn).await {
        Ok(_) => Ok(()),
        // SQLite has done it already, as after a full disk.
        Err(error) if error.as_database_error().is_some_and(|e| e.message().contains("no transaction")) => {
            Ok(())
        }
        Err(error) => Err(site.error(&error)),
    }
}

#[derive(Clone, Copy)]
enum Rows {
    One,
    Many,
}

async fn insert(conn: &mut SqliteConnection, lines: &[&Line], rows: Rows) -> Result<(), sqlx::Error> {
    let Some(table) = lines.first().map(|line| line.table) else { return Ok(()) };
    let mut arguments = SqliteArguments::default();
    for cell in lines.iter().flat_map(|line| &line.cells) {
        let added = match cell {
            Cell::Null => arguments.add(None::<i64>),
            Cell::Int(number) => arguments.add(*number),
            Cell::Text(text) => arguments.add(Arc::clone(text)),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    query_with(statement(table, rows), arguments).execute(conn).await.map(drop)
}

/// The statements, made once; their texts are what prepared ones are found by.
fn statement(table: Table, rows: Rows) -> &'static str {
    static TEXTS: LazyLock<Vec<(Table, String, String)>> = LazyLock::new(|| {
        Table::ALL.iter().map(|table| (*table, upsert(*table, 1), upsert(*table, ROWS))).collect()
    });
    let text = TEXTS.iter().find(|(known, _, _)| *known == table);
    match (text, rows) {
        (Some((_, one, _)), Rows::One) => one,
        (Some((_, _, many)), Rows::Many) => many,
        (None, _) => "",
    }
}

fn upsert(table: Table, rows: usize) -> String {
    let columns = table.columns();
    let row = format!("({})", vec!["?"; columns.len()].join(","));
    let insert =
        format!("INSERT INTO {} ({}) VALUES {}", table.name(), columns.join(","), vec![row; rows].join(","));
    let (key, rest) = columns.split_first().unwrap_or((&"", &[]));
    let set = if table == Table::Events {
        // What happened does not change: the empty body breaks a rule, and the call is refused.
        "body = CASE WHEN at = excluded.at AND body = excluded.body THEN body END".to_owned()
    } else {
        let set: Vec<String> = rest.iter().map(|column| format!("{column} = excluded.{column}")).collect();
        set.join(",")
    };
    format!("{insert} ON CONFLICT ({key}) DO UPDATE SET {set}")
}
