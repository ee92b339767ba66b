//! The log table: identities and rows as the outside sees them. Reader and writer share it.

use rusqlite::{Connection, Row, params};

use super::fail::Fail;
use super::flags::Carry;
use super::types::{BackfillRow, LogIdentity, LogPatch, LogRow};
use crate::model::{ContainerId, Guarantee, LogId, Seq, Timestamp};

const COLUMNS: &str = "id, container_id, host, name, project, service, replica, image, tty, driver, \
     class, first_seen, ended, next_seq, cursor, fill_next, fill_limit, fill_cursor, \
     (SELECT min(first_seq) FROM block WHERE log_id = log.id), records, gaps, last_ts, older_exists, \
     (SELECT value FROM meta WHERE key = 'daemon/' || log.id)";

fn from_row(row: &Row<'_>) -> rusqlite::Result<LogRow> {
    let container: String = row.get(1)?;
    let container_id = ContainerId::new(container).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(1, rusqlite::types::Type::Text, Box::new(error))
    })?;
    let class: String = row.get(10)?;
    let identity = LogIdentity {
        container_id,
        host: row.get(2)?,
        daemon: row.get::<_, Option<String>>(23)?.unwrap_or_default(),
        name: row.get(3)?,
        project: row.get(4)?,
        service: row.get(5)?,
        replica: row.get(6)?,
        image: row.get(7)?,
        tty: row.get(8)?,
        driver: row.get(9)?,
        class: serde_json::from_str(&class).unwrap_or(Guarantee::BestEffort),
        first_seen: Timestamp(row.get(11)?),
    };
    let fill: Option<(i64, i64)> =
        row.get::<_, Option<i64>>(15)?.zip(row.get::<_, Option<i64>>(16)?);
    let fill_cursor: Option<Vec<u8>> = row.get(17)?;
    Ok(LogRow {
        id: LogId(row.get(0)?),
        identity,
        ended: row.get::<_, Option<i64>>(12)?.map(Timestamp),
        next_seq: Seq(row.get(13)?),
        cursor: row.get(14)?,
        backfill: fill.map(|(next, limit)| BackfillRow {
            next: Seq(next),
            limit: Seq(limit),
            cursor: fill_cursor.unwrap_or_default(),
        }),
        first_seq: row.get::<_, Option<i64>>(18)?.map(Seq),
        records: row.get::<_, i64>(19)?.cast_unsigned(),
        gaps: row.get::<_, i64>(20)?.cast_unsigned(),
        last_ts: row.get::<_, Option<i64>>(21)?.map(Timestamp),
        older_exists: row.get(22)?,
    })
}

pub(crate) fn all(conn: &Connection) -> rusqlite::Result<Vec<LogRow>> {
    let sql = format!("SELECT {COLUMNS} FROM log ORDER BY id");
    conn.prepare_cached(&sql)?.query_map([], from_row)?.collect()
}

pub(crate) fn by_container(
    conn: &Connection,
    container: &ContainerId,
) -> rusqlite::Result<Option<LogRow>> {
    let sql = format!("SELECT {COLUMNS} FROM log WHERE container_id = ?1");
    conn.prepare_cached(&sql)?.query_map([container.as_str()], from_row)?.next().transpose()
}

fn class_word(class: Guarantee) -> String {
    serde_json::to_string(&class).unwrap_or_default()
}

/// Inserts the log or brings its changeable fields up to date.
pub(crate) fn upsert(conn: &Connection, identity: &LogIdentity) -> Result<LogRow, Fail> {
    conn.prepare_cached(
        "INSERT INTO log (container_id, host, name, project, service, replica, image, tty, driver,
           class, first_seen, next_seq, carry)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (container_id) DO UPDATE SET name = ?3, project = ?4, service = ?5,
           replica = ?6, image = ?7, tty = ?8, driver = ?9, class = ?10",
    )?
    .execute(params![
        identity.container_id.as_str(),
        identity.host,
        identity.name,
        identity.project,
        identity.service,
        identity.replica,
        identity.image,
        identity.tty,
        identity.driver,
        class_word(identity.class),
        identity.first_seen.0,
        Seq::ADOPTION.0,
        Carry::default().to_bytes(),
    ])?;
    let row = by_container(conn, &identity.container_id)?;
    let mut row = row.ok_or(Fail::Sql(rusqlite::Error::QueryReturnedNoRows))?;
    if row.identity.daemon != identity.daemon && !identity.daemon.is_empty() {
        note_daemon(conn, row.id, &identity.daemon)?;
        row.identity.daemon.clone_from(&identity.daemon);
    }
    Ok(row)
}

/// Notes which daemon has the container of a log. In a row of `meta` and not in a column, so that
/// stores from before, and programs that know nothing of it, need no other version.
fn note_daemon(conn: &Connection, log: LogId, daemon: &str) -> Result<(), Fail> {
    conn.prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('daemon/' || ?1, ?2)")?
        .execute(params![log.0, daemon])?;
    Ok(())
}

pub(crate) fn patch(conn: &Connection, log: LogId, patch: &LogPatch) -> Result<bool, Fail> {
    let mut statement = conn.prepare_cached(
        "UPDATE log SET name = coalesce(?2, name), class = coalesce(?3, class),
           older_exists = coalesce(?4, older_exists), ended = CASE WHEN ?5 THEN ?6 ELSE ended END
         WHERE id = ?1",
    )?;
    let changed = statement.execute(params![
        log.0,
        patch.name,
        patch.class.map(class_word),
        patch.older_exists,
        patch.ended.is_some(),
        patch.ended.flatten().map(|t| t.0),
    ])?;
    Ok(changed > 0)
}
