//! What the writer remembers of a log between appends; always equal to what the database holds
//! inside the open transaction, and thrown away with it on a rollback.

use rusqlite::{Connection, OptionalExtension, params};

use super::fail::Fail;
use super::flags::Carry;
use super::tail::{Piece, TIER_FULL};
use crate::model::LogId;

/// One growing end of a log.
#[derive(Debug, Clone)]
pub(crate) struct PartState {
    /// Where the next record goes.
    pub(crate) next: i64,
    pub(crate) carry: Carry,
    /// No order time of this part exceeds it.
    pub(crate) cap: i64,
    /// Seams with a smaller number belong to another part.
    pub(crate) low: i64,
    pub(crate) tail: Vec<Piece>,
}

/// An unfinished backfill.
#[derive(Debug, Clone)]
pub(crate) struct Fill {
    pub(crate) first: i64,
    pub(crate) limit: i64,
    pub(crate) part: PartState,
}

/// A log as the writer knows it.
#[derive(Debug, Clone)]
pub(crate) struct LogState {
    pub(crate) live: PartState,
    pub(crate) fill: Option<Fill>,
}

impl LogState {
    pub(crate) fn load(conn: &Connection, log: LogId) -> Result<Option<Self>, Fail> {
        let state = conn
            .prepare_cached(
                "SELECT next_seq, carry, fill_first, fill_next, fill_limit, fill_cap, fill_carry
                 FROM log WHERE id = ?1",
            )?
            .query_row([log.0], |row| {
                let carry = |index| -> rusqlite::Result<Carry> {
                    Ok(Carry::from_bytes(row.get_ref(index)?.as_blob()?))
                };
                let mut live = PartState {
                    next: row.get(0)?,
                    carry: carry(1)?,
                    cap: i64::MAX,
                    low: i64::MIN,
                    tail: Vec::new(),
                };
                let Some(first) = row.get::<_, Option<i64>>(2)? else {
                    return Ok(Self { live, fill: None });
                };
                let limit = row.get(4)?;
                live.low = limit;
                let part = PartState {
                    next: row.get(3)?,
                    carry: carry(6)?,
                    cap: row.get(5)?,
                    low: first,
                    tail: Vec::new(),
                };
                Ok(Self { live, fill: Some(Fill { first, limit, part }) })
            })
            .optional()?;
        let Some(mut state) = state else { return Ok(None) };
        state.live.tail = load_tail(conn, log, state.live.next)?;
        if let Some(fill) = &mut state.fill {
            fill.part.tail = load_tail(conn, log, fill.part.next)?;
        }
        Ok(Some(state))
    }
}

/// The small blocks that end directly before `next`, oldest first.
fn load_tail(conn: &Connection, log: LogId, next: i64) -> Result<Vec<Piece>, Fail> {
    let mut statement = conn.prepare_cached(
        "SELECT first_seq, last_seq, raw, tier FROM block WHERE log_id = ?1 AND first_seq < ?2
         ORDER BY first_seq DESC",
    )?;
    let mut rows = statement.query(params![log.0, next])?;
    let mut tail = Vec::new();
    let mut expected = next;
    while let Some(row) = rows.next()? {
        let raw: i64 = row.get(2)?;
        let (first, last, tier) = (row.get(0)?, row.get::<_, i64>(1)?, row.get(3)?);
        if last + 1 != expected || tier == TIER_FULL {
            break;
        }
        tail.push(Piece { first, last, raw: usize::try_from(raw).unwrap_or(0), tier });
        expected = first;
    }
    tail.reverse();
    Ok(tail)
}
