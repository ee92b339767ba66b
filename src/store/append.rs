//! The append itself: compare-and-swap, seam, blocks, merging, and the log's row, all inside the
//! caller's transaction. Nothing here commits.

use rusqlite::{Connection, params};

use super::block;
use super::codec::{self, Content, Encoder, MAX_TEXT};
use super::damage;
use super::error::{BackfillRefused, StoreError};
use super::fail::Fail;
use super::seams::PlacedSeam;
use super::state::{LogState, PartState};
use super::tail::{self, FULL, HOT, Piece, TIER_FULL};
use super::types::{Append, Appended, Part, StoreAck};
use crate::model::{LogId, NewSeam, SeamKind, Seq};

/// Performs one append on the state that mirrors the database.
pub(crate) fn append(
    conn: &Connection,
    encoder: &mut Encoder,
    state: &mut LogState,
    request: &Append,
) -> Result<Appended, Fail> {
    check(state, request)?;
    let (part, limit) = match (&request.part, &mut state.fill) {
        (Part::Backfill, Some(fill)) => (&mut fill.part, Some(fill.limit)),
        _ => (&mut state.live, None),
    };
    let (log, batch) = (request.log, &request.records);
    let before = part.carry;
    if let Some(seam) = &request.seam {
        place_seam(conn, log, part, request, seam)?;
    }
    let first = part.next;
    if let Some(first_record) = batch.get(0) {
        let eff = part.carry.eff.max(first_record.ts.0).min(part.cap);
        fill_open_seams(conn, log, part.low, first, eff)?;
        write_records(conn, encoder, part, request)?;
        part.next = first + i64::try_from(batch.len()).unwrap_or(i64::MAX);
    }
    if let Some(limit) = limit {
        move_middle_seam(conn, log, limit, part.next, !batch.is_empty())?;
    }
    save(conn, part, request, before.eff == i64::MIN)?;
    let ack = (!batch.is_empty()).then(|| StoreAck::new(log, Seq(first), Seq(part.next - 1)));
    Ok(Appended { ack, next_seq: Seq(part.next) })
}

/// Every reason to refuse, before anything is changed.
fn check(state: &LogState, request: &Append) -> Result<(), StoreError> {
    let log = request.log;
    let (next, limit) = match request.part {
        Part::Live => (state.live.next, i64::MAX),
        Part::Backfill => {
            let refused = StoreError::Backfill { log, why: BackfillRefused::NotRunning };
            let fill = state.fill.as_ref().ok_or(refused)?;
            (fill.part.next, fill.limit)
        }
    };
    if request.expected != Seq(next) {
        return Err(StoreError::Stale { log, expected: request.expected, actual: Seq(next) });
    }
    let records = i64::try_from(request.records.len()).unwrap_or(i64::MAX);
    let end = next.saturating_add(records).saturating_add(i64::from(request.seam.is_some()));
    // One number stays free for the seam between the two parts.
    if end >= limit {
        return Err(StoreError::Backfill { log, why: BackfillRefused::NoRoom });
    }
    let largest = request.records.iter().map(|record| record.bytes.len()).max().unwrap_or(0);
    if largest > MAX_TEXT {
        return Err(StoreError::TooLarge { log, bytes: largest, max: MAX_TEXT });
    }
    Ok(())
}

fn place_seam(
    conn: &Connection,
    log: LogId,
    part: &mut PartState,
    request: &Append,
    seam: &NewSeam,
) -> Result<(), Fail> {
    part.carry.jump();
    part.tail.clear();
    let first_ts = request.records.get(0).map_or(i64::MIN, |record| record.ts.0);
    let eff = part.carry.eff.max(first_ts).min(part.cap);
    // A seam behind one that no record followed yet belongs to the same jump.
    let open: Option<i64> = conn
        .prepare_cached(
            "SELECT min(after_seq) FROM seam
             WHERE log_id = ?1 AND before_seq IS NULL AND key_seq >= ?2 AND key_seq < ?3",
        )?
        .query_row(params![log.0, part.low, part.next], |row| row.get(0))?;
    let after = open.unwrap_or(part.next - 1);
    let placed = PlacedSeam {
        log,
        key_seq: part.next,
        eff,
        after,
        before: None,
        what: seam.clone(),
        records: 0,
    };
    placed.insert(conn)?;
    part.next += 1;
    Ok(())
}

/// The record that open seams waited for has come.
fn fill_open_seams(
    conn: &Connection,
    log: LogId,
    low: i64,
    first: i64,
    eff: i64,
) -> Result<(), Fail> {
    conn.prepare_cached(
        "UPDATE seam SET before_seq = ?3, eff = CASE WHEN eff = ?5 THEN ?4 ELSE eff END
         WHERE log_id = ?1 AND before_seq IS NULL AND key_seq >= ?2 AND key_seq < ?3",
    )?
    .execute(params![log.0, low, first, eff, i64::MIN])?;
    Ok(())
}

/// The seam before the older part's limit follows the backfill's last record.
fn move_middle_seam(
    conn: &Connection,
    log: LogId,
    limit: i64,
    next: i64,
    stored: bool,
) -> Result<(), Fail> {
    if stored {
        conn.prepare_cached("UPDATE seam SET after_seq = ?3 WHERE log_id = ?1 AND key_seq = ?2")?
            .execute(params![log.0, limit - 1, next - 1])?;
    }
    Ok(())
}

