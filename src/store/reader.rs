//! Read-only access, beside a running engine or without one.
//!
//! Readers address (log, seq), never row ids, because merging replaces rows at any time. Every
//! query is its own short transaction; none is held while a caller works with the result.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, OptionalExtension, params};

use super::block::{self, BlockMeta, META_COLUMNS};
use super::codec;
use super::cursor;
use super::damage;
use super::decoded::DecodedBlock;
use super::error::StoreError;
use super::meter;
use super::page::{self, PageLimit};
use super::rows;
use super::schema;
use super::seams;
use super::types::{LogRow, Totals};
use crate::model::{
    ContainerId, Direction, EventKind, From, Line, LogId, Page, Row, Seam, SeamKind, SeamRow, Seq,
    TimelineEvent, Timestamp,
};

/// Idle connections kept.
const POOL: usize = 8;

/// Reads a store; clones share a small pool of connections.
#[derive(Debug, Clone)]
pub struct StoreReader {
    path: Arc<PathBuf>,
    pool: Arc<Mutex<Vec<Connection>>>,
    /// Damaged blocks already marked, so that each is marked once.
    marked: Arc<Mutex<BTreeSet<(LogId, Seq)>>>,
    inline: bool,
}

impl StoreReader {
    /// Opens the store in `dir`, which must exist.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join(schema::FILE);
        if !path.is_file() {
            return Err(StoreError::NoStore { path: dir.to_owned() });
        }
        let conn = schema::open_reader(&path)?;
        let pool = Arc::new(Mutex::new(vec![conn]));
        Ok(Self { path: Arc::new(path), pool, marked: Arc::default(), inline: false })
    }

    pub(super) fn inline(self) -> Self {
        Self { inline: true, ..self }
    }

    /// Whether reads belong where their caller stands, although they block, because the store was
    /// opened without a thread ([`super::Store::open_inline`]).
    pub fn is_inline(&self) -> bool {
        self.inline
    }

    /// Runs `read` on a pooled connection. The pool's lock is not held meanwhile.
    pub(crate) fn with<T, E>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, StoreError>
    where
        E: Into<super::fail::Fail>,
    {
        let pooled = self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let conn = match pooled {
            Some(conn) => conn,
            None => schema::open_reader(&self.path)?,
        };
        let result = read(&conn).map_err(|cause| cause.into().at(&self.path));
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < POOL {
            pool.push(conn);
        }
        result
    }

    /// All logs, by id.
    pub fn logs(&self) -> Result<Vec<LogRow>, StoreError> {
        self.with(rows::all)
    }

    /// The log of a container.
    pub fn log_by_container(&self, container: &ContainerId) -> Result<Option<LogRow>, StoreError> {
        self.with(|conn| rows::by_container(conn, container))
    }

    /// Rows of `logs` merged by key, long lines joined, seams at their places; always ascending.
    pub fn page(
        &self,
        logs: &[LogId],
        from: From,
        direction: Direction,
        limit: PageLimit,
    ) -> Result<Page, StoreError> {
        let page = self.with(|conn| page::page(conn, logs, from, direction, limit))?;
        for row in &page.rows {
            if let Row::Seam(SeamRow { key, seam }) = row
                && seam.what.kind == SeamKind::Damaged
            {
                self.mark(key.log, key.seq, seam.before_seq.unwrap_or(key.seq).offset(-1));
            }
        }
        Ok(page)
    }

    /// Leaves word of a damaged block for the writer's next start.
    fn mark(&self, log: LogId, first: Seq, last: Seq) {
        let mut marked = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        if marked.insert((log, first))
            && !self.with(|conn| damage::is_recorded(conn, log, first)).unwrap_or(true)
        {
            damage::mark(&self.path, (log, first, last));
        }
    }

    /// Blocks that may hold records of the time range, newest first. `None` for all logs.
    pub fn blocks(
        &self,
        logs: Option<&[LogId]>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
    ) -> Result<Vec<BlockMeta>, StoreError> {
        let sql = format!("SELECT {META_COLUMNS} FROM block WHERE max_ts >= ?1 AND min_ts <= ?2");
        let (low, high) = (since.map_or(i64::MIN, |t| t.0), until.map_or(i64::MAX, |t| t.0));
        let mut blocks: Vec<BlockMeta> = self.with(|conn| match logs {
            // One log has an index.
            Some([log]) => conn
                .prepare_cached(&format!("{sql} AND log_id = ?3"))?
                .query_map([low, high, log.0], BlockMeta::from_row)?
                .collect(),
            _ => conn.prepare_cached(&sql)?.query_map([low, high], BlockMeta::from_row)?.collect(),
        })?;
        if let Some(logs) = logs {
            blocks.retain(|block| logs.contains(&block.log));
        }
        blocks.sort_unstable_by_key(|block| std::cmp::Reverse(block.last_key()));
        Ok(blocks)
    }

    /// Decodes a block listed by [`StoreReader::blocks`], also when it was merged meanwhile.
    pub fn decode(&self, meta: &BlockMeta) -> Result<DecodedBlock, StoreError> {
        self.decode_into(meta, Vec::new())
    }

    /// The same, reusing the memory of an earlier block's text.
    pub fn decode_into(
        &self,
        meta: &BlockMeta,
        buffer: Vec<u8>,
    ) -> Result<DecodedBlock, StoreError> {
        let (log, first, last) = (meta.log, meta.first_seq, meta.last_seq);
        let holder: Option<(i64, i64)> = self.with(|conn| {
            conn.prepare_cached(
                "SELECT first_seq, last_seq FROM block WHERE log_id = ?1 AND first_seq <= ?2
                 ORDER BY first_seq DESC LIMIT 1",
            )?
            .query_row(params![log.0, first.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
        })?;
        let gone = || StoreError::Gone { log, first, last };
        let (begin, end) = holder.filter(|(_, end)| *end >= last.0).ok_or_else(gone)?;
        let decoded = self.with(|conn| {
            block::with_body(conn, log, begin, |body, checksum| {
                if (begin, end) == (first.0, last.0) {
                    return DecodedBlock::decode(meta.clone(), body, checksum, buffer);
                }
                let whole = codec::open(body, checksum)?.content()?;
                let skip = usize::try_from(first.0 - begin).unwrap_or(0);
                Ok(DecodedBlock::part(meta.clone(), &whole, skip))
            })
        })?;
        decoded.ok_or_else(gone)?.map_err(|error| {
            self.mark(log, Seq(begin), Seq(end));
            StoreError::Damaged { log, first, last, what: error.to_string() }
        })
    }

    /// The whole line that record `seq` belongs to, its text cut at `line_cap` bytes.
    pub fn line(&self, log: LogId, seq: Seq, line_cap: usize) -> Result<Option<Line>, StoreError> {
        self.with(|conn| cursor::line_of(conn, log, seq.0, line_cap))
    }

    /// All seams of one log or of every log, in order.
    pub fn seams(&self, log: Option<LogId>) -> Result<Vec<(LogId, Seam)>, StoreError> {
        let sql = format!(
            "SELECT {} FROM seam WHERE ?1 IS NULL OR log_id = ?1 ORDER BY log_id, key_seq",
            seams::COLUMNS
        );
        self.with(|conn| {
            conn.prepare_cached(&sql)?
                .query_map([log.map(|log| log.0)], |row| {
                    seams::from_row(row).map(|seam| (seam.log, seam.to_seam()))
                })?
                .collect::<rusqlite::Result<_>>()
        })
    }

    /// All seams of every log, each at its place in the merged order.
    pub fn seam_rows(&self) -> Result<Vec<crate::model::SeamRow>, StoreError> {
        let sql = format!("SELECT {} FROM seam ORDER BY log_id, key_seq", seams::COLUMNS);
        self.with(|conn| {
            conn.prepare_cached(&sql)?
                .query_map([], |row| seams::from_row(row).map(|seam| seam.to_row()))?
                .collect::<rusqlite::Result<_>>()
        })
    }

    /// The newest `limit` timeline rows, oldest first.
    pub fn events(&self, limit: usize) -> Result<Vec<TimelineEvent>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut events: Vec<TimelineEvent> = self.with(|conn| {
            conn.prepare_cached(
                "SELECT ts, kind, log_id, container, cause FROM event ORDER BY id DESC LIMIT ?1",
            )?
            .query_map([limit], |row| {
                let kind: String = row.get(1)?;
                // A kind of a newer minor version cannot be shown and is left out.
                let Some(kind) = EventKind::parse(&kind) else { return Ok(None) };
                Ok(Some(TimelineEvent {
                    ts: Timestamp(row.get(0)?),
                    kind,
                    log: row.get::<_, Option<i64>>(2)?.map(LogId),
                    container: row.get(3)?,
                    cause: row.get(4)?,
                }))
            })?
            .filter_map(Result::transpose)
            .collect::<rusqlite::Result<_>>()
        })?;
        events.reverse();
        Ok(events)
    }

    /// Sums over the whole store.
    pub fn totals(&self) -> Result<Totals, StoreError> {
        self.with(|conn| meter::totals(conn, &self.path))
    }
}
