//! Retention: what is evicted, and the seam that says so.
//!
//! [`plan`] is a pure function of the blocks' sizes and ages, and of how much disk space is missing. The writer performs it a few blocks
//! at a time between commits. Blocks go oldest first; size and disk stop at every log's
//! floor, the age limit does not. What went is one `evicted` seam at the log's front, which swallows the
//! seams inside the evicted stretch and counts their gaps in its sentence.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use rusqlite::{Connection, OptionalExtension, params};

use super::backfill;
use super::fail::Fail;
use super::flags::Carry;
use super::seams::{self, PlacedSeam};
use super::types::Retention;
use crate::model::{LogId, SeamKind, Timestamp};

/// Blocks evicted in one transaction.
const STEP: usize = 16;

/// A block as retention sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) log: LogId,
    pub(crate) last_seq: i64,
    pub(crate) eff_last: Timestamp,
    pub(crate) size: u64,
}

/// The blocks to evict, oldest first; `short` bytes are missing on the disk. `blocks` may come in
/// any order.
pub(crate) fn plan(
    blocks: &[Candidate],
    policy: &Retention,
    short: u64,
    now: Timestamp,
) -> Vec<Candidate> {
    let mut oldest_first = blocks.to_vec();
    oldest_first.sort_unstable_by_key(|block| (block.eff_last, block.log, block.last_seq));
    let horizon = policy.max_age.map(|age| now.before(age));
    let mut total: u64 = blocks.iter().map(|block| block.size).sum();
    let fits_disk = total.saturating_sub(short);
    let mut kept: BTreeMap<LogId, u64> = BTreeMap::new();
    for block in blocks {
        *kept.entry(block.log).or_default() += block.size;
    }
    // A log whose oldest block must stay keeps everything behind it as well.
    let mut stopped = BTreeSet::new();
    let mut evicted = Vec::new();
    for block in oldest_first {
        let old = horizon.is_some_and(|horizon| block.eff_last < horizon);
        let left = kept.entry(block.log).or_default();
        let above_floor = left.saturating_sub(block.size) >= policy.floor_per_log;
        let limit = policy.max_bytes.map_or(fits_disk, |max| max.min(fits_disk));
        let too_much = total > limit && above_floor;
        if stopped.contains(&block.log) || !(old || too_much) {
            stopped.insert(block.log);
            continue;
        }
        *left = left.saturating_sub(block.size);
        total = total.saturating_sub(block.size);
        evicted.push(block);
    }
    evicted
}

/// Evicts a few blocks inside the open transaction; returns the logs it touched.
pub(crate) fn step(
    conn: &Connection,
    policy: &Retention,
    short: u64,
    now: Timestamp,
) -> Result<BTreeSet<LogId>, Fail> {
    if policy.max_bytes.is_none() && policy.max_age.is_none() && short == 0 {
        return Ok(BTreeSet::new());
    }
    let candidates: Vec<Candidate> = conn
        .prepare_cached("SELECT log_id, last_seq, eff_last, size FROM block")?
        .query_map([], |row| {
            Ok(Candidate {
                log: LogId(row.get(0)?),
                last_seq: row.get(1)?,
                eff_last: Timestamp(row.get(2)?),
                size: row.get::<_, i64>(3)?.cast_unsigned(),
            })
        })?
        .collect::<Result<_, _>>()?;
    let mut up_to: BTreeMap<LogId, i64> = BTreeMap::new();
    for block in plan(&candidates, policy, short, now).into_iter().take(STEP) {
        let last = up_to.entry(block.log).or_insert(block.last_seq);
        *last = block.last_seq.max(*last);
    }
    for (log, last) in &up_to {
        evict(conn, *log, *last)?;
    }
    Ok(up_to.into_keys().collect())
}