fn write_records(
    conn: &Connection,
    encoder: &mut Encoder,
    part: &mut PartState,
    request: &Append,
) -> Result<(), Fail> {
    let (log, batch) = (request.log, &request.records);
    let raw = batch.text_bytes() + batch.len();
    let hot = raw >= HOT;
    if hot {
        merge(conn, encoder, log, part.cap, &part.tail)?;
        part.tail.clear();
    }
    // Equal parts, so that a batch a little over the limit leaves no crumb behind.
    let target = raw.div_ceil(raw.div_ceil(FULL).max(1)) + 256;
    for (first, eff, content) in block::split(batch, part.next, &mut part.carry, target) {
        let sealed = block::seal(encoder, log, first, (eff, part.cap), &content)?;
        block::insert(conn, &sealed, if hot { TIER_FULL } else { 0 })?;
        if !hot {
            let last = sealed.meta.last_seq.0;
            part.tail.push(Piece { first, last, raw: content.text.len(), tier: 0 });
        }
    }
    while let Some((range, tier)) = tail::merge_plan(&part.tail) {
        let merged =
            merge(conn, encoder, log, part.cap, part.tail.get(range.clone()).unwrap_or_default())?;
        match merged {
            Some(piece) if tier != TIER_FULL => {
                part.tail.splice(range, [Piece { tier, ..piece }]);
            }
            _ => part.tail.clear(),
        }
        if let Some(piece) = merged {
            conn.prepare_cached("UPDATE block SET tier = ?3 WHERE log_id = ?1 AND first_seq = ?2")?
                .execute(params![log.0, piece.first, tier])?;
        }
    }
    Ok(())
}

/// Replaces neighbouring blocks by one with the same records and the same keys. `None` when there
/// is nothing to merge or a piece is damaged; a damaged piece stays as it is and is recorded.
fn merge(
    conn: &Connection,
    encoder: &mut Encoder,
    log: LogId,
    cap: i64,
    pieces: &[Piece],
) -> Result<Option<Piece>, Fail> {
    let (Some(head), Some(end)) = (pieces.first(), pieces.last()) else { return Ok(None) };
    if pieces.len() < 2 {
        return Ok(None);
    }
    let raw = pieces.iter().map(|piece| piece.raw + 1).sum();
    let mut whole = Content::with_capacity(raw, 0);
    for piece in pieces {
        let read = |body: &[u8], checksum| codec::open(body, checksum)?.content();
        let Some(Ok(content)) = block::with_body(conn, log, piece.first, read)? else {
            damage::record(conn, log, piece.first)?;
            return Ok(None);
        };
        for (index, (time, flags)) in content.times.iter().zip(&content.flags).enumerate() {
            whole.push(content.bytes(index), *time, *flags);
        }
    }
    let eff: i64 = conn
        .prepare_cached("SELECT eff_first FROM block WHERE log_id = ?1 AND first_seq = ?2")?
        .query_row(params![log.0, head.first], |row| row.get(0))?;
    conn.prepare_cached("DELETE FROM block WHERE log_id = ?1 AND first_seq BETWEEN ?2 AND ?3")?
        .execute(params![log.0, head.first, end.last])?;
    let sealed = block::seal(encoder, log, head.first, (eff, cap), &whole)?;
    block::insert(conn, &sealed, TIER_FULL)?;
    Ok(Some(Piece { first: head.first, last: end.last, raw: whole.text.len(), tier: TIER_FULL }))
}

fn save(conn: &Connection, part: &PartState, request: &Append, new: bool) -> Result<(), Fail> {
    let batch = &request.records;
    let records = i64::try_from(batch.len()).unwrap_or(i64::MAX);
    let raw = i64::try_from(batch.text_bytes()).unwrap_or(i64::MAX);
    let kind = request.seam.as_ref().map(|seam| seam.kind);
    let gaps = i64::from(kind.is_some_and(SeamKind::is_gap));
    let last_ts = batch.last().map(|r| r.ts.0);
    let sql = match request.part {
        Part::Live => {
            "UPDATE log SET next_seq = ?2, cursor = ?3, carry = ?4, records = records + ?5,
               raw = raw + ?6, gaps = gaps + ?7, last_ts = coalesce(?8, last_ts),
               older_exists = older_exists OR ?9 WHERE id = ?1"
        }
        Part::Backfill => {
            "UPDATE log SET fill_next = ?2, fill_cursor = ?3, fill_carry = ?4,
               records = records + ?5, raw = raw + ?6, gaps = gaps + ?7,
               last_ts = coalesce(last_ts, ?8), older_exists = older_exists OR ?9 WHERE id = ?1"
        }
    };
    let left_older = new && request.part == Part::Live && kind == Some(SeamKind::NotTaken);
    conn.prepare_cached(sql)?.execute(params![
        request.log.0,
        part.next,
        request.cursor,
        part.carry.to_bytes(),
        records,
        raw,
        gaps,
        last_ts,
        left_older,
    ])?;
    Ok(())
}
