//! From a path to connections that may be used: file, version, damage, settings. Knows nothing of rows.

use crate::place::{self, Found};
use crate::site::Site;
use crate::{Durability, Limits, StoreError, schema};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, raw_sql};
use std::fs::{File, remove_file};
use std::path::Path;
use std::time::{Duration, Instant};

/// SQLite's default, fixed so that limits in bytes can be told in pages.
const PAGE: u64 = 4096;
/// Page cache of a connection, in KiB. The kernel's cache is behind it.
const CACHE_KIB: i64 = 512;
/// What a large transaction may leave of the write-ahead log, in bytes.
const LOG_BYTES: i64 = 16 * 1024 * 1024;
/// A connection for reading that nobody needs is closed, and its thread with it.
const IDLE: Duration = Duration::from_secs(60);
/// Between two looks whether another process is done making the database.
const LOOK_AGAIN: Duration = Duration::from_millis(2);
/// Virtual machine steps of SQLite between two looks at the clock.
const CHECK_STEPS: i32 = 100_000;

/// What was found when the store was opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// There was no database before.
    pub created: bool,
    /// Set if it was not closed the last time: how long looking for damage took.
    pub checked: Option<Checked>,
    /// The schema it had, if that was an earlier one.
    pub upgraded_from: Option<i64>,
}

/// How far a look for damage came. Damage that is found is an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    Whole {
        took: Duration,
    },
    /// The limit was reached before the end of the file.
    Partly {
        took: Duration,
    },
}

pub(crate) struct Opened {
    pub(crate) writer: SqliteConnection,
    /// `None`: reading uses the writer's connection.
    pub(crate) readers: Option<SqlitePool>,
    pub(crate) opening: Opening,
}

pub(crate) async fn memory(site: &Site, limits: &Limits) -> Result<Opened, StoreError> {
    let options = settings(SqliteConnectOptions::new().in_memory(true), Durability::Process, limits);
    let mut writer = options.connect().await.map_err(|error| site.error(&error))?;
    schema::create(&mut writer, site).await?;
    Ok(Opened { writer, readers: None, opening: Opening { created: true, ..Opening::default() } })
}

pub(crate) async fn file(site: &Site, durability: Durability, limits: &Limits) -> Result<Opened, StoreError> {
    let mut opening = Opening::default();
    let mut found = place::look(&site.path)?;
    if found == Found::Nothing || !place::drafts(&site.path)?.is_empty() {
        let _alone = alone(site).await?;
        for draft in place::drafts(&site.path)? {
            // One that cannot be removed is in nobody's way.
            remove_file(draft).ok();
        }
        if place::look(&site.path)? == Found::Nothing {
            create(site, limits).await?;
            opening.created = true;
        }
        found = place::look(&site.path)?;
    }
    let options = settings(at(&site.path), durability, limits);
    let mut writer = options.clone().connect().await.map_err(|error| site.error(&error))?;
    let version = schema::version(&mut writer, site).await?;
    if found == Found::InUse {
        opening.checked = Some(check(&mut writer, site, limits.check).await?);
    }
    if version < schema::latest() {
        schema::upgrade(&mut writer, site).await?;
        opening.upgraded_from = Some(version);
    }
    let readers = SqlitePoolOptions::new()
        .min_connections(0)
        .max_connections(limits.readers.max(1))
        .idle_timeout(IDLE)
        .max_lifetime(None)
        .acquire_timeout(limits.wait)
        .test_before_acquire(false)
        .connect_lazy_with(options.pragma("query_only", "ON"));
    Ok(Opened { writer, readers: Some(readers), opening })
}

/// Waits until no other process makes a database here.
async fn alone(site: &Site) -> Result<File, StoreError> {
    let begin = Instant::now();
    loop {
        if let Some(alone) = place::alone(&site.path)? {
            return Ok(alone);
        }
        if begin.elapsed() >= site.lock {
            return Err(StoreError::Locked { path: site.path.clone(), waited: site.lock });
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

async fn create(site: &Site, limits: &Limits) -> Result<(), StoreError> {
    let draft = place::draft(&site.path)?;
    let built = build(&Site { path: draft.clone(), lock: site.lock }, limits).await;
    let published = built.and_then(|()| place::publish(&draft, &site.path));
    if published.is_err() {
        // What went wrong is the error, not what is left of it.
        place::discard(&draft).ok();
    }
    published
}

/// Makes an empty file a database of ours.
async fn build(site: &Site, limits: &Limits) -> Result<(), StoreError> {
    // Flushed as a whole before it is moved.
    let options = settings(at(&site.path), Durability::Process, limits).synchronous(SqliteSynchronous::Off);
    let mut conn = options.connect().await.map_err(|error| site.error(&error))?;
    // Both are kept in the file; the first has to stand before anything else is.
    raw_sql("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;")
        .execute(&mut conn)
        .await
        .map_err(|error| site.error(&error))?;
    schema::create(&mut conn, site).await?;
    conn.close().await.map_err(|error| site.error(&error))
}

fn at(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).create_if_missing(false)
}

fn settings(options: SqliteConnectOptions, durability: Durability, limits: &Limits) -> SqliteConnectOptions {
    let synchronous = match durability {
        Durability::Disk => SqliteSynchronous::Full,
        Durability::Process => SqliteSynchronous::Normal,
    };
    options
        .busy_timeout(limits.lock)
        .foreign_keys(true)
        .synchronous(synchronous)
        // On macOS a plain fsync stops at the drive's cache.
        .pragma("fullfsync", if durability == Durability::Disk { "ON" } else { "OFF" })
        .pragma("cache_size", format!("-{CACHE_KIB}"))
        .pragma("journal_size_limit", LOG_BYTES.to_string())
        .pragma("max_page_count", (limits.bytes / PAGE).max(1).to_string())
        // No text of ours in files of /tmp.
        .pragma("temp_store", "MEMORY")
        .pragma("trusted_schema", "OFF")
        .pragma("cell_size_check", "ON")
        // Rows on their way from the connection's thread: a start reads thousands.
        .row_buffer_size(1_000)
        .thread_name(|number| format!("store-{number}"))
        .disable_statement_logging()
}

/// Looks for damage, for `limit` at most.
async fn check(conn: &mut SqliteConnection, site: &Site, limit: Duration) -> Result<Checked, StoreError> {
    let begin = Instant::now();
    {
        let mut handle = conn.lock_handle().await.map_err(|error| site.error(&error))?;
        handle.set_progress_handler(CHECK_STEPS, move || begin.elapsed() < limit);
    }
    let result = sqlx::query_scalar("PRAGMA quick_check(3)").fetch_all(&mut *conn).await;
    let took = begin.elapsed();
    conn.lock_handle().await.map_err(|error| site.error(&error))?.remove_progress_handler();
    let lines: Vec<String> = match result {
        Ok(lines) => lines,
        Err(_) if took >= limit => return Ok(Checked::Partly { took }),
        Err(error) => return Err(site.error(&error)),
    };
    match lines.as_slice() {
        [one] if one == "ok" => Ok(Checked::Whole { took }),
        damage => Err(StoreError::Corrupt { path: site.path.clone(), what: damage.join("; ") }),
    }
}
