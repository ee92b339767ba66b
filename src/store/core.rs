//! The writer without its thread: commands in, answers out at commit, one transaction per group.
//!
//! [`WriterCore::handle`] puts a command's effect into the open transaction and keeps its answer;
//! [`WriterCore::commit`] makes the group durable and releases the answers. A refused command
//! (stale, no room) changes nothing and fails alone; an error of the database rolls the whole
//! group back and every member is told, because nothing of it is stored.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::append;
use super::backfill;
use super::codec::Encoder;
use super::damage;
use super::error::StoreError;
use super::events::{self, Events};
use super::fail::Fail;
use super::retention;
use super::rows;
use super::space::Space;
use super::state::LogState;
use super::types::{Append, Appended, LogIdentity, LogPatch, LogRow, Retention};
use crate::model::{LogId, Seq, TimelineEvent, Timestamp};

/// Where an answer goes.
pub(crate) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// Everything the writer is asked to do.
pub(crate) enum Command {
    OpenLog(Box<LogIdentity>, Reply<LogRow>),
    Append(Box<Append>, Reply<Appended>),
    UpdateLog(LogId, LogPatch, Reply<()>),
    BeginBackfill {
        log: LogId,
        first: Seq,
        cursor: Vec<u8>,
        reply: Reply<()>,
    },
    FinishBackfill {
        log: LogId,
        joined: bool,
        older_exists: bool,
        reply: Reply<()>,
    },
    Event(TimelineEvent),
    /// Ends a wait, so that the thread looks at its stop flag.
    Wake,
}

impl Command {
    /// Bytes of record text, for the group's size.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Append(append, _) => append.records.text_bytes(),
            _ => 0,
        }
    }
}

type Answer = Box<dyn FnOnce(Option<&StoreError>) + Send>;

/// The writer's whole state.
pub(crate) struct WriterCore {
    conn: Connection,
    path: PathBuf,
    encoder: Encoder,
    logs: HashMap<LogId, LogState>,
    answers: Vec<Answer>,
    events: Events,
    retention: Retention,
    space: Space,
}

impl WriterCore {
    pub(crate) fn new(
        conn: Connection,
        path: PathBuf,
        retention: Retention,
    ) -> Result<Self, StoreError> {
        let encoder = Encoder::new()?;
        let (logs, answers) = (HashMap::new(), Vec::new());
        let space = Space::new(path.clone(), retention.min_free);
        let events = Events::default();
        Ok(Self { conn, path, encoder, logs, answers, events, retention, space })
    }

    /// Records the blocks that readers found damaged. What fails here is tried at the next start.
    pub(crate) fn record_damage(&mut self, now: Timestamp) {
        let events = damage::take_marks(&self.conn, &self.path, now).unwrap_or_default();
        for event in events {
            let _ = events::insert(&self.conn, &event);
        }
    }

    /// The watch over free space.
    pub(crate) fn space(&self) -> &Space {
        &self.space
    }

    #[cfg(test)]
    pub(crate) fn space_mut(&mut self) -> &mut Space {
        &mut self.space
    }

    /// Makes events durable whose groups failed, if that is possible now.
    pub(crate) fn pay_events(&mut self) {
        self.events.committed(&self.conn);
    }

    /// Timeline events that could not be written and found no room.
    pub(crate) fn events_dropped(&self) -> u64 {
        self.events.dropped()
    }

    /// Looks at the free space; once per group is enough.
    pub(crate) fn look_at_space(&mut self) {
        self.space.look(&self.conn);
    }