/// Removes the blocks of `log` that end at or before `last` and leaves the seam.
fn evict(conn: &Connection, log: LogId, last: i64) -> Result<(), Fail> {
    let (first, records, raw, t_low, t_high) = conn.query_row(
        "SELECT min(first_seq), sum(records), sum(raw - records + 1), min(min_ts), max(max_ts)
         FROM block WHERE log_id = ?1 AND last_seq <= ?2",
        params![log.0, last],
        |row| {
            let number = |index| row.get::<_, Option<i64>>(index);
            Ok((number(0)?, number(1)?, number(2)?, number(3)?, number(4)?))
        },
    )?;
    let (Some(first), Some(records)) = (first, records) else { return Ok(()) };
    conn.execute("DELETE FROM block WHERE log_id = ?1 AND last_seq <= ?2", params![log.0, last])?;
    conn.execute(
        "UPDATE log SET records = max(0, records - ?2), raw = max(0, raw - ?3) WHERE id = ?1",
        params![log.0, records, raw],
    )?;
    let rest: Option<(i64, i64)> = conn
        .query_row(
            "SELECT first_seq, eff_first FROM block WHERE log_id = ?1 ORDER BY first_seq LIMIT 1",
            [log.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let (next_seq, carry, limit): (i64, Vec<u8>, Option<i64>) = conn.query_row(
        "SELECT next_seq, carry, fill_limit FROM log WHERE id = ?1",
        [log.0],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )?;
    let (front, eff) = rest.unwrap_or_else(|| (next_seq, Carry::from_bytes(&carry).eff));
    let swallowed = seams::between(conn, log, i64::MIN, front - 1)?;
    conn.execute("DELETE FROM seam WHERE log_id = ?1 AND key_seq < ?2", params![log.0, front])?;
    let before = rest.map(|(first, _)| first);
    let evicted = Evicted { first, records, t_low, t_high };
    evicted_seam(log, front, eff, before, &evicted, &swallowed).insert(conn)?;
    if limit.is_some_and(|limit| front >= limit) {
        backfill::forget(conn, log, true)?;
    }
    Ok(())
}

struct Evicted {
    first: i64,
    records: i64,
    t_low: Option<i64>,
    t_high: Option<i64>,
}

fn evicted_seam(
    log: LogId,
    front: i64,
    eff: i64,
    before: Option<i64>,
    evicted: &Evicted,
    swallowed: &[PlacedSeam],
) -> PlacedSeam {
    let older = swallowed.iter().find(|seam| seam.what.kind == SeamKind::Evicted);
    let records = evicted.records + older.map_or(0, |seam| seam.records);
    let gaps = swallowed.iter().filter(|seam| seam.what.kind.is_gap()).count();
    let mut detail = format!("{records} records evicted by retention");
    if gaps > 0 {
        // Writing to a string cannot fail.
        let _ = write!(detail, ", {gaps} gaps among the newest of them");
    }
    let mut what = seams::plain(SeamKind::Evicted, &detail);
    let low = older.and_then(|seam| seam.what.t_low);
    what.t_low = low.into_iter().chain(evicted.t_low.map(Timestamp)).min();
    what.t_high = evicted.t_high.map(Timestamp);
    let after = older.map_or(evicted.first - 1, |seam| seam.after);
    PlacedSeam { log, key_seq: front - 1, eff, after, before, what, records }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn block(log: i64, last_seq: i64, eff: i64, size: u64) -> Candidate {
        Candidate { log: LogId(log), last_seq, eff_last: Timestamp(eff), size }
    }

    #[test]
    fn size_evicts_the_oldest_but_stops_at_the_floor() {
        let blocks = [block(1, 1, 10, 50), block(2, 1, 20, 50), block(2, 2, 30, 50)];
        let policy = Retention { max_bytes: Some(60), floor_per_log: 50, ..Retention::default() };
        let planned = plan(&blocks, &policy, 0, Timestamp(100));
        assert_eq!(planned, [block(2, 1, 20, 50)], "log 1 is at its floor");
    }

    #[test]
    fn age_is_not_stopped_by_the_floor() {
        let blocks = [block(1, 1, 10, 50), block(1, 2, 90, 50)];
        let age = Some(Duration::from_nanos(50));
        let policy = Retention { max_age: age, floor_per_log: 1000, ..Retention::default() };
        assert_eq!(plan(&blocks, &policy, 0, Timestamp(100)), [block(1, 1, 10, 50)]);
        assert_eq!(plan(&blocks, &Retention::default(), 0, Timestamp(100)), []);
    }

    #[test]
    fn a_full_disk_evicts_what_is_missing_and_stops_at_the_floor() {
        let blocks = [block(1, 1, 10, 50), block(1, 2, 20, 50), block(1, 3, 30, 50)];
        let policy = Retention { floor_per_log: 50, ..Retention::default() };
        assert_eq!(plan(&blocks, &policy, 1, Timestamp(100)), blocks[..1]);
        assert_eq!(plan(&blocks, &policy, 51, Timestamp(100)), blocks[..2]);
        assert_eq!(plan(&blocks, &policy, u64::MAX, Timestamp(100)), blocks[..2]);
        assert_eq!(plan(&blocks, &policy, 0, Timestamp(100)), []);
    }
}
