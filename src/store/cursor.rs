//! Walks one log in one direction, a block at a time.
//!
//! A *segment* is one block and the seams that belong beside it, read in one short transaction.
//! Rows of a segment are found the same way for both directions, which is why paging forward and
//! backward agree. Between segments only a sequence number is kept, so merging and eviction may
//! happen at any time.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};

use super::block::{self, BlockMeta, META_COLUMNS};
use super::damage;
use super::decoded::DecodedBlock;
use super::flags::JOIN_WINDOW;
use super::seams::{self, PlacedSeam};
use crate::model::{Direction, Key, Line, LogId, Row, SeamRow, Seq};

/// A row of a segment that has not been built yet.
#[derive(Debug, Clone)]
enum Entry {
    Head(usize),
    Seam(Box<SeamRow>),
}

/// Position in one log; rows come out with [`LogCursor::take`].
pub(crate) struct LogCursor {
    log: LogId,
    direction: Direction,
    /// Everything up to here (Newer: `<=`, Older: `>=`) has been loaded.
    done: i64,
    block: Option<DecodedBlock>,
    /// Rows in reverse order of leaving.
    entries: Vec<(Key, Entry)>,
}

/// What a cursor knows of its next row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The next row has this key.
    Row(Key),
    /// No row comes before this order time (in the cursor's direction); load to know more.
    Bound(i64),
    /// Nothing is left.
    End,
}

impl LogCursor {
    /// Begins at the block that may hold the first row at or beyond `start`.
    pub(crate) fn new(
        conn: &Connection,
        log: LogId,
        start: Option<Key>,
        direction: Direction,
    ) -> rusqlite::Result<Self> {
        let done = match (direction, start) {
            (Direction::Newer, None) => i64::MIN,
            (Direction::Older, None) => i64::MAX,
            (Direction::Newer, Some(key)) => number(
                conn,
                "SELECT first_seq - 1 FROM block WHERE log_id = ?1 AND eff_first < ?2
                 ORDER BY eff_first DESC, first_seq DESC LIMIT 1",
                log,
                key.eff_ts.0,
            )?
            .unwrap_or(i64::MIN),
            (Direction::Older, Some(key)) => number(
                conn,
                "SELECT first_seq FROM block WHERE log_id = ?1 AND eff_first > ?2
                 ORDER BY eff_first, first_seq LIMIT 1",
                log,
                key.eff_ts.0,
            )?
            .unwrap_or(i64::MAX),
        };
        Ok(Self { log, direction, done, block: None, entries: Vec::new() })
    }

    pub(crate) fn next(&self, conn: &Connection) -> rusqlite::Result<Next> {
        if let Some((key, _)) = self.entries.last() {
            return Ok(Next::Row(*key));
        }
        let (block, seam, pick): (_, _, fn(i64, i64) -> i64) = match self.direction {
            Direction::Newer => (
                "SELECT eff_first FROM block WHERE log_id = ?1 AND first_seq > ?2
                 ORDER BY first_seq LIMIT 1",
                "SELECT eff FROM seam WHERE log_id = ?1 AND key_seq > ?2 ORDER BY key_seq LIMIT 1",
                i64::min,
            ),
            Direction::Older => (
                "SELECT eff_last FROM block WHERE log_id = ?1 AND first_seq < ?2
                 ORDER BY first_seq DESC LIMIT 1",
                "SELECT eff FROM seam WHERE log_id = ?1 AND key_seq < ?2
                 ORDER BY key_seq DESC LIMIT 1",
                i64::max,
            ),
        };
        let (block, seam) =
            (number(conn, block, self.log, self.done)?, number(conn, seam, self.log, self.done)?);
        let merged = self.direction == Direction::Newer && self.inside_block(conn)?;
        Ok(match (block, seam) {
            _ if merged => Next::Bound(i64::MIN),
            (Some(block), Some(seam)) => Next::Bound(pick(block, seam)),
            (Some(eff), None) | (None, Some(eff)) => Next::Bound(eff),
            (None, None) => Next::End,
        })
    }

