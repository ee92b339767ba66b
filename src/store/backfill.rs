//! Begin and end of a backfill: older history below the part that was stored first.
//!
//! While it runs, and after it broke off, a `not_taken` seam stands between its last record and
//! the older part; that seam keeps its key and only changes its kind when the parts have met. The
//! order times of backfilled records are capped by the first stored record's, so that order by
//! key stays order by sequence number.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::{BackfillRefused, StoreError};
use super::fail::Fail;
use super::flags::Carry;
use super::seams::{self, PlacedSeam};
use super::state::LogState;
use crate::model::{LogId, SeamKind, Seq};

const MISSING: &str = "older history was not taken";

/// Opens a backfill whose first record will be `first`.
pub(crate) fn begin(conn: &Connection, log: LogId, first: Seq, cursor: &[u8]) -> Result<(), Fail> {
    let refused = |why| StoreError::Backfill { log, why };
    let oldest: Option<(i64, i64)> = conn
        .query_row(
            "SELECT first_seq, eff_first FROM block WHERE log_id = ?1 ORDER BY first_seq LIMIT 1",
            [log.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let (limit, cap) = oldest.ok_or_else(|| refused(BackfillRefused::NothingStored))?;
    if first.0 >= limit - 1 {
        return Err(refused(BackfillRefused::NoRoom).into());
    }
    let front = seams::between(conn, log, i64::MIN, limit - 1)?;
    if front.iter().any(|seam| seam.what.kind == SeamKind::Evicted) {
        return Err(refused(BackfillRefused::Evicted).into());
    }
    conn.execute(
        "DELETE FROM seam WHERE log_id = ?1 AND key_seq < ?2 AND kind = 'not_taken'",
        params![log.0, limit],
    )?;
    let middle = PlacedSeam {
        log,
        key_seq: limit - 1,
        eff: cap,
        after: first.0 - 1,
        before: Some(limit),
        what: seams::plain(SeamKind::NotTaken, MISSING),
        records: 0,
    };
    middle.insert(conn)?;
    conn.execute(
        "UPDATE log SET fill_first = ?2, fill_next = ?2, fill_limit = ?3, fill_cap = ?4,
           fill_cursor = ?5, fill_carry = ?6 WHERE id = ?1",
        params![log.0, first.0, limit, cap, cursor, Carry::default().to_bytes()],
    )?;
    Ok(())
}

/// Closes the running backfill.
pub(crate) fn finish(
    conn: &Connection,
    log: LogId,
    state: &LogState,
    joined: bool,
    older_exists: bool,
) -> Result<(), Fail> {
    let not_running = StoreError::Backfill { log, why: BackfillRefused::NotRunning };
    let fill = state.fill.as_ref().ok_or(not_running)?;
    let limit = fill.limit;
    let first: i64 =
        conn.query_row("SELECT min(first_seq) FROM block WHERE log_id = ?1", [log.0], |row| {
            row.get::<_, Option<i64>>(0).map(|first| first.unwrap_or(limit))
        })?;
    conn.execute(
        "UPDATE seam SET before_seq = ?2
         WHERE log_id = ?1 AND before_seq IS NULL AND key_seq >= ?3 AND key_seq < ?2",
        params![log.0, limit, fill.first],
    )?;
    let took_some = first < limit;
    if took_some && joined {
        conn.execute(
            "UPDATE seam SET kind = 'joined', detail = 'backfilled history meets the rest'
             WHERE log_id = ?1 AND key_seq = ?2",
            params![log.0, limit - 1],
        )?;
    } else if joined && !older_exists {
        conn.execute(
            "DELETE FROM seam WHERE log_id = ?1 AND key_seq = ?2 AND kind = 'not_taken'",
            params![log.0, limit - 1],
        )?;
    }
    if took_some && !older_exists {
        conn.execute(
            "DELETE FROM seam WHERE log_id = ?1 AND key_seq < ?2 AND kind = 'not_taken'",
            params![log.0, first],
        )?;
    }
    let front = seams::between(conn, log, i64::MIN, first)?;
    if took_some && older_exists && front.is_empty() {
        let eff = conn.query_row(
            "SELECT eff_first FROM block WHERE log_id = ?1 AND first_seq = ?2",
            params![log.0, first],
            |row| row.get(0),
        )?;
        let seam = PlacedSeam {
            log,
            key_seq: first - 1,
            eff,
            after: first - 1,
            before: Some(first),
            what: seams::plain(SeamKind::NotTaken, MISSING),
            records: 0,
        };
        seam.insert(conn)?;
    }
    forget(conn, log, older_exists)
}

/// Drops the backfill's own columns.
pub(crate) fn forget(conn: &Connection, log: LogId, older_exists: bool) -> Result<(), Fail> {
    conn.execute(
        "UPDATE log SET fill_first = NULL, fill_next = NULL, fill_limit = NULL, fill_cap = NULL,
           fill_cursor = NULL, fill_carry = NULL, older_exists = ?2 WHERE id = ?1",
        params![log.0, older_exists],
    )?;
    Ok(())
}
