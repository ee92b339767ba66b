//! Damaged blocks: noticed by readers, recorded by the writer.
//!
//! A reader shows a block that it cannot decode as a `damaged` seam and leaves a mark in a small
//! file beside the database, because it must not write there and may be another process. The
//! writer takes the marks at its next start, looks for itself, and adds a seam row with the very
//! key that readers showed. What merging finds is recorded at once. The block stays: its bytes may
//! still help somebody, and should they be readable again, readers show the records instead.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, params};

use super::block::{self, BlockMeta, META_COLUMNS};
use super::codec;
use super::fail::Fail;
use super::seams::{self, PlacedSeam};
use crate::model::{EventKind, LogId, SeamKind, Seq, TimelineEvent, Timestamp};

/// Name of the marks' file in the data directory: a line `log first last` per damaged block.
pub(crate) const FILE: &str = "damaged";
/// A file this large says enough.
const MAX_BYTES: u64 = 64 << 10;

/// The seam that stands for a block which cannot be decoded.
pub(crate) fn seam(meta: &BlockMeta) -> PlacedSeam {
    let detail = format!("{} stored records cannot be decoded", meta.records);
    let mut what = seams::plain(SeamKind::Damaged, &detail);
    (what.t_low, what.t_high) = (Some(meta.min_ts), Some(meta.max_ts));
    PlacedSeam {
        log: meta.log,
        key_seq: meta.first_seq.0,
        eff: meta.eff_first.0,
        after: meta.first_seq.0 - 1,
        before: Some(meta.last_seq.0 + 1),
        what,
        records: 0,
    }
}

/// Leaves a mark for the writer of the database at `database`. A directory that the reader may not
/// write costs the mark, not the reading.
pub(crate) fn mark(database: &Path, (log, first, last): (LogId, Seq, Seq)) {
    let path = marks_of(database);
    if std::fs::metadata(&path).is_ok_and(|meta| meta.len() > MAX_BYTES) {
        return;
    }
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    let line = format!("{} {} {}\n", log.0, first.0, last.0);
    let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
}

/// Whether the block that begins at `first` is recorded as damaged.
pub(crate) fn is_recorded(conn: &Connection, log: LogId, first: Seq) -> rusqlite::Result<bool> {
    conn.prepare_cached(
        "SELECT 1 FROM seam WHERE log_id = ?1 AND key_seq = ?2 AND kind = 'damaged'",
    )?
    .exists(params![log.0, first.0])
}

/// Records every marked block that is damaged indeed, and forgets the marks. Returns what belongs
/// on the timeline.
pub(crate) fn take_marks(
    conn: &Connection,
    database: &Path,
    now: Timestamp,
) -> Result<Vec<TimelineEvent>, Fail> {
    let path = marks_of(database);
    let Ok(text) = std::fs::read(&path) else { return Ok(Vec::new()) };
    let text = String::from_utf8_lossy(&text);
    // A line that was cut by a crash marks nothing; the next reader marks it again.
    let marks: BTreeSet<(i64, i64)> = text.lines().filter_map(parse).collect();
    let transaction = conn.unchecked_transaction()?;
    let mut events = Vec::new();
    for (log, first) in marks {
        if let Some(seam) = record(&transaction, LogId(log), first)? {
            events.push(event(&transaction, &seam, now)?);
        }
    }
    transaction.commit()?;
    // Left behind, it would only be read again: every mark is recorded already.
    let _ = std::fs::remove_file(path);
    Ok(events)
}

fn parse(line: &str) -> Option<(i64, i64)> {
    let mut numbers = line.split(' ').map(str::parse);
    let (log, first) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let _last: i64 = numbers.next()?.ok()?;
    Some((log, first))
}

fn event(conn: &Connection, seam: &PlacedSeam, now: Timestamp) -> Result<TimelineEvent, Fail> {
    let log = Some(seam.log);
    let container =
        conn.query_row("SELECT name FROM log WHERE id = ?1", [seam.log.0], |row| row.get(0))?;
    let cause = format!("damaged: {}", seam.what.detail);
    Ok(TimelineEvent { ts: now, kind: EventKind::Gap, log, container, cause })
}

/// Records the block that holds record `seq`, if it is damaged and not recorded yet.
pub(crate) fn record(conn: &Connection, log: LogId, seq: i64) -> Result<Option<PlacedSeam>, Fail> {
    let sql = format!(
        "SELECT {META_COLUMNS} FROM block WHERE log_id = ?1 AND first_seq <= ?2 AND last_seq >= ?2
         ORDER BY first_seq DESC LIMIT 1"
    );
    let meta = conn
        .prepare_cached(&sql)?
        .query_row(params![log.0, seq], BlockMeta::from_row)
        .optional()?;
    let Some(meta) = meta else { return Ok(None) };
    let intact = |body: &[u8], checksum| is_intact(&meta, body, checksum);
    let intact = block::with_body(conn, log, meta.first_seq.0, intact)?.unwrap_or(true);
    if intact || is_recorded(conn, log, meta.first_seq)? {
        return Ok(None);
    }
    let seam = seam(&meta);
    seam.insert(conn)?;
    conn.execute("UPDATE log SET gaps = gaps + 1 WHERE id = ?1", [log.0])?;
    Ok(Some(seam))
}

fn is_intact(meta: &BlockMeta, body: &[u8], checksum: u32) -> bool {
    let content = codec::open(body, checksum).and_then(|opened| opened.content());
    content.is_ok_and(|content| content.len() as u64 == meta.records)
}

fn marks_of(database: &Path) -> PathBuf {
    database.with_file_name(FILE)
}