    /// Whether the block read last has been merged with its successors since.
    fn inside_block(&self, conn: &Connection) -> rusqlite::Result<bool> {
        let last = number(
            conn,
            "SELECT last_seq FROM block WHERE log_id = ?1 AND first_seq <= ?2
             ORDER BY first_seq DESC LIMIT 1",
            self.log,
            self.done,
        )?;
        Ok(last.is_some_and(|last| last > self.done))
    }

    /// Reads the next segment and keeps its rows that `wanted` accepts.
    pub(crate) fn load(
        &mut self,
        conn: &Connection,
        wanted: impl Fn(&Key) -> bool,
    ) -> rusqlite::Result<()> {
        let transaction = conn.unchecked_transaction()?;
        let found = match self.direction {
            Direction::Newer => next_block(&transaction, self.log, self.done)?,
            Direction::Older => block_before(&transaction, self.log, self.done)?,
        };
        let (low, high) = match (self.direction, &found) {
            (Direction::Newer, Some(meta)) => (self.done.saturating_add(1), meta.last_seq.0),
            (Direction::Newer, None) => (self.done.saturating_add(1), i64::MAX),
            (Direction::Older, Some(meta)) => (meta.first_seq.0, self.done.saturating_sub(1)),
            (Direction::Older, None) => (i64::MIN, self.done.saturating_sub(1)),
        };
        let mut entries: Vec<(Key, Entry)> = seams::between(&transaction, self.log, low, high)?
            .iter()
            .map(PlacedSeam::to_row)
            .map(|row| (row.key, Entry::Seam(Box::new(row))))
            .collect();
        self.block = None;
        if let Some(meta) = found {
            // Recorded or not, a damaged block is one row, and a readable one is none.
            let inside = meta.first_seq..=meta.last_seq;
            entries.retain(|(key, _)| !inside.contains(&key.seq));
            if let Some(decoded) = decode(&transaction, &meta)? {
                let cut = decoded.begins_inside_line();
                let orphans = cut && !is_readable_before(&transaction, &meta)?;
                let heads = decoded.heads(orphans).into_iter();
                let keyed = heads.filter_map(|i| Some((decoded.key(i)?, Entry::Head(i))));
                entries.extend(keyed.filter(|(key, _)| (low..=high).contains(&key.seq.0)));
                self.block = Some(decoded);
            } else {
                let row = damage::seam(&meta).to_row();
                entries.push((row.key, Entry::Seam(Box::new(row))));
            }
        }
        entries.retain(|(key, _)| wanted(key));
        entries.sort_unstable_by_key(|(key, _)| key.seq);
        if self.direction == Direction::Newer {
            entries.reverse();
        }
        self.entries = entries;
        self.done = if self.direction == Direction::Newer { high } else { low };
        Ok(())
    }

    /// Takes the next row of the loaded segment.
    pub(crate) fn take(
        &mut self,
        conn: &Connection,
        line_cap: usize,
    ) -> rusqlite::Result<Option<Row>> {
        Ok(match (self.entries.pop(), &self.block) {
            (Some((_, Entry::Seam(row))), _) => Some(Row::Seam(*row)),
            (Some((_, Entry::Head(head))), Some(block)) => {
                line(conn, block, head, line_cap)?.map(Row::Line)
            }
            _ => None,
        })
    }
}

fn number(conn: &Connection, sql: &str, log: LogId, n: i64) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached(sql)?.query_row(params![log.0, n], |row| row.get(0)).optional()
}

fn meta(
    conn: &Connection,
    filter: &str,
    log: LogId,
    n: i64,
) -> rusqlite::Result<Option<BlockMeta>> {
    let sql = format!("SELECT {META_COLUMNS} FROM block WHERE log_id = ?1 AND {filter} LIMIT 1");
    conn.prepare_cached(&sql)?.query_row(params![log.0, n], BlockMeta::from_row).optional()
}

/// The block that holds the smallest record number above `done`.
fn next_block(conn: &Connection, log: LogId, done: i64) -> rusqlite::Result<Option<BlockMeta>> {
    let around = meta(conn, "first_seq <= ?2 ORDER BY first_seq DESC", log, done)?;
    match around.filter(|block| block.last_seq.0 > done) {
        Some(block) => Ok(Some(block)),
        None => meta(conn, "first_seq > ?2 ORDER BY first_seq", log, done),
    }
}

