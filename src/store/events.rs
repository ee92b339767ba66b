//! Timeline events on their way to the disk. Nobody waits for the answer to one, so those of a group
//! that failed are kept and put down when a group succeeds. What does not fit is counted.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use super::fail::Fail;
use crate::model::TimelineEvent;

/// Timeline rows kept.
const ROWS: i64 = 10_000;
/// Events kept while nothing can be written.
const OWED: usize = 1_000;

/// What the writer was told and has not made durable.
#[derive(Default)]
pub(crate) struct Events {
    /// Of the group that is open.
    group: Vec<TimelineEvent>,
    /// Of groups that failed, oldest first.
    owed: VecDeque<TimelineEvent>,
    dropped: u64,
}

impl Events {
    /// Puts an event into the open group, or keeps it if none could be opened.
    pub(crate) fn put(
        &mut self,
        group: Result<&Connection, Fail>,
        event: TimelineEvent,
    ) -> Result<(), Fail> {
        let put = group.and_then(|conn| insert(conn, &event));
        self.group.push(event);
        put
    }

    /// The open group failed.
    pub(crate) fn spoiled(&mut self) {
        self.owed.extend(self.group.drain(..));
        while self.owed.len() > OWED {
            self.owed.pop_front();
            self.dropped += 1;
        }
    }

    /// The open group is durable. What failed before it gets a group of its own, which nobody else
    /// can lose by.
    pub(crate) fn committed(&mut self, conn: &Connection) {
        self.group.clear();
        if self.owed.is_empty() {
            return;
        }
        let put = || -> Result<(), Fail> {
            conn.execute_batch("BEGIN IMMEDIATE")?;
            self.owed.iter().try_for_each(|event| insert(conn, event))?;
            Ok(conn.execute_batch("COMMIT")?)
        };
        if put().is_ok() {
            self.owed.clear();
        } else if !conn.is_autocommit() {
            // SQLite rolls back by itself on some errors.
            let _ = conn.execute_batch("ROLLBACK");
        }
    }

    /// Events that found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

/// Adds a row to the timeline and lets the oldest go.
pub(crate) fn insert(conn: &Connection, event: &TimelineEvent) -> Result<(), Fail> {
    conn.prepare_cached(
        "INSERT INTO event (ts, kind, log_id, container, cause) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?
    .execute(params![
        event.ts.0,
        event.kind.as_str(),
        event.log.map(|log| log.0),
        event.container,
        event.cause,
    ])?;
    let id = conn.last_insert_rowid();
    if id % 256 == 0 {
        conn.execute("DELETE FROM event WHERE id <= ?1", [id - ROWS])?;
    }
    Ok(())
}
