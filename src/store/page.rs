//! Pages: rows of several logs merged by key.
//!
//! One cursor per log; a heap says whose row comes next. A cursor takes part with a bound from
//! its blocks' metadata until its turn comes, so that quiet logs cost no decoding.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use rusqlite::Connection;

use super::cursor::{LogCursor, Next};
use crate::model::{Direction, From, Key, LogId, Page, Row, Seq, Timestamp};

/// How much a page may hold. It always holds one row when there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimit {
    /// Rows.
    pub rows: usize,
    /// Bytes of text over all rows.
    pub bytes: usize,
    /// Bytes of text of one line; longer lines are cut.
    pub line_cap: usize,
}

/// A cursor's next row, or the bound that stands for it.
struct Turn {
    key: Key,
    loaded: bool,
    cursor: usize,
    direction: Direction,
}

impl Turn {
    /// Smallest first for Newer, largest first for Older; a bound goes before rows of its time.
    fn rank(&self, other: &Self) -> Ordering {
        let order = match self.direction {
            Direction::Newer => other.key.cmp(&self.key),
            Direction::Older => self.key.cmp(&other.key),
        };
        order.then(other.loaded.cmp(&self.loaded))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Turn {}
impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Turn {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank(other)
    }
}

/// Fetches one page.
pub(crate) fn page(
    conn: &Connection,
    logs: &[LogId],
    from: From,
    direction: Direction,
    limit: PageLimit,
) -> rusqlite::Result<Page> {
    // Beyond the newest row there is nothing newer: such a page is that row alone.
    let (direction, only) = match (from, direction) {
        (From::Newest, Direction::Newer) => (Direction::Older, true),
        (From::Oldest, Direction::Older) => (Direction::Newer, true),
        _ => (direction, false),
    };
    let rows = if only { limit.rows.min(1) } else { limit.rows };
    let mut merge = Merge::new(conn, logs, from, direction)?;
    let mut page = Page::default();
    let mut bytes = 0;
    while page.rows.len() < rows && (page.rows.is_empty() || bytes < limit.bytes) {
        let Some(row) = merge.take(limit.line_cap)? else { break };
        if let Row::Line(line) = &row {
            bytes += line.text.len();
        }
        page.rows.push(row);
    }
    page.end = only || merge.peek()?.is_none();
    if direction == Direction::Older {
        page.rows.reverse();
    }
    Ok(page)
}

struct Merge<'a> {
    conn: &'a Connection,
    cursors: Vec<LogCursor>,
    heap: BinaryHeap<Turn>,
    from: From,
    direction: Direction,
}

impl<'a> Merge<'a> {
    fn new(
        conn: &'a Connection,
        logs: &[LogId],
        from: From,
        direction: Direction,
    ) -> rusqlite::Result<Self> {
        let start = match from {
            From::At(key) | From::Beyond(key) => Some(key),
            From::Newest | From::Oldest => None,
        };
        let mut logs = logs.to_vec();
        logs.sort_unstable();
        logs.dedup();
        let cursors = logs
            .into_iter()
            .map(|log| LogCursor::new(conn, log, start, direction))
            .collect::<rusqlite::Result<Vec<_>>>()?;
        let mut merge = Self { conn, cursors, heap: BinaryHeap::new(), from, direction };
        for index in 0..merge.cursors.len() {
            merge.enqueue(index)?;
        }
        Ok(merge)
    }

    fn enqueue(&mut self, index: usize) -> rusqlite::Result<()> {
        let Some(cursor) = self.cursors.get(index) else { return Ok(()) };
        let (key, loaded) = match cursor.next(self.conn)? {
            Next::End => return Ok(()),
            Next::Row(key) => (key, true),
            Next::Bound(eff) => (self.bound(eff), false),
        };
        self.heap.push(Turn { key, loaded, cursor: index, direction: self.direction });
        Ok(())
    }

    /// The first key in this direction that a row at order time `eff` or beyond can have.
    fn bound(&self, eff: i64) -> Key {
        let (edge, log, seq) = match self.direction {
            Direction::Newer => (i64::MIN, LogId(i64::MIN), Seq(i64::MIN)),
            Direction::Older => (i64::MAX, LogId(i64::MAX), Seq(i64::MAX)),
        };
        let start = match self.from {
            From::At(key) | From::Beyond(key) => key.eff_ts.0,
            From::Newest | From::Oldest => edge,
        };
        let eff = match self.direction {
            Direction::Newer => eff.max(start),
            Direction::Older => eff.min(start),
        };
        Key { eff_ts: Timestamp(eff), log, seq }
    }

    fn is_wanted(from: From, direction: Direction, key: &Key) -> bool {
        match (from, direction) {
            (From::Newest | From::Oldest, _) => true,
            (From::At(start), Direction::Newer) => *key >= start,
            (From::At(start), Direction::Older) => *key <= start,
            (From::Beyond(start), Direction::Newer) => *key > start,
            (From::Beyond(start), Direction::Older) => *key < start,
        }
    }

    /// The cursor whose row comes next, loaded.
    fn peek(&mut self) -> rusqlite::Result<Option<usize>> {
        while let Some(turn) = self.heap.peek() {
            let index = turn.cursor;
            if turn.loaded {
                return Ok(Some(index));
            }
            self.heap.pop();
            if let Some(cursor) = self.cursors.get_mut(index) {
                let (from, direction) = (self.from, self.direction);
                cursor.load(self.conn, |key| Self::is_wanted(from, direction, key))?;
            }
            self.enqueue(index)?;
        }
        Ok(None)
    }

    fn take(&mut self, line_cap: usize) -> rusqlite::Result<Option<Row>> {
        while let Some(index) = self.peek()? {
            self.heap.pop();
            let row = match self.cursors.get_mut(index) {
                Some(cursor) => cursor.take(self.conn, line_cap)?,
                None => None,
            };
            self.enqueue(index)?;
            if row.is_some() {
                return Ok(row);
            }
        }
        Ok(None)
    }
}