fn block_before(conn: &Connection, log: LogId, done: i64) -> rusqlite::Result<Option<BlockMeta>> {
    meta(conn, "first_seq < ?2 ORDER BY first_seq DESC", log, done)
}

fn decode(conn: &Connection, meta: &BlockMeta) -> rusqlite::Result<Option<DecodedBlock>> {
    let read =
        |body: &[u8], checksum| DecodedBlock::decode(meta.clone(), body, checksum, Vec::new()).ok();
    Ok(block::with_body(conn, meta.log, meta.first_seq.0, read)?.flatten())
}

/// Whether the block directly before is there and intact, so that a line may have begun in it.
fn is_readable_before(conn: &Connection, meta: &BlockMeta) -> rusqlite::Result<bool> {
    match block_before(conn, meta.log, meta.first_seq.0)? {
        Some(before) if before.last_seq.0 + 1 == meta.first_seq.0 => {
            Ok(decode(conn, &before)?.is_some())
        }
        _ => Ok(false),
    }
}

/// Builds the line that begins at record `head`, reading on into later blocks when it must.
fn line(
    conn: &Connection,
    block: &DecodedBlock,
    head: usize,
    cap: usize,
) -> rusqlite::Result<Option<Line>> {
    let (Some(key), Some(first)) = (block.key(head), block.record(head)) else { return Ok(None) };
    let mut text = first.bytes.get(..cap).unwrap_or(first.bytes).to_vec();
    let mut full = first.bytes.len() as u64;
    let mut last_seq = first.seq;
    let mut take = |block: &DecodedBlock, chunks: &[usize]| {
        for record in chunks.iter().filter_map(|chunk| block.record(*chunk)) {
            let room = cap.saturating_sub(text.len());
            text.extend_from_slice(record.bytes.get(..room).unwrap_or(record.bytes));
            full += record.bytes.len() as u64;
            last_seq = record.seq;
        }
        last_seq.0
    };
    let (chunks, mut open) = block.line(head);
    let mut last = take(block, chunks.get(1..).unwrap_or_default());
    let mut done = block.meta().last_seq.0;
    while open && done - last <= JOIN_WINDOW {
        let Some(meta) = next_block(conn, block.meta().log, done)? else { break };
        // Behind a jump nothing continues; a merged block may begin before what was read.
        if meta.first_seq.0 > done + 1 {
            break;
        }
        let Some(next) = decode(conn, &meta)? else { break };
        let from = usize::try_from(done + 1 - meta.first_seq.0).unwrap_or(0);
        let mut chunks = Vec::new();
        open = next.follow(first.fd, from, from, &mut chunks);
        last = take(&next, &chunks).max(last);
        done = meta.last_seq.0;
    }
    Ok(Some(Line {
        key,
        last_seq: Seq(last),
        ts: first.ts,
        fd: first.fd,
        level: first.level,
        text: Arc::from(text),
        full_len: full,
    }))
}

/// The line that record `seq` belongs to.
pub(crate) fn line_of(
    conn: &Connection,
    log: LogId,
    seq: i64,
    cap: usize,
) -> rusqlite::Result<Option<Line>> {
    let mut cursor = LogCursor {
        log,
        direction: Direction::Older,
        done: seq.saturating_add(1),
        block: None,
        entries: Vec::new(),
    };
    loop {
        cursor.load(conn, |_| true)?;
        if cursor.block.is_none() {
            return Ok(None);
        }
        while let Some(row) = cursor.take(conn, cap)? {
            // Another fd's long line may span `seq`; the right one holds a chunk there.
            if let Row::Line(line) = row
                && line.last_seq.0 >= seq
                && holds(conn, &line, seq)?
            {
                return Ok(Some(line));
            }
        }
        if cursor.done < seq.saturating_sub(1 << 20) {
            return Ok(None);
        }
    }
}

fn holds(conn: &Connection, line: &Line, seq: i64) -> rusqlite::Result<bool> {
    let Some(meta) = next_block(conn, line.key.log, seq - 1)? else { return Ok(false) };
    let Some(block) = decode(conn, &meta)? else { return Ok(false) };
    let record = block.index_of(Seq(seq)).and_then(|index| block.record(index));
    Ok(record.is_some_and(|record| record.fd == line.fd))
}
