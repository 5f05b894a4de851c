//! The schema and its versions. Forward only: a file of a later version is refused, one of an earlier version is brought
//! here in one transaction. The version stands in SQLite's own header field, so that asking costs no query of a table.

use crate::StoreError;
use crate::site::Site;
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, raw_sql};

/// `leas`: tells our files from other SQLite databases.
const APPLICATION: i64 = 0x6c65_6173;

/// The schema's history; the version is how many have been applied. Each is frozen once released.
const STEPS: [&str; 2] = [include_str!("../schema/0001.sql"), include_str!("../schema/0002.sql")];

/// The version this leashd writes.
pub(crate) fn latest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// The version of a database of ours.
pub(crate) async fn version(conn: &mut SqliteConnection, site: &Site) -> Result<i64, StoreError> {
    let application: i64 = number(conn, "PRAGMA application_id").await.map_err(|e| site.error(&e))?;
    if application != APPLICATION {
        return Err(StoreError::Foreign { path: site.path.clone() });
    }
    let version = number(conn, "PRAGMA user_version").await.map_err(|e| site.error(&e))?;
    if version > latest() {
        return Err(StoreError::Newer { path: site.path.clone(), found: version, known: latest() });
    }
    Ok(version)
}

/// Makes an empty database ours.
pub(crate) async fn create(conn: &mut SqliteConnection, site: &Site) -> Result<(), StoreError> {
    let mark = format!("PRAGMA application_id = {APPLICATION}");
    raw_sql(AssertSqlSafe(mark)).execute(&mut *conn).await.map_err(|error| site.error(&error))?;
    upgrade(conn, site).await
}

/// Applies what is missing, all or nothing.
pub(crate) async fn upgrade(conn: &mut SqliteConnection, site: &Site) -> Result<(), StoreError> {
    match apply(conn).await {
        Ok(()) => Ok(()),
        Err(error) => {
            // Closing the connection would do the same; the error is what counts.
            raw_sql("ROLLBACK").execute(&mut *conn).await.ok();
            Err(site.error(&error))
        }
    }
}

async fn apply(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    raw_sql("BEGIN IMMEDIATE").execute(&mut *conn).await?;
    // Asked again under the lock: another process may have been first.
    let version = number(conn, "PRAGMA user_version").await?;
    for step in STEPS.iter().skip(usize::try_from(version).unwrap_or(usize::MAX)) {
        raw_sql(*step).execute(&mut *conn).await?;
    }
    let mark = format!("PRAGMA user_version = {}", latest().max(version));
    raw_sql(AssertSqlSafe(mark)).execute(&mut *conn).await?;
    raw_sql("COMMIT").execute(&mut *conn).await?;
    Ok(())
}

pub(crate) async fn number(conn: &mut SqliteConnection, sql: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(sql).fetch_one(conn).await
}