    /// Folds the write-ahead log into the database, so that an orderly end leaves one file. A
    /// reader that is at work keeps it from being folded; the next start does it then.
    pub(crate) fn fold_log(&self) {
        let _ = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.conn
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a group is open.
    pub(crate) fn is_open(&self) -> bool {
        !self.conn.is_autocommit() || !self.answers.is_empty()
    }

    /// Puts one command into the group. The error, if any, has been told to everyone concerned.
    pub(crate) fn handle(&mut self, command: Command) -> Result<(), StoreError> {
        let begun = self.begin();
        match command {
            Command::OpenLog(identity, reply) => {
                let result = begun.and_then(|()| rows::upsert(&self.conn, &identity));
                self.conclude(reply, result)
            }
            Command::Append(request, reply) => {
                let result = begun.and_then(|()| self.append(&request));
                self.conclude(reply, result)
            }
            Command::UpdateLog(log, patch, reply) => {
                let result = begun.and_then(|()| {
                    let found = rows::patch(&self.conn, log, &patch)?;
                    found.then_some(()).ok_or_else(|| StoreError::NoLog { log }.into())
                });
                self.conclude(reply, result)
            }
            Command::BeginBackfill { log, first, cursor, reply } => {
                let result = begun.and_then(|()| backfill::begin(&self.conn, log, first, &cursor));
                self.logs.remove(&log);
                self.conclude(reply, result)
            }
            Command::FinishBackfill { log, joined, older_exists, reply } => {
                let result = begun.and_then(|()| self.finish(log, joined, older_exists));
                self.logs.remove(&log);
                self.conclude(reply, result)
            }
            Command::Event(event) => {
                let conn = begun.map(|()| &self.conn);
                let result = self.events.put(conn, event);
                result.map_err(|fail| self.spoil(fail))
            }
            Command::Wake => Ok(()),
        }
    }

    fn begin(&mut self) -> Result<(), Fail> {
        if self.conn.is_autocommit() {
            self.conn.execute_batch("BEGIN IMMEDIATE")?;
        }
        Ok(())
    }

    fn state(&mut self, log: LogId) -> Result<&mut LogState, Fail> {
        if !self.logs.contains_key(&log)
            && let Some(state) = LogState::load(&self.conn, log)?
        {
            self.logs.insert(log, state);
        }
        self.logs.get_mut(&log).ok_or_else(|| StoreError::NoLog { log }.into())
    }

    fn append(&mut self, request: &Append) -> Result<Appended, Fail> {
        if let Some(refusal) = self.space.refusal().filter(|_| !request.records.is_empty()) {
            return Err(refusal.into());
        }
        self.state(request.log)?;
        let Some(state) = self.logs.get_mut(&request.log) else {
            return Err(StoreError::NoLog { log: request.log }.into());
        };
        append::append(&self.conn, &mut self.encoder, state, request)
    }

    fn finish(&mut self, log: LogId, joined: bool, older_exists: bool) -> Result<(), Fail> {
        let state = self.state(log)?.clone();
        backfill::finish(&self.conn, log, &state, joined, older_exists)
    }

    /// Keeps the answer until the commit, or spoils the group.
    fn conclude<T: Send + 'static>(
        &mut self,
        reply: Reply<T>,
        result: Result<T, Fail>,
    ) -> Result<(), StoreError> {
        let answer = match result {
            Ok(value) => Ok(value),
            Err(Fail::Refused(error)) => Err(error),
            Err(fail) => {
                let error = self.spoil(fail);
                // A sender that has given up needs no answer; this holds for all sends here.
                let _ = reply.send(Err(error.clone()));
                return Err(error);
            }
        };
        self.answers.push(Box::new(move |failed| {
            let _ = reply.send(failed.map_or(answer, |error| Err(error.clone())));
        }));
        Ok(())
    }

    /// Makes the group durable and answers its members.
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        if !self.conn.is_autocommit()
            && let Err(cause) = self.conn.execute_batch("COMMIT")
        {
            return Err(self.spoil(cause.into()));
        }
        for answer in self.answers.drain(..) {
            answer(None);
        }
        self.pay_events();
        Ok(())
    }

    /// Rolls the group back and tells every member.
    fn spoil(&mut self, fail: Fail) -> StoreError {
        let error = fail.at(&self.path);
        if !self.conn.is_autocommit() {
            // SQLite rolls back by itself on some errors; a second failure changes nothing.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
        self.logs.clear();
        self.events.spoiled();
        for answer in self.answers.drain(..) {
            answer(Some(&error));
        }
        error
    }

    /// One small step of retention; true when more is to do.
    pub(crate) fn retain(&mut self, now: Timestamp) -> Result<bool, StoreError> {
        self.space.look(&self.conn);
        let short = self.space.short();
        let policy = self.retention;
        let step = self.begin().and_then(|()| retention::step(&self.conn, &policy, short, now));
        let result = step.inspect(|touched| self.space.evicted(!touched.is_empty()));
        match result {
            Ok(touched) => {
                for log in &touched {
                    self.logs.remove(log);
                }
                self.commit()?;
                if !touched.is_empty() {
                    let vacuum = self.conn.execute_batch("PRAGMA incremental_vacuum(256)");
                    vacuum.map_err(|cause| StoreError::sql(&self.path, cause))?;
                    if short > 0 {
                        give_back(&self.conn);
                    }
                }
                Ok(!touched.is_empty())
            }
            Err(fail) => Err(self.spoil(fail)),
        }
    }
}

/// Pages leave the file only with a checkpoint. One that readers keep from finishing is no failure.
fn give_back(conn: &Connection) {
    let _ = conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
}
